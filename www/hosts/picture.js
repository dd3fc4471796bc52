// @ts-check
/**
 * Draws the machine's pictures on a canvas; runs in the page, and in a worker of its own (painter.js).
 *
 * A canvas shown larger than its pictures is blurred or uneven when the browser stretches it. When it is magnified, the
 * picture is first enlarged by whole pixels to just above the size it is shown at, then shrunk by the browser: letters
 * stay sharp at any size.
 *
 * @import { Patch, ScreenNote } from "../vm/protocol.js"
 */

/** More than this costs memory and shows no better: times, and pixels of the canvas. */
const MOST = 4;
const MOST_PIXELS = 1 << 24;

/** @typedef {HTMLCanvasElement | OffscreenCanvas} Canvas */

/** @param {Canvas} canvas @returns {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D | null} */
const contextOf = (canvas) => /** @type {HTMLCanvasElement} */ (canvas).getContext("2d", { alpha: false });

/** Changing the size, even to what it is, clears a canvas. @param {Canvas} canvas @param {number} width @param {number} height */
function resize(canvas, width, height) {
  if (canvas.width === width && canvas.height === height) return false;
  canvas.width = width;
  canvas.height = height;
  return true;
}

export class Picture {
  #canvas;
  #context;
  /** The picture as it is, where the canvas has it magnified. @type {Canvas | undefined} */
  #plain;
  /** The size the canvas is shown at, in pixels of the device. */
  #shown = { width: 0, height: 0 };
  /** Of the picture. */
  #size = { width: 0, height: 0 };
  #onSize;

  /**
   * @param {Canvas} canvas
   * @param {(size: { width: number, height: number }) => void} onSize hears of each picture whose size is another than the
   *   last one's, as it is drawn
   * @param {Canvas} [plain] another one, for magnifying
   */
  constructor(canvas, onSize, plain) {
    this.#canvas = canvas;
    this.#onSize = onSize;
    this.#context = contextOf(canvas);
    this.#plain = plain;
    if (plain) resize(plain, 0, 0);
  }

  /** @param {{ width: number, height: number }} size */
  showAt(size) {
    this.#shown = size;
    this.#enlarge();
  }

  /** @param {Patch} patch */
  draw({ of, part, buffer }) {
    const target = this.#plain ?? this.#canvas;
    resize(target, of.width, of.height);
    if (of.width !== this.#size.width || of.height !== this.#size.height) {
      this.#size = of;
      this.#onSize(of);
    }
    const pixels = new Uint8ClampedArray(buffer, 0, part.width * part.height * 4);
    const context = this.#plain ? contextOf(this.#plain) : this.#context;
    context?.putImageData(new ImageData(pixels, part.width, part.height), part.x, part.y);
    this.#enlarge(part);
  }

  /** @param {Patch["part"]} [part] what has changed of the picture, unless all */
  #enlarge(part) {
    const plain = this.#plain;
    if (!plain || !this.#context || plain.width === 0) return;
    const size = Math.max(this.#shown.width / plain.width, this.#shown.height / plain.height);
    const most = Math.min(MOST, Math.floor(Math.sqrt(MOST_PIXELS / (plain.width * plain.height))));
    const times = Math.max(Math.min(Math.ceil(size - 0.01), most), 1);
    const cleared = resize(this.#canvas, plain.width * times, plain.height * times);
    const whole = { x: 0, y: 0, width: plain.width, height: plain.height };
    const { x, y, width, height } = cleared ? whole : (part ?? whole);
    this.#context.imageSmoothingEnabled = false;
    this.#context.drawImage(plain, x, y, width, height, x * times, y * times, width * times, height * times);
  }
}

/**
 * Asks for pictures over a port and draws them when the browser paints. While the page is hidden none is drawn, and so none
 * asked for: in the page the browser sees to that, in a worker it has to be told.
 * @param {MessagePort} port
 * @param {{ draw: (patch: Patch) => void }} picture
 * @returns {(hidden: boolean) => void} tells it whether the page is hidden
 */
export function follow(port, picture) {
  let hidden = false;
  /** @type {Patch | undefined} */
  let waiting;
  const ask = (/** @type {ArrayBuffer} */ buffer) =>
    port.postMessage(/** @type {ScreenNote} */ ({ buffer }), [buffer]);
  const draw = () =>
    requestAnimationFrame(() => {
      if (hidden || !waiting) return;
      const patch = waiting;
      waiting = undefined;
      picture.draw(patch);
      ask(patch.buffer);
    });
  port.onmessage = (/** @type {MessageEvent<Patch>} */ { data }) => {
    waiting = data;
    if (!hidden) draw();
  };
  ask(new ArrayBuffer(0));
  return (now) => {
    hidden = now;
    if (!hidden && waiting) draw();
  };
}
