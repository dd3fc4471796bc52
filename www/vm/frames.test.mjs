// @ts-check
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { difference, FrameFeed } from "./frames.js";

/** A picture of rows of single-digit pixels. @param {string[]} rows */
function picture(...rows) {
  const numbers = Uint32Array.from(rows.join(""), Number);
  const pixels = new Uint8ClampedArray(numbers.buffer);
  return { width: rows[0]?.length ?? 0, height: rows.length, pixels };
}

/** @param {{ pixels: Uint8ClampedArray }} frame */
const numbers = ({ pixels }) => new Uint32Array(pixels.buffer);

describe("the difference of two pictures", () => {
  /** @param {string[]} before @param {string[]} after */
  const found = (before, after) =>
    difference(numbers(picture(...before)), numbers(picture(...after)), after[0]?.length ?? 0);

  test("is nothing if they are the same", () => {
    assert.equal(found(["000", "000"], ["000", "000"]), undefined);
  });
  test("is one pixel, anywhere", () => {
    for (let at = 0; at < 6; at++) {
      const text = "000000".slice(0, at) + "1" + "000000".slice(at + 1);
      const after = [text.slice(0, 3), text.slice(3)];
      assert.deepEqual(found(["000", "000"], after), {
        x: at % 3,
        y: Math.floor(at / 3),
        width: 1,
        height: 1,
      });
    }
  });
  test("holds all that differs, whatever the corners", () => {
    assert.deepEqual(found(["0000", "0000", "0000", "0000"], ["0000", "0010", "0100", "0000"]), {
      x: 1,
      y: 1,
      width: 2,
      height: 2,
    });
    assert.deepEqual(found(["000", "000"], ["111", "111"]), { x: 0, y: 0, width: 3, height: 2 });
  });
});

describe("a screen's feed", () => {
  /** @type {import("./protocol.js").Patch[]} */
  let sent;
  const newFeed = () => {
    sent = [];
    return new FrameFeed((patch) => sent.push(patch));
  };
  /** The pixels of the last patch. */
  const last = () => {
    const patch = sent.at(-1);
    assert.ok(patch);
    const { x, y, width, height } = patch.part;
    const text = [...new Uint32Array(patch.buffer, 0, width * height)].join("");
    return { at: [x, y], size: [width, height], text };
  };

  test("sends nothing until it is asked, and one picture a wish", () => {
    const feed = newFeed();
    assert.equal(feed.offer(picture("12", "34"), 0), false);
    feed.ask(new ArrayBuffer(0));
    assert.ok(feed.asked);
    assert.equal(feed.offer(picture("12", "34"), 0), true);
    assert.ok(!feed.asked);
    assert.equal(feed.offer(picture("12", "35"), 1), false);
    assert.deepEqual(last(), { at: [0, 0], size: [2, 2], text: "1234" });
  });

  test("sends only what has changed, in the buffer that came back", () => {
    const feed = newFeed();
    feed.ask(new ArrayBuffer(0));
    feed.offer(picture("000", "000", "000"), 0);
    const buffer = sent[0]?.buffer;
    assert.equal(buffer?.byteLength, 36);
    feed.ask(/** @type {ArrayBuffer} */ (buffer));
    assert.equal(feed.offer(picture("000", "012", "034"), 1), true);
    assert.equal(sent[1]?.buffer, buffer);
    assert.deepEqual(last(), { at: [1, 1], size: [2, 2], text: "1234" });
  });

  test("keeps a wish while the picture stays as it is", () => {
    const feed = newFeed();
    feed.ask(new ArrayBuffer(0));
    feed.offer(picture("00"), 0);
    feed.ask(new ArrayBuffer(8));
    assert.equal(feed.offer(picture("00"), 0), false);
    assert.equal(feed.offer(picture("00"), 1), false);
    assert.ok(feed.asked);
    assert.equal(feed.offer(picture("05"), 2), true);
    assert.deepEqual(last(), { at: [1, 0], size: [1, 1], text: "5" });
  });

  test("what came and went between two wishes is not sent", () => {
    const feed = newFeed();
    feed.ask(new ArrayBuffer(0));
    feed.offer(picture("00"), 0);
    feed.offer(picture("09"), 1); // nobody asked
    feed.ask(new ArrayBuffer(8));
    assert.equal(feed.offer(picture("00"), 2), false);
  });

  test("sends all of a picture of another size, even of as many pixels", () => {
    const feed = newFeed();
    feed.ask(new ArrayBuffer(0));
    feed.offer(picture("1111"), 0);
    feed.ask(new ArrayBuffer(16));
    assert.equal(feed.offer(picture("11", "11"), 1), true);
    assert.deepEqual(
      [last(), sent[1]?.of],
      [
        { at: [0, 0], size: [2, 2], text: "1111" },
        { width: 2, height: 2 },
      ],
    );
  });

  test("sends no picture of no size", () => {
    const feed = newFeed();
    feed.ask(new ArrayBuffer(0));
    assert.equal(feed.offer({ width: 0, height: 0, pixels: new Uint8ClampedArray(0) }, 0), false);
    assert.ok(feed.asked);
  });
});
