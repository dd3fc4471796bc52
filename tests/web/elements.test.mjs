/** The element and its parts, around the double of the machine. */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { ask, newPage, screenText, startAll, untilReady, untilScreen, untilState } from "./harness.mjs";

describe("<page-vm>", { timeout: 180_000 }, () => {
  let server, browser;
  before(async () => ({ server, browser } = await startAll()));

  /** The full page, its guest at the prompt. */
  async function booted(query = "") {
    const opened = await newPage(browser);
    await opened.page.goto(`${server.url}${query}`);
    await untilReady(opened.page);
    return opened;
  }
  /** The workers that hold a machine; others draw its screen. */
  const machines = (page) => page.workers().filter((worker) => worker.url().endsWith("/worker.js"));
  const button = (page, name) => page.getByRole("button", { name, exact: true });
  /** Until the screen does not show a text any more. */
  async function untilGone(page, text) {
    for (let tries = 0; (await screenText(page)).includes(text); tries++) {
      assert.ok(tries < 100, `“${text}” stays on the screen`);
      await page.waitForTimeout(50);
    }
  }
  const held = async (page) => ask(page, "keys", /held: .*;/);

  it("boots what its attributes name", async () => {
    const { page, errors, close } = await booted();
    const text = await screenText(page);
    assert.match(text, /Memory: 256M/);
    assert.match(text, /console=ttyS0/);
    assert.match(text, /PAGEVM-READY/);
    assert.deepEqual(errors, []);
    await close();
  });

  it("downloads the console's terminal when the console is first on show", async () => {
    const { page, close } = await newPage(browser);
    const asked = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await page.goto(server.url);
    await untilReady(page);
    assert.ok(!asked.includes("/terminal.js"));
    await page.getByText("Console", { exact: true }).click();
    await page.locator("vm-serial .xterm").waitFor();
    assert.ok(asked.includes("/terminal.js"));
    await close();
  });

  it("types what is typed while the screen has the focus", async () => {
    const { page, close } = await booted();
    await page.locator("vm-screen textarea").focus();
    await page.keyboard.type("echo ");
    await page.keyboard.press("Shift+KeyH");
    await page.keyboard.type("ello-world");
    await page.keyboard.press("Shift+Digit1");
    await page.keyboard.press("Enter");
    await untilScreen(page, /^Hello-world!/m);
    await close();
  });

  it("takes no key without the focus", async () => {
    const { page, close } = await booted();
    await page.keyboard.type("echo lost\n");
    await page.locator("#cmdline").focus();
    await page.keyboard.type("typed elsewhere");
    assert.match(await page.locator("#cmdline").inputValue(), /typed elsewhere/);
    assert.doesNotMatch(await screenText(page), /lost|elsewhere/);
    await close();
  });

  it("keeps the keys it takes from the browser", async () => {
    const { page, close } = await booted();
    await page.locator("vm-screen textarea").focus();
    for (const key of ["Tab", "F5", "Backspace", "/"]) await page.keyboard.press(key);
    await untilScreen(page, /\$ \/ *$/m);
    assert.equal(await page.evaluate(() => document.activeElement.localName), "page-vm");
    assert.equal(await page.locator("vm-screen textarea").inputValue(), "");
    await close();
  });

  it("lets go of every key when the focus leaves", async () => {
    const { page, close } = await booted();
    await page.locator("vm-screen textarea").focus();
    await page.keyboard.down("a");
    await page.keyboard.down("Shift");
    assert.match(await held(page), /KeyA,ShiftLeft/);
    await page.locator("#cmdline").focus();
    assert.match(await held(page), /held: ;/);
    await page.keyboard.up("a");
    await page.keyboard.up("Shift");
    await close();
  });

  it("gives the keyboard back on Ctrl+Alt, and takes it again on Enter", async () => {
    const { page, close } = await booted();
    const captured = () => page.locator("vm-screen").evaluate((screen) => screen.hasAttribute("captured"));
    await page.locator("vm-screen textarea").focus();
    assert.equal(await captured(), true);
    await page.keyboard.down("Control");
    await page.keyboard.down("Alt");
    await page.keyboard.up("Alt");
    await page.keyboard.up("Control");
    assert.equal(await captured(), false);
    assert.match(await held(page), /held: ;/);
    await page.keyboard.press("Enter");
    assert.equal(await captured(), true);
    // With another key in between it is the guest's.
    await page.keyboard.press("Control+Alt+a");
    assert.equal(await captured(), true);
    await page.keyboard.down("Control");
    await page.keyboard.down("Alt");
    await page.keyboard.up("Control");
    await page.keyboard.up("Alt");
    await page.keyboard.press("Tab");
    assert.notEqual(await page.evaluate(() => document.activeElement.localName), "page-vm");
    await close();
  });

  it("locks the pointer on a click, forwards the mouse, and frees it on Escape", async () => {
    const { page, close } = await booted();
    const locked = () => page.locator("vm-screen").evaluate((screen) => screen.hasAttribute("locked"));
    const box = await page.locator("vm-screen").boundingBox();
    const centre = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(...centre);
    await page.mouse.click(...centre);
    await page.waitForSelector("vm-screen[locked]");
    await page.mouse.move(centre[0] + 30, centre[1] - 12, { steps: 3 });
    await page.mouse.down({ button: "right" });
    await page.mouse.up({ button: "right" });
    await page.mouse.wheel(0, 200);
    await page.waitForTimeout(100);
    const { x, y, wheel, buttons } = JSON.parse(
      (await ask(page, "mouse", /mouse: \{.*\}/)).slice("mouse: ".length),
    );
    assert.deepEqual({ x, y, wheel, buttons }, { x: 30, y: -12, wheel: 2, buttons: 2 });
    await page.keyboard.press("Escape");
    if (await locked()) await page.evaluate(() => document.exitPointerLock()); // as the browser itself does for people
    await page.waitForSelector("vm-screen:not([locked])");
    await page.mouse.move(centre[0], centre[1]);
    assert.match(await ask(page, "mouse", /mouse: \{.*\}/), /"x":30,/);
    await close();
  });

  it("pauses, goes on, and resets", async () => {
    const { page, close } = await booted();
    await button(page, "Pause").click();
    await untilState(page, "paused");
    await page.getByRole("button", { name: "Continue" }).first().click();
    await untilState(page, "running");
    await ask(page, "echo before", /^before/m);
    await page.evaluate(() => document.querySelector("page-vm").vm.sendText("echo gone\n"));
    await untilScreen(page, /^gone/m);
    await button(page, "Reset").click();
    await untilGone(page, "gone");
    await untilScreen(page, "PAGEVM-READY");
    await close();
  });

  it("sends Ctrl+Alt+Del", async () => {
    const { page, close } = await booted();
    await page.evaluate(() => document.querySelector("page-vm").vm.sendText("echo gone\n"));
    await untilScreen(page, /^gone/m);
    await button(page, "Send Ctrl+Alt+Del").click();
    await untilGone(page, "gone");
    assert.match(await held(page), /held: ;/);
    await close();
  });

  it("switches off and on again", async () => {
    const { page, close } = await booted();
    await page.evaluate(() => document.querySelector("page-vm").vm.sendText("poweroff\n"));
    await untilState(page, "off");
    await page.getByText("Switched off", { exact: true }).waitFor();
    await button(page, "Power on").click();
    await untilReady(page);
    await close();
  });

  it("offers the plug when the guest ignores the power button", async () => {
    const { page, close } = await booted();
    await button(page, "Power button").click();
    await button(page, "Switch off now").click({ timeout: 10_000 });
    await untilState(page, "off");
    await button(page, "Power on").click();
    await untilReady(page);
    await close();
  });

  it("saves a screenshot", async () => {
    const { page, close } = await booted();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      button(page, "Save screenshot").click(),
    ]);
    assert.match(download.suggestedFilename(), /^pagevm-.*\.png$/);
    await close();
  });

  it("goes full screen and back", async () => {
    const { page, close } = await booted();
    await button(page, "Full screen").click();
    await page.waitForFunction(() => document.fullscreenElement?.localName === "page-vm");
    await button(page, "Leave full screen").click();
    await page.waitForFunction(() => document.fullscreenElement === null);
    await close();
  });

  it("has one stop for Tab in its toolbar, and arrow keys within", async () => {
    const { page, close } = await booted();
    const active = () =>
      page.evaluate(() => {
        let element = document.activeElement;
        while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
        return element?.getAttribute("aria-label") ?? element?.localName;
      });
    await button(page, "Pause").focus();
    await page.keyboard.press("ArrowRight");
    assert.equal(await active(), "Reset");
    await page.keyboard.press("End");
    assert.equal(await active(), "Full screen");
    await page.keyboard.press("ArrowRight");
    assert.equal(await active(), "Pause");
    await page.keyboard.press("Tab");
    assert.equal(await active(), "Screen of the machine: keyboard input");
    await close();
  });

  it("shows the serial console, and sends what is typed there", async () => {
    const { page, close } = await booted();
    await page.waitForSelector("vm-views[unseen]");
    await page.getByText("Console", { exact: true }).click();
    const shown = (text) =>
      page.waitForFunction(
        (wanted) =>
          document.querySelector("page-vm").shadowRoot.querySelector("vm-serial").text.includes(wanted),
        text,
      );
    await shown("PAGEVM-READY"); // said before the terminal was there
    assert.equal(await page.locator("vm-views").getAttribute("unseen"), null);
    await page.locator("vm-serial").click();
    await page.keyboard.type("echo over the wire\n");
    await shown("\nover the wire");
    await close();
  });

  it("says how a guest ended", async () => {
    const { page, close } = await booted();
    for (const [command, state, words] of [
      ["halt", "halted", /Halted: the guest halted with interrupts off/],
      ["triple", "crashed", /Crashed: .*triple fault/],
      ["exit-with 3", "off", /wrote 3 to port F4h/],
    ]) {
      await page.evaluate((text) => document.querySelector("page-vm").vm.sendText(`${text}\n`), command);
      await untilState(page, state);
      await page.getByText(words).waitFor();
      if (state === "off") await button(page, "Power on").click();
      else if (state === "halted")
        await page.locator("vm-notice").getByRole("button", { name: "Reset" }).click();
      else await page.locator("vm-notice").getByRole("button", { name: "Start again" }).click();
      await untilReady(page);
    }
    await close();
  });

  it("survives a fault of the machine's own, in words, and starts a new one", async () => {
    const { page, close } = await booted();
    await page.evaluate(() => document.querySelector("page-vm").vm.sendText("trap\n"));
    await untilState(page, "crashed");
    await page.getByText(/Crashed: internal error: unreachable/).waitFor();
    await page.locator("vm-notice").getByRole("button", { name: "Start again" }).click();
    await untilReady(page);
    // Every button that could bring it back does.
    for (const name of ["Start again", "Reset", "Power on"]) {
      await page.evaluate(() => document.querySelector("page-vm").vm.sendText("trap\n"));
      await untilState(page, "crashed");
      await page.locator("vm-toolbar").getByRole("button", { name }).click();
      await untilReady(page);
    }
    await close();
  });

  /** The page of a machine with drives, their list open. */
  async function withDrives() {
    const opened = await booted("?fda=images/linux32/vmlinuz&fdb=&cdrom=");
    await button(opened.page, "Drives").click();
    const row = (drive) => opened.page.locator(`vm-drive[drive="${drive}"]`);
    return { ...opened, row };
  }
  const floppy = (name, size = 1_474_560) => ({
    name,
    mimeType: "application/octet-stream",
    buffer: Buffer.alloc(size, 1),
  });

  it("changes what is in its drives, and says why not", async () => {
    const { page, errors, row, close } = await withDrives();
    assert.deepEqual(await page.locator("vm-drive #name").allInnerTexts(), ["CD", "Floppy A", "Floppy B"]);
    assert.deepEqual(await page.locator("vm-drive #image").allInnerTexts(), ["empty", "vmlinuz", "empty"]);
    assert.match(await ask(page, "media", /media: .*\}/), /"fdb":null/);
    const [chooser] = await Promise.all([
      page.waitForEvent("filechooser"),
      button(page, "Insert… Floppy B").click(),
    ]);
    await chooser.setFiles(floppy("games.img"));
    await row("fdb").getByText("games.img").waitFor();
    assert.match(await ask(page, "media", /media: .*\}/), /"fdb":2880/);

    await row("fdb").locator("input").setInputFiles(floppy("notes.txt", 5000));
    await row("fdb").getByRole("alert").getByText("fdb: an image of 5120 bytes is no floppy disk").waitFor();
    await row("fdb").getByText("games.img").waitFor();
    await row("fdb").locator("input").setInputFiles(floppy("more.img"));
    await row("fdb").getByText("more.img").waitFor();
    await page.waitForSelector('vm-drive[drive="fdb"]:not([refused])');

    await button(page, "Eject Floppy B").click();
    await row("fdb").getByText("empty").waitFor();
    assert.equal(await button(page, "Eject Floppy B").isDisabled(), true);
    assert.match(await ask(page, "media", /media: .*\}/), /"fdb":null/);
    // What a page's own script does is shown as well.
    await page.evaluate(() =>
      document.querySelector("page-vm").vm.changeMedium("cdrom", new Uint8Array(2048)),
    );
    await row("cdrom").getByText("image without a name").waitFor();
    assert.deepEqual(errors, []);
    await close();
  });

  it("takes a file that is dropped on a drive", async () => {
    const { page, row, close } = await withDrives();
    const files = await page.evaluateHandle(() => {
      const files = new DataTransfer();
      files.items.add(new File([new Uint8Array(4096)], "dropped.iso"));
      return files;
    });
    await row("cdrom").dispatchEvent("dragover", { dataTransfer: files });
    await page.waitForSelector('vm-drive[drive="cdrom"][dragging]');
    await row("cdrom").dispatchEvent("drop", { dataTransfer: files });
    await row("cdrom").getByText("dropped.iso").waitFor();
    await page.waitForSelector('vm-drive[drive="cdrom"]:not([dragging])');
    await close();
  });

  it("opens and closes its list of drives by keyboard and mouse, and has none without drives", async () => {
    const { page, close } = await withDrives();
    const active = () =>
      page.evaluate(() => {
        let element = document.activeElement;
        while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
        return element?.getAttribute("aria-label") ?? element?.id;
      });
    const open = () => page.locator("vm-drives").evaluate((drives) => drives.hasAttribute("open"));
    assert.equal(await button(page, "Drives").getAttribute("aria-expanded"), "true");
    await page.keyboard.press("Tab"); // from the toolbar, which is one stop
    assert.equal(await active(), "insert");
    await page.keyboard.press("Escape");
    assert.equal(await active(), "Drives");
    assert.equal(await open(), false);
    assert.equal(await button(page, "Drives").getAttribute("aria-expanded"), "false");
    await page.keyboard.press("Enter");
    await page.waitForSelector("vm-drives[open]");
    await page.keyboard.press("Escape");
    await page.waitForSelector("vm-drives:not([open])", { state: "attached" });
    await page.keyboard.press("Enter");
    await page.waitForSelector("vm-drives[open]");
    // Ejecting by keyboard leaves the focus where something can be done.
    await button(page, "Eject Floppy A").focus();
    await page.keyboard.press("Enter");
    await page.locator('vm-drive[drive="fda"]').getByText("empty").waitFor();
    assert.equal(await active(), "insert");
    await page.locator("vm-screen").click({ position: { x: 20, y: 200 } });
    await page.waitForSelector("vm-drives:not([open])", { state: "attached" });

    await page.goto(server.url);
    await untilReady(page);
    assert.equal(await button(page, "Drives").count(), 0);
    await close();
  });

  it("runs beside another on the same page", async () => {
    const { page, errors, close } = await newPage(browser);
    await page.goto(`${server.url}empty`);
    await page.evaluate(async () => {
      await import("/pagevm.js");
      document.body.innerHTML = ["one", "two"]
        .map(
          (id) =>
            `<page-vm id="${id}" kernel="images/linux32/vmlinuz" cmdline="${id}" memory="64" autostart></page-vm>`,
        )
        .join("");
    });
    await untilReady(page, "#one");
    await untilReady(page, "#two");
    assert.equal(machines(page).length, 2);
    await page.locator("#one vm-screen textarea").focus();
    await page.keyboard.type("echo first\n");
    await page.locator("#two vm-screen textarea").focus();
    await page.keyboard.type("echo second\n");
    await untilScreen(page, /^first/m, { selector: "#one" });
    await untilScreen(page, /^second/m, { selector: "#two" });
    assert.doesNotMatch(await screenText(page, "#one"), /second/);
    assert.doesNotMatch(await screenText(page, "#two"), /first/);
    await page.evaluate(() => document.querySelector("#one").vm.sendText("trap\n"));
    await untilState(page, "crashed", "#one");
    await ask(page, "echo alive", /^alive/m, "#two");
    assert.deepEqual(errors, []);
    await close();
  });

  it("ends its machine when it leaves the document, and not when it only moves", async () => {
    const { page, close } = await booted();
    await page.evaluate(() => document.body.append(document.querySelector("page-vm")));
    await ask(page, "echo still here", /^still here/m);
    assert.equal(machines(page).length, 1);
    const gone = page.workers().map((worker) => worker.waitForEvent("close")); // the screen's, too
    await page.evaluate(() => document.querySelector("page-vm").remove());
    await Promise.all(gone);
    await close();
  });

  it("waits for Start without autostart, and downloads nothing until then", async () => {
    const { page, close } = await newPage(browser);
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(`${server.url}empty`);
    await page.evaluate(async () => {
      await import("/pagevm.js");
      document.body.innerHTML = '<page-vm kernel="images/linux32/vmlinuz"></page-vm>';
    });
    await untilState(page, "ready");
    assert.equal(asked.filter((url) => url.includes("vmlinuz") || url.includes("wasm")).length, 0);
    await page.getByRole("button", { name: "Start the machine" }).click();
    await untilReady(page);
    await close();
  });

  it("says that there is nothing to boot", async () => {
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}empty`);
    await page.evaluate(async () => {
      await import("/pagevm.js");
      document.body.innerHTML = "<page-vm></page-vm>";
    });
    await untilState(page, "empty");
    await page.getByText("Nothing to boot").waitFor();
    await close();
  });

  it("looks the same whatever the page's own style sheet says", async () => {
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}empty`);
    await page.evaluate(async () => {
      await import("/pagevm.js");
      document.body.innerHTML = `<style>* { color: red; font: 30px serif } button { display: none } div { padding: 40px }
        </style><page-vm kernel="images/linux32/vmlinuz" autostart></page-vm>`;
    });
    await untilReady(page);
    const { size, shown } = await page.evaluate(() => {
      const toolbar = document.querySelector("page-vm").shadowRoot.querySelector("vm-toolbar");
      const reset = toolbar.shadowRoot.querySelector("#reset");
      const status = document.querySelector("page-vm").shadowRoot.querySelector("vm-status");
      return { size: getComputedStyle(status).fontSize, shown: getComputedStyle(reset).display };
    });
    assert.deepEqual({ size, shown }, { size: "14px", shown: "grid" });
    await close();
  });
});
