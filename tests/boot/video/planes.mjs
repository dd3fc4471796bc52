// @ts-check
/**
 * The four planes as the chapter `planes` of tests/guests/video.asm leaves them: each of its operations, as the manual's "Graphics
 * Controller" describes it, on bytes.
 */

/** What the guest's `fill` writes at an offset. @param {number} offset */
export const asWritten = (offset, plane = 0) => (offset + 16 * (offset >> 8) + plane) & 0xff;

const BAND = 80 * 16;

/** How a byte is written and read; the names are the registers'. */
const PLAIN = {
  writeMode: 0,
  readCompare: false,
  mapMask: 15,
  setReset: 0,
  enable: 0,
  compare: 0,
  dontCare: 15,
  rotate: 0,
  /** @type {"" | "and" | "or" | "xor"} */
  combine: "",
  bitMask: 0xff,
  readMap: 0,
};
/** @typedef {typeof PLAIN} Registers */

export class Planes {
  #bytes = [0, 1, 2, 3].map((plane) => Uint8Array.from({ length: 0x10000 }, (_, n) => asWritten(n, plane)));
  #latches = [0, 0, 0, 0];

  /** @param {number} offset @param {number} plane */
  at(offset, plane) {
    return this.#bytes[plane]?.[offset & 0xffff] ?? 0;
  }

  /** @param {Registers} registers @param {number} offset */
  #read({ readCompare, compare, dontCare, readMap }, offset) {
    this.#latches = [0, 1, 2, 3].map((plane) => this.at(offset, plane));
    if (!readCompare) return this.#latches[readMap] ?? 0;
    let same = 0xff;
    for (let bit = 0; bit < 8; bit++) {
      const colour = this.#latches.reduce((sum, latch, plane) => sum | (((latch >> bit) & 1) << plane), 0);
      if ((colour ^ compare) & dontCare) same &= ~(1 << bit);
    }
    return same;
  }

  /** @param {Registers} registers @param {number} offset @param {number} value */
  #write({ writeMode, mapMask, setReset, enable, rotate, combine, bitMask }, offset, value) {
    const rotated = ((value >> rotate) | (value << (8 - rotate))) & 0xff;
    for (const [plane, bytes] of this.#bytes.entries()) {
      if (!((mapMask >> plane) & 1)) continue;
      const latch = this.#latches[plane] ?? 0;
      const solid = (/** @type {number} */ bits) => ((bits >> plane) & 1 ? 0xff : 0);
      let [data, mask] = [rotated, bitMask];
      if (writeMode === 0 && (enable >> plane) & 1) data = solid(setReset);
      if (writeMode === 2) data = solid(value);
      if (writeMode === 3) [data, mask] = [solid(setReset), bitMask & rotated];
      if (combine === "and") data &= latch;
      if (combine === "or") data |= latch;
      if (combine === "xor") data ^= latch;
      bytes[offset] = writeMode === 1 ? latch : (data & mask) | (latch & ~mask);
    }
  }

  /** @returns {Planes} */
  static drawn() {
    const planes = new Planes();
    /**
     * @param {number} number
     * @param {Partial<Registers>} registers
     * @param {(registers: Registers, at: number, n: number) => void} each
     */
    const band = (number, registers, each) => {
      for (let n = 0; n < BAND; n++) each({ ...PLAIN, ...registers }, number * BAND + n, n);
    };
    /** @param {Registers} registers @param {number} at @param {number} n */
    const plain = (registers, at, n) => planes.#write(registers, at, n & 0xff);
    /** @type {typeof plain} */
    const latched = (registers, at, n) => {
      planes.#read(registers, at);
      planes.#write(registers, at, n & 0xff);
    };
    /** @type {typeof plain} */
    const moved = (registers, at, n) => planes.#write(registers, at, planes.#read(registers, n + 6 * BAND));
    band(0, { rotate: 3 }, plain);
    band(1, { combine: "and", bitMask: 0x3c }, latched);
    band(2, { combine: "or", bitMask: 0xf0 }, latched);
    band(3, { combine: "xor", mapMask: 5 }, latched);
    band(4, { setReset: 6, enable: 3, bitMask: 0xaa }, latched);
    band(5, { writeMode: 1 }, (registers, at, n) => {
      planes.#read(registers, n);
      planes.#write(registers, at, 0);
    });
    band(6, { writeMode: 2, bitMask: 0x0f }, latched);
    band(7, { writeMode: 3, setReset: 9, rotate: 2, bitMask: 0x7e }, latched);
    band(8, { readCompare: true, compare: 5 }, moved);
    band(9, { readCompare: true, compare: 2, dontCare: 3 }, moved);
    band(10, { readMap: 2 }, moved);
    band(11, { readMap: 2, combine: "xor", bitMask: 0x5a }, (registers, at, n) => {
      if (n & 1) return;
      // The latches hold what was read last: the second byte of the word.
      planes.#read(registers, at + 1);
      const word = n * 0x0503;
      planes.#write(registers, at, word & 0xff);
      planes.#write(registers, at + 1, (word >> 8) & 0xff);
    });
    return planes;
  }
}
