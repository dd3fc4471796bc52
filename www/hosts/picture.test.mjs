// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { follow } from "./picture.js";

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
