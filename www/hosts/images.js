// @ts-check
/**
 * Brings images into memory, telling how far it is, and says in words why one does not come.
 *
 * @import { ImageSource, ProgressDetail } from "../types/pagevm.js"
 */
import { PageVMError } from "../lib/error.js";
import { sentenceOf, sizeInWords } from "../lib/words.js";

/** Progress is told no more often than this. */
const PROGRESS_MS = 50;

/**
 * What every image is loaded with.
 * @typedef {{ signal: AbortSignal, onProgress: (progress: ProgressDetail) => void }} Loading
 */

/**
 * @param {string} name the option it was given as
 * @param {ImageSource} source
 * @param {Loading} loading
 * @returns {Promise<Uint8Array<ArrayBuffer>>} bytes of the caller's own, never a view of what was given
 */
export async function loadImage(name, source, loading) {
  const bytes = await bytesOf(name, source, loading);
  checkLength(name, source, bytes.length);
  return bytes;
}

/**
 * An image that is empty, or not as long as was said, is refused.
 * @param {string} name
 * @param {ImageSource} source
 * @param {number} length
 */
export function checkLength(name, source, length) {
  if (length === 0) throw new PageVMError("image-empty", `${name}: ${nameOf(source)} is empty`);
  const size = sizeOf(source);
  if (size === undefined || length === size) return;
  const is = length < size ? "too short" : "too long";
  throw new PageVMError(
    "image-too-short",
    `${name}: ${nameOf(source)} is ${is}: ${sizeInWords(length)} instead of ${sizeInWords(size)}`,
  );
}

/** Whether a value is an image at all. @param {unknown} source @returns {source is ImageSource} */
export function isImage(source) {
  if (typeof source === "string") return source !== "";
  if (source instanceof URL || source instanceof Blob || source instanceof ArrayBuffer) return true;
  if (source instanceof Uint8Array) return true;
  if (typeof source !== "object" || source === null || !("url" in source)) return false;
  return (typeof source.url === "string" && source.url !== "") || source.url instanceof URL;
}

/** @param {ImageSource} source */
function urlOf(source) {
  if (typeof source === "string" || source instanceof URL) return source;
  return "url" in source ? source.url : undefined;
}

/** @param {ImageSource} source */
export function sizeOf(source) {
  return typeof source === "object" && "url" in source ? source.size : undefined;
}

/** What to call an image in a sentence. @param {ImageSource} source */
export function nameOf(source) {
  const url = urlOf(source);
  if (url !== undefined) return absolute(url);
  return source instanceof File && source.name ? `“${source.name}”` : "the image";
}

/** The same in few words, for a list: the file's name, as far as there is one. @param {ImageSource} source */
export function labelOf(source) {
  const url = urlOf(source);
  if (url === undefined) return (source instanceof File && source.name) || "image without a name";
  const last = String(url).split(/[?#]/, 1)[0]?.split("/").findLast(Boolean) ?? "";
  try {
    return decodeURIComponent(last) || String(url);
  } catch {
    return last;
  }
}

/** @param {string | URL} url */
function absolute(url) {
  try {
    return new URL(url, document.baseURI).href;
  } catch {
    return String(url);
  }
}

/**
 * @param {string} name
 * @param {ImageSource} source
 * @param {Loading} loading
 */
async function bytesOf(name, source, { signal, onProgress }) {
  if (source instanceof ArrayBuffer) return new Uint8Array(source.slice(0));
  if (source instanceof Uint8Array) return new Uint8Array(source);
  if (source instanceof Blob) {
    try {
      return await collect(source.stream(), source.size, true, {
        signal,
        onProgress: forImage(name, onProgress),
      });
    } catch (error) {
      if (signal.aborted) throw aborted();
      throw new PageVMError(
        "image-unreachable",
        `${name}: ${nameOf(source)} cannot be read: ${sentenceOf(error)}`,
      );
    }
  }
  const url = nameOf(source);
  let response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    if (signal.aborted) throw aborted();
    throw new PageVMError("image-unreachable", `${name}: ${url} cannot be reached (${sentenceOf(error)})`);
  }
  return bytesOfAnswer(name, url, response, { signal, onProgress });
}

/**
 * The whole of an answer, which must be the whole file.
 * @param {string} name
 * @param {string} url
 * @param {Response} response
 * @param {Loading} loading the signal must be the one that ends the fetch, too
 */
export async function bytesOfAnswer(name, url, response, { signal, onProgress }) {
  if (!response.ok) throw new PageVMError("image-not-found", `${name}: ${url} answered ${response.status}`);

  // The length announced is that of what crosses the wire. Only where the answer's headers can all be seen is it
  // certain that what crossed is the file itself; elsewhere the length is a guess at how far the loading is.
  const announced = Number(response.headers.get("content-length") ?? 0);
  const certain = response.type === "basic" && !response.headers.has("content-encoding") && announced > 0;
  const told = forImage(name, onProgress);
  let loaded = 0;
  let bytes;
  try {
    const count = (/** @type {number} */ at, /** @type {number} */ of) => told((loaded = at), of);
    if (response.body)
      bytes = await collect(response.body, announced, certain, { signal, onProgress: count });
    else bytes = new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    if (signal.aborted) throw aborted();
    if (error instanceof RangeError) {
      const size = announced > loaded ? sizeInWords(announced) : `more than ${sizeInWords(loaded)}`;
      throw new PageVMError("too-large", `${name}: ${url} is too large to be held in memory: ${size}`);
    }
    const of = certain ? ` of ${sizeInWords(announced)}` : "";
    throw new PageVMError("image-unreachable", `${name}: ${url} broke off after ${sizeInWords(loaded)}${of}`);
  }
  if (certain && bytes.length < announced) {
    const message = `${name}: ${url} is too short: ${sizeInWords(bytes.length)} came of ${sizeInWords(announced)}`;
    throw new PageVMError("image-too-short", message);
  }
  return bytes;
}

export const aborted = () => new PageVMError("aborted", "loading was given up");

/**
 * @param {string} image
 * @param {(progress: ProgressDetail) => void} onProgress
 */
function forImage(image, onProgress) {
  return (/** @type {number} */ loaded, /** @type {number} */ total) => onProgress({ image, loaded, total });
}

/**
 * Reads a stream to its end.
 * @param {ReadableStream<Uint8Array>} stream
 * @param {number} length what is expected, or 0
 * @param {boolean} certain whether that is exact
 * @param {{ signal: AbortSignal, onProgress: (loaded: number, total: number) => void }} loading
 */
async function collect(stream, length, certain, { signal, onProgress }) {
  // A length that is exact saves the second copy: the bytes go where they stay. Lies about it are only believed up to
  // what the engine gives memory for.
  let bytes = new Uint8Array(certain ? length : 1 << 20);
  let loaded = 0;
  let told = -Infinity;
  const total = () => (length >= loaded ? length : 0);
  const reader = stream.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel);
  try {
    onProgress(0, length);
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) throw aborted();
      if (done) break;
      if (loaded + value.length > bytes.length) {
        const larger = new Uint8Array(Math.max(2 * bytes.length, loaded + value.length));
        larger.set(bytes.subarray(0, loaded));
        bytes = larger;
      }
      bytes.set(value, loaded);
      loaded += value.length;
      if (performance.now() - told > PROGRESS_MS) {
        told = performance.now();
        onProgress(loaded, total());
      }
    }
  } finally {
    signal.removeEventListener("abort", cancel);
  }
  onProgress(loaded, loaded);
  return loaded === bytes.length ? bytes : bytes.slice(0, loaded);
}
