// @ts-check
/**
 * Whether the page stays free while its machine boots: how long Chromium's main thread is kept from other work, and by
 * what.
 *
 *   node tests/bench/page.mjs [--runs N] [--json] [-- VIEW [QUERY]]      VIEW: screen (unless given), serial or both
 *
 * Three witnesses. A timer of 4 ms in the page: its gaps are what a user's own script would see. The browser's own list
 * of long tasks (over 50 ms). And a trace of the main thread: each task's time by the clock and on the processor. A task
 * that is long by the clock alone waited for a processor that did other work (the machine's worker, wasm compilers, the
 * rest of the computer); one that is long on the processor is work of the browser or of ours, and what it was is told.
 */
import fs from "node:fs";
import { chromium } from "playwright-core";
import { serve } from "../../www/serve.mjs";
import { noLinux } from "../boot/lib.mjs";
import { arguments_, print } from "./lib.mjs";

const EXECUTABLE = "/usr/bin/chromium";
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-component-update"];
const CATEGORIES = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline", "v8", "blink"];
/** Nothing of ours may keep the page for longer. */
const MOST_MS = 10;
const BOOT_MS = 600_000;
/** Frames around the work itself: they say nothing about it, but for the file that the work was posted from. */
const WRAPPERS = /^(RunTask|AsyncTask|SimpleWatcher)/;
const POSTED = /^ThreadControllerImpl::RunTask/;

if (noLinux) throw new Error(noLinux);
const { runs, json, rest } = arguments_({ runs: 3 });
const [view = "screen", query = ""] = rest;

/** @typedef {{ at: number, wall: number, cpu: number, what: string }} Task times in ms */
/** @typedef {{ ready: number, gaps: number[], longTasks: number[], tasks: Task[] }} Result */

/** Runs in the page, before its own scripts. */
function witness() {
  const seen = { gaps: /** @type {number[]} */ ([]), longTasks: /** @type {number[]} */ ([]) };
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    seen.gaps.push(now - last);
    last = now;
  }, 4);
  const observer = new PerformanceObserver((list) =>
    seen.longTasks.push(...list.getEntries().map(({ duration }) => duration)),
  );
  observer.observe({ type: "longtask", buffered: true });
  Object.assign(globalThis, { seen });
}

/**
 * The main thread's tasks that took longer than is allowed, by either clock.
 * @param {any[]} events of Chromium's trace
 * @returns {Task[]}
 */
function longTasksOf(events) {
  const named = (/** @type {string} */ name) =>
    events.filter((event) => event.name === "thread_name" && event.args.name === name);
  const workers = new Set(named("DedicatedWorker thread").map(({ pid }) => pid));
  const main = named("CrRendererMain").find(({ pid }) => workers.has(pid));
  if (!main) throw new Error("the trace has no page with a worker");
  const ours = events
    .filter(({ pid, tid, ph }) => pid === main.pid && tid === main.tid && ph === "X")
    .sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  const start = ours[0]?.ts ?? 0;
  /** @type {Task[]} */
  const tasks = [];
  for (let at = 0; at < ours.length;) {
    const task = ours[at];
    const end = task.ts + task.dur;
    const within = [];
    for (at++; at < ours.length && ours[at].ts < end; at++) within.push(ours[at]);
    const [wall, cpu] = [task.dur / 1000, (task.tdur ?? task.dur) / 1000];
    if (wall > MOST_MS) tasks.push({ at: (task.ts - start) / 1000, wall, cpu, what: inWords(task, within) });
  }
  return tasks.sort((a, b) => b.cpu - a.cpu);
}

