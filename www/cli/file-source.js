// @ts-check
/**
 * A file as a drive's medium: read where the guest wants it, and written in place only if that was asked for.
 *
 * Reads and writes are done at once, not by promise: the file lies on this machine, where the system's cache answers in
 * microseconds, and a machine that waits for its disk has nothing better to do. Only a flush takes its time.
 *
 * @import { DriveSource } from "../hosts/drive-source.js"
 */
import fs from "node:fs";
import { PageVMError } from "../lib/error.js";
import { sizeInWords } from "../lib/words.js";
import { badUse, fileReason } from "./failure.js";

/**
 * @param {string} option what the file was given as, without dashes: `"hda"`
 * @param {string} name
 * @param {{ writeThrough?: boolean }} [options] `writeThrough`: the guest's writes change the file
 * @returns {FileSource}
 */
export function openFileSource(option, name, { writeThrough = false } = {}) {
  let fd;
  try {
    fd = fs.openSync(name, fs.constants.O_NONBLOCK | (writeThrough ? fs.constants.O_RDWR : 0)); // a pipe would block
    const stat = fs.fstatSync(fd);
    if (stat.isDirectory()) throw new Error("is a folder");
    if (!stat.isFile()) throw new Error("is not a file");
    if (stat.size === 0) throw new Error("the file is empty");
    return new FileSource(option, name, fd, stat.size, writeThrough);
  } catch (error) {
    if (fd !== undefined) fs.closeSync(fd);
    throw badUse(`--${option}: ${name}: ${fileReason(error)}`);
  }
}

/** @implements {DriveSource} */
export class FileSource {
  #option;
  /** @type {number | undefined} */
  #fd;
  #size;

  /**
   * @param {string} option
   * @param {string} name
   * @param {number} fd the source's from now on
   * @param {number} size
   * @param {boolean} writeThrough
   */
  constructor(option, name, fd, size, writeThrough) {
    this.name = name;
    this.readOnly = !writeThrough;
    this.#option = option;
    this.#fd = fd;
    this.#size = size;
  }

  get size() {
    return this.#size;
  }

  /** @param {number} offset @param {number} length */
  read(offset, length) {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const read = this.#do("image-unreachable", "cannot be read", (fd) =>
        fs.readSync(fd, bytes, at, length - at, offset + at),
      );
      if (read === 0) {
        const left = `it ends at ${sizeInWords(offset + at)} now`;
        throw this.#error("image-changed", `has been cut off since the machine was given it: ${left}`);
      }
      at += read;
    }
    return bytes;
  }

  /** @param {number} offset @param {Uint8Array} bytes */
  write(offset, bytes) {
    if (this.readOnly) throw this.#error("image-unwritable", "is not to be written");
    for (let at = 0; at < bytes.length;) {
      at += this.#do("image-unwritable", "cannot be written", (fd) =>
        fs.writeSync(fd, bytes, at, bytes.length - at, offset + at),
      );
    }
    this.#size = Math.max(this.#size, offset + bytes.length);
  }

  /** @returns {void | Promise<void>} */
  flush() {
    const fd = this.#fd;
    if (this.readOnly || fd === undefined) return undefined;
    return new Promise((resolve, reject) => {
      fs.fsync(fd, (error) => {
        if (error) reject(this.#error("image-unwritable", `cannot be written: ${fileReason(error)}`));
        else resolve();
      });
    });
  }

  close() {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    fs.closeSync(fd);
  }

  /**
   * @param {import("../types/pagevm.js").PageVMErrorCode} code
   * @param {string} cannot
   * @param {(fd: number) => number} work
   */
  #do(code, cannot, work) {
    if (this.#fd === undefined) throw this.#error(code, `${cannot}: it is closed`);
    try {
      return work(this.#fd);
    } catch (error) {
      throw this.#error(code, `${cannot}: ${fileReason(error)}`);
    }
  }

  /** @param {import("../types/pagevm.js").PageVMErrorCode} code @param {string} what */
  #error(code, what) {
    return new PageVMError(code, `${this.#option}: ${this.name} ${what}`);
  }
}
