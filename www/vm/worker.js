// @ts-check
/**
 * The worker's half of the shell: one machine, run by the driver, spoken to by messages (protocol.js).
 *
 * Pictures go out only when a screen has asked for the next one, at most sixty a second. A hidden page asks for none,
 * and the machine runs on all the same. What the guest says goes out as quickly as the page takes it; only a guest that has
 * said a megabyte more than that has to wait.
 *
 * @import { AnyRequest, Boot, DriveImage, Frame, Note, Reply, Requests, ScreenNote, Stream, WorkerEvent } from "./protocol.js"
 * @import { DriveSource } from "../hosts/drive-source.js"
 * @import { ProgressDetail } from "../types/pagevm.js"
 * @import { KeyMove } from "../lib/keys.js"
 */
import init, { Vm } from "pagevm-web";
import { PageVMError, plainError } from "../lib/error.js";
import { sentenceOf } from "../lib/words.js";
import { openSource } from "../hosts/drive-source.js";
import { Driver } from "./driver.js";
import { Drives } from "./drives.js";
import { FrameFeed } from "./frames.js";
import { missing } from "./needs.js";
import { Outlet } from "./outlet.js";
import { SerialFeed } from "./serial-feed.js";

const FRAME_MS = 1000 / 60;
const SERIAL_PORTS = 2;

/** Between two key moves of typed text: a guest that takes its keyboard's bytes one by one keeps up with that. */
const KEY_MS = 4;

/**
 * The part of a worker's global object that is used here. (The types of workers and of pages exclude each other.)
 * @typedef {object} WorkerScope
 * @property {(message: unknown, transfer: Transferable[]) => void} postMessage
 * @property {((event: MessageEvent<AnyRequest | Note>) => void) | null} onmessage
 * @property {(() => void) | null} onmessageerror
 */
const scope = /** @type {WorkerScope} */ (/** @type {unknown} */ (globalThis));

/** @param {WorkerEvent | Reply} message @param {Transferable[]} [transfer] */
const post = (message, transfer = []) => scope.postMessage(message, transfer);

/** @param {ProgressDetail} detail */
const tellProgress = (detail) => post({ event: "progress", detail });

