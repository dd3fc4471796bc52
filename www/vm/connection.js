// @ts-check
/**
 * The page's end of one worker: starts it, gives it the wasm code, numbers requests, tells when it dies.
 *
 * The wasm code is fetched and compiled once a page, whatever the number of machines, and handed to each worker. A page
 * that may not compile it (its security policy may be stricter than the worker's) leaves that to the worker.
 *
 * @import { PlainError } from "../lib/error.js"
 * @import { AnyRequest, Note, Reply, Requests, WorkerEvent } from "./protocol.js"
 */
import { startWorker } from "../hosts/start-worker.js";
import { PageVMError } from "../lib/error.js";

/** @typedef {{ resolve: (value: never) => void, reject: (error: PageVMError) => void }} Waiting */

/** Where the bundle's other files are: beside the one this code runs from. */
const WORKER_URL = new URL("./worker.js", import.meta.url).href;
const WASM_URL = new URL("./pagevm_web_bg.wasm", import.meta.url).href;

/** @type {Promise<WebAssembly.Module | undefined> | undefined} */
let compiled;

/** The wasm code, compiled; nothing where the page cannot: the worker then tries, and says what is wrong. */
function wasmModule() {
  compiled ??= (async () => {
    const response = await fetch(WASM_URL);
    if (!response.ok) return undefined;
    // Hosts that call wasm by another type make streaming fail; the bytes are the same.
    if (response.headers.get("content-type") === "application/wasm")
      return WebAssembly.compileStreaming(response);
    return WebAssembly.compile(await response.arrayBuffer());
  })().catch(() => {
    compiled = undefined; // the next machine may have better luck with the network
    return undefined;
  });
  return compiled;
}

export class Connection {
  #worker;
  #onEvent;
  #onEnd;
  #nextId = 1;
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  /** @type {PageVMError | undefined} */
  #ended;
  /** @type {() => void} */
  #spoke = () => {};
  /** @type {Promise<void>} */
  #hello;
  #moduleRefused = false;

  /**
   * @param {{ onEvent: (event: WorkerEvent) => void, onEnd: (error: PageVMError) => void }} hooks `onEnd`: the worker
   *   died by itself; not called for `close()`
   */
  constructor({ onEvent, onEnd }) {
    this.#onEvent = onEvent;
    this.#onEnd = onEnd;
    this.#hello = new Promise((resolve) => (this.#spoke = resolve));
    try {
      this.#worker = startWorker(WORKER_URL, "PageVM");
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new PageVMError("worker-failed", `the browser refused to start PageVM's worker: ${why}`);
    }
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => {
      // No message: the script itself could not be loaded, and the browser does not say why.
      const why = event.message
        ? `: ${event.message}`
        : ` (is ${WORKER_URL} there, and may this page start it?)`;
      this.#end(new PageVMError("worker-failed", `PageVM's worker failed${why}`));
    };
  }

  /** Waits for the worker and gives it its code. */
  async load() {
    const module = await wasmModule();
    await this.#unlessEnded(this.#hello);
    const args = { wasmUrl: WASM_URL, module };
    if (module === undefined) return this.request("load", args);
    try {
      await this.request("load", args);
    } catch (error) {
      if (!this.#moduleRefused) throw error;
      await this.request("load", { ...args, module: undefined });
    }
  }

  /**
   * @template {keyof Requests} K
   * @param {K} request
   * @param {Requests[K]["args"]} args
   * @param {Transferable[]} [transfer]
   * @returns {Promise<Requests[K]["value"]>}
   */
  request(request, args, transfer = []) {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: /** @type {(value: never) => void} */ (resolve), reject });
      try {
        this.#worker.postMessage(/** @type {AnyRequest} */ ({ id, request, args }), transfer);
      } catch (error) {
        this.#waiting.delete(id);
        if (request === "load") this.#moduleRefused = true;
        const why = error instanceof Error ? error.message : String(error);
        reject(new PageVMError("bad-option", `${request}: ${why}`));
      }
    });
  }

  /** @param {Note} note @param {Transferable[]} [transfer] */
  note(note, transfer = []) {
    if (!this.#ended) this.#worker.postMessage(note, transfer);
  }

  /** Ends the worker; what is still asked of it is refused with `error`. @param {PageVMError} error */
  close(error) {
    if (this.#ended) return;
    this.#ended = error;
    this.#worker.onmessage = null;
    this.#worker.onerror = null;
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#spoke();
  }

  /** @param {PageVMError} error */
  #end(error) {
    if (this.#ended) return;
    this.close(error);
    this.#onEnd(error);
  }

  /** @param {Promise<void>} promise */
  async #unlessEnded(promise) {
    await promise;
    if (this.#ended) throw this.#ended;
  }

  /** @param {Reply | WorkerEvent} message */
  #receive(message) {
    if ("event" in message) {
      if (message.event === "hello") this.#spoke();
      else if (message.event === "failed") this.#end(revived(message.error));
      else if (message.event === "refused") this.#refuse();
      else this.#onEvent(message);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if (!waiting) return;
    this.#waiting.delete(message.id);
    if ("error" in message) waiting.reject(revived(message.error));
    else waiting.resolve(/** @type {never} */ (message.value));
  }

  /** A message did not arrive: it can only have been the one with the module, which is the first. */
  #refuse() {
    this.#moduleRefused = true;
    const error = new PageVMError("worker-failed", "the worker could not take PageVM's compiled code");
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/** @param {PlainError} error */
const revived = ({ code, message }) => new PageVMError(code, message);
