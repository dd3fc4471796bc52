/** The full page: without scripts, with its form, on small screens, for everyone. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { before, describe, it } from "node:test";
import { ask, KERNEL, newPage, ROOT, screenText, startAll, untilReady, untilState } from "./harness.mjs";

const SCREENSHOTS = path.join(ROOT, "build/screenshots");

describe("the page", { timeout: 180_000 }, () => {
  let server, browser;
  before(async () => {
    ({ server, browser } = await startAll());
    fs.mkdirSync(SCREENSHOTS, { recursive: true });
  });

  it("is a page before any script runs", async () => {
    const { page, close } = await newPage(browser, { javaScriptEnabled: false });
    await page.goto(server.url);
    assert.equal(await page.title(), "PageVM");
    assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), "PageVM");
    await page.getByText("It is made of JavaScript and WebAssembly").waitFor();
    await page.waitForTimeout(1500); // the words come late: most people see the machine instead
    assert.ok((await page.locator("page-vm").boundingBox()).height > 300, "the machine's place is kept");
    await page.screenshot({ path: path.join(SCREENSHOTS, "page-without-scripts.png") });
    await close();
  });

  it("does not move when the machine appears", async () => {
    for (const width of [1280, 390]) {
      const { page, close } = await newPage(browser, { viewport: { width, height: 800 } });
      await page.route("**/pagevm.js", async (route) => {
        await new Promise((resolve) => setTimeout(resolve, 400));
        await route.continue();
      });
      await page.goto(server.url, { waitUntil: "commit" });
      await page.waitForSelector("page-vm:not(:defined)");
      const before = await page.locator("page-vm").boundingBox();
      await untilReady(page);
      const after = await page.locator("page-vm").boundingBox();
      assert.deepEqual(Object.values(after).map(Math.round), Object.values(before).map(Math.round));
      await close();
    }
  });

  it("starts what its address says", async () => {
    const { page, close } = await newPage(browser);
    const query = new URLSearchParams({
      kernel: "images/linux32/vmlinuz",
      cmdline: "from=address",
      memory: "96",
    });
    await page.goto(`${server.url}?${query}`);
    await untilReady(page);
    const text = await screenText(page);
    assert.match(text, /Command line: from=address/);
    assert.match(text, /Memory: 96M/);
    assert.equal(await page.locator("page-vm").getAttribute("initrd"), null);
    assert.equal(await page.locator("#memory").inputValue(), "96");
    await close();
  });

  it("starts what a machine's file says, unless its address or form says otherwise", async () => {
    const { page, errors, close } = await newPage(browser);
    const file = {
      kernel: "../images/linux32/vmlinuz",
      memory: 64,
      cmdline: "from=file",
      cdrom: { empty: true },
    };
    await page.route("**/there/machine.json", (route) => route.fulfill({ json: file }));
    const started = async () => {
      await untilReady(page);
      const text = await screenText(page);
      return [/Memory: (.*)M/.exec(text)[1], /Command line: (\S*)/.exec(text)[1]];
    };
    await page.goto(`${server.url}?machine=there/machine.json`);
    assert.deepEqual(await started(), ["64", "from=file"]);
    await page.getByRole("button", { name: "Drives" }).waitFor();
    assert.deepEqual(await page.locator(".now").allInnerTexts(), Array(5).fill("as its file says"));
    await page.screenshot({ path: path.join(SCREENSHOTS, "page-described.png"), fullPage: true });

    const again = async () => {
      await page.evaluate(() => (globalThis.before = document.querySelector("page-vm").vm));
      await page.getByRole("button", { name: "Start with these" }).click();
      await page.waitForFunction(() => {
        const { vm } = document.querySelector("page-vm");
        return vm && vm !== globalThis.before;
      });
      return started();
    };
    await page.locator("#cmdline").fill("from=form");
    assert.deepEqual(await again(), ["64", "from=form"]);
    await page.locator("#cmdline").fill("");
    assert.deepEqual(await again(), ["64", "from=file"]);
    // Another kernel is another machine.
    await page
      .locator("#kernel")
      .setInputFiles({ name: "my-kernel", mimeType: "application/octet-stream", buffer: KERNEL });
    assert.deepEqual(await again(), ["256", ""]);
    assert.equal(await page.getByRole("button", { name: "Drives" }).count(), 0);

    await page.goto(`${server.url}?machine=there/machine.json&memory=96`);
    assert.deepEqual(await started(), ["96", "from=file"]);
    assert.equal(await page.locator("#memory").inputValue(), "96");
    assert.deepEqual(errors, []);
    await close();
  });

  it("starts what its form says: memory, command line, a kernel from a file", async () => {
    const { page, close } = await newPage(browser);
    await page.goto(server.url);
    await untilReady(page);
    await page.locator("#memory").fill("128");
    await page.locator("#cmdline").fill("from=form");
    await page
      .locator("#kernel")
      .setInputFiles({ name: "my-kernel", mimeType: "application/octet-stream", buffer: KERNEL });
    await page.evaluate(() => (globalThis.before = document.querySelector("page-vm").vm));
    await page.getByRole("button", { name: "Start with these" }).click();
    // Loading a file may be over before anybody looks.
    await page.waitForFunction(() => {
      const { vm } = document.querySelector("page-vm");
      return vm && vm !== globalThis.before;
    });
    await untilReady(page);
    assert.match(await screenText(page), /Memory: 128M/);
    assert.match(await screenText(page), /Command line: from=form/);

    await page.getByRole("button", { name: "Defaults" }).click();
    assert.equal(await page.locator("#memory").inputValue(), "256");
    await page.locator("#kernel").setInputFiles({
      name: "notes.txt",
      mimeType: "text/plain",
      buffer: Buffer.from("no kernel at all, only words"),
    });
    await page.getByRole("button", { name: "Start with these" }).click();
    await page.getByText("kernel: not a Linux kernel").waitFor();
    assert.equal(page.workers().length, 0);
    await close();
  });

  it("starts from a disk of the user's, with empty drives for later", async () => {
    const { page, close } = await newPage(browser);
    await page.goto(server.url);
    await untilReady(page);
    const disk = {
      name: "disk.img",
      mimeType: "application/octet-stream",
      buffer: Buffer.alloc(1024 * 1024),
    };
    await page.locator("#hda").setInputFiles(disk);
    const now = await page.locator(".now").allInnerTexts();
    assert.deepEqual(now, ["none", "none", "1.0 MB", "empty drive", "empty drive"]);
    await page.evaluate(() => (globalThis.before = document.querySelector("page-vm").vm));
    await page.getByRole("button", { name: "Start with these" }).click();
    await page.waitForFunction(() => {
      const { vm } = document.querySelector("page-vm");
      return vm && vm !== globalThis.before;
    });
    await untilReady(page);
    const drives = await page.evaluate(() => document.querySelector("page-vm").vm.drives);
    assert.deepEqual(
      drives.map(({ drive, image }) => [drive, image]),
      [
        ["hda", "disk.img"],
        ["cdrom", null],
        ["fda", null],
      ],
    );
    await close();
  });

  it("shows images on their way", async () => {
    const { page, close } = await newPage(browser, {
      viewport: { width: 1280, height: 800 },
      colorScheme: "dark",
    });
    let go;
    const held = new Promise((resolve) => (go = resolve));
    await page.route("**/initrd", async (route) => {
      await held;
      await route.continue();
    });
    await page.goto(server.url);
    const bars = page.getByRole("progressbar");
    await page.getByRole("progressbar", { name: "Loading kernel" }).waitFor();
    await page.waitForFunction(() => {
      const cover = document.querySelector("page-vm").shadowRoot.querySelector("vm-cover");
      return cover.querySelector('vm-progress[image="kernel"]')?.getAttribute("loaded") === "3000006";
    });
    assert.equal(await bars.first().getAttribute("aria-valuenow"), "100");
    await page.screenshot({ path: path.join(SCREENSHOTS, "page-loading.png") });
    go();
    await untilReady(page);
    assert.equal(await bars.count(), 0);
    await close();
  });

  it("fits every width", async () => {
    for (const width of [320, 390, 768, 1280, 1920]) {
      const { page, close } = await newPage(browser, { viewport: { width, height: 844 } });
      for (const view of ["screen", "serial", "both"]) {
        await page.goto(`${server.url}?view=${view}`);
        await untilReady(page);
        const { scrollWidth, clientWidth } = await page.evaluate(() => document.documentElement);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(
          wide <= width,
          `${view} at ${width}: the page is ${wide} wide (${scrollWidth}, ${clientWidth})`,
        );
        const screen = view === "serial" ? "vm-serial" : "vm-screen";
        const box = await page.locator(screen).boundingBox();
        assert.ok(box.width > width * 0.4 && box.height > 100, `${view} at ${width}: ${JSON.stringify(box)}`);
      }
      await close();
    }
  });

  it("fills what its host gives it", async () => {
    const { page, close } = await newPage(browser, { viewport: { width: 1000, height: 700 } });
    await page.goto(`${server.url}empty`);
    await page.evaluate(async () => {
      await import("/pagevm.js");
      document.body.innerHTML =
        '<page-vm style="width: 500px; height: 600px" kernel="images/linux32/vmlinuz" autostart></page-vm>';
    });
    await untilReady(page);
    for (const view of ["screen", "serial", "both"]) {
      await page.evaluate((view) => (document.querySelector("page-vm").view = view), view);
      await page.waitForTimeout(50);
      const [machine, stage] = await Promise.all(
        [".machine", ".stage"].map((part) => page.locator(`page-vm ${part}`).boundingBox()),
      );
      assert.equal(machine.height, 600);
      assert.ok(stage.height > 480 && stage.height < 600, `${view}: ${stage.height}`);
    }
    await close();
  });

  /** Opens the page in every look there is. */
  async function* looks() {
    for (const colorScheme of ["dark", "light"]) {
      for (const [name, width, height] of [
        ["wide", 1280, 800],
        ["phone", 390, 844],
      ]) {
        const { page, close } = await newPage(browser, {
          colorScheme,
          reducedMotion: "reduce",
          viewport: { width, height },
        });
        yield { page, name: `${colorScheme}-${name}` };
        await close();
      }
    }
  }

  it("passes the accessibility audit, in every state and look", async (t) => {
    let axe;
    try {
      axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
    } catch {
      t.skip("axe-core is not among the npm packages");
      return;
    }
    for await (const { page, name } of looks()) {
      const audit = async (what) => {
        await page.addScriptTag({ path: axe });
        const { violations } = await page.evaluate(() =>
          globalThis.axe.run(document, { resultTypes: ["violations"] }),
        );
        const found = violations.map(
          ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(" | ")}`,
        );
        assert.deepEqual(found, [], `${name}, ${what}`);
      };
      await page.goto(server.url);
      await untilReady(page);
      await page.screenshot({ path: path.join(SCREENSHOTS, `page-${name}.png`), fullPage: true });
      await audit("running");
      await page.getByText("Both", { exact: true }).click();
      await page.waitForTimeout(300);
      await page.screenshot({ path: path.join(SCREENSHOTS, `page-${name}-both.png`), fullPage: true });
      await audit("both");
      await page.evaluate(() => document.querySelector("page-vm").pause());
      await untilState(page, "paused");
      await audit("paused");
      await page.evaluate(() => document.querySelector("page-vm").start());
      await ask(page, "halt", "halt");
      await untilState(page, "halted");
      await audit("halted");
      await page.screenshot({ path: path.join(SCREENSHOTS, `page-${name}-halted.png`) });
      await page.goto(`${server.url}?kernel=missing`);
      await untilState(page, "failed");
      await audit("failed");
      await page.screenshot({ path: path.join(SCREENSHOTS, `page-${name}-failed.png`) });
      await page.goto(`${server.url}?fda=images/linux32/vmlinuz&cdrom=`);
      await untilReady(page);
      await page.getByRole("button", { name: "Drives" }).click();
      const notes = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no disk") };
      await page.locator('vm-drive[drive="fda"] input').setInputFiles(notes);
      await page.waitForSelector("vm-drive[refused]");
      await audit("drives");
      await page.screenshot({ path: path.join(SCREENSHOTS, `page-${name}-drives.png`) });
    }
  });

  it("can be used from the keyboard alone: order of focus, and a way out of the guest", async () => {
    const { page, close } = await newPage(browser);
    await page.goto(server.url);
    await untilReady(page);
    const focused = () =>
      page.evaluate(() => {
        let element = document.activeElement;
        while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
        return element?.getAttribute("aria-label") ?? element?.value ?? element?.localName;
      });
    const order = [];
    for (let step = 0; step < 3; step++) {
      await page.keyboard.press("Tab");
      order.push(await focused());
    }
    assert.deepEqual(order, ["screen", "Pause", "Screen of the machine: keyboard input"]);
    await page.keyboard.press("Tab"); // the guest's
    assert.equal(await focused(), "Screen of the machine: keyboard input");
    await page.keyboard.down("Control");
    await page.keyboard.down("Alt");
    await page.keyboard.up("Alt");
    await page.keyboard.up("Control");
    await page.keyboard.press("Tab");
    assert.notEqual(await focused(), "Screen of the machine: keyboard input");
    await page.keyboard.press("Shift+Tab");
    assert.equal(await focused(), "Screen of the machine: keyboard input");
    await close();
  });

  it("lets the keyboard out of the console too", async () => {
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}?view=serial`);
    await untilReady(page);
    const inside = () =>
      page.evaluate(() => document.querySelector("page-vm").shadowRoot.activeElement?.localName ?? "");
    await page.locator("vm-serial .xterm").click();
    assert.equal(await inside(), "vm-serial");
    await page.keyboard.press("Tab");
    assert.equal(await inside(), "vm-serial");
    await page.keyboard.down("Control");
    await page.keyboard.down("Alt");
    await page.keyboard.up("Alt");
    await page.keyboard.up("Control");
    await page.keyboard.press("Tab");
    assert.notEqual(await inside(), "vm-serial");
    await close();
  });

  it("tells screen readers the state when it changes", async () => {
    const { page, close } = await newPage(browser);
    await page.goto(server.url);
    await untilReady(page);
    const status = page.locator("vm-status").getByRole("status");
    assert.equal(await status.innerText(), "Running");
    await page.evaluate(() => document.querySelector("page-vm").pause());
    await untilState(page, "paused");
    assert.equal(await status.innerText(), "Paused");
    await close();
  });
});
