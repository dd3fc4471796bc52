// @ts-check
/**
 * Whether the page stays free while its machine boots: how long Chromium's main thread is kept from other work, and by
 * what.
 *
 *   node tests/bench/page.mjs [--runs N] [--json] [-- VIEW [GUEST [QUERY]]]
 *
 * VIEW: screen (unless given), serial or both. GUEST: linux32 (unless given) until its shell, or one of tests/guests until
 * it ends: flood writes to its serial port and its screen as fast as it can. QUERY: more of the page's address.
 *
 * Three witnesses. A timer of 4 ms in the page: its gaps are what a user's own script would see. The browser's own list
 * of long tasks (over 50 ms). And a trace of the main thread: each task's time by the clock and on the processor. A task
 * that is long by the clock alone waited for a processor that did other work (the machine's worker, wasm compilers, the
 * rest of the computer); one that is long on the processor is work of the browser or of ours, and what it was is told.
 *
 * Tasks that are long on the processor are counted by when they were (while the page loaded; then until the machine ran;
 * while it ran) and by cause, which is what most of their time went to: scripts (ours: the shell's and the terminal's),
 * garbage collection, or the browser (layout, painting, loading). The claim is that none is left while the machine runs.
 */
import fs from "node:fs";
import { chromium } from "playwright-core";
import { serve } from "../../www/serve.mjs";
import { guest as assembled, noLinux } from "../boot/lib.mjs";
import { arguments_, print } from "./lib.mjs";

const EXECUTABLE = "/usr/bin/chromium";
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-component-update"];
const CATEGORIES = [
  "toplevel",
  "devtools.timeline",
  "disabled-by-default-devtools.timeline",
  "v8",
  "blink",
  "blink.user_timing",
];
/** Nothing of ours may keep the page for longer. */
const MOST_MS = 10;
const BOOT_MS = 600_000;
/** Frames around the work itself: they say nothing about it, but for the file that the work was posted from. */
const WRAPPERS = /^(RunTask|AsyncTask|SimpleWatcher)/;
const POSTED = /^ThreadControllerImpl::RunTask/;

/** Events that are the garbage collector's, by name or by the file they were posted from; and those in which scripts run. */
const GARBAGE = /GC|sweeper|incremental-marking|array-buffer-sweeper|heap|scavenge|finalization/i;
const SCRIPT =
  /^(FunctionCall|EvaluateScript|v8\.(evaluateModule|callFunction|newInstance|run|compile)|RunMicrotasks|v8\.Compile|V8\.Compile|TimerFire|FireAnimationFrame|HandlePostMessage)/;
const CAUSES = /** @type {const} */ (["ours", "garbage collection", "browser"]);
/** Names of marks the page leaves in the trace. */
const PHASES = /** @type {const} */ (["loading", "loaded", "running"]);

if (noLinux) throw new Error(noLinux);
const { runs, json, rest } = arguments_({ runs: 3 });
const [view = "screen", guest = "linux32", query = ""] = rest;
const image = guest === "linux32" ? undefined : fs.readFileSync(assembled(guest));

/** @typedef {typeof CAUSES[number]} Cause */
/** @typedef {typeof PHASES[number]} Phase */
/** @typedef {{ at: number, wall: number, cpu: number, cause: Cause, phase: Phase, what: string }} Task times in ms */
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
  addEventListener("load", () => performance.mark("phase:loaded"));
  document.addEventListener("DOMContentLoaded", () =>
    document.querySelector("page-vm")?.addEventListener("vmstate", (/** @type {any} */ { detail }) => {
      if (detail === "running") performance.mark("phase:running");
    }),
  );
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
  const mark = (/** @type {string} */ name) =>
    events.find((event) => event.name === `phase:${name}` && event.pid === main.pid)?.ts ?? Infinity;
  const [loaded, running, over] = [mark("loaded"), mark("running"), mark("over")];
  /** @type {Task[]} */
  const tasks = [];
  for (let at = 0; at < ours.length;) {
    const task = ours[at];
    const end = task.ts + task.dur;
    const within = [];
    for (at++; at < ours.length && ours[at].ts < end; at++) within.push(ours[at]);
    const [wall, cpu] = [task.dur / 1000, (task.tdur ?? task.dur) / 1000];
    if (wall <= MOST_MS || task.ts + task.dur > over) continue; // what comes then is this tool's
    const phase = task.ts > running ? "running" : task.ts > loaded ? "loaded" : "loading";
    tasks.push({ at: (task.ts - start) / 1000, wall, cpu, phase, ...account(task, within) });
  }
  return tasks.sort((a, b) => b.cpu - a.cpu);
}

