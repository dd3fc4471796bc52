// @ts-check
/**
 * A medium behind a URL, read by HTTP range requests (RFC 9110, section 14) as the guest wants it.
 *
 * The first request asks for the first block. What comes back decides: part of the file, and then its size is known; or
 * the whole file, because the server does not know ranges; then all of it is loaded, with progress told. Where the
 * answer does not show the size (another origin must list Content-Range in Access-Control-Expose-Headers), the image's
 * own `size` has to; without it the whole file is loaded, too.
 *
 * A file that is replaced while a machine runs would give it two halves that do not fit together. So each answer's ETag,
 * Last-Modified and size, as far as they are shown, must be those of the first; if they are not, every read from then
 * on fails.
 *
 * What may pass (the network, a server that is overloaded, an answer that breaks off or stalls) is tried again a few
 * times before a read fails; and a later read tries anew.
 *
 * @import { ImageSource, PageVMErrorCode } from "../types/pagevm.js"
 * @import { DriveSource } from "./drive-source.js"
 * @import { Loading } from "./images.js"
 * @import { Shape } from "./read-cache.js"
 */
import { PageVMError } from "../lib/error.js";
import { sentenceOf, sizeInWords } from "../lib/words.js";
import { aborted, bytesOfAnswer, checkLength, nameOf, sizeOf } from "./images.js";
import { MemorySource } from "./memory-source.js";
import { ReadCache } from "./read-cache.js";

/** The first block is what opening asks for. */
const BLOCK = 256 * 1024;

/**
 * How patient reading is.
 * @typedef {object} Patience
 * @property {readonly number[]} retryMs how long to wait before each further try
 * @property {number} stallMs a try is given up when nothing has come for so long
 */

/** @type {Patience} */
const PATIENCE = { retryMs: [250, 1000, 4000], stallMs: 30_000 };

/** What may be over at the next try. */
class Passing extends PageVMError {}

/**
 * By what a file is known again, as far as a server shows it.
 * @typedef {object} Stamp
 * @property {string | null} etag
 * @property {string | null} modified
 * @property {number | undefined} total bytes of the file
 */

/**
 * @param {string} option
 * @param {ImageSource} image a URL, with or without its size
 * @param {Loading} loading
 * @param {{ patience?: Patience, shape?: Omit<Shape, "block"> }} [settings]
 * @returns {Promise<DriveSource>}
 */
export async function openUrl(option, image, loading, { patience = PATIENCE, shape = {} } = {}) {
  const url = nameOf(image);
  const response = await probe(option, url, loading.signal);
  if (response?.status === 416 && totalOf(response) === 0) checkLength(option, image, 0);
  if (response?.status === 206) {
    const stamp = stampOf(response);
    const size = stamp.total ?? sizeOf(image);
    if (size !== undefined && !isEncoded(response)) {
      checkLength(option, image, size);
      const first = await bytesOf(response, Math.min(BLOCK, size), () => {}).catch((error) => {
        if (loading.signal.aborted) throw aborted();
        throw new PageVMError("image-unreachable", `${option}: ${url} broke off (${sentenceOf(error)})`);
      });
      if (rangeStart(response) !== 0 || first?.length !== Math.min(BLOCK, size)) {
        const asked = sizeInWords(Math.min(BLOCK, size));
        const message = `${option}: ${url} is not what was asked for: not its first ${asked}`;
        throw new PageVMError("image-too-short", message);
      }
      return new UrlSource(option, url, { ...stamp, total: size }, first, { patience, shape });
    }
  }
  if (response && [200, 404, 410].includes(response.status)) {
    return whole(option, image, response, loading);
  }
  // It answers ranges in a way that is of no use, or not at all: perhaps it answers without.
  void response?.body?.cancel().catch(() => {});
  let again;
  try {
    again = await fetch(url, { signal: loading.signal });
  } catch (error) {
    if (loading.signal.aborted) throw aborted();
    const message = `${option}: ${url} cannot be reached (${sentenceOf(error)})`;
    throw new PageVMError("image-unreachable", message);
  }
  return whole(option, image, again, loading);
}

