// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { follow, Picture } from "./picture.js";

/** What the port's other end hears, what was drawn, and what waits for the browser to paint. */
let [asked, drawn] = [0, 0];
/** @type {(() => void)[]} */
let frames;
/** @type {any} */
let port;
/** @type {(hidden: boolean) => void} */
let hide;

beforeEach(() => {
  [asked, drawn, frames] = [0, 0, []];
  Object.assign(globalThis, { requestAnimationFrame: (/** @type {() => void} */ task) => frames.push(task) });
  port = { postMessage: () => asked++ };
  hide = follow(port, { draw: () => drawn++ });
});
afterEach(() => Reflect.deleteProperty(globalThis, "requestAnimationFrame"));

const receive = () => port.onmessage({ data: { buffer: new ArrayBuffer(4) } });
const paint = () => {
  for (const frame of frames.splice(0)) frame();
};

test("the next picture is asked for when one was drawn", () => {
  assert.deepEqual([asked, drawn], [1, 0]);
  receive();
  assert.deepEqual([asked, drawn], [1, 0]);
  paint();
  assert.deepEqual([asked, drawn], [2, 1]);
  paint();
  assert.deepEqual([asked, drawn], [2, 1]);
});

test("while hidden none is drawn, and the one that came meanwhile when it is over", () => {
  hide(true);
  receive();
  paint();
  assert.deepEqual([asked, drawn], [1, 0]);
  hide(false);
  paint();
  assert.deepEqual([asked, drawn], [2, 1]);
});

test("a picture that waits to be painted when the page is hidden is drawn once", () => {
  receive();
  hide(true);
  hide(false);
  paint();
  assert.deepEqual([asked, drawn], [2, 1]);
});

/** A canvas that notes what is done to it, and is cleared when its size is set. @param {string} name @param {string[]} notes */
function canvas(name, notes) {
  const sides = { width: 300, height: 150 };
  const side = (/** @type {"width" | "height"} */ key) => ({
    get: () => sides[key],
    set: (/** @type {number} */ value) => {
      sides[key] = value;
      notes.push(`${name} ${key} ${value}`);
    },
  });
  const context = {
    putImageData: (
      /** @type {ImageData} */ { width, height },
      /** @type {number} */ x,
      /** @type {number} */ y,
    ) => notes.push(`${name} put ${width}x${height} at ${x},${y}`),
    drawImage: (/** @type {unknown} */ _, /** @type {number[]} */ ...places) =>
      notes.push(`${name} draw ${places}`),
  };
  const made = Object.defineProperties({}, { width: side("width"), height: side("height") });
  return /** @type {any} */ (Object.assign(made, { getContext: () => context }));
}

test("another size clears the canvas, is told, and is drawn at once", () => {
  Object.assign(globalThis, {
    ImageData: class {
      constructor(/** @type {unknown} */ _, /** @type {number} */ width, /** @type {number} */ height) {
        Object.assign(this, { width, height });
      }
    },
  });
  /** @type {string[]} */
  const notes = [];
  const told = (/** @type {{ width: number, height: number }} */ { width, height }) =>
    notes.push(`told ${width}x${height}`);
  const picture = new Picture(canvas("shown", notes), told, canvas("plain", notes));
  picture.showAt({ width: 12, height: 10 });
  notes.length = 0;
  const draw = (
    /** @type {[number, number]} */ [width, height],
    /** @type {number} */ y,
    /** @type {number} */ rows,
  ) =>
    picture.draw({
      of: { width, height },
      part: { x: 0, y, width, height: rows },
      buffer: new ArrayBuffer(width * rows * 4),
    });
  draw([8, 4], 0, 4);
  // Three times: the least that is as high as it is shown.
  const first = ["told 8x4", "plain put 8x4 at 0,0", "shown width 24", "shown height 12"];
  assert.deepEqual(notes.splice(0).slice(2), [...first, "shown draw 0,0,8,4,0,0,24,12"]);
  draw([8, 4], 2, 1);
  assert.deepEqual(notes.splice(0), ["plain put 8x1 at 0,2", "shown draw 0,2,8,1,0,6,24,3"]);
  draw([16, 4], 0, 4);
  const next = ["told 16x4", "plain put 16x4 at 0,0", "shown width 48", "shown height 12"];
  assert.deepEqual(notes.splice(0).slice(2), [...next, "shown draw 0,0,16,4,0,0,48,12"]);
  // The canvas is then shown in another shape.
  picture.showAt({ width: 16, height: 4 });
  assert.deepEqual(notes.splice(0), ["shown width 16", "shown height 4", "shown draw 0,0,16,4,0,0,16,4"]);
  Reflect.deleteProperty(globalThis, "ImageData");
});
