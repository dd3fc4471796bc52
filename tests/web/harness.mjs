/**
 * What the tests of the shell share: a bundle around the double of the machine, a server, a browser.
 *
 * The double (double/pagevm_web.js) stands in for the wasm crate: its guest boots in a quarter of a second and ends in
 * every way a machine can end. The real machine is in boot.test.mjs.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { bundle } from "../../www/build.mjs";
import { serve } from "../../www/serve.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
export const ROOT = path.dirname(path.dirname(HERE));
const BUILD = path.join(ROOT, "build/web-double");
const EXECUTABLE = "/usr/bin/chromium";
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** What to close at the end of the file's tests, last opened first. @type {(() => Promise<unknown>)[]} */
const closers = [];
after(async () => {
  for (const close of closers.reverse()) await close();
});

/** Has something closed at the end of the file's tests. @param {() => Promise<unknown>} close */
export const closeAfterwards = (close) => void closers.push(close);

/** The double's kernel is any file that begins with this. */
export const KERNEL = Buffer.concat([Buffer.from("DOUBLE"), Buffer.alloc(3_000_000)]);

/** Bundles the shell around the double. @returns {Promise<{ dist: string, images: string }>} */
export async function buildDouble() {
  const wasm = path.join(BUILD, "wasm");
  const images = path.join(BUILD, "images");
  const dist = path.join(BUILD, "dist");
  const out = path.join(images, "linux32/out");
  fs.mkdirSync(wasm, { recursive: true });
  fs.mkdirSync(out, { recursive: true });
  fs.copyFileSync(path.join(HERE, "double/pagevm_web.js"), path.join(wasm, "pagevm_web.js"));
  fs.writeFileSync(path.join(wasm, "pagevm_web_bg.wasm"), Buffer.from("0061736d01000000", "hex"));
  fs.writeFileSync(path.join(out, "vmlinuz"), KERNEL);
  fs.writeFileSync(path.join(out, "initrd"), Buffer.alloc(1_000_000, 1));
  fs.writeFileSync(path.join(out, "empty"), "");
  fs.writeFileSync(path.join(out, "notes.txt"), "This is a text file and no kernel at all.\n");
  await bundle({ wasm, out: dist });
  return { dist, images };
}

/**
 * An empty page at /empty with the module loaded as `pagevm`, beside everything else.
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
function emptyPage(request, response) {
  if (request.url?.split("?")[0] !== "/empty") return false;
  response.setHeader("content-type", "text/html");
  response.end(`<!doctype html><html lang="en"><title>empty</title><body></body></html>`);
  return true;
}

/** @param {Parameters<typeof serve>[0]} [options] */
export async function startServer(options = {}) {
  const { first = () => false } = options;
  const server = await serve({
    port: 0,
    host: "127.0.0.1",
    ...options,
    first: (request, response) => first(request, response) || emptyPage(request, response),
  });
  closers.push(() => server.close());
  return server;
}

/** The server with the double, and a browser. */
export async function startAll(options = {}) {
  const folders = await buildDouble();
  const server = await startServer({ ...folders, ...options });
  return { server, browser: await startBrowser(), folders };
}

export async function startBrowser() {
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
  closers.push(() => browser.close());
  return browser;
}

/**
 * A browser whose tabs hide each other, as they do for people. (Playwright's own setting keeps every page visible.)
 * @returns {Promise<import("playwright-core").BrowserContext>}
 */
export async function startPlainBrowser() {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "pagevm-chromium-"));
  const child = spawn(
    EXECUTABLE,
    [...FLAGS, "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"],
    {
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    },
  );
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const address = await new Promise((resolve, reject) => {
    let text = "";
    child.stderr.on("data", (bytes) => {
      text += bytes;
      const match = /DevTools listening on (ws:\S+)/.exec(text);
      if (match) resolve(match[1]);
    });
    child.once("exit", () => reject(new Error(`chromium did not start: ${text}`)));
  });
  const browser = await chromium.connectOverCDP(address, { noDefaults: true });
  closers.push(async () => {
    await browser.close();
    process.kill(-child.pid);
    await exited;
    fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  });
  return browser.contexts()[0];
}

/**
 * A page; errors nobody expected end up in the returned list.
 * @param {import("playwright-core").Browser} browser
 * @param {import("playwright-core").BrowserContextOptions} [options]
 */
export async function newPage(browser, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  /** @type {string[]} */
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  return { page, errors, close: () => context.close() };
}

/** @param {import("playwright-core").Page} page @param {string} state @param {string} [selector] */
export async function untilState(page, state, selector = "page-vm") {
  await page.waitForSelector(`${selector}[state="${state}"]`, { timeout: 15_000 });
}

/** Until the guest has greeted and shows its prompt. @param {import("playwright-core").Page} page */
export async function untilReady(page, selector = "page-vm") {
  await untilState(page, "running", selector);
  await untilScreen(page, /\$ *$/m, { selector });
}

/** @param {import("playwright-core").Page} page */
export const screenText = (page, selector = "page-vm") =>
  page.evaluate((wanted) => document.querySelector(wanted).vm.screenText(), selector);

/**
 * Waits until the screen shows a text.
 * @param {import("playwright-core").Page} page
 * @param {string | RegExp} text
 * @param {{ selector?: string, timeout?: number }} [where] milliseconds
 */
export const untilScreen = (page, text, { selector = "page-vm", timeout = 10_000 } = {}) =>
  page.evaluate(
    ([wanted, screen, limit]) => document.querySelector(wanted).vm.waitFor({ screen }, { timeout: limit }),
    [selector, text, timeout],
  );

/** Types on the machine's serial port and waits for the answer. @param {import("playwright-core").Page} page */
export const ask = (page, command, answer, selector = "page-vm") =>
  page.evaluate(
    async ([wanted, text, serial]) => {
      const { vm } = document.querySelector(wanted);
      await vm.sendSerial(0, `${text}\n`);
      return vm.waitFor({ serial }, { timeout: 10_000 });
    },
    [selector, command, answer],
  );