/** One machine and what drives it. */
class Session {
  #vm;
  /** @type {Driver} */
  #driver;
  /** What the page sent to a serial port waits here until there is room for it. */
  #feeds = Array.from(
    { length: SERIAL_PORTS },
    (_, port) => new SerialFeed((bytes) => this.#give(port, bytes)),
  );
  /** Someone pulled the plug: the driver calls it paused, the user calls it off. */
  #unplugged = false;
  /** Instructions executed before the driver was made: those of a restored state. */
  #before = 0;
  /** Streams of which more waits than is good. @type {Set<Stream>} */
  #full = new Set();
  #outlets = {
    0: this.#outlet(0, (bytes) => post({ event: "serial", port: 0, bytes }, [bytes.buffer])),
    1: this.#outlet(1, (bytes) => post({ event: "serial", port: 1, bytes }, [bytes.buffer])),
    debug: this.#outlet("debug", (bytes) => post({ event: "debug", bytes }, [bytes.buffer])),
  };
  /** @type {Set<FrameFeed>} */
  #screens = new Set();
  /** What was rendered last, and the number of that picture. */
  #pixels = new Uint8ClampedArray(0);
  #number = 0;
  /** The one that is in `#pixels`. */
  #copied = -1;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #frameTimer;
  #lastFrameAt = -Infinity;

  /** @type {Drives} */
  #drives;
  /** Media that are being opened, by drive: how to give that up. @type {Map<string, AbortController>} */
  #opening = new Map();

  /**
   * Opens the drives' images and builds the machine around them.
   * @param {Record<string, unknown>} options
   * @param {Boot} boot
   * @param {DriveImage[]} images
   */
  static async open(options, boot, images) {
    const { signal } = new AbortController(); // a page that gives up ends the worker
    const open = async (/** @type {DriveImage} */ { image, option, ...place }) => {
      return {
        ...place,
        source: image === null ? null : await openSource(option, image, { signal, onProgress: tellProgress }),
      };
    };
    return new Session(options, boot, await Promise.all(images.map(open)));
  }

  /**
   * @param {Record<string, unknown>} options
   * @param {Boot} boot
   * @param {{ name: string, cdrom: boolean, source: DriveSource | null }[]} media
   */
  constructor(options, boot, media) {
    this.#drives = new Drives(
      {
        takeDiskRequests: () => this.#vm.takeDiskRequests(),
        answerDisk: (...answer) => this.#vm.answerDisk(...answer),
        changeMedium: (...medium) => this.#vm.changeMedium(...medium),
      },
      {
        onAnswer: () => this.#driver.kick(),
        onTrouble: ({ error: _, ...detail }) => post({ event: "trouble", detail }),
        sectorsOf: Vm.sectorsOfDisk,
        onNote: ({ message }) => post({ event: "log", text: `${message}\n` }),
      },
    );
    const drives = media.map(({ name, cdrom, source }) => ({
      name,
      cdrom,
      ...(source ? this.#drives.insert(name, source) : {}),
    }));
    this.#vm = new Vm({ ...options, drives });
    if (boot.kind === "firmware") this.#vm.loadFirmware(boot.bios, boot.vgabios);
    if (boot.kind === "linux") this.#vm.loadLinux(boot.kernel, boot.initrd, boot.cmdline);
    if (boot.kind === "multiboot") this.#vm.loadMultiboot(boot.image, boot.cmdline, boot.modules);
    this.#driver = this.#newDriver();
  }

  #newDriver() {
    return new Driver(this.#vm, {
      now: () => performance.now(),
      onSerial: (port, bytes) => this.#outlets[/** @type {0 | 1} */ (port)].push(bytes),
      onDebug: (bytes) => this.#outlets.debug.push(bytes),
      onLog: (text) => post({ event: "log", text }),
      onHash: (text) => post({ event: "hash", text }),
      onState: (state) => {
        if (state.state === "running") {
          this.#scheduleFrame();
        } else {
          for (const outlet of Object.values(this.#outlets)) outlet.flush();
          this.#sendFrame();
        }
        if (state.state === "paused" && this.#unplugged) {
          post({ event: "state", detail: { state: "off", code: "unplugged", reason: "switched off" } });
          return;
        }
        const { error: _, ...detail } = state; // an Error is for the console, not for the page
        if (state.error !== undefined) console.error(state.error);
        post({ event: "state", detail });
      },
      onSlice: () => {
        this.#drives.pump();
        if (this.#driver.running) for (const feed of this.#feeds) feed.pump();
      },
    });
  }

  /** @param {Stream} stream @param {(bytes: Uint8Array<ArrayBuffer>) => void} send */
  #outlet(stream, send) {
    return new Outlet(send, (full) => {
      if (full) this.#full.add(stream);
      else this.#full.delete(stream);
      this.#driver.hold(this.#full.size > 0);
    });
  }

  /** @param {Stream} stream */
  taken(stream) {
    this.#outlets[stream].taken();
  }

  /** @param {number} port @param {Uint8Array} bytes */
  #give(port, bytes) {
    const taken = this.#vm.serialInput(port, bytes);
    if (taken) this.#driver.kick();
    return taken;
  }

  run() {
    if (this.#unplugged) {
      this.#unplugged = false;
      this.#driver.reset();
    }
    this.#checkSound();
    const { state } = this.#driver.state;
    if (state === "paused") this.#driver.start();
    else if (state !== "running") this.#driver.reset();
  }

  #checkSound() {
    if (this.#driver.state.code !== "internal-error") return;
    throw new PageVMError("crashed", "the machine broke down by a fault of PageVM's own and cannot go on");
  }

  /**
   * Opens another medium, then puts it into its drive. A later change of the same drive goes before one that is not done.
   * @param {DriveImage} drive
   */
  async changeMedium({ name, option, image }) {
    this.#opening.get(name)?.abort();
    const opening = new AbortController();
    this.#opening.set(name, opening);
    const { signal } = opening;
    /** @type {DriveSource | null} */
    let source = null;
    try {
      if (image !== null) source = await openSource(option, image, { signal, onProgress: tellProgress });
      if (signal.aborted) throw new Error("opened too late");
      this.#checkSound();
      this.#drives.change(name, source);
    } catch (error) {
      void source?.close();
      if (!signal.aborted) throw error;
      throw new PageVMError("aborted", `${option}: the drive was meanwhile given something else`);
    } finally {
      if (this.#opening.get(name) === opening) this.#opening.delete(name);
    }
  }

  pause() {
    this.#driver.pause();
  }

  reset() {
    if (this.#unplugged) return;
    this.#driver.reset();
    this.#scheduleFrame();
  }

  /** @param {boolean} force */
  power(force) {
    const ended = this.#unplugged || !["running", "paused"].includes(this.#driver.state.state);
    if (ended) {
      if (!force) this.run();
    } else if (force) {
      this.#unplugged = true;
      if (this.#driver.running) this.#driver.pause();
      else post({ event: "state", detail: { state: "off", code: "unplugged", reason: "switched off" } });
    } else {
      this.#vm.powerButton();
      this.#driver.kick();
    }
  }

  /** @param {number} port @param {Uint8Array} bytes */
  serial(port, bytes) {
    this.#feeds[port]?.push(bytes);
  }

  /** @param {KeyMove[]} moves */
  async type(moves) {
    if (!this.#driver.running)
      throw new PageVMError("not-running", "the machine does not run: nothing can be typed");
    for (const { code, down } of moves) {
      this.key(code, down);
      await new Promise((resolve) => setTimeout(resolve, KEY_MS));
    }
  }

  /** @param {string} code @param {boolean} down */
  key(code, down) {
    if (!this.#driver.running && down) return; // but what is held may always be let go
    this.#vm.key(code, down);
    this.#driver.kick();
  }

  /** @param {Extract<Note, { note: "mouse" }>} move */
  mouse({ dx, dy, wheel, buttons }) {
    if (!this.#driver.running) return;
    this.#vm.mouse(dx, dy, wheel, buttons);
    this.#driver.kick();
  }

  screenText() {
    return this.#vm.screenText();
  }

  /** The screen as it is now. @returns {Frame} */
  picture() {
    if (this.#vm.frame()) this.#number++;
    const vm = this.#vm;
    return { width: vm.frameWidth(), height: vm.frameHeight(), pixels: vm.framePixels() };
  }

  /** What was rendered last, in an array that the next one will be in, too. @returns {Frame} */
  #rendered() {
    const vm = this.#vm;
    const [width, height] = [vm.frameWidth(), vm.frameHeight()];
    if (this.#copied !== this.#number) {
      const length = width * height * 4;
      if (this.#pixels.length !== length) this.#pixels = new Uint8ClampedArray(length);
      vm.copyFrame(this.#pixels);
      this.#copied = this.#number;
    }
    return { width, height, pixels: this.#pixels };
  }

  stats() {
    const stats = JSON.parse(this.#vm.stats());
    const wall = this.#driver.wallMs;
    const mips = wall > 0 ? (this.#vm.instructions() - this.#before) / wall / 1000 : 0;
    return JSON.stringify({ ...stats, wall_ms: wall, mips });
  }

  /** @param {number} address */
  dumpRegion(address) {
    return this.#vm.dumpRegion(address);
  }

  stateHash() {
    return this.#vm.stateHash();
  }

  save() {
    return this.#vm.save();
  }

  /** @param {Uint8Array} bytes */
  restore(bytes) {
    const { running } = this.#driver;
    this.#vm.restore(bytes);
    // The driver knows the machine that was: one that had ended may now be in the middle of its work.
    this.#driver.destroy();
    this.#unplugged = false;
    this.#driver = this.#newDriver();
    this.#driver.hold(this.#full.size > 0);
    this.#before = this.#vm.instructions();
    if (running) this.#driver.start();
    else post({ event: "state", detail: { state: "paused" } });
    this.#sendFrame();
  }

  /** @param {MessagePort} port */
  addScreen(port) {
    const feed = new FrameFeed((patch) => port.postMessage(patch, [patch.buffer]));
    this.#screens.add(feed);
    port.onmessage = (/** @type {MessageEvent<ScreenNote>} */ { data }) => {
      if ("closed" in data) {
        this.#screens.delete(feed);
        port.close();
      } else {
        feed.ask(data.buffer);
        this.#scheduleFrame();
      }
    };
  }

  /** Whether a screen waits for a picture. */
  get #asked() {
    return [...this.#screens].some((feed) => feed.asked);
  }

  #sendFrame() {
    try {
      if (this.#vm.frame()) this.#number++;
      if (!this.#asked) return;
      const frame = this.#rendered();
      for (const feed of this.#screens) {
        if (feed.offer(frame, this.#number)) this.#lastFrameAt = performance.now();
      }
    } catch (error) {
      console.error(error); // a machine that has broken down has no picture; its state has been told already
    }
  }

  #scheduleFrame() {
    if (this.#frameTimer !== undefined || !this.#asked) return;
    const wait = Math.max(0, this.#lastFrameAt + FRAME_MS - performance.now());
    this.#frameTimer = setTimeout(() => {
      this.#frameTimer = undefined;
      this.#sendFrame();
      if (!this.#asked) return; // sent: the screen will ask again
      this.#lastFrameAt = performance.now();
      if (this.#driver.running) this.#scheduleFrame();
    }, wait);
  }
}

/** @type {Session | undefined} */
let session;

function machine() {
  if (!session) throw new PageVMError("internal-error", "internal error: there is no machine yet");
  return session;
}

/** What wasm says when a page's security policy forbids it differs by browser; that it is a CompileError does not. */
const isPolicy = (/** @type {unknown} */ error) =>
  error instanceof Error &&
  /content security policy|unsafe-eval|blocked by csp|disallowed by embedder/i.test(error.message);

/** @param {Requests["load"]["args"]} args */
async function load({ module, wasmUrl }) {
  if (typeof WebAssembly !== "object") {
    throw new PageVMError(
      "wasm-refused",
      "this browser has no WebAssembly, or it is switched off; PageVM needs it",
    );
  }
  const lacks = missing();
  if (lacks.length > 0) {
    throw new PageVMError(
      "wasm-refused",
      `this browser's WebAssembly lacks ${lacks.join(", ")}; PageVM needs Chrome or Edge 123, Firefox 120, Safari 17.5, or later`,
    );
  }
  try {
    await init({ module_or_path: module ?? (await fetchWasm(wasmUrl)) });
  } catch (error) {
    if (error instanceof PageVMError) throw error;
    const why = isPolicy(error)
      ? "the content security policy of the page or of its worker.js forbids WebAssembly (script-src needs 'wasm-unsafe-eval')"
      : `this browser refused PageVM's WebAssembly code: ${sentenceOf(error)}`;
    throw new PageVMError("wasm-refused", why);
  }
}

/** @param {string} url */
async function fetchWasm(url) {
  let response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new PageVMError("worker-failed", `PageVM's code ${url} could not be fetched: ${sentenceOf(error)}`);
  }
  if (!response.ok)
    throw new PageVMError("worker-failed", `PageVM's code ${url} answered ${response.status}`);
  return response.arrayBuffer(); // not the response itself: some static hosts call wasm by another type
}

/** @type {{ [K in keyof Requests]: (args: Requests[K]["args"]) => Requests[K]["value"] | Promise<Requests[K]["value"]> }} */
const answers = {
  load,
  build: async ({ options, boot, drives }) => {
    session = await Session.open(options, boot, drives);
  },
  changeMedium: ({ drive }) => machine().changeMedium(drive),
  run: () => machine().run(),
  pause: () => machine().pause(),
  reset: () => machine().reset(),
  power: ({ force }) => machine().power(force),
  serial: ({ port, bytes }) => machine().serial(port, bytes),
  type: ({ moves }) => machine().type(moves),
  screenText: () => machine().screenText(),
  picture: () => machine().picture(),
  stats: () => machine().stats(),
  dumpRegion: ({ address }) => machine().dumpRegion(address),
  stateHash: () => machine().stateHash(),
  save: () => machine().save(),
  restore: ({ bytes }) => machine().restore(bytes),
};

/** What of an answer can move instead of being copied. @param {unknown} value @returns {Transferable[]} */
function buffersOf(value) {
  if (value instanceof Uint8Array) return [value.buffer];
  if (typeof value === "object" && value !== null && "pixels" in value) {
    return [/** @type {Frame} */ (value).pixels.buffer];
  }
  return [];
}

/** @param {AnyRequest} message */
async function answer({ id, request, args }) {
  try {
    const handler = /** @type {(args: unknown) => unknown} */ (answers[request]);
    const value = await handler(args);
    post({ id, value }, buffersOf(value));
  } catch (error) {
    const plain = plainError(error);
    if (plain.code === "internal-error") console.error(error);
    post({ id, error: plain });
  }
}

/** @param {Note} note */
function take(note) {
  if (!session) return;
  try {
    if (note.note === "key") session.key(note.code, note.down);
    if (note.note === "mouse") session.mouse(note);
    if (note.note === "screen") session.addScreen(note.port);
    if (note.note === "taken") session.taken(note.stream);
  } catch (error) {
    // After a trap the machine refuses all calls; that it has crashed has been told.
    console.error(error);
  }
}

scope.onmessage = (/** @type {MessageEvent<AnyRequest | Note>} */ { data }) => {
  if ("note" in data) take(data);
  else void answer(data);
};
scope.onmessageerror = () => post({ event: "refused" });
post({ event: "hello" });
