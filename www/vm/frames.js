// @ts-check
/**
 * Pictures on their way from the machine to whoever draws them: only what has changed of them, and no garbage.
 *
 * Each screen has a feed of its own. The screen asks for a picture and gives a buffer with it; what has changed since its
 * last picture goes into that buffer, which comes back with the next wish. So one buffer goes to and fro, and nobody's
 * garbage collector has anything to sweep.
 *
 * @import { Frame, Patch } from "./protocol.js"
 */

/** @typedef {{ x: number, y: number, width: number, height: number }} Rectangle */

/**
 * The smallest rectangle with all that differs between two pictures of the same size, a number a pixel.
 * @param {Uint32Array} before
 * @param {Uint32Array} after
 * @param {number} width
 * @returns {Rectangle | undefined}
 */
export function difference(before, after, width) {
  const end = after.length;
  let first = 0;
  while (first < end && before[first] === after[first]) first++;
  if (first === end) return undefined;
  let last = end - 1;
  while (before[last] === after[last]) last--;
  const [top, bottom] = [Math.floor(first / width), Math.floor(last / width)];
  let [left, right] = [width, -1];
  for (let row = top * width; row <= bottom * width; row += width) {
    let column = 0;
    while (column < left && before[row + column] === after[row + column]) column++;
    left = column;
    column = width - 1;
    while (column > right && before[row + column] === after[row + column]) column--;
    right = column;
  }
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** What one screen is sent. */
export class FrameFeed {
  #send;
  /** The screen's own, while it waits for a picture. @type {ArrayBuffer | undefined} */
  #buffer;
  /** What the screen shows. */
  #shown = new Uint32Array(0);
  #width = 0;
  /** Which of the pictures that was. */
  #number = -1;

  /** @param {(patch: Patch) => void} send to be called with a patch whose buffer may be transferred */
  constructor(send) {
    this.#send = send;
  }

  /** The screen has drawn what it had. @param {ArrayBuffer} buffer what it was sent, or an empty one */
  ask(buffer) {
    this.#buffer = buffer;
  }

  get asked() {
    return this.#buffer !== undefined;
  }

  /**
   * Sends what the screen has not seen of a picture, if it has asked. Pictures are numbered: the same number, the same picture.
   * @param {Frame} frame
   * @param {number} number
   * @returns {boolean} whether anything went out
   */
  offer({ width, height, pixels }, number) {
    if (this.#buffer === undefined || number === this.#number || width === 0 || height === 0) return false;
    this.#number = number;
    const now = new Uint32Array(pixels.buffer, pixels.byteOffset, width * height);
    let part;
    if (width === this.#width && now.length === this.#shown.length) {
      part = difference(this.#shown, now, width);
      if (!part) return false;
    } else {
      this.#width = width;
      this.#shown = new Uint32Array(now.length);
      part = { x: 0, y: 0, width, height };
    }

    // Large enough for any part of this picture, so that it need not be made again.
    let buffer = this.#buffer;
    if (buffer.byteLength < pixels.byteLength) buffer = new ArrayBuffer(pixels.byteLength);
    const rows = new Uint32Array(buffer);
    for (let row = 0; row < part.height; row++) {
      const start = (part.y + row) * width + part.x;
      const line = now.subarray(start, start + part.width);
      rows.set(line, row * part.width);
      this.#shown.set(line, start);
    }
    this.#buffer = undefined;
    this.#send({ of: { width, height }, part, buffer });
    return true;
  }
}
