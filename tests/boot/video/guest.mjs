// @ts-check
/** The floppy of pictures, and the table of what they are. */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { guest, ROOT } from "../lib.mjs";
import { hashOf } from "./reference.mjs";

const TABLE = fileURLToPath(new URL("pictures.txt", import.meta.url));

/** @typedef {{ width: number, height: number, hashes: string[] }} Expected */

/** The floppy's image. @param {string[]} defines */
export const floppy = (...defines) => fs.readFileSync(guest("video", ...defines));

/** What is expected, by name, in the order shown. @returns {Map<string, Expected>} */
export function table() {
  const lines = fs
    .readFileSync(TABLE, "utf8")
    .split("\n")
    .filter((line) => line && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const [name = "", width, height, ...hashes] = line.split(" ");
      return [name, { width: Number(width), height: Number(height), hashes }];
    }),
  );
}

/** @param {Map<string, Expected>} pictures */
export function writeTable(pictures) {
  const head = `# Name, width, height and hashes of each picture of tests/guests/video.asm; what blinks has two.
# From reference.mjs: BLESS=1 node --test tests/boot/video.test.mjs\n`;
  const lines = [...pictures].map(([name, { width, height, hashes }]) =>
    [name, width, height, ...hashes].join(" "),
  );
  fs.writeFileSync(TABLE, `${head}${lines.join("\n")}\n`);
}

const SLICE_MS = 4;
/** So long, by the machine's clock, a picture may take to come: blinking takes half a second. */
const PATIENCE_MS = 1200;

/** A machine with the floppy in it, in this process. */
export class VideoGuest {
  #vm;
  #image;
  #said = "";

  /** @param {any} Vm @param {Buffer} image @param {{ jit: boolean }} options */
  constructor(Vm, image, { jit }) {
    this.#image = image;
    const drive = { name: "fda", cdrom: false, sectors: image.length / 512, readOnly: true };
    this.#vm = new Vm({
      ...{ memory: 32, clock: "counted", jit, boot: "a" },
      drives: [{ ...drive, writeThrough: false }],
    });
    const firmware = (/** @type {string} */ name) => fs.readFileSync(path.join(ROOT, "dist", name));
    this.#vm.loadFirmware(firmware("bios.bin"), firmware("vgabios.bin"));
  }

  #run() {
    const vm = this.#vm;
    const why = vm.run(performance.now(), SLICE_MS);
    if (why > 1) throw new Error(`the machine stopped: ${why}`);
    for (const { drive, id, first, sectors } of vm.takeDiskRequests()) {
      vm.answerDisk(drive, id, this.#image.subarray(first * 512, (first + sectors) * 512), 0);
    }
    this.#said += Buffer.from(vm.serialOutput(0)).toString("latin1");
    vm.debugOutput();
  }

  /** Lets the guest draw; the name of what it has drawn, or undefined at the end. */
  next() {
    for (;;) {
      const [all, name] = /drawn (\S+)\n|no more\n/.exec(this.#said) ?? [];
      if (all !== undefined) {
        this.#said = this.#said.slice(this.#said.indexOf(all) + all.length);
        return name;
      }
      this.#run();
    }
  }

  /** It may go on. */
  go() {
    this.#vm.serialInput(0, Uint8Array.of(10));
  }

  /**
   * Looks until all of these hashes have been on the screen, or for too long; then the last picture is the answer.
   * @param {Expected} expected
   */
  look({ width, height, hashes }) {
    const vm = this.#vm;
    const left = new Set(hashes);
    const begin = vm.virtualMs();
    let pixels = new Uint8ClampedArray();
    for (let looked = false; vm.virtualMs() < begin + PATIENCE_MS; looked = true) {
      if (vm.frame() || !looked) {
        pixels = vm.framePixels();
        if (vm.frameWidth() === width && vm.frameHeight() === height)
          left.delete(hashOf(new Uint32Array(pixels.buffer)));
        if (left.size === 0) return undefined;
      }
      this.#run();
    }
    return { width: vm.frameWidth(), height: vm.frameHeight(), pixels };
  }

  close() {
    this.#vm.free();
  }
}
