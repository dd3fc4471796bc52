// @ts-check
/** @import { DriveSource } from "./drive-source.js" */

/**
 * Bytes that are all here.
 * @implements {DriveSource}
 */
export class MemorySource {
  readOnly = true;
  #bytes;

  /** @param {string} name @param {Uint8Array} bytes used as they are, not copied */
  constructor(name, bytes) {
    this.name = name;
    this.size = bytes.length;
    this.#bytes = bytes;
  }

  /** @param {number} offset @param {number} length */
  read(offset, length) {
    return this.#bytes.subarray(offset, offset + length);
  }

  close() {
    this.#bytes = new Uint8Array(0);
  }
}