/**
 * Asks for the first block. Gives nothing if nothing came: a server of another origin may refuse only ranges.
 * @param {string} option
 * @param {string} url
 * @param {AbortSignal} signal
 */
async function probe(option, url, signal) {
  try {
    return await fetch(url, { signal, headers: { range: `bytes=0-${BLOCK - 1}` } });
  } catch {
    if (signal.aborted) throw aborted();
    return undefined;
  }
}

/**
 * A medium of a file that is loaded whole.
 * @param {string} option
 * @param {ImageSource} image
 * @param {Response} response
 * @param {Loading} loading
 */
async function whole(option, image, response, loading) {
  const url = nameOf(image);
  const bytes = await bytesOfAnswer(option, url, response, loading);
  checkLength(option, image, bytes.length);
  return new MemorySource(url, bytes);
}

/** @param {Response} response @returns {Stamp} */
const stampOf = (response) => ({
  etag: response.headers.get("etag"),
  modified: response.headers.get("last-modified"),
  total: totalOf(response),
});

/** The file's size, where an answer shows it. @param {Response} response */
function totalOf({ headers }) {
  const total = /^\s*bytes\s+(?:\d+-\d+|\*)\/(\d+)\s*$/i.exec(headers.get("content-range") ?? "")?.[1];
  return total === undefined ? undefined : Number(total);
}

/** Where an answer begins in the file: at what was asked for, 0, unless it shows otherwise. @param {Response} response */
function rangeStart({ headers }) {
  return Number(/^\s*bytes\s+(\d+)-/i.exec(headers.get("content-range") ?? "")?.[1] ?? 0);
}

/** Ranges of what is encoded are no ranges of the file. @param {Response} response */
function isEncoded({ headers }) {
  return !["", "identity"].includes(headers.get("content-encoding")?.toLowerCase() ?? "");
}

/** Whether two answers may be of the same file. @param {Stamp} one @param {Stamp} other */
function fit(one, other) {
  const differ = (/** @type {unknown} */ a, /** @type {unknown} */ b) =>
    a !== null && a !== undefined && b !== null && b !== undefined && a !== b;
  return !(
    differ(one.etag, other.etag) ||
    differ(one.modified, other.modified) ||
    differ(one.total, other.total)
  );
}

/**
 * What an answer holds, at most `length` bytes: fewer if it breaks off cleanly, nothing if there are more.
 * @param {Response} response
 * @param {number} length
 * @param {() => void} onData
 */
async function bytesOf(response, length, onData) {
  const bytes = new Uint8Array(length);
  let loaded = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) return bytes.subarray(0, loaded);
    onData();
    if (value.length > length - loaded) {
      void reader?.cancel().catch(() => {});
      return undefined;
    }
    bytes.set(value, loaded);
    loaded += value.length;
  }
}

/** @implements {DriveSource} */
class UrlSource {
  readOnly = true;
  #option;
  #stamp;
  #patience;
  #cache;
  #closed = new AbortController();
  /** Why nothing can be read any more. @type {PageVMError | undefined} */
  #over;

  /**
   * @param {string} option
   * @param {string} url
   * @param {Stamp & { total: number }} stamp
   * @param {Uint8Array} first its first block
   * @param {{ patience: Patience, shape: Omit<Shape, "block"> }} settings
   */
  constructor(option, url, stamp, first, { patience, shape }) {
    this.name = url;
    this.size = stamp.total;
    this.#option = option;
    this.#stamp = stamp;
    this.#patience = patience;
    const load = (/** @type {number} */ offset, /** @type {number} */ length) => this.#load(offset, length);
    this.#cache = new ReadCache(this.size, load, { ...shape, block: BLOCK });
    this.#cache.put(0, first);
  }

