// @ts-check
/**
 * Turning the translator off, or up, changes nothing but speed: the same state hashes at the same counts, whatever
 * is translated, evicted or overwritten.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, test } from "node:test";
import { CMDLINE, guest, hashesIn, INITRD, KERNEL, newName, noLinux, noMachine, run } from "./lib.mjs";

/** Ways to run: as it comes, everything at first sight, and with so little room that code is always being evicted. */
const WAYS = {
  "as it comes": [],
  "everything at first sight": ["--jit", "eager"],
  "in a small cache": ["--code-cache", "200000"],
  "by tail calls": ["--jit-linkage", "tail-call"],
  "by returns, without passes": [
    ...["--jit-linkage", "return", "--jit-without"],
    "lower_addresses,forward_registers,fold_constants,drop_dead_flags,group_checks,drop_dead_code",
  ],
};

/**
 * Runs deterministically: status, hashes by count, and the translator's figures.
 * @param {string[]} args
 */
async function outcome(args) {
  const stats = newName();
  const { status, stderr } = await run([...args, "--deterministic", "--stats", stats, "--timeout", "280"], {
    seconds: 300,
  });
  const { jit, instructions, state_hash: end } = JSON.parse(fs.readFileSync(stats, "utf8"));
  return { same: { status, hashes: hashesIn(stderr), instructions, end }, jit };
}

/**
 * @param {string[]} what
 * @param {number} [long] for a run of so many instructions, which has to be translated as it comes
 */
async function sameEveryWay(what, long) {
  const plain = await outcome([...what, "--no-jit"]);
  assert.equal(plain.jit.regions ?? 0, 0);
  for (const [name, way] of Object.entries(WAYS)) {
    const other = await outcome([...what, ...way]);
    assert.deepEqual(other.same, plain.same, name);
    const { regions, interpreted_instructions: interpreted } = other.jit;
    if (way[0] === "--jit" || long) assert.ok(regions > 0, `${name}: nothing was translated`);
    if (long) assert.ok(interpreted < long / 2, `${name}: ${interpreted} were interpreted`);
  }
  return plain.same;
}

describe("translated code", { skip: noMachine }, () => {
  test("is as the interpreter on code that changes itself", async () => {
    const { status } = await sameEveryWay(["--multiboot", guest("smc")]);
    assert.equal(status, 1);
    // With room for a few regions only.
    const args = ["--multiboot", guest("smc")];
    const [plain, tiny] = [
      await outcome([...args, "--no-jit"]),
      await outcome([...args, "--jit", "eager", "--code-cache", "5000"]),
    ];
    assert.deepEqual(tiny.same, plain.same);
    assert.ok(tiny.jit.evicted > 0);
  });

  test("can be looked at, and made without a pass", async () => {
    const args = ["--multiboot", guest("fib", "ROUNDS=1"), "--jit", "eager"];
    const all = await outcome(args);
    const { exits_by_reason: exits, time_share: share, hottest } = all.jit;
    assert.deepEqual(Object.keys(exits), ["no_region", "undone", "stepped", "page", "budget"]);
    assert.ok(share.translated + share.interpreted <= 1.001);
    for (const { address, share } of hottest) {
      assert.match(address, /^[0-9a-f]{8}$/);
      assert.ok(share > 0 && share <= 1);
    }
    const { same } = await outcome([...args, "--jit-without", "group_checks,drop_dead_flags"]);
    assert.deepEqual(same, all.same);
    const wrong = await run([...args, "--jit-without", "fold"], { seconds: 60 });
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /jitWithout: there is no pass fold; there are lower_addresses, /);
    const nowhere = await run([...args, "--dump-region", "ffff0000"], { seconds: 60 });
    assert.equal(nowhere.status, all.same.status);
    assert.match(nowhere.stderr, /^No translation holds the code at ffff0000h\.$/m);
    const [hot] = hottest;
    if (hot === undefined) return; // too short to have been sampled
    const dump = await run([...args, "--dump-region", hot.address], { seconds: 60 });
    assert.match(dump.stderr, /^block 0 as written down:$/m);
    assert.match(dump.stderr, /^ +local\.get 0$/m);
  });

  test("is as the interpreter on timers and interrupts", async () => {
    await sameEveryWay(["--multiboot", guest("fib")]);
    await sameEveryWay(["--multiboot", guest("ticks")]);
  });

  test("is as the interpreter on 16-bit code and in segments with limits", async () => {
    const args = ["--multiboot", guest("segments")];
    const { status, instructions } = await sameEveryWay(args);
    assert.equal(status, 1);
    const { jit } = await outcome([...args, "--jit", "eager"]);
    assert.ok(jit.executed > instructions / 2, `${jit.executed} of ${instructions} in translated code`);
  });

  test("is as the interpreter on linux32's start", { skip: noLinux }, async () => {
    const at = [1e6, 1e7, 1e8, 2e8, 3e8];
    await sameEveryWay(
      [
        ...["--kernel", KERNEL, "--initrd", INITRD, "--cmdline", CMDLINE, "--serial", "null"],
        ...["--hash-at", at.join(","), "--max-instructions", "300000000"],
      ],
      3e8,
    );
  });
});
