/**
 * The real machine in a real browser: the page boots Linux, answers what is typed, and looks as it should.
 *
 * Needs dist/ (./build.sh build) and images/linux32/out/ (./build.sh image); says so where they are missing.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { before, describe, it } from "node:test";
import { promisify } from "node:util";
import {
  ask,
  newPage,
  ROOT,
  startBrowser,
  startPlainBrowser,
  startServer,
  untilScreen,
  untilState,
} from "./harness.mjs";

const DIST = path.join(ROOT, "dist");
const IMAGE = path.join(ROOT, "images/linux32/out");
const SCREENSHOTS = path.join(ROOT, "build/screenshots");
/** Far more than it takes: what is slow is for the benchmarks to say. */
const BOOT_MS = 300_000;

const missing = [
  [path.join(ROOT, "build/wasm/pagevm_web_bg.wasm"), "./build.sh build"],
  [path.join(DIST, "pagevm.js"), "./build.sh build"],
  [path.join(IMAGE, "vmlinuz"), "./build.sh image"],
].find(([file]) => !fs.existsSync(file));
const skip = missing ? `${path.relative(ROOT, missing[0])} is missing: ${missing[1]} makes it` : false;

const booted = (page, selector = "page-vm") =>
  page.evaluate(
    async ([wanted, timeout]) => {
      const element = document.querySelector(wanted);
      const vm =
        element.vm ??
        (await new Promise((resolve) => element.addEventListener("vmready", (e) => resolve(e.detail))));
      return vm.waitFor({ serial: "PAGEVM-READY" }, { timeout });
    },
    [selector, BOOT_MS],
  );

