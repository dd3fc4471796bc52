// @ts-check
/**
 * A canvas as a machine's screen.
 *
 * One that the page gives away is drawn on by a worker (painter.js): measured in Chromium, a frame takes the page 2.5 ms
 * when it draws itself, up to 25 ms for the largest pictures, and 0.1 ms when the worker does. A canvas that is not given
 * away, and every canvas where workers cannot draw, is drawn on here.
 *
 * @import { Frame, ScreenNote } from "../vm/protocol.js"
 */
import { Notice } from "../lib/names.js";
import { follow, Picture } from "./picture.js";
import { startWorker } from "./start-worker.js";

/**
 * What a painter is told: its work, once; then the size the canvas is shown at and whether the page is hidden; its end.
 * @typedef {{ width: number, height: number }} Size
 * @typedef {{ canvas: OffscreenCanvas, port: MessagePort, magnify: boolean, shown: Size, hidden: boolean }
 *   | { shown: Size } | { hidden: boolean } | { closed: true }} PainterNote
 */

const PAINTER_URL = new URL("./painter.js", import.meta.url).href;

export class CanvasScreen {
  #canvas;
  #port;
  #magnify;
  /** Where pictures are drawn in this thread. @type {Picture | undefined} */
  #picture;
  /** @type {Worker | undefined} */
  #painter;
  /** The canvas is the painter's. */
  #given = false;
  #closed = false;
  /** @type {ResizeObserver | undefined} */
  #observer;
  #shown = { width: 0, height: 0 };
  /** Aborts when closed. */
  #life = new AbortController();

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {MessagePort} port on which pictures come
   * @param {{ magnify: boolean, transfer: boolean }} options
   */
  constructor(canvas, port, { magnify, transfer }) {
    this.#canvas = canvas;
    this.#port = port;
    this.#magnify = magnify;
    if (magnify) {
      const { width, height } = canvas.getBoundingClientRect();
      this.#shown = { width: width * devicePixelRatio, height: height * devicePixelRatio };
      this.#observer = new ResizeObserver(([entry]) => entry && this.#resized(entry.contentRect));
      this.#observer.observe(canvas);
    }
    if (transfer && typeof canvas.transferControlToOffscreen === "function") this.#startPainter();
    else this.#drawHere();
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#observer?.disconnect();
    this.#life.abort();
    const note = /** @type {ScreenNote & PainterNote} */ ({ closed: true });
    if (this.#given) {
      this.#painter?.postMessage(note); // which passes it on and ends
    } else {
      this.#port.postMessage(note);
      this.#painter?.terminate();
    }
  }

  /** The canvas is given away only once it is certain that the painter can paint. */
  #startPainter() {
    try {
      this.#painter = startWorker(PAINTER_URL, "PageVM screen");
    } catch {
      this.#drawHere();
      return;
    }
    this.#painter.onmessage = ({ data }) => {
      if ("size" in data) this.#sized(data.size);
      else this.#began(data.able === true);
    };
    this.#painter.onerror = (event) => {
      event.preventDefault();
      this.#began(false);
    };
  }

  /** @param {boolean} able */
  #began(able) {
    const painter = this.#painter;
    if (this.#closed || this.#given || !painter) return;
    if (!able) {
      painter.terminate();
      this.#painter = undefined;
      this.#drawHere();
      return;
    }
    let canvas;
    try {
      canvas = this.#canvas.transferControlToOffscreen();
    } catch {
      this.#began(false); // something has been drawn on it already
      return;
    }
    this.#given = true;
    /** @type {PainterNote} */
    const work = {
      canvas,
      port: this.#port,
      magnify: this.#magnify,
      shown: this.#shown,
      hidden: document.hidden,
    };
    painter.postMessage(work, [canvas, this.#port]);
    document.addEventListener(
      "visibilitychange",
      () => painter.postMessage(/** @type {PainterNote} */ ({ hidden: document.hidden })),
      { signal: this.#life.signal },
    );
  }

  #drawHere() {
    this.#picture = new Picture(
      this.#canvas,
      (size) => this.#sized(size),
      this.#magnify ? document.createElement("canvas") : undefined,
    );
    this.#picture.showAt(this.#shown);
    follow(this.#port, this.#picture);
  }

  /** Pictures are of another size now. @param {Size} detail */
  #sized(detail) {
    this.#canvas.dispatchEvent(new CustomEvent(Notice.PICTURE, { detail }));
  }

  /** @param {DOMRectReadOnly} box */
  #resized({ width, height }) {
    if (width === 0 || height === 0) return; // not on show
    this.#shown = { width: width * devicePixelRatio, height: height * devicePixelRatio };
    this.#picture?.showAt(this.#shown);
    if (this.#given) this.#painter?.postMessage(/** @type {PainterNote} */ ({ shown: this.#shown }));
  }
}

/** @param {Frame} frame @returns {Promise<Blob>} a PNG file */
export async function pngOf({ width, height, pixels }) {
  const canvas = document.createElement("canvas");
  // A machine that has shown nothing yet has a screen all the same: black, of the smallest size there is.
  canvas.width = width || 1;
  canvas.height = height || 1;
  const context = canvas.getContext("2d", { alpha: false });
  if (width && height) context?.putImageData(new ImageData(pixels, width, height), 0, 0);
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("the browser made no picture"))),
      "image/png",
    );
  });
}
