// @ts-check
/**
 * The public face: `PageVM`. types/pagevm.d.ts documents it, and types/check.js proves that the two agree.
 *
 * @import { CreateOptions, DriveInfo, EmptyDrive, Expectation, ImageSource, MachineState, ProgressDetail, StateDetail, Stats } from "../types/pagevm.js"
 * @import { Boot, DriveImage, Stream, WorkerEvent } from "./protocol.js"
 */
import { CanvasScreen, pngOf } from "../hosts/canvas.js";
import { isImage, labelOf, loadImage } from "../hosts/images.js";
import { PageVMError } from "../lib/error.js";
import { movesOfScancodes } from "../lib/keys.js";
import { find, lastLine, Transcript } from "../lib/transcript.js";
import { DRIVES, isEmptyDrive, kindOf, placesOf, REMOVABLE, removableOf } from "../lib/places.js";
import { movesOfStrokes, strokesOf } from "../lib/typing.js";
import { Connection } from "./connection.js";

/** Options of the wasm crate that pass through as they are. */
const PASSED_ON = [
  "memory",
  "clock",
  "jit",
  "jitWithout",
  "codeCache",
  "jitThreshold",
  "jitRegion",
  "jitLinkage",
  "cpu",
  "rtc",
  "seed",
  "reboot",
  "apic",
  "maxInstructions",
  "hashAt",
  "boot",
];
/** @type {readonly string[]} */
const IMAGES = ["kernel", "initrd", "multiboot", "bios", "vgabios", ...DRIVES];
const OTHERS = ["cmdline", "modules", "autostart", "canvas", "signal", "onProgress"];
const NOT_YET = ["scsi"];

/** The firmware that is shipped with this script. */
const FIRMWARE = {
  bios: new URL("./bios.bin", import.meta.url).href,
  vgabios: new URL("./vgabios.bin", import.meta.url).href,
};

const SERIAL_PORTS = 2;
/** Waiting for text on the screen looks this often. */
const SCREEN_POLL_MS = 50;
const LONGEST_TIMER_MS = 0x7fff_ffff;

/** Only `PageVM.create` makes machines. */
const KEY = Symbol("PageVM.create");

