// @ts-check
/**
 * What a guest says, on its way into a terminal: as much at a time as the terminal deals with in a moment, and no more than
 * it could show.
 */

/** A piece may take the terminal so long; the next is larger or smaller by what this one took. */
const PIECE_MS = 3;
/** In bytes. A terminal is slow at first, until the browser has compiled its code. */
const FIRST = 512;
const [SMALLEST, LARGEST] = [256, 16 * 1024];

/** Of what waits, the last so many bytes are kept: a terminal keeps no more lines than fit in there. */
const MOST = 1 << 20;

/** @typedef {(bytes: Uint8Array, done: (tookMs: number) => void) => void} Write calls `done` when there may be more */

export class TerminalFeed {
  /** @type {Uint8Array[]} */
  #waiting = [];
  #length = 0;
  /** @type {Write | undefined} */
  #write;
  #piece = FIRST;
  #busy = false;
  /** A piece of what was before `clear` may be on its way. */
  #epoch = 0;

  /** There is a terminal. @param {Write} write */
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
    const piece = first.subarray(0, this.#piece);
    if (piece.length === first.length) this.#waiting.shift();
    else this.#waiting[0] = first.subarray(piece.length);
    this.#length -= piece.length;
    this.#busy = true;
    const epoch = this.#epoch;
    this.#write(piece, (tookMs) => {
      if (epoch !== this.#epoch) return;
      if (tookMs > PIECE_MS) this.#piece = Math.max(SMALLEST, this.#piece >> 1);
      else if (tookMs < PIECE_MS / 2 && piece.length === this.#piece)
        this.#piece = Math.min(LARGEST, this.#piece * 2);
      this.#busy = false;
      this.#next();
    });
  }
}
