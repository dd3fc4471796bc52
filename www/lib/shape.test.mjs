// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { shapeOf } from "./shape.js";

test("VGA's graphics modes are 4:3", () => {
  for (const [width = 0, height = 0] of [
    [320, 200],
    [640, 200],
    [640, 350],
    [640, 400],
    [640, 480],
    [720, 350],
    [720, 480],
    [1056, 400],
  ]) {
    assert.equal(shapeOf({ width, height }), 4 / 3, `${width}x${height}`);
  }
});

test("usual text and later modes have square dots", () => {
  for (const [width = 0, height = 0] of [
    [720, 400],
    [800, 600],
    [1280, 1024],
    [1920, 1080],
    [2560, 1600],
  ]) {
    assert.equal(shapeOf({ width, height }), width / height, `${width}x${height}`);
  }
});
