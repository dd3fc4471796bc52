// @ts-check
/**
 * Guest MIPS on recursive fib(30), as the host sees it: the time between two dots on COM1.
 *
 *   node tests/bench/fib.mjs [--runs N] [--json] [-- options of the command line, e.g. --no-jit]
 */
import { guest, Run } from "../boot/lib.mjs";
import { arguments_, median, print } from "./lib.mjs";

/** Instructions of one round, counted from the source of tests/guests/fib.asm. */
const INSTRUCTIONS = 37_695_513;
const ROUNDS = 20;

const { runs, json, rest } = arguments_({ runs: 3 });
const image = guest("fib", `ROUNDS=${ROUNDS}`);
/** @type {{ first: number, median: number, best: number }[]} */
const results = [];
for (let i = 0; i < runs; i++) {
  const run = new Run(["--multiboot", image, ...rest], { input: "ignore", seconds: 600 });
  await run.until("S");
  let last = performance.now();
  const mips = [];
  for (let round = 0; round < ROUNDS; round++) {
    await run.until(".");
    const now = performance.now();
    mips.push(INSTRUCTIONS / (now - last) / 1000);
    last = now;
  }
  await run.until("K");
  const { status, stderr } = await run.result;
  if (status !== 1) throw new Error(`exit status ${status}: ${stderr}`);
  results.push({ first: mips[0] ?? 0, median: median(mips), best: Math.max(...mips) });
}
print(json, "fib(30), guest MIPS", results, {
  "first round": { of: (result) => result.first, digits: 0 },
  "median round": { of: (result) => result.median, digits: 0 },
  "best round": { of: (result) => result.best, digits: 0 },
});
