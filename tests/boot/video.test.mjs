// @ts-check
/**
 * Pictures in every video mode, drawn by a floppy of ours (tests/guests/video.asm), compared by hash with what they should be,
 * with and without the translator. The same table is compared natively (crate/machine/tests/video.rs) and in a browser
 * (tests/web/video.test.mjs). A picture that is wrong is left in build/screenshots.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import zlib from "node:zlib";
import { encodePng } from "../../www/cli/png.js";
import { file, newName, noMachine, ROOT, run } from "./lib.mjs";
import { floppy, table, VideoGuest, writeTable } from "./video/guest.mjs";
import { hashOf, PICTURES } from "./video/reference.mjs";

const SCREENSHOTS = path.join(ROOT, "build/screenshots");

/** @param {string} name @param {{ width: number, height: number, pixels: Uint8ClampedArray }} picture */
function keep(name, { width, height, pixels }) {
  fs.mkdirSync(SCREENSHOTS, { recursive: true });
  const to = path.join(SCREENSHOTS, `${name}.png`);
  fs.writeFileSync(to, encodePng(width, height, pixels));
  return path.relative(ROOT, to);
}

/** Reads a PNG as cli/png.js writes it: one IDAT, RGB, no filter. @param {Buffer} png */
function decode(png) {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const at = png.indexOf("IDAT");
  const rows = zlib.inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)));
  const pixels = new Uint32Array(width * height);
  for (let n = 0; n < pixels.length; n++) {
    const from = Math.floor(n / width) * (1 + width * 3) + 1 + (n % width) * 3;
    pixels[n] = 0xff000000 | rows.readUIntLE(from, 3);
  }
  return { width, height, pixels };
}

describe("pictures in every video mode", { skip: noMachine, timeout: 300_000 }, () => {
  test("are expected as they are computed", () => {
    const computed = new Map();
    for (const [name, pictures] of Object.entries(PICTURES)) {
      const all = pictures.map((make) => {
        const { width, height, pixels } = make();
        return { width, height, hash: hashOf(pixels) };
      });
      const [{ width, height } = { width: 0, height: 0 }] = all;
      computed.set(name, { width, height, hashes: all.map(({ hash }) => hash) });
    }
    if (process.env.BLESS) writeTable(computed);
    assert.deepEqual([...table()], [...computed]);
  });

  for (const jit of [true, false]) {
    test(`are shown ${jit ? "with" : "without"} the translator`, async () => {
      const { default: init, Vm } = await import(path.join(ROOT, "build/wasm/pagevm_web.js"));
      await init({ module_or_path: fs.readFileSync(path.join(ROOT, "build/wasm/pagevm_web_bg.wasm")) });
      const machine = new VideoGuest(Vm, floppy(), { jit });
      const wrong = [];
      for (const [name, expected] of table()) {
        assert.equal(machine.next(), name);
        const other = machine.look(expected);
        if (other) wrong.push(keep(name, other));
        machine.go();
      }
      assert.equal(machine.next(), undefined);
      machine.close();
      assert.deepEqual(wrong, []);
    });
  }

  test("are written by the command line", async () => {
    const out = newName(".png");
    const { status, stderr } = await run(
      [
        ...[
          "--memory",
          "16",
          "--fda",
          file(floppy()),
          "--boot",
          "a",
          "--debugcon",
          "null",
          "--timeout",
          "60",
        ],
        ...["--expect", "drawn text-0", "--serial-in", "x", "--expect", "drawn text-1"],
        ...["--deterministic", "--screenshot", out],
      ],
      { seconds: 80 },
    );
    assert.equal(status, 0, stderr);
    const { width, height, pixels } = decode(fs.readFileSync(out));
    assert.deepEqual({ width, height, hashes: [hashOf(pixels)] }, table().get("text-1"));
  });
});
