// @ts-check
/**
 * A double of the wasm machine, for tests of the command line alone: its "multiboot image" is a text, one order a line,
 * and its "guest" follows the orders.
 *
 *   say TEXT          on COM1, with a line end        say2 TEXT   on COM2        debug TEXT   on port E9h
 *   screen TEXT       puts a line on the screen
 *   flood N           N bytes on COM1                 swallow N   takes N bytes from COM1 and says their checksum
 *   line              takes a line from COM1 and says it in brackets
 *   key CODE          waits for that key
 *   idle MS           sleeps                          forever     sleeps for ever      spin   computes for ever
 *   off, exit N, triple, reset, halt, trap            the ways to end
 */

const QUEUE = 64 * 1024;

/** @param {string} code @param {string} message */
const refusal = (code, message) => Object.assign(new Error(message), { code });

export class Vm {
  #options;
  /** @type {string[]} */
  #orders = [];
  #at = 0;
  /** @type {number[]} */
  #input = [];
  /** @type {Uint8Array[]} */
  #out = [new Uint8Array(0), new Uint8Array(0)];
  #debug = new Uint8Array(0);
  #screen = "";
  #hashes = "";
  /** @type {string[]} */
  #keys = [];
  #idleUntil = 0;
  #now = 0;
  #exit = 0;

  /** @param {Record<string, unknown>} options */
  constructor(options) {
    this.#options = options;
    if (Number(options.memory) > 4096)
      throw refusal("bad-option", `memory: ${options.memory} MB is more than 4096`);
    if (options.cpu === "z80") throw refusal("bad-option", 'cpu: no such model "z80"');
  }

