// @ts-check
/**
 * Booting images/linux32 to its shell and off again, as the host sees it: from starting the process to PAGEVM-READY,
 * and what --stats tells about the time inside the machine.
 *
 *   node tests/bench/boot.mjs [--runs N] [--json] [-- options of the command line, e.g. --no-jit]
 */
import fs from "node:fs";
import { CMDLINE, INITRD, KERNEL, newName, noLinux, Run } from "../boot/lib.mjs";
import { arguments_, print } from "./lib.mjs";

if (noLinux) throw new Error(noLinux);
const { runs, json, rest } = arguments_({ runs: 3 });
/** @type {{ ready: number, stats: any }[]} */
const results = [];
for (let i = 0; i < runs; i++) {
  const stats = newName();
  const images = ["--kernel", KERNEL, "--initrd", INITRD, "--cmdline", CMDLINE];
  const start = performance.now();
  const run = new Run([...images, "--stats", stats, "--expect", "PAGEVM-READY", ...rest], {
    input: "ignore",
    seconds: 900,
  });
  await run.until("PAGEVM-READY");
  const ready = performance.now() - start;
  const { status, stderr } = await run.result;
  if (status !== 0) throw new Error(`exit status ${status}: ${stderr}`);
  results.push({ ready, stats: JSON.parse(fs.readFileSync(stats, "utf8")) });
}
/** @type {Record<string, { of: (result: (typeof results)[number]) => number, digits: number }>} */
const rows = {
  "start to PAGEVM-READY, s": { of: ({ ready }) => ready / 1000, digits: 2 },
  "in the machine, s": { of: ({ stats }) => stats.wall_ms / 1000, digits: 2 },
  "guest instructions, millions": { of: ({ stats }) => stats.instructions / 1e6, digits: 1 },
  MIPS: { of: ({ stats }) => stats.mips, digits: 1 },
  "peak RSS, MB": { of: ({ stats }) => stats.peak_rss_bytes / 2 ** 20, digits: 0 },
};
for (const [name, value] of Object.entries(results[0]?.stats.phases ?? {})) {
  if (typeof value === "number") rows[`phase ${name}`] = { of: ({ stats }) => stats.phases[name], digits: 1 };
}
print(json, "linux32, boot to the shell", results, rows);
