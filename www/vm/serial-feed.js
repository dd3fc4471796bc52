// @ts-check
/** What is on its way into a serial port; shared by the worker and the command line. */

/** The most that is handed over at a time. */
const CHUNK = 16 * 1024;

/** So much may wait here before the source is asked to wait; and it goes on when this much is left. */
const HIGH_WATER = 64 * 1024;
const LOW_WATER = 16 * 1024;

/**
 * Bytes for one serial port. The machine takes as many as it has room for; the rest waits here, and when much waits
 * the source is held.
 */
export class SerialFeed {
  /** @type {Uint8Array[]} */
  #waiting = [];
  #length = 0;
  #held = false;
  #give;
  #hold;

  /**
   * @param {(bytes: Uint8Array) => number} give answers how many of the bytes were taken
   * @param {(full: boolean) => void} hold
   */
  constructor(give, hold = () => {}) {
    this.#give = give;
    this.#hold = hold;
  }

  /** @param {Uint8Array} bytes */
  push(bytes) {
    this.#waiting.push(bytes);
    this.#length += bytes.length;
    this.pump();
  }

  /** Hands over what there is room for. To be called now and then while anything waits. */
  pump() {
    for (let first; (first = this.#waiting[0]);) {
      const chunk = first.subarray(0, CHUNK);
      const taken = chunk.length && this.#give(chunk);
      this.#length -= taken;
      if (taken === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(taken);
      if (taken < chunk.length) break;
    }
    const held = this.#length > (this.#held ? LOW_WATER : HIGH_WATER);
    if (held !== this.#held) this.#hold(held);
    this.#held = held;
  }
}
