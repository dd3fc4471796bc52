// @ts-check
/** Arguments and tables of the benchmarks. */
import { parseArgs } from "node:util";

/** @param {{ runs: number }} defaults */
export function arguments_(defaults) {
  const { values, positionals } = parseArgs({
    options: {
      runs: { type: "string", default: String(defaults.runs) },
      json: { type: "boolean", default: false },
    },
    allowPositionals: true,
  });
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1)
    throw new Error(`--runs: "${values.runs}" is not a whole number above 0`);
  return { runs, json: values.json, rest: positionals };
}

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [high, low] = [sorted[middle] ?? NaN, sorted[middle - 1] ?? NaN];
  return sorted.length % 2 ? high : (low + high) / 2;
}

/**
 * Prints a table of medians and ranges, or everything as JSON.
 * @template T
 * @param {boolean} json
 * @param {string} title
 * @param {T[]} results
 * @param {Record<string, { of: (result: T) => number, digits: number }>} rows
 */
export function print(json, title, results, rows) {
  if (json) {
    console.log(JSON.stringify({ title, results }));
    return;
  }
  console.log(`${title}: median (range) of ${results.length}`);
  for (const [name, { of, digits }] of Object.entries(rows)) {
    const values = results.map(of);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const range = results.length > 1 ? ` (${low.toFixed(digits)} to ${high.toFixed(digits)})` : "";
    console.log(`  ${name.padEnd(32)}${median(values).toFixed(digits).padStart(9)}${range}`);
  }
}
