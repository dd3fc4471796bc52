// @ts-check
/**
 * A worker that draws a machine's pictures on a canvas that its page has given away. The page itself has nothing to do
 * with them then, and the machine's own worker no more than to send what has changed.
 *
 * @import { ScreenNote } from "../vm/protocol.js"
 * @import { PainterNote } from "./canvas.js"
 */
import { follow, Picture } from "./picture.js";

/**
 * The part of a worker's global object that is used here. (The types of workers and of pages exclude each other.)
 * @typedef {object} WorkerScope
 * @property {(message: unknown) => void} postMessage
 * @property {((event: MessageEvent<PainterNote>) => void) | null} onmessage
 * @property {() => void} close
 */
const scope = /** @type {WorkerScope} */ (/** @type {unknown} */ (globalThis));

/** Whether this browser can do it at all. */
function able() {
  try {
    return typeof requestAnimationFrame === "function" && new OffscreenCanvas(1, 1).getContext("2d") !== null;
  } catch {
    return false;
  }
}

/** @type {Picture | undefined} */
let picture;
/** @type {MessagePort | undefined} */
let pictures;
/** @type {((hidden: boolean) => void) | undefined} */
let hide;
scope.onmessage = (/** @type {MessageEvent<PainterNote>} */ { data }) => {
  if ("canvas" in data) {
    const { canvas, port, magnify } = data;
    pictures = port;
    const tell = (/** @type {{ width: number, height: number }} */ size) => scope.postMessage({ size });
    picture = new Picture(canvas, tell, magnify ? new OffscreenCanvas(1, 1) : undefined);
    picture.showAt(data.shown);
    hide = follow(port, picture);
    hide(data.hidden);
  } else if ("shown" in data) {
    picture?.showAt(data.shown);
  } else if ("hidden" in data) {
    hide?.(data.hidden);
  } else {
    pictures?.postMessage(/** @type {ScreenNote} */ ({ closed: true }));
    scope.close();
  }
};
scope.postMessage({ able: able() });
