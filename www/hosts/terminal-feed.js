// @ts-check
/**
 * What a guest says, on its way into a terminal: as much at a time as the terminal deals with in a moment, and no more than
 * it could show.
 */

/** The terminal takes some milliseconds for it. */
const PIECE = 8 * 1024;

/** Of what waits, the last so many bytes are kept: a terminal keeps no more lines than fit in there. */
const MOST = 1 << 20;

export class TerminalFeed {
  /** @type {Uint8Array[]} */
  #waiting = [];
  #length = 0;
  /** @type {((bytes: Uint8Array, done: () => void) => void) | undefined} */
  #write;
  #busy = false;
  /** A piece of what was before `clear` may be on its way. */
  #epoch = 0;

  /** There is a terminal. @param {(bytes: Uint8Array, done: () => void) => void} write `done`: it takes more */
  open(write) {
    this.#write = write;
    this.#next();
  }

  /** @param {Uint8Array} bytes */
  push(bytes) {
    this.#waiting.push(bytes);
    this.#length += bytes.length;
    for (let first; this.#length > MOST && (first = this.#waiting[0]);) {
      const much = Math.min(first.length, this.#length - MOST);
      this.#length -= much;
      if (much === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(much);
    }
    this.#next();
  }

  /** What waits is not wanted any more. */
  clear() {
    this.#waiting = [];
    this.#length = 0;
    this.#busy = false;
    this.#epoch++;
  }

  #next() {
    const first = this.#waiting[0];
    if (!this.#write || this.#busy || !first) return;
    const piece = first.subarray(0, PIECE);
    if (piece.length === first.length) this.#waiting.shift();
    else this.#waiting[0] = first.subarray(piece.length);
    this.#length -= piece.length;
    this.#busy = true;
    const epoch = this.#epoch;
    this.#write(piece, () => {
      if (epoch !== this.#epoch) return;
      this.#busy = false;
      this.#next();
    });
  }
}
