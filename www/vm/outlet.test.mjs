// @ts-check
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { Outlet } from "./outlet.js";

describe("what a guest says", () => {
  /** @type {Uint8Array[]} */
  let sent;
  /** @type {boolean[]} */
  let holds;
  /** @type {Outlet} */
  let outlet;
  beforeEach(() => {
    sent = [];
    holds = [];
    outlet = new Outlet(
      (bytes) => sent.push(bytes),
      (full) => holds.push(full),
    );
  });

  /** @param {number} length @param {number} [from] */
  const numbered = (length, from = 0) => Uint8Array.from({ length }, (_, at) => (from + at) % 251);
  const all = () => Uint8Array.from(sent.flatMap((bytes) => [...bytes]));

  test("goes out at once, and the rest in one piece when that was taken", () => {
    for (const text of ["a", "b", "c"]) outlet.push(new TextEncoder().encode(text));
    assert.equal(sent.length, 1);
    outlet.taken();
    assert.deepEqual(
      sent.map((bytes) => new TextDecoder().decode(bytes)),
      ["a", "bc"],
    );
    outlet.taken();
    outlet.push(new TextEncoder().encode("d"));
    assert.equal(sent.length, 3);
  });

  test("comes in pieces of a bounded size, whole and in order", () => {
    const bytes = numbered(100_000);
    outlet.push(bytes.subarray(0, 70_000));
    outlet.push(bytes.subarray(70_000));
    for (let turn = 0; turn < 10; turn++) outlet.taken();
    assert.ok(sent.every(({ length }) => length <= 32 * 1024));
    assert.deepEqual(all(), bytes);
  });

  test("holds its source when much waits, until little does", () => {
    for (let chunk = 0; chunk < 40; chunk++) outlet.push(new Uint8Array(32 * 1024));
    assert.deepEqual(holds, [true]);
    for (let turn = 0; turn < 30; turn++) outlet.taken();
    assert.deepEqual(holds, [true]);
    for (let turn = 0; turn < 10; turn++) outlet.taken();
    assert.deepEqual(holds, [true, false]);
  });

  test("is all sent by a flush, and the next piece waits for all of that", () => {
    outlet.push(numbered(100_000));
    outlet.flush();
    assert.equal(sent.length, 4);
    assert.deepEqual(all(), numbered(100_000));
    outlet.push(new Uint8Array(1));
    for (let turn = 0; turn < 3; turn++) outlet.taken();
    assert.equal(sent.length, 4);
    outlet.taken();
    assert.equal(sent.length, 5);
  });
});
