/**
 * The real machine in each of the three engines: it boots, answers, and runs translated code; and what happens where a
 * page's policy forbids the compiling that translation is.
 *
 * Needs dist/ (./build.sh build) and images/linux32/out/ (./build.sh image); says so where they are missing.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { before, describe, it } from "node:test";
import { guest, noLinux } from "../boot/lib.mjs";
import { closeAfterwards, newPage, ROOT, startBrowser, startServer } from "./harness.mjs";
import { startWebDriver } from "./webdriver.mjs";

const PAGE = path.join(ROOT, "tests/web/engines");
const SCREENSHOTS = path.join(ROOT, "build/screenshots");
/** Far more than it takes: what is slow is for the benchmarks to say. */
const BOOT_MS = 300_000;
const SIZE = { width: 1280, height: 900 };

const LINUX = {
  kernel: "/images/linux32/vmlinuz",
  initrd: "/images/linux32/initrd",
  cmdline: "console=tty0 console=ttyS0 quiet tsc=reliable mitigations=off random.trust_cpu=on",
  autostart: "",
};

/** Policies: of the page, and of the worker's script. */
const ALLOWED = "script-src 'self' 'wasm-unsafe-eval'";
const FORBIDDEN = "script-src 'self'";

/**
 * What a test does with a browser, the same for all.
 * @typedef {object} Driver
 * @property {string} version
 * @property {(url: string) => Promise<void>} goto
 * @property {(body: string) => Promise<any>} evaluate
 * @property {(text: string) => Promise<void>} type
 * @property {() => Promise<Buffer>} screenshot
 */

/** @type {Record<string, () => Promise<Driver>>} */
const BROWSERS = {
  async Chromium() {
    const browser = await startBrowser();
    const { page } = await newPage(browser, { viewport: SIZE });
    return {
      version: browser.version(),
      goto: async (url) => void (await page.goto(url)),
      evaluate: (body) => page.evaluate(`(async () => { ${body} })()`),
      type: (text) => page.keyboard.type(text),
      screenshot: () => page.screenshot(),
    };
  },
  Firefox: () => webDriver("Firefox"),
  WebKit: () => webDriver("WebKit"),
};

/** @param {"Firefox" | "WebKit"} name @returns {Promise<Driver>} */
async function webDriver(name) {
  const browser = await startWebDriver(name, SIZE);
  closeAfterwards(() => browser.close());
  return browser;
}

/** A server with the page of the steps and, if given, policies. @param {{ page?: string, worker?: string }} [policies] */
async function startPages(policies = {}) {
  const fib = fs.readFileSync(guest("fib", "ROUNDS=1"));
  return startServer({
    first: (request, response) => {
      const name = (request.url ?? "").slice(1);
      if (name === "worker.js" && policies.worker) {
        response.setHeader("content-security-policy", policies.worker);
      }
      if (name === "fib") {
        response.end(fib);
      } else if (name === "engines/") {
        if (policies.page) response.setHeader("content-security-policy", policies.page);
        response.setHeader("content-type", "text/html");
        response.end(fs.readFileSync(path.join(PAGE, "index.html")));
      } else if (name === "engines/steps.js") {
        response.setHeader("content-type", "text/javascript");
        response.end(fs.readFileSync(path.join(PAGE, "steps.js")));
      } else {
        return false;
      }
      return true;
    },
  });
}

