// @ts-check
/**
 * In a deterministic run the same image and options give the same state hash at the same instruction count, any day;
 * and a machine saved, loaded and run on is where it would be had it run on.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, test } from "node:test";
import { CMDLINE, guest, hashesIn, INITRD, KERNEL, newName, noLinux, noMachine, run } from "./lib.mjs";

/**
 * Runs deterministically and answers the hashes by instruction count, those at the end under "end".
 * @param {string[]} what @param {number[]} at @param {string[]} [args]
 */
async function hashes(what, at, args = []) {
  const stats = newName();
  const hashAt = at.length ? ["--hash-at", at.join(",")] : [];
  const result = await run(
    [...what, "--deterministic", ...hashAt, "--stats", stats, "--timeout", "280", ...args],
    { seconds: 300 },
  );
  assert.ok([0, 1].includes(/** @type {number} */ (result.status)), `${result.status} ${result.stderr}`);
  const { state_hash: end, instructions } = JSON.parse(fs.readFileSync(stats, "utf8"));
  /** @type {Record<string, string | undefined>} */
  const found = { ...hashesIn(result.stderr), end };
  assert.deepEqual(Object.keys(found), [...at.map(String), "end"]);
  return { found, instructions, stdout: result.stdout };
}

/** @param {string} title @param {string[]} what @param {number[]} at @param {boolean | string} skip */
function sameEveryTime(title, what, at, skip) {
  describe(title, { skip }, () => {
    const last = String(at.at(-1));
    const limit = ["--max-instructions", last];

    test("twice the same hashes and output", async () => {
      const [one, two] = [await hashes(what, at, limit), await hashes(what, at, limit)];
      assert.deepEqual(one, two);
      assert.equal(new Set(Object.values(one.found)).size, at.length, "each hash is of another state");
      assert.equal(one.found.end, one.found[last]);
      assert.equal(one.instructions, Number(last));
    });

    test("another seed or another date is another state", async () => {
      const first = at.slice(0, 1);
      const stop = ["--max-instructions", String(first[0])];
      const plain = await hashes(what, first, stop);
      const other = await hashes(what, first, [...stop, "--rtc", "2001-01-01"]);
      assert.notEqual(plain.found.end, other.found.end);
    });

    test("save, load, run on is running on", async () => {
      const state = newName();
      const middle = at[Math.floor(at.length / 2) - 1] ?? 0;
      const rest = at.filter((n) => n > middle);
      await hashes(what, at.filter((n) => n <= middle), ["--max-instructions", String(middle), "--save", state]); // prettier-ignore
      const whole = await hashes(what, at, limit);
      const loaded = await hashes(what, rest, [...limit, "--load", state]);
      for (const n of rest) assert.equal(loaded.found[n], whole.found[n], `at ${n} instructions`);
      assert.ok(whole.stdout.endsWith(loaded.stdout));
    });
  });
}

sameEveryTime(
  "timer interrupts",
  noMachine ? [] : ["--multiboot", guest("ticks", "TICKS=1000", "BUSY")],
  [1_000, 50_000, 333_333, 1_000_000],
  noMachine,
);
sameEveryTime(
  "linux32, the first 200 million instructions",
  ["--kernel", KERNEL, "--initrd", INITRD, "--cmdline", CMDLINE],
  [1_000_000, 20_000_000, 100_000_000, 200_000_000],
  noLinux,
);

describe("a whole run", { skip: noMachine }, () => {
  test("idle time is skipped, and the clock is the count's", async () => {
    const image = guest("ticks", "TICKS=2000");
    const [one, two] = [await hashes(["--multiboot", image], []), await hashes(["--multiboot", image], [])];
    assert.deepEqual(one, two);
    assert.equal(one.stdout.split("\n").length, 1 + 200 + 1);
  });
});