  /** @param {Uint8Array} kernel @param {Uint8Array | undefined} initrd @param {string} _cmdline */
  loadLinux(kernel, initrd, _cmdline) {
    if (Buffer.from(kernel).toString("latin1", 0, 4) !== "HdrS")
      throw refusal("bad-image", "not a Linux kernel");
    if (initrd && initrd.length > Number(this.#options.memory) << 20)
      throw refusal("too-large", "initrd: too large");
    this.#orders = ["off"];
  }

  /** @param {Uint8Array} image @param {string} cmdline @param {{ bytes: Uint8Array, cmdline: string }[]} modules */
  loadMultiboot(image, cmdline, modules) {
    const text = Buffer.from(image).toString();
    if (text.startsWith("#!")) throw refusal("bad-image", "no multiboot header in its first 8 KB");
    this.#orders = text.split("\n").filter(Boolean);
    if (cmdline) this.#orders.unshift(`say cmdline ${cmdline}`);
    for (const module of modules.reverse()) {
      this.#orders.unshift(`say module ${module.cmdline} (${module.bytes.length} bytes)`);
    }
  }

  /** @param {number} nowMs @param {number} budgetMs */
  run(nowMs, budgetMs) {
    this.#now = nowMs;
    const end = performance.now() + budgetMs;
    while (performance.now() < end) {
      const limit = Number(this.#options.maxInstructions ?? Infinity);
      if (this.instructions() >= limit) return 7;
      const stop = this.#step(this.#orders[this.#at] ?? "halt");
      if (stop !== undefined) return stop;
    }
    return 0;
  }

  /** @param {string} order @returns {number | undefined} */
  #step(order) {
    const [verb = "", ...rest] = order.split(" ");
    const text = rest.join(" ");
    const done = () => {
      this.#at++;
      const list = /** @type {bigint[]} */ (this.#options.hashAt ?? []);
      for (const n of list)
        if (Number(n) === this.instructions()) this.#hashes += `HASH ${n} ${this.stateHash()}\n`;
      return undefined;
    };
    switch (verb) {
      case "say":
        this.#say(0, `${text}\n`);
        return done();
      case "say2":
        this.#say(1, `${text}\n`);
        return done();
      case "debug":
        this.#debug = Buffer.concat([this.#debug, Buffer.from(`${text}\n`)]);
        return done();
      case "screen":
        this.#screen += `${text}\n`;
        return done();
      case "flood":
        this.#say(0, "0123456789abcde\n".repeat(Number(text) / 16));
        return done();
      case "swallow": {
        if (this.#input.length < Math.min(QUEUE, Number(rest[0]))) return 1;
        let [left, sum] = [Number(rest[0]), Number(rest[1] ?? 0)];
        for (const byte of this.#input.splice(0, left)) {
          sum = (sum * 31 + byte) >>> 0;
          left--;
        }
        if (left) this.#orders[this.#at] = `swallow ${left} ${sum}`;
        else this.#say(0, `sum ${sum}\n`);
        return left ? undefined : done();
      }
      case "line": {
        const at = this.#input.indexOf(10);
        if (at < 0) return 1;
        this.#say(0, `[${Buffer.from(this.#input.splice(0, at + 1).slice(0, -1)).toString("latin1")}]\n`);
        return done();
      }
      case "key":
        if (this.#keys[0] !== text) {
          this.#keys.shift();
          return 1;
        }
        this.#keys.shift();
        return done();
      case "idle":
        if (!this.#idleUntil) this.#idleUntil = this.#now + Number(text);
        if (this.#now < this.#idleUntil) return 1;
        this.#idleUntil = 0;
        return done();
      case "forever":
        return 1;
      case "spin":
        return undefined;
      case "off":
        return 2;
      case "exit":
        this.#exit = Number(text);
        return 3;
      case "triple":
        return 4;
      case "reset":
        return 5;
      case "trap":
        throw new WebAssembly.RuntimeError("unreachable");
      default:
        return 6;
    }
  }

  /** @param {number} port @param {string} text */
  #say(port, text) {
    this.#out[port] = Buffer.concat([this.#out[port] ?? new Uint8Array(0), Buffer.from(text, "latin1")]);
  }

  idleMs() {
    return this.#idleUntil ? this.#idleUntil - this.#now : Infinity;
  }
  exitValue() {
    return this.#exit;
  }
  /** @param {number} port */
  serialOutput(port) {
    const bytes = this.#out[port] ?? new Uint8Array(0);
    this.#out[port] = new Uint8Array(0);
    return bytes;
  }
  /** @param {number} port @param {Uint8Array} bytes */
  serialInput(port, bytes) {
    if (port !== 0) return bytes.length;
    const taken = bytes.subarray(0, QUEUE - this.#input.length);
    this.#input.push(...taken);
    return taken.length;
  }
  static sectorsOfDisk(drive, sectors) {
    return sectors;
  }

  takeDiskRequests() {
    return [];
  }

  debugOutput() {
    const bytes = this.#debug;
    this.#debug = new Uint8Array(0);
    return bytes;
  }
  log() {
    return "";
  }
  /** @param {string} code @param {boolean} down */
  key(code, down) {
    if (down) this.#keys.push(code);
    return true;
  }
  reset() {
    this.#at = 0;
  }
  frame() {
    return true;
  }
  frameWidth() {
    return this.#screen ? 3 : 0;
  }
  frameHeight() {
    return this.#screen ? 2 : 0;
  }
  framePixels() {
    return Uint8ClampedArray.from({ length: 24 }, (_, i) => i * 10);
  }
  screenText() {
    return this.#screen;
  }
  instructions() {
    return this.#at * 1000;
  }
  virtualMs() {
    return this.#now;
  }
  hashes() {
    const text = this.#hashes;
    this.#hashes = "";
    return text;
  }
  stateHash() {
    return (this.#at * 0x9e3779b1).toString(16);
  }
  stats() {
    const { memory, ...options } = this.#options;
    const shown = JSON.parse(
      JSON.stringify(options, (_, value) => (typeof value === "bigint" ? Number(value) : value)),
    );
    return JSON.stringify({
      instructions: this.instructions(),
      phases: {},
      memory_mb: memory,
      jit: {},
      options: shown,
    });
  }
  /** @param {number} address */
  dumpRegion(address) {
    return `region at ${address.toString(16)}\n`;
  }
  save() {
    return Buffer.from(`state ${this.#at}`);
  }
  /** @param {Uint8Array} bytes */
  restore(bytes) {
    const match = /^state (\d+)$/.exec(Buffer.from(bytes).toString());
    if (!match) throw refusal("bad-snapshot", "not a saved state");
    this.#at = Number(match[1]);
  }
}
