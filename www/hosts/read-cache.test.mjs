// @ts-check
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ReadCache } from "./read-cache.js";

const BLOCK = 16;

/**
 * A cache over bytes that are answered when the test says so, or at once.
 * @param {number} size
 * @param {import("./read-cache.js").Shape} [shape]
 */
function cached(size, shape) {
  const bytes = Uint8Array.from({ length: size }, (_, at) => at * 7 + (at >> 8));
  /** @type {{ offset: number, length: number, answer: () => void, fail: () => void }[]} */
  const asked = [];
  const state = { late: false };
  const cache = new ReadCache(
    size,
    (offset, length) =>
      new Promise((resolve, reject) => {
        const answer = () => resolve(bytes.slice(offset, offset + length));
        asked.push({ offset, length, answer, fail: () => reject(new Error("no")) });
        if (!state.late) answer();
      }),
    { block: BLOCK, limit: 8 * BLOCK, ahead: 4, ...shape },
  );
  /** @param {number} offset @param {number} length */
  const check = async (offset, length) => {
    const read = await cache.read(offset, length);
    assert.deepEqual([...read], [...bytes.subarray(offset, offset + length)], `${length} at ${offset}`);
  };
  const blocks = () =>
    asked.splice(0).map(({ offset, length }) => [offset / BLOCK, Math.ceil(length / BLOCK)]);
  return { cache, asked, state, check, blocks, bytes };
}

const tick = () => new Promise((resolve) => setTimeout(resolve, 1));

describe("the read cache", () => {
  test("reads a block once, then gives it at once", async () => {
    const { cache, check, blocks } = cached(100);
    await check(3, 5);
    assert.deepEqual(blocks(), [[0, 1]]);
    assert.ok(cache.read(0, 16) instanceof Uint8Array);
    await check(0, 16);
    assert.equal(cache.read(50, 0) instanceof Uint8Array, true);
    assert.deepEqual(blocks(), []);
  });

  test("fetches neighbours in one request, and only what is missing", async () => {
    const { check, blocks } = cached(1000);
    await check(BLOCK * 21, BLOCK);
    blocks();
    await check(BLOCK * 20 + 3, BLOCK * 3);
    assert.deepEqual(blocks(), [
      [20, 1],
      [22, 2],
    ]);
  });

  test("waits for what is on its way instead of asking twice", async () => {
    const { cache, asked, state, bytes } = cached(1000);
    state.late = true;
    const reads = [cache.read(163, 4), cache.read(170, 2)];
    assert.equal(asked.length, 1);
    asked[0]?.answer();
    assert.deepEqual([...((await reads[1]) ?? [])], [...bytes.subarray(170, 172)]);
    await reads[0];
  });

  test("fetches ahead while reads follow each other, and stops at a jump", async () => {
    const { check, blocks } = cached(100 * BLOCK, { limit: 40 * BLOCK });
    const seen = [];
    for (const number of [10, 11, 12, 13, 14, 15, 16, 50, 80]) {
      for (const half of [0, 8]) await check(number * BLOCK + half, 8);
      await tick();
      seen.push([number, blocks()]);
    }
    assert.deepEqual(seen, [
      [10, [[10, 1]]],
      [
        11,
        [
          [11, 1],
          [12, 1],
        ],
      ],
      [12, [[13, 2]]],
      [13, [[15, 3]]],
      [14, []],
      [15, []],
      [16, [[18, 3]]],
      [50, [[50, 1]]],
      [80, [[80, 1]]],
    ]);
  });

  test("keeps no more than its limit, the last used", async () => {
    const { cache, check, blocks } = cached(1000, { ahead: 0 });
    for (let number = 0; number < 60; number += 2) {
      await check(number * BLOCK, 1);
      await check(0, 1);
      assert.ok(cache.bytes <= 8 * BLOCK);
    }
    assert.equal(blocks().filter(([number]) => number === 0).length, 1);
    cache.clear();
    assert.equal(cache.bytes, 0);
  });

  test("gives reads larger than itself", async () => {
    const { cache, check } = cached(1000);
    await check(5, 990);
    assert.ok(cache.bytes <= 8 * BLOCK);
  });

  test("forgets a failure: the next read tries again", async () => {
    const { cache, asked, state, check } = cached(1000);
    state.late = true;
    const read = cache.read(100, 50);
    for (const { fail } of asked) fail();
    await assert.rejects(async () => read, /no/);
    state.late = false;
    await check(100, 50);
  });

  test("keeps quiet about failures ahead of the reads", async () => {
    const { cache, asked, state, check } = cached(1000);
    await check(0, BLOCK);
    state.late = true;
    const read = cache.read(BLOCK, BLOCK);
    assert.deepEqual(
      asked.slice(1).map(({ offset }) => offset / BLOCK),
      [1, 2],
    );
    asked[2]?.fail();
    asked[1]?.answer();
    await read;
    state.late = false;
    await tick();
    await check(2 * BLOCK, BLOCK);
  });

  test("is the bytes themselves, whatever is read", async () => {
    const { cache, check } = cached(997, { ahead: 3 });
    let seed = 1;
    const random = (/** @type {number} */ below) => (seed = (seed * 48271) % 2147483647) % below;
    const reads = [];
    for (let round = 0; round < 2000; round++) {
      const offset = random(997);
      reads.push(check(offset, random(Math.min(80, 997 - offset)) + 1));
      if (round % 7 === 0) await Promise.all(reads.splice(0));
    }
    await Promise.all(reads);
    assert.ok(cache.bytes <= 8 * BLOCK);
  });
});