describe("the page, with the real machine", { skip, timeout: 3 * BOOT_MS }, () => {
  let server, browser;
  before(async () => {
    server = await startServer();
    browser = await startBrowser();
    fs.mkdirSync(SCREENSHOTS, { recursive: true });
  });

  // One boot for all of it: a boot takes most of a minute.
  it("boots linux32; answers on screen and console; runs on in a hidden tab; powers off", async () => {
    const context = await startPlainBrowser();
    const [page] = context.pages();
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.emulateMedia({ colorScheme: "dark" });
    const began = Date.now();
    await page.goto(server.url);
    await page.waitForTimeout(1500);
    await page.screenshot({ path: path.join(SCREENSHOTS, "linux32-booting.png") });
    await booted(page);
    console.log(`PAGEVM-READY after ${((Date.now() - began) / 1000).toFixed(1)} s`);

    // Typed on the keyboard, key by key, read from the screen.
    await untilScreen(page, /# *$|\$ *$/m);
    await page.locator("vm-screen textarea").focus();
    await page.keyboard.type("echo screen-67\n");
    await untilScreen(page, /^screen-67/m);
    // Text with characters that need Shift.
    await page.evaluate(() => document.querySelector("page-vm").vm.sendText("echo shifted-$((6*7))\n"));
    await untilScreen(page, /^shifted-42/m);

    // The same on the serial console.
    assert.equal(await ask(page, "echo serial-$((6*7))", /^serial-42/m), "serial-42");
    await page.getByText("Console", { exact: true }).click();
    await page.locator("vm-serial .xterm").click();
    await page.keyboard.type("echo typed-67\n");
    await page.waitForFunction(() => {
      const { text } = document.querySelector("page-vm").shadowRoot.querySelector("vm-serial");
      return text.includes("PAGEVM-READY") && text.includes("serial-42") && /^typed-67/m.test(text);
    });
    await page.screenshot({ path: path.join(SCREENSHOTS, "linux32-console.png") });

    // The picture: the machine's own, and the page's.
    await page.getByText("Screen", { exact: true }).click();
    await page.waitForTimeout(500);
    await page.screenshot({ path: path.join(SCREENSHOTS, "linux32-page.png") });
    const { bytes, colours } = await page.evaluate(async () => {
      const blob = await document.querySelector("page-vm").vm.screenshot();
      const picture = await createImageBitmap(blob);
      const canvas = new OffscreenCanvas(picture.width, picture.height);
      const context = canvas.getContext("2d");
      context.drawImage(picture, 0, 0);
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const colours = new Set(new Uint32Array(data.buffer)).size;
      return { bytes: [...new Uint8Array(await blob.arrayBuffer())], colours };
    });
    fs.writeFileSync(path.join(SCREENSHOTS, "linux32-screen.png"), Buffer.from(bytes));
    assert.ok(colours >= 2, "there is something on the screen");

    // In a hidden tab: console and clock.
    const uptime = async () => {
      const text = await ask(page, "cut -d' ' -f1 /proc/uptime", /^\d+\.\d+\r?$/m);
      return [Number(text), performance.now() / 1000, await page.evaluate(() => document.visibilityState)];
    };
    const other = await context.newPage();
    await other.bringToFront();
    await other.waitForTimeout(500);
    const [guestBefore, hostBefore, visibility] = await uptime();
    await other.waitForTimeout(5000);
    const [guestAfter, hostAfter, still] = await uptime();
    assert.deepEqual([visibility, still], ["hidden", "hidden"]);
    const behind = hostAfter - hostBefore - (guestAfter - guestBefore);
    assert.ok(
      Math.abs(behind) < 1,
      `in ${(hostAfter - hostBefore).toFixed(1)} s the guest's clock fell behind by ${behind.toFixed(2)} s`,
    );
    await other.close();
    await page.bringToFront();

    await ask(page, "poweroff", "poweroff");
    await untilState(page, "off");
    assert.deepEqual(errors, []);
  });

  it("gives the same state hashes in two counted runs, and in Node", async () => {
    const counts = [20_000_000, 60_000_000, 120_000_000];
    const cmdline = "console=ttyS0 quiet";
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}empty`);
    const run = () =>
      page.evaluate(
        async ([hashAt, line]) => {
          const { PageVM } = await import("/pagevm.js");
          const hashes = [];
          const vm = await PageVM.create({
            kernel: "images/linux32/vmlinuz",
            initrd: "images/linux32/initrd",
            cmdline: line,
            memory: 64,
            clock: "counted",
            rtc: 1_767_225_600,
            hashAt,
            maxInstructions: hashAt.at(-1),
            autostart: false,
          });
          vm.addEventListener("hash", ({ detail }) => hashes.push(`HASH ${detail.at} ${detail.hash}`));
          const ended = new Promise((resolve) =>
            vm.addEventListener("state", ({ detail }) => detail.state !== "running" && resolve(detail.code)),
          );
          await vm.run();
          const code = await ended;
          await vm.destroy();
          return { code, hashes };
        },
        [counts, cmdline],
      );
    const first = await run();
    assert.equal(first.code, "instruction-limit");
    assert.equal(first.hashes.length, counts.length);
    assert.deepEqual(await run(), first);
    await close();

    const { stderr } = await promisify(execFile)(process.execPath, [
      path.join(DIST, "cli.mjs"),
      ...[
        "run",
        "--kernel",
        path.join(IMAGE, "vmlinuz"),
        "--initrd",
        path.join(IMAGE, "initrd"),
        "--cmdline",
        cmdline,
      ],
      ...[
        "--memory",
        "64",
        "--deterministic",
        "--serial",
        "null",
        "--max-instructions",
        String(counts.at(-1)),
      ],
      ...["--hash-at", counts.join(",")],
    ]);
    assert.deepEqual(
      stderr.split("\n").filter((line) => line.startsWith("HASH")),
      first.hashes,
    );
  });

  it("refuses bad images in words", async () => {
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}empty`);
    const refusals = await page.evaluate(async () => {
      const { PageVM } = await import("/pagevm.js");
      const kernel = new Uint8Array(await (await fetch("images/linux32/vmlinuz")).arrayBuffer());
      const cases = {
        text: { kernel: new Blob(["This is a text and no kernel. ".repeat(1000)]) },
        tiny: { kernel: kernel.slice(0, 100) },
        truncated: { kernel: kernel.slice(0, 2_000_000) },
        "large initrd": { kernel, initrd: new Uint8Array(60 << 20), memory: 64 },
        "no multiboot": { multiboot: kernel },
      };
      const refusals = {};
      for (const [name, options] of Object.entries(cases)) {
        const vm = await PageVM.create(options).catch((error) => error);
        refusals[name] = [vm.code ?? "accepted", vm.message ?? ""];
        await vm.destroy?.();
      }
      return refusals;
    });
    for (const [name, [code, message]] of Object.entries(refusals)) {
      assert.match(code, /^(bad-image|too-large)$/, `${name}: ${code} ${message}`);
      assert.match(message, name === "large initrd" ? /initrd/ : /kernel|multiboot/, name);
    }
    await close();
  });
});
