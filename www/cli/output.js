// @ts-check
/** Where the guest's bytes go: standard output and error, files, nowhere. */
import fs from "node:fs";
import { badUse, fileReason } from "./failure.js";

/**
 * @typedef {object} Sink
 * @property {(bytes: Uint8Array | string) => void} write
 * @property {() => number} backlog bytes accepted and not yet gone
 */

/** @type {Sink} */
export const nowhere = { write: () => {}, backlog: () => 0 };

/**
 * Standard output or error. A pipe whose reader is slow is written in the background: `backlog` tells.
 * @implements {Sink}
 */
export class StreamSink {
  #stream;
  #gone = false;
  #pending = 0;
  /** @type {(() => void) | undefined} */
  #onWritten;

  /**
   * @param {NodeJS.WriteStream} stream
   * @param {(error: Error) => void} onGone the reader went away
   */
  constructor(stream, onGone) {
    this.#stream = stream;
    stream.on("error", (error) => {
      if (this.#gone) return;
      this.#gone = true;
      this.#pending = 0;
      this.#onWritten?.();
      onGone(error);
    });
  }

  /** Called whenever some of the backlog went out. @param {() => void} onWritten */
  onWritten(onWritten) {
    this.#onWritten = onWritten;
  }

  /** @param {Uint8Array | string} bytes */
  write(bytes) {
    if (this.#gone || !bytes.length) return;
    const { length } = bytes;
    this.#pending += length;
    this.#stream.write(bytes, () => {
      if (this.#gone) return;
      this.#pending -= length;
      this.#onWritten?.();
    });
  }

  backlog() {
    return this.#pending;
  }

  /**
   * Waits until all has gone out; gives up when nothing went out for `patienceMs`.
   * @param {number} patienceMs
   * @returns {Promise<void>}
   */
  flush(patienceMs) {
    return new Promise((resolve) => {
      /** @type {NodeJS.Timeout | undefined} */
      let timer;
      const look = () => {
        clearTimeout(timer);
        if (!this.#pending) resolve();
        else timer = setTimeout(resolve, patienceMs);
      };
      this.#onWritten = look;
      look();
    });
  }
}

/**
 * A file, written at once.
 * @implements {Sink}
 */
export class FileSink {
  #fd;
  #option;
  #name;

  /** @param {string} option for messages @param {string} name */
  constructor(option, name) {
    this.#option = option;
    this.#name = name;
    try {
      this.#fd = fs.openSync(name, "w");
    } catch (error) {
      throw badUse(`--${option}: ${name}: ${fileReason(error)}`);
    }
  }

  /** @param {Uint8Array | string} bytes */
  write(bytes) {
    const all = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
    try {
      for (let at = 0; at < all.length;) at += fs.writeSync(this.#fd, all, at);
    } catch (error) {
      throw badUse(`--${this.#option}: ${this.#name}: ${fileReason(error)}`);
    }
  }

  backlog() {
    return 0;
  }
}
