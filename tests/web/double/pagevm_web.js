// @ts-check
/**
 * A test double of what wasm-bindgen makes of crate/web: the same interface, and behind it a guest of a few lines that
 * greets, has a shell on keyboard and serial line, and ends in every way a machine can end. For tests of the shell only.
 *
 * Its kernel is any file that begins with "DOUBLE"; with firmware it boots from anything. Its floppies are of 1.44 MB. Words on the command line: `ticks`: a line on COM1 every 100 ms;
 * `slow`: it never idles.
 */

const COLUMNS = 80;
const ROWS = 25;
const CELL = { width: 9, height: 16 };
const PROMPT = "double:~$ ";

/** @param {string} code @param {string} message */
const refuse = (code, message) => Object.assign(new Error(message), { code });

/** @param {{ module_or_path: WebAssembly.Module | BufferSource }} from */
export default async function init({ module_or_path: from }) {
  const module = from instanceof WebAssembly.Module ? from : await WebAssembly.compile(from);
  await WebAssembly.instantiate(module);
}

/** A terminal of the guest's: lines in, answers out. */
class Shell {
  #line = "";
  /** @param {Vm} vm @param {(text: string) => void} print */
  constructor(vm, print) {
    this.vm = vm;
    this.print = print;
  }

  /** @param {string} character */
  type(character) {
    if (character === "\b" || character === "\x7f") {
      if (this.#line === "") return;
      this.#line = this.#line.slice(0, -1);
      this.print("\b \b");
    } else if (character === "\n" || character === "\r") {
      this.print("\r\n");
      this.vm.command(this.#line.trim(), this.print);
      this.#line = "";
      this.print(PROMPT);
    } else {
      this.#line += character;
      this.print(character);
    }
  }
}

const PLAIN = {
  Space: " ",
  Enter: "\n",
  Minus: "-",
  Equal: "=",
  Period: ".",
  Slash: "/",
  Backspace: "\b",
  Quote: "'",
};
const SHIFTED = { Space: " ", Enter: "\n", Minus: "_", Equal: "+", Period: ">", Slash: "?", Digit1: "!" };

export class Vm {
  #options;
  #memory;
  /** @type {string[]} */
  #screen = [];
  #column = 0;
  #dirty = true;
  /** @type {Uint8ClampedArray<ArrayBuffer> | undefined} */
  #pixels;
  #serial = ["", ""];
  #instructions = 0;
  #cmdline = "";
  #loaded = false;
  #shift = false;
  /** Keys held, and mouse moves: what tests look at. @type {string[]} */
  #held = [];
  #mouse = { x: 0, y: 0, wheel: 0, buttons: 0 };
  #stop = 0;
  #exitValue = 0;
  /** Sectors by drive. @type {Record<string, number | null>} */
  #media;
  #booted = false;
  #now = 0;
  #tick = 0;
  #trapped = false;
  /** @type {{ at: number, text: string }[]} */
  #script = [];

  /**
   * @param {{ memory?: number, reboot?: boolean, clock?: string, drives?: { name: string, sectors?: number }[] }} options
   */
  constructor(options) {
    this.#options = options;
    this.#media = Object.fromEntries(
      (options.drives ?? []).map(({ name, sectors }) => [name, sectors ?? null]),
    );
    this.#memory = options.memory ?? 256;
    if (this.#memory > 2048)
      throw refuse("no-memory", `there is no memory for a machine with ${this.#memory} MB`);
    this.#power();
  }

  free() {}

  #power() {
    this.#screen = [""];
    this.#column = 0;
    this.#booted = false;
    this.#stop = 0;
    this.#held = [];
    this.#dirty = true;
    this.onScreen = new Shell(this, (text) => this.#show(text));
    this.onSerial = new Shell(this, (text) => this.#send(text));
  }

  /** @param {Uint8Array} kernel @param {Uint8Array | undefined} initrd @param {string} cmdline */
  loadLinux(kernel, initrd, cmdline) {
    if (kernel.length < 16)
      throw refuse("bad-image", `kernel: too short to be a bzImage (${kernel.length} bytes)`);
    if (new TextDecoder().decode(kernel.subarray(0, 6)) !== "DOUBLE") {
      throw refuse("bad-image", "kernel: not a Linux kernel (no boot sector signature at offset 1FEh)");
    }
    if (initrd && initrd.length > this.#memory << 20)
      throw refuse("too-large", "initrd: larger than the memory");
    this.#cmdline = cmdline;
    this.#loaded = true;
  }

  /** @param {Uint8Array} image @param {string} cmdline */
  loadMultiboot(image, cmdline) {
    this.loadLinux(image, undefined, cmdline);
  }

  loadFirmware() {
    this.#loaded = true;
  }

  /** @param {number} now @param {number} budget */
  run(now, budget) {
    if (this.#trapped) throw new WebAssembly.RuntimeError("unreachable");
    this.#instructions += Math.round(budget * 60_000);
    if (!this.#booted && this.#loaded) {
      this.#booted = true;
      this.#now = now;
      const lines = [
        "Linux version 0.0-double",
        `Memory: ${this.#memory}M`,
        `Command line: ${this.#cmdline}`,
      ];
      const greeting = ["", "Double in PageVM. Type 'poweroff' to switch off.", "PAGEVM-READY", ""];
      this.#script = [...lines, ...greeting].map((text, at) => ({ at: now + 30 * at, text: `${text}\r\n` }));
      this.#script.push({ at: now + 230, text: PROMPT });
    }
    while (this.#script[0] && this.#script[0].at <= now) {
      const { text } = /** @type {{ text: string }} */ (this.#script.shift());
      this.#show(text);
      this.#send(text);
    }
    if (this.#cmdline.includes("ticks") && now - this.#now >= 100) {
      this.#now = now;
      this.#send(`tick ${++this.#tick}\r\n`);
    }
    if (this.#stop !== 0) return this.#stop;
    const until = performance.now() + budget;
    while (this.#cmdline.includes("slow") && performance.now() < until);
    return this.#cmdline.includes("slow") ? 0 : 1;
  }

  idleMs() {
    return 10;
  }
  exitValue() {
    return this.#exitValue;
  }

  /** @param {string} line @param {(text: string) => void} print */
  command(line, print) {
    const [name, ...rest] = line.split(" ");
    if (name === "echo") print(`${rest.join(" ")}\r\n`);
    else if (name === "uname") print("Linux double 0.0 i686\r\n");
    else if (name === "keys") print(`held: ${this.#held.join(",")};\r\n`);
    else if (name === "mouse") print(`mouse: ${JSON.stringify(this.#mouse)}\r\n`);
    else if (name === "media") print(`media: ${JSON.stringify(this.#media)}\r\n`);
    else if (name === "flood") {
      for (let line = 0; line < Number(rest[0]); line++) print(`line ${line} ${"-".repeat(80)}\r\n`);
      print("flooded\r\n");
    } else if (name === "bs") this.#show("\b");
    else if (name === "poweroff") this.#stop = 2;
    else if (name === "reboot") this.#power();
    else if (name === "exit-with") [this.#stop, this.#exitValue] = [3, Number(rest[0])];
    else if (name === "triple") this.#stop = 4;
    else if (name === "halt") this.#stop = 6;
    else if (name === "trap") this.#trapped = true;
    else if (name !== "") print(`${name}: not found\r\n`);
  }

  /** @param {string} text */
  #send(text) {
    this.#serial[0] += text;
  }

  /** @param {string} text */
  #show(text) {
    for (const character of text) {
      const row = this.#screen.length - 1;
      const line = this.#screen[row] ?? "";
      if (character === "\r") this.#column = 0;
      else if (character === "\n") this.#screen.push("");
      else if (character === "\b") this.#column = Math.max(0, this.#column - 1);
      else {
        if (this.#column === COLUMNS) {
          this.#screen.push("");
          this.#column = 0;
        }
        const at = this.#screen.length - 1;
        const old = at === row ? line : "";
        const padded = old.padEnd(this.#column);
        this.#screen[at] = padded.slice(0, this.#column) + character + padded.slice(this.#column + 1);
        this.#column++;
      }
      if (this.#screen.length > ROWS) this.#screen.shift();
    }
    this.#dirty = true;
  }

  /** @param {number} port */
  serialOutput(port) {
    if (this.#trapped) throw new WebAssembly.RuntimeError("unreachable");
    const text = this.#serial[port] ?? "";
    this.#serial[port] = "";
    return new TextEncoder().encode(text);
  }
  /** @param {number} port @param {Uint8Array} bytes */
  serialInput(port, bytes) {
    const taken = bytes.subarray(0, 1000);
    if (port === 0) for (const character of new TextDecoder().decode(taken)) this.onSerial?.type(character);
    return taken.length;
  }
  static sectorsOfDisk(drive, sectors) {
    return sectors;
  }

  takeDiskRequests() {
    return [];
  }
  /** @param {string} drive @param {number | undefined} sectors */
  changeMedium(drive, sectors) {
    if (drive.startsWith("fd") && sectors !== undefined && sectors !== 2880)
      throw refuse("bad-image", `${drive}: an image of ${sectors * 512} bytes is no floppy disk`);
    this.#media[drive] = sectors ?? null;
  }

  debugOutput() {
    return new Uint8Array();
  }
  log() {
    return "";
  }
  /** @param {string} code @param {boolean} down */
  key(code, down) {
    if (code.startsWith("Shift")) this.#shift = down;
    this.#held = this.#held.filter((held) => held !== code);
    if (!down) return true;
    this.#held.push(code);
    const letter = /^Key([A-Z])$/.exec(code)?.[1];
    const digit = /^Digit(\d)$/.exec(code)?.[1];
    const table = /** @type {Record<string, string>} */ (this.#shift ? SHIFTED : PLAIN);
    const character = letter ? (this.#shift ? letter : letter.toLowerCase()) : (table[code] ?? digit);
    if (["ControlLeft", "AltLeft", "Delete"].every((held) => this.#held.includes(held))) this.#power();
    else if (character && this.#booted && this.#script.length === 0) this.onScreen?.type(character);
    return true;
  }
  /** @param {number} dx @param {number} dy @param {number} wheel @param {number} buttons */
  mouse(dx, dy, wheel, buttons) {
    const { x, y, wheel: turned, buttons: pressed } = this.#mouse;
    this.#mouse = { x: x + dx, y: y + dy, wheel: turned + wheel, buttons: pressed | buttons };
  }
  powerButton() {
    if (this.#cmdline.includes("acpid")) this.#stop = 2;
  }
  reset() {
    this.#power();
  }

  frame() {
    const dirty = this.#dirty;
    this.#dirty = false;
    if (dirty) this.#pixels = this.#render();
    return dirty;
  }
  frameWidth() {
    return COLUMNS * CELL.width;
  }
  frameHeight() {
    return ROWS * CELL.height;
  }
  framePixels() {
    return new Uint8ClampedArray(this.#pixels ?? this.#render());
  }
  /** @param {Uint8ClampedArray} into */
  copyFrame(into) {
    into.set(this.#pixels ?? this.#render());
    return true;
  }
  #render() {
    const canvas = new OffscreenCanvas(this.frameWidth(), this.frameHeight());
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = "#aaa";
    context.font = "15px monospace";
    context.textBaseline = "top";
    this.#screen.forEach((line, row) => context.fillText(line, 0, row * CELL.height));
    context.fillRect(this.#column * CELL.width, this.#screen.length * CELL.height - 3, CELL.width, 2);
    return context.getImageData(0, 0, canvas.width, canvas.height).data;
  }
  screenText() {
    return Array.from({ length: ROWS }, (_, row) => (this.#screen[row] ?? "").padEnd(COLUMNS)).join("\n");
  }

  instructions() {
    return this.#instructions;
  }
  virtualMs() {
    return this.#now;
  }
  hashes() {
    return "";
  }
  stateHash() {
    return "d0b1e".padStart(32, "0");
  }
  stats() {
    const { clock } = this.#options;
    const hash = clock === "counted" ? { state_hash: this.stateHash() } : {};
    return JSON.stringify({
      instructions: this.#instructions,
      phases: {},
      memory_mb: this.#memory,
      jit: {},
      ...hash,
    });
  }
  /** @param {number} address */
  dumpRegion(address) {
    return `No translation holds the code at ${address.toString(16).padStart(8, "0")}h.\n`;
  }
  save() {
    return new TextEncoder().encode(
      JSON.stringify({ double: 1, screen: this.#screen, column: this.#column }),
    );
  }
  /** @param {Uint8Array} bytes */
  restore(bytes) {
    let saved;
    try {
      saved = JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      throw refuse("bad-snapshot", "this is not a saved machine");
    }
    this.#screen = saved.screen;
    this.#column = saved.column;
    this.#stop = 0;
    this.#booted = true;
    this.#script = [];
    this.#dirty = true;
  }
}
