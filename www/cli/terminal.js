// @ts-check
/** The user's side of a serial line on standard input: a raw terminal with a way out, or a pipe. */

const CTRL_A = 0x01;

/** A pipe that says nothing for so long is not read ahead any further. */
const QUIET_MS = 1000;

/**
 * @typedef {object} TerminalHooks
 * @property {(bytes: Uint8Array) => void} onInput
 * @property {() => void} onQuit Ctrl-A x was typed
 */

export class Terminal {
  #stdin;
  #hooks;
  #raw = false;
  /** Ctrl-A was the last key. */
  #escaped = false;
  /** What is read ahead. @type {Uint8Array[] | undefined} */
  #ahead;
  #restore = () => this.close();

  /**
   * @param {NodeJS.ReadStream} stdin
   * @param {TerminalHooks} hooks
   */
  constructor(stdin, hooks) {
    this.#stdin = stdin;
    this.#hooks = hooks;
  }

  /** Begins to listen; answers the hint to print, if there is anybody to read it. */
  open() {
    const stdin = this.#stdin;
    stdin.on("data", (/** @type {Buffer} */ bytes) => this.#input(bytes));
    stdin.on("error", () => stdin.pause()); // no more input, as at its end
    if (!stdin.isTTY) return undefined;
    // Whatever ends the process, also an error of ours, the terminal is the shell's again.
    process.on("exit", this.#restore);
    process.on("SIGCONT", this.#makeRaw);
    this.#makeRaw();
    return "Ctrl-A x quits (Ctrl-A Ctrl-A sends Ctrl-A)";
  }

  #makeRaw = () => {
    this.#stdin.setRawMode(true);
    this.#raw = true;
  };

  /**
   * Waits until all that a pipe or file has to say is there, or its writer waits for something. A terminal is not
   * waited for.
   */
  async readAhead() {
    const stdin = this.#stdin;
    if (stdin.isTTY) return;
    /** @type {Uint8Array[]} */
    const ahead = [];
    this.#ahead = ahead;
    await new Promise((resolve) => {
      let timer = setTimeout(resolve, QUIET_MS);
      stdin.on("data", () => {
        clearTimeout(timer);
        timer = setTimeout(resolve, QUIET_MS);
      });
      for (const end of ["end", "error", "close"]) stdin.on(end, resolve);
    });
    this.#ahead = undefined;
    for (const bytes of ahead) this.#hooks.onInput(bytes);
  }

  /** The guest has more than it can take: the rest waits in the pipe. @param {boolean} full */
  hold(full) {
    if (full) this.#stdin.pause();
    else this.#stdin.resume();
  }

  close() {
    this.#stdin.pause();
    process.off("exit", this.#restore);
    process.off("SIGCONT", this.#makeRaw);
    if (this.#raw) this.#stdin.setRawMode(false);
    this.#raw = false;
  }

  /** @param {Uint8Array} bytes */
  #input(bytes) {
    if (this.#ahead) {
      this.#ahead.push(bytes);
      return;
    }
    if (!this.#raw) {
      this.#hooks.onInput(bytes);
      return;
    }
    /** @type {number[]} */
    const plain = [];
    for (const byte of bytes) {
      if (!this.#escaped && byte === CTRL_A) {
        this.#escaped = true;
      } else if (this.#escaped && (byte === 0x78 || byte === 0x58)) {
        this.#hooks.onQuit();
        return;
      } else {
        // Ctrl-A twice, or before a key that means nothing to us, is for the guest.
        if (this.#escaped && byte !== CTRL_A) plain.push(CTRL_A);
        this.#escaped = false;
        plain.push(byte);
      }
    }
    if (plain.length) this.#hooks.onInput(Uint8Array.from(plain));
  }
}