  /** @param {number} offset @param {number} length */
  read(offset, length) {
    return this.#over ? Promise.reject(this.#over) : this.#cache.read(offset, length);
  }

  close() {
    this.#over ??= this.#error("image-unreachable", "is closed");
    this.#closed.abort();
    this.#cache.clear();
  }

  /** @param {PageVMErrorCode} code @param {string} what */
  #error(code, what) {
    return new PageVMError(code, `${this.#option}: ${this.name} ${what}`);
  }

  /** @param {string} what */
  #passing(what) {
    return new Passing("image-unreachable", `${this.#option}: ${this.name} ${what}`);
  }

  #changed() {
    this.#over ??= this.#error(
      "image-changed",
      "has changed since the machine was given it; nothing more is read from it",
    );
    this.#cache.clear();
    return this.#over;
  }

  /** @param {number} offset @param {number} length */
  async #load(offset, length) {
    for (const waitMs of [...this.#patience.retryMs, undefined]) {
      if (this.#over) throw this.#over;
      try {
        return await this.#attempt(offset, length);
      } catch (error) {
        if (this.#over) throw this.#over;
        if (!(error instanceof Passing) || waitMs === undefined) throw error;
        await this.#wait(waitMs);
      }
    }
    throw this.#passing("cannot be reached"); // not met: the last try has thrown
  }

  /** Waits, unless it is closed. @param {number} ms @returns {Promise<void>} */
  #wait(ms) {
    const { signal } = this.#closed;
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end);
      if (signal.aborted) end();
    });
  }

  /**
   * Asks once.
   * @param {number} offset
   * @param {number} length
   */
  async #attempt(offset, length) {
    const { stallMs } = this.#patience;
    const attempt = new AbortController();
    const giveUp = () => attempt.abort();
    let stalled = false;
    const onStall = () => {
      stalled = true;
      giveUp();
    };
    let timer = setTimeout(onStall, stallMs);
    const onData = () => {
      clearTimeout(timer);
      timer = setTimeout(onStall, stallMs);
    };
    this.#closed.signal.addEventListener("abort", giveUp);
    try {
      const headers = { range: `bytes=${offset}-${offset + length - 1}` };
      const response = await fetch(this.name, { signal: attempt.signal, headers });
      onData();
      try {
        this.#check(response, offset);
      } catch (error) {
        giveUp(); // whatever would come is not wanted
        throw error;
      }
      const bytes = await bytesOf(response, length, onData);
      if (bytes?.length === length) return bytes;
      throw bytes
        ? this.#passing(`broke off: ${sizeInWords(bytes.length)} came of ${sizeInWords(length)}`)
        : this.#error("image-unreachable", "answered with more than it was asked for");
    } catch (error) {
      if (error instanceof PageVMError) throw error;
      if (stalled) throw this.#passing("does not answer any more");
      throw this.#passing(`cannot be reached or broke off (${sentenceOf(error)})`);
    } finally {
      clearTimeout(timer);
      this.#closed.signal.removeEventListener("abort", giveUp);
    }
  }

  /** Whether an answer is one to what was asked. @param {Response} response @param {number} offset */
  #check(response, offset) {
    const { status } = response;
    // Both say that the file has an end before what was asked for, and once it had not.
    if (status === 416 || (response.ok && !fit(this.#stamp, stampOf(response)))) throw this.#changed();
    if (status === 404 || status === 410) throw this.#error("image-not-found", `answered ${status}`);
    if (status === 408 || status === 429 || status >= 500) throw this.#passing(`answered ${status}`);
    if (!response.ok) throw this.#error("image-unreachable", `answered ${status}`);
    if (status !== 206 || isEncoded(response)) {
      throw this.#error("image-unreachable", "does not answer ranges any more");
    }
    if (response.headers.has("content-range") && rangeStart(response) !== offset) {
      throw this.#error("image-unreachable", "answered with another range than was asked for");
    }
  }
}
