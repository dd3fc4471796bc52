// @ts-check
/**
 * What a drive's medium is read from: bytes in memory, a file of the user's, or a URL, under one interface. Nothing here
 * knows sectors; vm/drives.js does. A file in Node is in cli/file-source.js.
 *
 * Nothing needs a page: a worker may own the sources, and Node. But a worker resolves URLs against its own script, so
 * URLs are to be made absolute before they get there.
 *
 * @import { ImageSource } from "../types/pagevm.js"
 * @import { Loading } from "./images.js"
 */
import { PageVMError } from "../lib/error.js";
import { sentenceOf } from "../lib/words.js";
import { aborted, checkLength, nameOf } from "./images.js";
import { MemorySource } from "./memory-source.js";
import { ReadCache } from "./read-cache.js";
import { openUrl } from "./url-source.js";

/**
 * A medium's contents. Offsets and lengths are in bytes, and a read lies within the size. What fails, rejects or throws
 * with a PageVMError whose sentence names the option and the image.
 *
 * @typedef {object} DriveSource
 * @property {string} name what to call it in a sentence
 * @property {number} size bytes; grows only by a write beyond the end
 * @property {boolean} readOnly
 * @property {(offset: number, length: number) => Uint8Array | Promise<Uint8Array>} read gives exactly that many bytes,
 *   at once where it can. They may be a view of the source's own, which is not to be changed.
 * @property {(offset: number, bytes: Uint8Array) => void | Promise<void>} [write] done in place. The last sector may
 *   reach beyond the size; then the medium grows to whole sectors. The bytes stay the caller's.
 * @property {() => void | Promise<void>} [flush] what was written is safe afterwards
 * @property {() => void | Promise<void>} close what is on its way then fails
 */

/**
 * A file that the user has allowed a page to read: so much of the File System API's FileSystemFileHandle.
 * @typedef {{ readonly kind: "file", getFile: () => Promise<File> }} FileHandle
 */

/**
 * The smallest reads of a file in a browser cost as much as these.
 * @type {import("./read-cache.js").Shape}
 */
const OF_FILES = { block: 64 * 1024, limit: 8 * 1024 * 1024, ahead: 0 };

/**
 * Finds out what there is to know of an image that a drive is to have. An empty one is refused by name.
 * @param {string} option what it was given as: `"hda"`
 * @param {ImageSource | FileHandle} image bytes in memory must not change while they are in use
 * @param {Loading} loading the signal ends the opening, `close` what was opened
 * @returns {Promise<DriveSource>}
 */
export async function openSource(option, image, loading) {
  if (loading.signal.aborted) throw aborted();
  if (isHandle(image)) {
    let file;
    try {
      file = await image.getFile();
    } catch (error) {
      const message = `${option}: the file cannot be opened: ${sentenceOf(error)}`;
      throw new PageVMError("image-unreachable", message);
    }
    return openSource(option, file, loading);
  }
  if (image instanceof ArrayBuffer) return openSource(option, new Uint8Array(image), loading);
  if (image instanceof Uint8Array) {
    checkLength(option, image, image.length);
    return new MemorySource(nameOf(image), image);
  }
  if (image instanceof Blob) {
    checkLength(option, image, image.size);
    return new BlobSource(option, image);
  }
  return openUrl(option, image, loading);
}

/** @param {ImageSource | FileHandle} image @returns {image is FileHandle} */
const isHandle = (image) =>
  typeof image === "object" && "getFile" in image && typeof image.getFile === "function";

/**
 * A file the user has chosen, read piece by piece.
 * @implements {DriveSource}
 */
class BlobSource {
  readOnly = true;
  #option;
  #blob;
  #cache;

  /** @param {string} option @param {Blob} blob */
  constructor(option, blob) {
    this.name = nameOf(blob);
    this.size = blob.size;
    this.#option = option;
    this.#blob = blob;
    this.#cache = new ReadCache(blob.size, (offset, length) => this.#slice(offset, length), OF_FILES);
  }

  /** @param {number} offset @param {number} length */
  read(offset, length) {
    return this.#cache.read(offset, length);
  }

  close() {
    this.#blob = new Blob();
    this.#cache.clear();
  }

  /** @param {number} offset @param {number} length */
  async #slice(offset, length) {
    let bytes;
    try {
      bytes = new Uint8Array(await this.#blob.slice(offset, offset + length).arrayBuffer());
    } catch (error) {
      // Browsers forget a file that was changed, moved or deleted, and do not say which it was.
      const why = `changed, moved or deleted, perhaps (${sentenceOf(error)})`;
      const message = `${this.#option}: ${this.name} cannot be read any more: ${why}`;
      throw new PageVMError("image-changed", message);
    }
    if (bytes.length === length) return bytes;
    throw new PageVMError("image-unreachable", `${this.#option}: ${this.name} is closed`);
  }
}
