// @ts-check
/**
 * In a deterministic run the same image and options give the same state hash at the same instruction count, any day;
 * and a machine saved, loaded and run on is where it would be had it run on.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, test } from "node:test";
import { CMDLINE, guest, hashesIn, INITRD, KERNEL, newName, noLinux, noMachine, Run } from "./lib.mjs";

/**
 * Runs deterministically and answers the hashes by instruction count, those at the end under "end".
 * @param {string[]} what @param {number[]} at @param {string[]} [args]
 * @param {{ slow?: boolean, feed?: (run: Run) => void }} [how] slow: it gets the processor only now and then;
 *   feed: writes to its standard input
 */
async function hashes(what, at, args = [], { slow = false, feed } = {}) {
  const stats = newName();
  const hashAt = at.length ? ["--hash-at", at.join(",")] : [];
  const all = [...what, "--deterministic", ...hashAt, "--stats", stats, "--timeout", "280", ...args];
  const machine = new Run(all, { seconds: 300, input: feed ? "pipe" : "ignore" });
  feed?.(machine);
  const stutter = slow && setInterval(() => stop(machine.process), 40);
  const result = await machine.result;
  if (stutter) clearInterval(stutter);
  assert.ok([0, 1].includes(/** @type {number} */ (result.status)), `${result.status} ${result.stderr}`);
  const { state_hash: end, instructions } = JSON.parse(fs.readFileSync(stats, "utf8"));
  /** @type {Record<string, string | undefined>} */
  const found = { ...hashesIn(result.stderr), end };
  assert.deepEqual(Object.keys(found), [...at.map(String), "end"]);
  return { found, instructions, stdout: result.stdout };
}

/** Stops a process for a moment. @param {import("node:child_process").ChildProcess} process */
function stop(process) {
  process.kill("SIGSTOP");
  setTimeout(() => process.kill("SIGCONT"), 30);
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

describe("input", { skip: noMachine }, () => {
  /** What is typed once the guest says it is up, and what follows as the guest answers. */
  const SCRIPT = [
    ...["--expect", "up\n", "--serial-in", "hello"],
    ...["--expect", "byte=0000006F", "--type", "aB", "--serial-in", "!\\n"],
    ...["--expect-screen", "AA", "--type", "c"],
    ...["--expect-screen", "AE", "--serial-in", "x"],
    ...["--expect", "byte=00000078\ntsc="],
  ];
  for (const [title, defines] of /** @type {[string, string[]][]} */ ([
    ["sleeps between timer interrupts", []],
    ["sleeps, and only input wakes it", ["NOTIMER"]],
    ["computes", ["BUSY"]],
  ])) {
    test(`by expectation, to a guest that ${title}, comes at the same instruction every time`, async () => {
      const image = ["--multiboot", guest("talk", ...defines)];
      const [one, two] = [await hashes(image, [], SCRIPT), await hashes(image, [], SCRIPT)];
      assert.deepEqual(one, two);
      const said = [...one.stdout.matchAll(/^(?:byte|key)=000000(\w\w)$/gm)].map((match) => match[1]);
      const [bytes, keys] = [["68", "65", "6C", "6C", "6F", "21", "0A", "78"], ["FA", "1E", "9E", "2A", "30", "B0", "AA", "2E", "AE"]]; // prettier-ignore
      assert.deepEqual(said.toSorted(), [...bytes, ...keys].toSorted());
    });
  }

  test("does not come at another instruction because the host is slower", async () => {
    const image = ["--multiboot", guest("talk")];
    const [one, two] = [await hashes(image, [], SCRIPT), await hashes(image, [], SCRIPT, { slow: true })];
    assert.deepEqual(one, two);
  });

  test("in a pipe or file is there before the machine starts", async () => {
    const image = ["--multiboot", guest("talk")];
    const text = "lines from a pipe\n".repeat(4000);
    const end = ["--expect", "byte=0000007E"];
    const from = (/** @type {(run: Run) => void} */ feed) => hashes(image, [], end, { feed });
    const one = await from((guest) => guest.process.stdin?.end(`${text}~`));
    const two = await from(async ({ process: { stdin } }) => {
      for (let at = 0; at < text.length; at += 30_000) {
        stdin?.write(text.slice(at, at + 30_000));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      stdin?.end("~");
    });
    assert.deepEqual(one, two);
    // But for the first one, which was in the receiver when the guest emptied it.
    assert.equal(one.stdout.match(/^byte=/gm)?.length, text.length);
  });
});

describe("a whole run", { skip: noMachine }, () => {
  test("idle time is skipped, and the clock is the count's", async () => {
    const image = guest("ticks", "TICKS=2000");
    const [one, two] = [await hashes(["--multiboot", image], []), await hashes(["--multiboot", image], [])];
    assert.deepEqual(one, two);
    assert.equal(one.stdout.split("\n").length, 1 + 200 + 1);
  });
});