export class PageVM extends EventTarget {
  /** @type {Connection} */
  #connection;
  /** @type {StateDetail} */
  #state = { state: "paused" };
  #serial = Array.from({ length: SERIAL_PORTS }, () => ({
    decoder: new TextDecoder(),
    transcript: new Transcript(),
  }));
  /** Called whenever something may have made a wait come true, or in vain. @type {Set<() => void>} */
  #waits = new Set();
  /** @type {Set<CanvasScreen>} */
  #screens = new Set();
  /** The drives, each with what is in it. @type {DriveImage[]} */
  #drives = [];
  /** @type {PageVMError | undefined} */
  #ended;

  /** @param {symbol} [key] */
  constructor(key) {
    if (key !== KEY) throw new TypeError("machines are made by PageVM.create()");
    super();
    this.#connection = new Connection({
      onEvent: (event) => this.#hear(event),
      onEnd: (error) => this.#end(error, { state: "crashed", code: error.code, reason: error.message }),
    });
  }

  /** @param {CreateOptions} [options] */
  static async create(options = {}) {
    checkOptions(options);
    const { autostart = true, canvas, signal } = options;
    const giveUp = new AbortController();
    const onAbort = () => giveUp.abort();
    if (signal?.aborted) throw new PageVMError("aborted", "the machine was given up before it was made");
    signal?.addEventListener("abort", onAbort);

    /** @type {PageVM | undefined} */
    let vm;
    try {
      vm = new PageVM(KEY);
      const made = vm;
      const onProgress = (/** @type {ProgressDetail} */ progress) => {
        options.onProgress?.(progress);
        made.#tell("progress", progress);
      };
      const abandoned = new Promise((_, reject) => {
        giveUp.signal.addEventListener("abort", () =>
          reject(new PageVMError("aborted", "the machine was given up")),
        );
      });
      abandoned.catch(() => {}); // whoever gave up knows
      const boot = loadBoot(options, { signal: giveUp.signal, onProgress });
      boot.catch(() => {}); // reported below, unless the worker fails first
      const both = Promise.all([vm.#connection.load(), boot]);
      const [, what] = /** @type {[void, Boot]} */ (await Promise.race([both, abandoned]));
      await Promise.race([vm.#build(options, what), abandoned]);
      if (canvas) vm.attachCanvas(canvas);
      if (autostart) await vm.run();
      return vm;
    } catch (error) {
      giveUp.abort();
      await vm?.destroy();
      throw error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  get state() {
    return this.#state.state;
  }

  get stateDetail() {
    return this.#state;
  }

  /** @returns {readonly DriveInfo[]} */
  get drives() {
    return this.#drives.map(infoOf);
  }

  async run() {
    await this.#connection.request("run", undefined);
  }

  async pause() {
    await this.#connection.request("pause", undefined);
  }

  async reset() {
    await this.#connection.request("reset", undefined);
  }

  /** @param {{ force?: boolean }} [options] */
  async power({ force = false } = {}) {
    await this.#connection.request("power", { force });
  }

  async destroy() {
    const error = new PageVMError("destroyed", "the machine was destroyed");
    this.#end(error, { state: "off", code: "destroyed", reason: "destroyed" });
  }

  /** @param {string} drive @param {ImageSource | null} image */
  async changeMedium(drive, image) {
    const place = removableOf(this.#drives, drive);
    if (typeof place === "string") throw new PageVMError("bad-option", place);
    if (image !== null) checkImage(place.option, image, "null takes out what is in it");
    const changed = { ...place, image: image === null ? null : absolute(image) };
    await this.#connection.request("changeMedium", { drive: changed });
    this.#drives = this.#drives.map((old) => (old.name === place.name ? changed : old));
    this.#tell("medium", infoOf(changed));
  }

  /** @param {number} port @param {string | Uint8Array} data */
  async sendSerial(port, data) {
    checkPort(port);
    if (typeof data !== "string" && !(data instanceof Uint8Array)) {
      throw new PageVMError("bad-option", "sendSerial takes a string or a Uint8Array");
    }
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    await this.#connection.request("serial", { port, bytes });
  }

  /** @param {string} text */
  async sendText(text) {
    const typed = strokesOf(String(text));
    if ("unknown" in typed) {
      throw new PageVMError("bad-option", `the US keyboard layout has no key for “${typed.unknown}”`);
    }
    await this.#connection.request("type", { moves: movesOfStrokes(typed.strokes) });
  }

  /** @param {Iterable<number>} bytes */
  async sendScancodes(bytes) {
    const typed = movesOfScancodes(bytes);
    if ("unknown" in typed)
      throw new PageVMError("bad-option", `no key sends the scan code ${typed.unknown} (set 1)`);
    await this.#connection.request("type", { moves: typed.moves });
  }

  /** @param {string} code @param {boolean} down */
  sendKey(code, down) {
    this.#connection.note({ note: "key", code, down });
  }

  /** @param {number} dx @param {number} dy @param {number} wheel @param {number} buttons */
  sendMouse(dx, dy, wheel, buttons) {
    this.#connection.note({ note: "mouse", dx, dy, wheel, buttons });
  }

  async screenText() {
    return this.#connection.request("screenText", undefined);
  }

  async screenshot() {
    return pngOf(await this.#connection.request("picture", undefined));
  }

  /** @param {HTMLCanvasElement} canvas @param {{ magnify?: boolean, transfer?: boolean }} [options] */
  attachCanvas(canvas, { magnify = false, transfer = false } = {}) {
    const { port1, port2 } = new MessageChannel();
    this.#connection.note({ note: "screen", port: port2 }, [port2]);
    const screen = new CanvasScreen(canvas, port1, { magnify, transfer });
    this.#screens.add(screen);
    return () => {
      screen.close();
      this.#screens.delete(screen);
    };
  }

  /** @returns {Promise<Stats>} */
  async stats() {
    return JSON.parse(await this.#connection.request("stats", undefined));
  }

  /** @param {number} address */
  async dumpRegion(address) {
    if (!(Number.isInteger(address) && address >= 0 && address <= 0xffff_ffff)) {
      throw new PageVMError("bad-option", `dumpRegion takes an address of 32 bits, not ${String(address)}`);
    }
    return this.#connection.request("dumpRegion", { address });
  }

  async stateHash() {
    return this.#connection.request("stateHash", undefined);
  }

  /** @returns {Promise<Uint8Array>} */
  async save() {
    return this.#connection.request("save", undefined);
  }

  /** @param {Uint8Array | ArrayBuffer} bytes */
  async restore(bytes) {
    await this.#connection.request("restore", {
      bytes: bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes,
    });
  }

  /**
   * @param {Expectation} expectation
   * @param {{ timeout?: number, signal?: AbortSignal }} [options]
   * @returns {Promise<string>}
   */
  async waitFor(expectation, { timeout = 30_000, signal } = {}) {
    const { where, pattern, look, last } = this.#lookout(expectation);
    const sought = `“${pattern instanceof RegExp ? pattern : JSON.stringify(pattern).slice(1, -1)}” on the ${where}`;
    const give = (/** @type {string} */ why) =>
      `${sought} ${why}${last() === "" ? "" : `; the last line was “${last()}”`}`;
    return new Promise((resolve, reject) => {
      let done = false;
      const finish = () => {
        done = true;
        this.#waits.delete(check);
        clearTimeout(timer);
        clearInterval(poll);
        signal?.removeEventListener("abort", onAbort);
      };
      const fail = (/** @type {PageVMError} */ error) => {
        finish();
        reject(error);
      };
      const check = async () => {
        try {
          // Not awaited without need: two looks at a time would consume two matches.
          const looked = look();
          const found = looked instanceof Promise ? await looked : looked;
          if (done) return;
          if (found !== undefined) {
            finish();
            resolve(found);
          } else if (this.#ended) {
            fail(this.#ended);
          } else if (["off", "halted", "crashed"].includes(this.#state.state)) {
            fail(
              new PageVMError(
                "ended",
                give(`cannot come any more: ${this.#state.reason ?? this.#state.state}`),
              ),
            );
          }
        } catch (error) {
          if (!done) fail(/** @type {PageVMError} */ (error));
        }
      };
      const onAbort = () => fail(new PageVMError("aborted", "waiting was given up"));
      const timer = setTimeout(
        () => fail(new PageVMError("timeout", give(`did not come in ${timeout / 1000} s`))),
        Math.min(timeout, LONGEST_TIMER_MS),
      );
      const poll = where === "screen" ? setInterval(check, SCREEN_POLL_MS) : undefined;
      signal?.addEventListener("abort", onAbort);
      this.#waits.add(check);
      if (signal?.aborted) onAbort();
      else void check();
    });
  }

  /**
   * Where to look for what is expected, and how. `look` consumes what it finds.
   * @param {Expectation} expectation
   * @returns {{ where: string, pattern: string | RegExp, look: () => string | undefined | Promise<string | undefined>,
   *   last: () => string }}
   */
  #lookout(expectation) {
    const isPattern = (/** @type {unknown} */ value) =>
      value instanceof RegExp || (typeof value === "string" && value !== "");
    if ("serial" in expectation && isPattern(expectation.serial)) {
      const { serial: pattern, port = 0 } = expectation;
      const { transcript } = this.#port(port);
      const seen = { to: 0 };
      return {
        where: port === 0 ? "serial console" : `serial console of COM${port + 1}`,
        pattern,
        look: () => transcript.take(pattern, seen),
        last: () => transcript.lastLine,
      };
    }
    if ("screen" in expectation && isPattern(expectation.screen)) {
      const { screen: pattern } = expectation;
      let text = "";
      const look = async () => find((text = await this.screenText()), pattern)?.text;
      return { where: "screen", pattern, look, last: () => lastLine(text) };
    }
    throw new PageVMError(
      "bad-option",
      "waitFor takes { serial: text } or { screen: text }, text or a regular expression",
    );
  }

  /** @param {CreateOptions} options @param {Boot} boot */
  async #build(options, boot) {
    const passed = Object.fromEntries(
      PASSED_ON.map((name) => [name, /** @type {Record<string, unknown>} */ (options)[name]]).filter(
        ([, value]) => value !== undefined,
      ),
    );
    const now = Math.floor(Date.now() / 1000);
    const real = (options.clock ?? "real") === "real";
    const outside = {
      ...(real ? { rtc: now } : {}),
      ...(real && (options.seed ?? null) === null
        ? { entropy: crypto.getRandomValues(new Uint8Array(32)) }
        : {}),
    };
    this.#drives = drivesOf(options);
    const args = { options: { ...outside, ...passed }, boot, drives: this.#drives };
    await this.#connection.request("build", args, buffersOf(boot));
  }

  /** @param {number} port */
  #port(port) {
    checkPort(port);
    return /** @type {{ decoder: TextDecoder, transcript: Transcript }} */ (this.#serial[port]);
  }

  /** @param {WorkerEvent} event */
  #hear(event) {
    switch (event.event) {
      case "serial": {
        const { port, bytes } = event;
        const { decoder, transcript } = this.#port(port);
        transcript.add(decoder.decode(bytes, { stream: true }));
        this.#tell("serial", { port, bytes });
        this.#lookAgain();
        this.#connection.note({ note: "taken", stream: /** @type {Stream} */ (port) });
        return;
      }
      case "state":
        this.#enter(event.detail);
        return;
      case "debug":
        this.#tell("debug", { bytes: event.bytes });
        this.#connection.note({ note: "taken", stream: "debug" });
        return;
      case "log":
        this.#tell("log", { text: event.text });
        return;
      case "progress":
        this.#tell("progress", event.detail);
        return;
      case "trouble":
        this.#tell("trouble", event.detail);
        return;
      case "hash":
        for (const [, at, hash] of event.text.matchAll(/^HASH (\d+) (\w+)$/gm))
          this.#tell("hash", { at: Number(at), hash });
        return;
    }
  }

  /** @param {StateDetail} detail */
  #enter(detail) {
    this.#state = Object.freeze({ ...detail });
    this.#tell("state", this.#state);
    this.#lookAgain();
  }

  #lookAgain() {
    for (const check of [...this.#waits]) check();
  }

  /** @param {string} type @param {unknown} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** @param {PageVMError} error @param {StateDetail} state */
  #end(error, state) {
    if (this.#ended) return;
    this.#ended = error;
    this.#connection.close(error);
    // A machine that broke down leaves its last picture: it goes with whoever drew it.
    if (error.code === "destroyed") {
      for (const screen of this.#screens) screen.close();
      this.#screens.clear();
    }
    this.#enter(state);
  }
}

/** @param {unknown} port */
function checkPort(port) {
  if (typeof port !== "number" || !Number.isInteger(port) || port < 0 || port >= SERIAL_PORTS) {
    throw new PageVMError("bad-option", `there is no serial port ${String(port)}: 0 is COM1, 1 is COM2`);
  }
}

/** @param {CreateOptions} options */
function checkOptions(options) {
  if (typeof options !== "object" || options === null)
    throw new PageVMError("bad-option", "options must be an object");
  const given = Object.entries(options).filter(([, value]) => value !== undefined && value !== null);
  for (const [name, value] of given) {
    if (NOT_YET.includes(name))
      throw new PageVMError("not-available", `the option ${name} is not available yet`);
    if (![...PASSED_ON, ...IMAGES, ...OTHERS].includes(name)) {
      throw new PageVMError("bad-option", `there is no option ${name}`);
    }
    if (REMOVABLE.includes(name) && isEmptyDrive(value)) continue;
    const empty = REMOVABLE.includes(name) ? "{ empty: true } is a drive with nothing in it" : undefined;
    if (IMAGES.includes(name)) checkImage(name, value, empty);
  }
  const places = placesOf((name) => /** @type {Record<string, unknown>} */ (options)[name] != null);
  if (typeof places === "string") throw new PageVMError("bad-option", places);
  const { bios, vgabios, memory, cmdline, kernel, initrd, multiboot, modules, canvas } = options;
  if (memory !== undefined && !(Number.isInteger(memory) && memory > 0)) {
    throw new PageVMError("bad-option", `memory is a whole number of megabytes, not ${String(memory)}`);
  }
  if (cmdline !== undefined && typeof cmdline !== "string")
    throw new PageVMError("bad-option", "cmdline is a string");
  if (kernel && multiboot)
    throw new PageVMError("bad-option", "kernel and multiboot are two things to boot: give one");
  if ((bios || vgabios) && (kernel || multiboot))
    throw new PageVMError(
      "bad-option",
      "bios and vgabios are for a machine that boots by itself: leave kernel and multiboot out",
    );
  if (initrd && !kernel) throw new PageVMError("bad-option", "initrd goes with a kernel, and none is given");
  if (modules && !multiboot)
    throw new PageVMError("bad-option", "modules go with multiboot, which is not given");
  modules?.forEach((module, index) => checkImage(`modules[${index}].image`, module?.image));
  if (canvas && !(canvas instanceof HTMLCanvasElement))
    throw new PageVMError("bad-option", "canvas is a canvas element");
}

/** @param {string} name @param {unknown} value @param {string} [empty] how to say that there is none */
function checkImage(name, value, empty) {
  if (isImage(value)) return;
  const kinds = "a URL, a Blob, an ArrayBuffer, a Uint8Array or { url, size }";
  throw new PageVMError("bad-option", `${name} is ${kinds}${empty === undefined ? "" : `; ${empty}`}`);
}

/**
 * @param {CreateOptions} options
 * @param {import("../hosts/images.js").Loading} loading
 * @returns {Promise<Boot>}
 */
async function loadBoot(options, loading) {
  const { kernel, initrd, cmdline = "", multiboot, modules = [], bios, vgabios } = options;
  const load = (/** @type {string} */ name, /** @type {ImageSource} */ source) =>
    loadImage(name, source, loading);
  if (kernel) {
    const [kernelBytes, initrdBytes] = await Promise.all([
      load("kernel", kernel),
      initrd && load("initrd", initrd),
    ]);
    return { kind: "linux", kernel: kernelBytes, initrd: initrdBytes || undefined, cmdline };
  }
  if (multiboot) {
    const [image, ...bytes] = await Promise.all([
      load("multiboot", multiboot),
      ...modules.map(({ image: source }, index) => load(`modules[${index}]`, source)),
    ]);
    const loaded = modules.map((module, index) => {
      return { bytes: /** @type {Uint8Array} */ (bytes[index]), cmdline: module.cmdline ?? "" };
    });
    return { kind: "multiboot", image, cmdline, modules: loaded };
  }
  if (bios || vgabios || drivesOf(options).length > 0) {
    const [biosBytes, vgabiosBytes] = await Promise.all([
      load("bios", bios ?? FIRMWARE.bios),
      load("vgabios", vgabios ?? FIRMWARE.vgabios),
    ]);
    return { kind: "firmware", bios: biosBytes, vgabios: vgabiosBytes };
  }
  return { kind: "nothing" };
}

/** The drives that there are to be, and the images in them. @param {CreateOptions} options @returns {DriveImage[]} */
function drivesOf(options) {
  const given = (/** @type {string} */ option) =>
    /** @type {Record<string, ImageSource | EmptyDrive | undefined>} */ (options)[option];
  const places = placesOf((option) => given(option) != null);
  if (typeof places === "string") return []; // refused already
  return places.map((place) => {
    const image = given(place.option);
    return { ...place, image: image && isImage(image) ? absolute(image) : null };
  });
}

/** What is told of a drive. @param {DriveImage} drive @returns {DriveInfo} */
const infoOf = ({ option, image }) =>
  Object.freeze({ drive: option, kind: kindOf(option), image: image === null ? null : labelOf(image) });

/** The same image, for a worker, which would take URLs to be relative to its own script. @param {ImageSource} image */
function absolute(image) {
  const resolve = (/** @type {string | URL} */ url) => new URL(url, document.baseURI).href;
  if (typeof image === "string" || image instanceof URL) return resolve(image);
  if (typeof image === "object" && "url" in image) return { ...image, url: resolve(image.url) };
  return image;
}

/** What of a boot need not be copied on its way. @param {Boot} boot @returns {Transferable[]} */
function buffersOf(boot) {
  /** @type {(Uint8Array | undefined)[]} */
  let arrays = [];
  if (boot.kind === "linux") arrays = [boot.kernel, boot.initrd];
  if (boot.kind === "firmware") arrays = [boot.bios, boot.vgabios];
  if (boot.kind === "multiboot") arrays = [boot.image, ...boot.modules.map(({ bytes }) => bytes)];
  return arrays.flatMap((bytes) => (bytes ? [bytes.buffer] : []));
}