/** What a task did longest, in words and as its cause. @param {any} task @param {any[]} within */
function account(task, within) {
  const spent = new Map();
  /** @type {Record<Cause, number>} */
  const causes = { ours: 0, "garbage collection": 0, browser: 0 };
  const add = (/** @type {any} */ event, /** @type {number} */ ms) => {
    if (WRAPPERS.test(event.name)) return;
    const { functionName, url, type } = event.args?.data ?? {};
    if (POSTED.test(event.name)) event.name = `posted by ${event.args?.src_file?.split("/").pop()}`;
    const where = url ? ` ${url.split("/").pop()}` : "";
    const name = `${event.name}${functionName ? ` ${functionName}` : ""}${type ? ` ${type}` : ""}${where}`;
    spent.set(name, (spent.get(name) ?? 0) + ms);
    causes[GARBAGE.test(name) ? "garbage collection" : SCRIPT.test(name) ? "ours" : "browser"] += ms;
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
  const [cause = "browser"] = CAUSES.toSorted((a, b) => causes[b] - causes[a]);
  return { cause, what: most.map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(", ") || task.name };
}

/** The guest, if it is one of tests/guests. @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response */
function guestImage(request, response) {
  if (request.url !== "/guest" || !image) return false;
  response.setHeader("content-type", "application/octet-stream");
  response.end(image);
  return true;
}

const server = await serve({ port: 0, host: "127.0.0.1", first: guestImage });
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
    await page.goto(`${server.url}?view=${view}${image ? "&multiboot=/guest" : ""}${query && `&${query}`}`);
    const seen = await page.evaluate(
      async ([small, timeout]) => {
        const element = /** @type {any} */ (document.querySelector("page-vm"));
        const vm =
          element.vm ??
          (await new Promise((resolve) =>
            element.addEventListener("vmready", (/** @type {any} */ event) => resolve(event.detail)),
          ));
        if (!small) await vm.waitFor({ serial: "PAGEVM-READY" }, { timeout });
        while (small && !["off", "halted", "crashed"].includes(vm.state))
          await new Promise((resolve) => setTimeout(resolve, 50));
        if (small) await new Promise((resolve) => setTimeout(resolve, 500)); // what the terminal has yet to show
        performance.mark("phase:over");
        return /** @type {any} */ (globalThis).seen;
      },
      /** @type {const} */ ([image !== undefined, BOOT_MS]),
    );
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
const until = image ? "its end" : "PAGEVM-READY";
const onProcessor = (/** @type {Result} */ { tasks }) => tasks.filter(({ cpu }) => cpu > MOST_MS);
const isIn = (/** @type {Phase} */ phase) => (/** @type {Task} */ task) => task.phase === phase;
const isBy = (/** @type {Cause} */ cause) => (/** @type {Task} */ task) =>
  task.phase !== "loading" && task.cause === cause;
print(json, `${guest} in the page, view ${view}: the main thread until ${until}`, results, {
  "start to that, s": { of: ({ ready }) => ready / 1000, digits: 1 },
  "timer of 4 ms: median gap, ms": { of: ({ gaps }) => quantile(gaps, 0.5), digits: 1 },
  "99 % of gaps are under, ms": { of: ({ gaps }) => quantile(gaps, 0.99), digits: 1 },
  "longest gap, ms": { of: ({ gaps }) => quantile(gaps, 1), digits: 1 },
  [`gaps over ${MOST_MS} ms`]: { of: ({ gaps }) => gaps.filter((gap) => gap > MOST_MS).length, digits: 0 },
  "long tasks (over 50 ms)": { of: ({ longTasks }) => longTasks.length, digits: 0 },
  "in long tasks, ms": { of: ({ longTasks }) => sum(longTasks), digits: 0 },
  [`tasks over ${MOST_MS} ms`]: { of: ({ tasks }) => tasks.length, digits: 0 },
  [`… on the processor`]: { of: (result) => onProcessor(result).length, digits: 0 },
  "  while the page loaded": {
    of: (result) => onProcessor(result).filter(isIn("loading")).length,
    digits: 0,
  },
  "  then until the machine ran": {
    of: (result) => onProcessor(result).filter(isIn("loaded")).length,
    digits: 0,
  },
  "  while the machine ran": {
    of: (result) => onProcessor(result).filter(isIn("running")).length,
    digits: 0,
  },
  "  after loading: ours": { of: (result) => onProcessor(result).filter(isBy("ours")).length, digits: 0 },
  "  after loading: garbage collection": {
    of: (result) => onProcessor(result).filter(isBy("garbage collection")).length,
    digits: 0,
  },
  "  after loading: browser": {
    of: (result) => onProcessor(result).filter(isBy("browser")).length,
    digits: 0,
  },
});
if (!json) {
  console.log(`  tasks over ${MOST_MS} ms of the last run, the longest on the processor first:`);
  console.log("  at s, ms by the clock, ms on the processor, when, cause, what");
  for (const { at, wall, cpu, phase, cause, what } of results.at(-1)?.tasks.slice(0, 20) ?? [])
    console.log(
      `  ${(at / 1000).toFixed(2)}  ${wall.toFixed(1)}  ${cpu.toFixed(1)}  ${phase}  ${cause}  ${what}`,
    );
}
