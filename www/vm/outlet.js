// @ts-check
/**
 * What a guest says, on its way to the page: in pieces that the page deals with in a moment, one at a time.
 *
 * A guest can write tens of megabytes a second. The page gets a piece, says that it has taken it, and gets the next;
 * meanwhile what comes gathers here. Nothing is lost: when much waits, the source is held.
 */

/** The most that is sent at a time. */
const PIECE = 32 * 1024;

/** So much may wait before the source is asked to wait; and it goes on when this much is left. */
const HIGH_WATER = 1 << 20;
const LOW_WATER = 1 << 18;

export class Outlet {
  /** @type {Uint8Array[]} */
  #waiting = [];
  #length = 0;
  /** Pieces sent that the page has not taken yet. */
  #out = 0;
  #held = false;
  #send;
  #hold;

  /**
   * @param {(bytes: Uint8Array<ArrayBuffer>) => void} send the bytes are the receiver's
   * @param {(full: boolean) => void} hold
   */
  constructor(send, hold) {
    this.#send = send;
    this.#hold = hold;
  }

  /** @param {Uint8Array} bytes */
  push(bytes) {
    this.#waiting.push(bytes);
    this.#length += bytes.length;
    this.#next();
  }

  /** The page has taken a piece. */
  taken() {
    this.#out = Math.max(0, this.#out - 1);
    this.#next();
  }

  /** Sends all that waits, still in pieces: what comes after it must not overtake it. */
  flush() {
    while (this.#length > 0) this.#sendPiece();
    this.#look();
  }

  #next() {
    if (this.#out === 0 && this.#length > 0) this.#sendPiece();
    this.#look();
  }

  #sendPiece() {
    const piece = new Uint8Array(Math.min(this.#length, PIECE));
    for (let at = 0; at < piece.length;) {
      const first = /** @type {Uint8Array} */ (this.#waiting[0]);
      const part = first.subarray(0, piece.length - at);
      piece.set(part, at);
      at += part.length;
      if (part.length === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(part.length);
    }
    this.#length -= piece.length;
    this.#out++;
    this.#send(piece);
  }

  #look() {
    const held = this.#length > (this.#held ? LOW_WATER : HIGH_WATER);
    if (held === this.#held) return;
    this.#held = held;
    this.#hold(held);
  }
}