/** What a task did longest. @param {any} task @param {any[]} within */
function inWords(task, within) {
  const spent = new Map();
  const add = (/** @type {any} */ event, /** @type {number} */ ms) => {
    if (WRAPPERS.test(event.name)) return;
    const { functionName, url, type } = event.args?.data ?? {};
    if (POSTED.test(event.name)) event.name = `posted by ${event.args?.src_file?.split("/").pop()}`;
    const where = url ? ` ${url.split("/").pop()}` : "";
    const name = `${event.name}${functionName ? ` ${functionName}` : ""}${type ? ` ${type}` : ""}${where}`;
    spent.set(name, (spent.get(name) ?? 0) + ms);
  };
  // Each event's own time: what it took less what those within it took.
  /** @type {{ event: any, own: number }[]} */
  const stack = [];
  const pop = () => {
    const { event, own } = /** @type {{ event: any, own: number }} */ (stack.pop());
    add(event, own);
  };
  for (const event of [task, ...within]) {
    const ms = (event.tdur ?? event.dur) / 1000;
    for (let top = stack.at(-1); top && top.event.ts + top.event.dur <= event.ts; top = stack.at(-1)) pop();
    const parent = stack.at(-1);
    if (parent) parent.own -= ms;
    stack.push({ event, own: ms });
  }
  while (stack.length > 0) pop();
  const most = [...spent].sort(([, a], [, b]) => b - a).slice(0, 3);
  return most.map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(", ") || task.name;
}

const server = await serve({ port: 0, host: "127.0.0.1" });
const browser = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
/** @type {Result[]} */
const results = [];
try {
  for (let run = 0; run < runs; run++) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    await page.addInitScript(witness);
    await browser.startTracing(page, { categories: CATEGORIES });
    const start = performance.now();
    await page.goto(`${server.url}?view=${view}${query && `&${query}`}`);
    const seen = await page.evaluate(async (timeout) => {
      const element = /** @type {any} */ (document.querySelector("page-vm"));
      const vm =
        element.vm ??
        (await new Promise((resolve) =>
          element.addEventListener("vmready", (/** @type {any} */ event) => resolve(event.detail)),
        ));
      await vm.waitFor({ serial: "PAGEVM-READY" }, { timeout });
      return /** @type {any} */ (globalThis).seen;
    }, BOOT_MS);
    const ready = performance.now() - start;
    const trace = await browser.stopTracing();
    if (process.env.TRACE) fs.writeFileSync(process.env.TRACE, trace);
    const { traceEvents } = JSON.parse(trace.toString());
    results.push({ ready, ...seen, tasks: longTasksOf(traceEvents) });
    await context.close();
  }
} finally {
  await browser.close();
  await server.close();
}

/** @param {number[]} values @param {number} part */
const quantile = (values, part) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? 0;
const sum = (/** @type {number[]} */ values) => values.reduce((a, b) => a + b, 0);
print(json, `linux32 in the page, view ${view}: the main thread until PAGEVM-READY`, results, {
  "start to PAGEVM-READY, s": { of: ({ ready }) => ready / 1000, digits: 1 },
  "timer of 4 ms: median gap, ms": { of: ({ gaps }) => quantile(gaps, 0.5), digits: 1 },
  "99 % of gaps are under, ms": { of: ({ gaps }) => quantile(gaps, 0.99), digits: 1 },
  "longest gap, ms": { of: ({ gaps }) => quantile(gaps, 1), digits: 1 },
  [`gaps over ${MOST_MS} ms`]: { of: ({ gaps }) => gaps.filter((gap) => gap > MOST_MS).length, digits: 0 },
  "long tasks (over 50 ms)": { of: ({ longTasks }) => longTasks.length, digits: 0 },
  "in long tasks, ms": { of: ({ longTasks }) => sum(longTasks), digits: 0 },
  [`tasks over ${MOST_MS} ms`]: { of: ({ tasks }) => tasks.length, digits: 0 },
  [`… on the processor`]: { of: ({ tasks }) => tasks.filter(({ cpu }) => cpu > MOST_MS).length, digits: 0 },
});
if (!json) {
  console.log(`  tasks over ${MOST_MS} ms of the last run: at s, ms by the clock, ms on the processor, what`);
  for (const { at, wall, cpu, what } of results.at(-1)?.tasks.slice(0, 20) ?? [])
    console.log(`  ${(at / 1000).toFixed(2)}  ${wall.toFixed(1)}  ${cpu.toFixed(1)}  ${what}`);
}
