// @ts-check
/**
 * Blocks of something that is slow to read: the last used are kept, and whoever reads on finds the next one here.
 *
 * A read that needs a block which is on its way waits for that one. Reads of neighbouring blocks are one fetch. While
 * reads follow each other, blocks are fetched ahead of them, twice as many each time, up to a bound; a jump ends that.
 *
 * Invariant: a failed fetch leaves nothing behind, so that the next read tries again; one that was only ahead of the
 * reads fails in silence.
 */

/**
 * @typedef {object} Shape
 * @property {number} [block] bytes of a block
 * @property {number} [limit] bytes of the blocks kept
 * @property {number} [ahead] the most blocks fetched ahead, or at once; 0: none ahead, one at once
 */

export class ReadCache {
  #size;
  #fetch;
  #block;
  #most;
  #ahead;
  /** By number, the least recently used first. @type {Map<number, Uint8Array>} */
  #blocks = new Map();
  /** On their way. @type {Map<number, Promise<Uint8Array>>} */
  #coming = new Map();
  /** The last block of the last read. */
  #reached = -2;
  /** How many blocks are fetched ahead now. */
  #stride = 0;

  /**
   * @param {number} size bytes of the whole
   * @param {(offset: number, length: number) => Promise<Uint8Array>} fetch gives exactly these bytes, or fails
   * @param {Shape} [shape]
   */
  constructor(size, fetch, { block = 256 * 1024, limit = 64 * 1024 * 1024, ahead = 8 } = {}) {
    this.#size = size;
    this.#fetch = fetch;
    this.#block = block;
    this.#most = Math.max(1, Math.floor(limit / block));
    this.#ahead = Math.min(ahead, this.#most - 1);
  }

  /** How many bytes are kept. */
  get bytes() {
    let bytes = 0;
    for (const block of this.#blocks.values()) bytes += block.length;
    return bytes;
  }

  /** Takes a block that came by another way. @param {number} number @param {Uint8Array} bytes */
  put(number, bytes) {
    this.#blocks.delete(number);
    this.#blocks.set(number, bytes);
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= this.#most) break;
      this.#blocks.delete(oldest);
    }
  }

  /** Keeps nothing any more. */
  clear() {
    this.#blocks.clear();
  }

  /**
   * At once, if all of it is here. What it gives may be a view of a block: it is not to be changed.
   * @param {number} offset
   * @param {number} length both within the size
   * @returns {Uint8Array | Promise<Uint8Array>}
   */
  read(offset, length) {
    if (length <= 0) return new Uint8Array(0);
    const first = Math.floor(offset / this.#block);
    const last = Math.floor((offset + length - 1) / this.#block);
    this.#want(first, last);
    /** @type {(Uint8Array | Promise<Uint8Array>)[]} */
    const parts = [];
    let here = true;
    for (let number = first; number <= last; number++) {
      const part = this.#blocks.get(number) ?? this.#coming.get(number);
      if (part instanceof Uint8Array) this.put(number, part);
      else here = false;
      if (part) parts.push(part); // it is there or has been asked for
    }
    this.#readAhead(first, last);
    const start = offset - first * this.#block;
    if (here) return join(/** @type {Uint8Array[]} */ (parts), start, length);
    return Promise.all(parts).then((blocks) => join(blocks, start, length));
  }

  /** Asks for those that are neither here nor on their way. @param {number} first @param {number} last */
  #want(first, last) {
    const most = Math.max(1, this.#ahead);
    let from = -1;
    for (let number = first; number <= last + 1; number++) {
      const missing = number <= last && !this.#blocks.has(number) && !this.#coming.has(number);
      if (from >= 0 && (!missing || number - from >= most)) {
        this.#start(from, number - from);
        from = -1;
      }
      if (missing && from < 0) from = number;
    }
  }

  /** @param {number} first @param {number} last of the read */
  #readAhead(first, last) {
    const follows = first === this.#reached || first === this.#reached + 1;
    if (!follows) this.#stride = 0;
    else if (last > this.#reached) this.#stride = Math.min(this.#ahead, Math.max(1, 2 * this.#stride));
    const moved = last !== this.#reached;
    this.#reached = last;
    if (!moved || this.#stride === 0) return;
    const end = Math.min(last + this.#stride, Math.ceil(this.#size / this.#block) - 1);
    // Only once half of what should be ahead is used up: a few large requests rather than many small ones.
    const middle = Math.min(last + Math.ceil(this.#stride / 2), end);
    if (!this.#blocks.has(middle) && !this.#coming.has(middle)) this.#want(last + 1, end);
  }

  /** @param {number} first @param {number} count */
  #start(first, count) {
    const offset = first * this.#block;
    const length = Math.min(count * this.#block, this.#size - offset);
    if (length <= 0) return;
    const whole = this.#fetch(offset, length);
    for (let at = 0; at * this.#block < length; at++) {
      const number = first + at;
      // A block of its own, so that dropping it frees it.
      const mine = async () => {
        try {
          const bytes = await whole;
          const from = at * this.#block;
          const block = count === 1 ? bytes : bytes.slice(from, Math.min(from + this.#block, length));
          this.put(number, block);
          return block;
        } finally {
          this.#coming.delete(number);
        }
      };
      const coming = mine();
      coming.catch(() => {}); // whoever waits for it hears of it
      this.#coming.set(number, coming);
    }
  }
}

/** @param {Uint8Array[]} blocks @param {number} start in the first @param {number} length */
function join(blocks, start, length) {
  const [only] = blocks;
  if (only && blocks.length === 1) return only.subarray(start, start + length);
  const bytes = new Uint8Array(length);
  let at = -start;
  for (const block of blocks) {
    const part = block.subarray(Math.max(0, -at), Math.max(0, length - at));
    bytes.set(part, Math.max(0, at));
    at += block.length;
  }
  return bytes;
}