describe("every engine", { skip: noLinux, timeout: 3 * BOOT_MS }, () => {
  for (const [name, startDriver] of Object.entries(BROWSERS)) {
    describe(name, () => {
      /** @type {Driver} */
      let driver;
      before(async () => {
        driver = await startDriver();
        console.log(`${name} ${driver.version}`);
        fs.mkdirSync(SCREENSHOTS, { recursive: true });
      });

      /** @param {{ page?: string, worker?: string }} [policies] */
      async function open(policies) {
        const { url } = await startPages(policies);
        await driver.goto(`${url}engines/`);
        // WebKit calls a page loaded whose module has not run yet.
        await driver.evaluate(
          "while (!window.begin) await new Promise((resolve) => setTimeout(resolve, 20));",
        );
      }

      /** Has the page carry out a step. @param {string} step @param {unknown[]} args */
      async function attempt(step, ...args) {
        const call = `${JSON.stringify(step)}, ${JSON.stringify(JSON.stringify(args))}`;
        await driver.evaluate(`window.begin(${call});`);
        for (;;) {
          const answer = await driver.evaluate("return window.answer();");
          if (answer) return JSON.parse(answer);
        }
      }

      /** The same, where it must succeed. @param {string} step @param {unknown[]} args */
      async function done(step, ...args) {
        const { value, error } = await attempt(step, ...args);
        assert.equal(error, undefined, `${step}: ${error?.message}`);
        return value;
      }

      const fib = { multiboot: "/fib" };
      /** What the guest says and how it ends, wherever and however it runs. */
      const assertRight = ({ said, code }) =>
        assert.deepEqual({ said, code }, { said: "S.K\n", code: "exit" });

      /** One sentence, which says what is to be done. */
      async function refused() {
        const { error } = await attempt("run", fib);
        assert.equal(error?.code, "wasm-refused", error?.message);
        assert.equal(
          error.message,
          "the content security policy of the page or of its worker.js forbids WebAssembly (script-src needs 'wasm-unsafe-eval')",
        );
      }

      it("boots linux32 and answers on screen and console, its code translated", async () => {
        await open();
        const began = Date.now();
        await done("boot", LINUX, BOOT_MS);
        console.log(`${name}: prompt after ${((Date.now() - began) / 1000).toFixed(1)} s`);
        await driver.type("echo typed-67\n");
        assert.equal(await done("shown", "typed-67"), "typed-67");
        assert.equal(await done("ask", "echo asked-$((6*7))", "asked-42"), "asked-42");
        assert.ok((await done("colours")) >= 2, "the canvas shows something");
        assert.deepEqual(await done("tooWide"), []);
        fs.writeFileSync(
          path.join(SCREENSHOTS, `linux32-${name.toLowerCase()}.png`),
          await driver.screenshot(),
        );
        const { jit } = await done("stats");
        assert.ok(jit.regions > 0, "code was translated");
        assert.ok(jit.executed > 0, "translated code ran");
      });

      it("translates under the policy that the guide asks for", async () => {
        await open({ page: `${ALLOWED}; worker-src 'self'; connect-src 'self'`, worker: ALLOWED });
        const run = await done("run", fib);
        assertRight(run);
        assert.ok(run.stats.jit.executed > 0);
      });

      it("says what is wrong under a policy that forbids wasm", async () => {
        await open({ page: FORBIDDEN, worker: FORBIDDEN });
        await refused();
      });

      it("translates where the policy that forbids it is the page's alone", async () => {
        await open({ page: FORBIDDEN });
        const run = await done("run", fib);
        assertRight(run);
        assert.ok(run.stats.jit.executed > 0);
      });

      // Chromium lets the worker instantiate what the page has compiled. Firefox does not give it to the worker, and
      // WebKit forbids instantiating; neither would forbid less to code made at run time.
      if (name === "Chromium") {
        it("interprets under a policy that lets the page compile, but not the worker", async () => {
          await open({ page: ALLOWED, worker: FORBIDDEN });
          const run = await done("run", fib);
          assertRight(run);
          assert.equal(run.stats.jit.enabled, false);
        });
      } else {
        it("says what is wrong under a policy that lets the page compile, but not the worker", async () => {
          await open({ page: ALLOWED, worker: FORBIDDEN });
          await refused();
        });
      }

      it("interprets where it is told to", async () => {
        await open();
        const run = await done("run", { ...fib, jit: false });
        assertRight(run);
        assert.equal(run.stats.jit.enabled, false);
      });
    });
  }
});
