// @ts-check
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { TerminalFeed } from "./terminal-feed.js";

describe("a terminal's feed", () => {
  /** What the terminal was given, and what tells that it is done with it. @type {{ bytes: Uint8Array, done: (ms: number) => void }[]} */
  let written;
  /** @type {TerminalFeed} */
  let feed;
  beforeEach(() => {
    written = [];
    feed = new TerminalFeed();
  });
  const open = () => feed.open((bytes, done) => written.push({ bytes, done }));
  /** Lets the terminal finish what it has, until there is no more. @param {number} tookMs */
  const finish = (tookMs) => {
    for (let at = written.length - 1; written[at]; at++) written[at]?.done(tookMs);
  };
  const sizes = () => written.map(({ bytes }) => bytes.length);

  test("keeps what comes before there is a terminal", () => {
    feed.push(Uint8Array.of(1, 2));
    feed.push(Uint8Array.of(3));
    open();
    finish(0);
    assert.deepEqual(
      written.flatMap(({ bytes }) => [...bytes]),
      [1, 2, 3],
    );
  });

  test("gives one piece at a time, larger ones while the terminal is quick", () => {
    open();
    feed.push(new Uint8Array(100_000));
    assert.deepEqual(sizes(), [512]);
    finish(0.1);
    assert.deepEqual(sizes().slice(0, 7), [512, 1024, 2048, 4096, 8192, 16384, 16384]);
    assert.equal(
      sizes().reduce((a, b) => a + b),
      100_000,
    );
  });

  test("gives smaller ones when it is slow", () => {
    open();
    feed.push(new Uint8Array(1200));
    finish(20);
    assert.deepEqual(sizes(), [512, 256, 256, 176]);
  });

  test("drops the oldest of more than a terminal can show", () => {
    for (let chunk = 0; chunk < 40; chunk++) feed.push(new Uint8Array(65_536).fill(chunk));
    feed.push(Uint8Array.of(99));
    open();
    finish(0);
    const total = sizes().reduce((a, b) => a + b);
    assert.equal(total, 1 << 20);
    assert.equal(written[0]?.bytes[0], 24);
    assert.equal(written.at(-1)?.bytes.at(-1), 99);
  });

  test("forgets what waits when it is cleared, and a piece under way stops nothing", () => {
    open();
    feed.push(new Uint8Array(2000));
    feed.clear();
    feed.push(Uint8Array.of(7));
    assert.deepEqual(sizes(), [512, 1]);
    written[0]?.done(1);
    feed.push(Uint8Array.of(8));
    assert.deepEqual(sizes(), [512, 1]);
    written[1]?.done(1);
    assert.deepEqual(sizes(), [512, 1, 1]);
  });
});
