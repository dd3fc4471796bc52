// @ts-check
/** What is typed on the machine's keyboard, and when. */

/**
 * Between two typed characters: what a guest that polls its keyboard now and then keeps up with (a BIOS keeps only 15
 * keys).
 */
const KEY_MS = 20;

/** Types characters one after the other. */
export class Typist {
  /** @type {import("../lib/keys.js").KeyMove[][]} */
  #waiting = [];
  /** A character was typed, and the pause after it is not over. */
  #pausing = false;
  #move;
  #wait;

  /**
   * @param {(code: string, down: boolean) => void} move
   * @param {(ms: number, then: () => void) => void} wait calls `then` when so much time has passed
   */
  constructor(move, wait) {
    this.#move = move;
    this.#wait = wait;
  }

  /** @param {import("../lib/keys.js").KeyMove[][]} keys */
  type(keys) {
    this.#waiting.push(...keys);
    if (!this.#pausing) this.#next();
  }

  stop() {
    this.#waiting = [];
  }

  #next() {
    const moves = this.#waiting.shift();
    this.#pausing = moves !== undefined;
    if (!moves) return;
    for (const { code, down } of moves) this.#move(code, down);
    this.#wait(KEY_MS, () => this.#next());
  }
}

/** Time as the machine counts it, for what is to happen in it at the same moment every time. */
export class MachineTime {
  /** @type {{ at: number, then: () => void }[]} in the order of their times */
  #waiting = [];
  #now;

  /** @param {() => number} now the machine's milliseconds */
  constructor(now) {
    this.#now = now;
  }

  /** Whether anything waits. */
  get awaited() {
    return this.#waiting.length > 0;
  }

  /** Calls `then` once so much time has passed. @param {number} ms @param {() => void} then */
  wait(ms, then) {
    this.#waiting.push({ at: this.#now() + ms, then });
    this.#waiting.sort((a, b) => a.at - b.at);
  }

  /** To be called after every slice. */
  passed() {
    const now = this.#now();
    for (let first; (first = this.#waiting[0]) && first.at <= now;) {
      this.#waiting.shift();
      first.then();
    }
  }
}
