// @ts-check
/**
 * Draws the machine's pictures on a canvas.
 *
 * A canvas shown larger than its pictures is blurred or uneven when the browser stretches it. With `magnify` the
 * picture is first enlarged by whole pixels to just above the size it is shown at, then shrunk by the browser: letters
 * stay sharp at any size.
 *
 * @import { Frame } from "../vm/protocol.js"
 */

/** More than this costs memory and shows no better. */
const MOST = 4;

export class CanvasScreen {
  #canvas;
  #magnify;
  /** @type {CanvasRenderingContext2D | null} */
  #context;
  /** @type {HTMLCanvasElement | undefined} */
  #plain;
  /** @type {ResizeObserver | undefined} */
  #observer;

  /** @param {HTMLCanvasElement} canvas @param {{ magnify: boolean }} options */
  constructor(canvas, { magnify }) {
    this.#canvas = canvas;
    this.#magnify = magnify;
    this.#context = canvas.getContext("2d", { alpha: false });
    if (!magnify) return;
    this.#plain = document.createElement("canvas");
    this.#observer = new ResizeObserver(() => this.#enlarge());
    this.#observer.observe(canvas);
  }

  close() {
    this.#observer?.disconnect();
  }

  /** @param {Frame} frame */
  draw({ width, height, pixels }) {
    if (width === 0 || height === 0) return;
    const target = this.#plain ?? this.#canvas;
    if (target.width !== width) target.width = width;
    if (target.height !== height) target.height = height;
    const context = this.#plain ? this.#plain.getContext("2d", { alpha: false }) : this.#context;
    context?.putImageData(new ImageData(pixels, width, height), 0, 0);
    this.#enlarge();
  }

  #enlarge() {
    const plain = this.#plain;
    if (!plain || !this.#context) return;
    const canvas = this.#canvas;
    const box = canvas.getBoundingClientRect();
    const shown = Math.min(box.width / plain.width, box.height / plain.height) * devicePixelRatio;
    const times = Math.min(Math.max(Math.ceil(shown - 0.01), 1), MOST);
    if (canvas.width !== plain.width * times) canvas.width = plain.width * times;
    if (canvas.height !== plain.height * times) canvas.height = plain.height * times;
    this.#context.imageSmoothingEnabled = false;
    this.#context.drawImage(plain, 0, 0, canvas.width, canvas.height);
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
