/** The module's interface, as a page's own script uses it. */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { KERNEL, newPage, startAll, startServer } from "./harness.mjs";

describe("PageVM", { timeout: 120_000 }, () => {
  let server, browser, folders;
  before(async () => ({ server, browser, folders } = await startAll()));

  /** Runs a function in an empty page, the module's exports its first argument. */
  async function inPage(body, argument) {
    const { page, errors, close } = await newPage(browser);
    await page.goto(`${server.url}empty`);
    const source = `(async () => (${body})(await import("/pagevm.js"), ${JSON.stringify(argument)}))()`;
    const result = await page.evaluate(source);
    assert.deepEqual(errors, []);
    await close();
    return result;
  }

  it("boots images given in every way", async () => {
    const booted = await inPage(async ({ PageVM }) => {
      const url = "images/linux32/vmlinuz";
      const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
      const { length } = bytes;
      const ways = {
        url,
        absolute: new URL(url, location.href),
        blob: new Blob([bytes]),
        array: bytes,
        view: new Uint8Array([...new Uint8Array(3), ...bytes.subarray(0, 500)]).subarray(3),
        buffer: bytes.buffer,
        sized: { url, size: length },
      };
      const met = [];
      for (const [name, kernel] of Object.entries(ways)) {
        const vm = await PageVM.create({ kernel, memory: 16 });
        await vm.waitFor({ serial: "PAGEVM-READY" });
        await vm.destroy();
        met.push(name);
      }
      return { met, kept: bytes.length === length }; // what was given is still the giver's
    });
    assert.deepEqual(booted, {
      met: ["url", "absolute", "blob", "array", "view", "buffer", "sized"],
      kept: true,
    });
  });

  it("tells how far images are", async () => {
    const { progress, order } = await inPage(async ({ PageVM }) => {
      const progress = [];
      const vm = await PageVM.create({
        kernel: "images/linux32/vmlinuz",
        initrd: "images/linux32/initrd",
        onProgress: (detail) => progress.push(detail),
      });
      await vm.destroy();
      const order = (name) => progress.filter(({ image }) => image === name).map(({ loaded }) => loaded);
      return { progress, order: { kernel: order("kernel"), initrd: order("initrd") } };
    });
    assert.deepEqual(progress.filter(({ image }) => image === "kernel").at(-1), {
      image: "kernel",
      loaded: KERNEL.length,
      total: KERNEL.length,
    });
    for (const loaded of Object.values(order))
      assert.deepEqual(
        loaded,
        loaded.toSorted((a, b) => a - b),
      );
  });

  it("loses nothing of more text than a serial port has room for", async () => {
    const { text, heard } = await inPage(async ({ PageVM }) => {
      const vm = await PageVM.create({ kernel: "images/linux32/vmlinuz" });
      await vm.waitFor({ serial: "$ " });
      const text = Array.from({ length: 20_000 }, (_, n) => n.toString(36)).join(",");
      await vm.pause();
      await vm.sendSerial(0, `echo ${text.slice(0, 50_000)}`);
      await vm.sendSerial(0, `${text.slice(50_000)}\n`);
      await vm.run();
      await vm.waitFor({ serial: "\r\n" });
      return { text, heard: await vm.waitFor({ serial: /.*\r\n/ }) };
    });
    assert.ok(heard === `${text}\r\n`, `${heard.length} characters of ${text.length}`);
  });

  it("waits for text in order, on serial line and screen", async () => {
    const result = await inPage(async ({ PageVM }) => {
      const vm = await PageVM.create({ kernel: "images/linux32/vmlinuz" });
      const text = [];
      const decoder = new TextDecoder();
      vm.addEventListener("serial", ({ detail }) => text.push(decoder.decode(detail.bytes)));
      await vm.waitFor({ serial: "PAGEVM-READY" });
      await vm.waitFor({ serial: "$ " });
      // The prompt that was met is not met again.
      const stale = await vm.waitFor({ serial: "$ " }, { timeout: 200 }).catch((error) => error);
      await vm.sendSerial(0, "echo one\necho two\n");
      const first = await vm.waitFor({ serial: /^(one|two)/m });
      const second = await vm.waitFor({ serial: /^(one|two)/m });
      await vm.sendText("echo On-Screen; true\n");
      const shown = await vm.waitFor({ screen: /^On-\w+/m });
      const never = await vm.waitFor({ screen: "never" }, { timeout: 150 }).catch((error) => error);
      await vm.sendSerial(0, "poweroff\n");
      const ended = await vm.waitFor({ serial: "login:" }).catch((error) => error);
      return {
        first,
        second,
        shown,
        stale: stale.code,
        never: [never.code, never.message],
        ended: [ended.code, ended.message],
        state: vm.state,
        heard: text.join("").includes("PAGEVM-READY"),
      };
    });
    assert.equal(result.first, "one");
    assert.equal(result.second, "two");
    assert.equal(result.shown, "On-Screen");
    assert.equal(result.stale, "timeout");
    assert.equal(result.never[0], "timeout");
    assert.match(
      result.never[1],
      /“never” on the screen did not come in 0\.15 s; the last line was “double:~\$”/,
    );
    assert.equal(result.ended[0], "ended");
    assert.match(result.ended[1], /the guest switched the machine off/);
    assert.equal(result.state, "off");
    assert.equal(result.heard, true);
  });

  it("runs, pauses, resets, switches off and on", async () => {
    const states = await inPage(async ({ PageVM }) => {
      const vm = await PageVM.create({ kernel: "images/linux32/vmlinuz", autostart: false });
      const states = [vm.state];
      vm.addEventListener("state", ({ detail }) => states.push(detail.state));
      const settle = () => new Promise((resolve) => setTimeout(resolve, 30));
      for (const step of ["run", "pause", "run", "reset"]) await vm[step]();
      await settle();
      await vm.power({ force: true });
      await settle();
      await vm.power();
      await vm.waitFor({ serial: "PAGEVM-READY" });
      await vm.pause();
      await settle();
      await vm.power({ force: true });
      await settle();
      await vm.run();
      await settle();
      await vm.destroy();
      const refused = await vm.run().catch((error) => error.code);
      return [...states, refused];
    });
    assert.deepEqual(states, [
      ...["paused", "running", "paused", "running", "off", "running", "paused", "off", "running", "off"],
      "destroyed",
    ]);
  });

  it("types scan codes and text, and names what it cannot type", async () => {
    const result = await inPage(async ({ PageVM }) => {
      const vm = await PageVM.create({ kernel: "images/linux32/vmlinuz" });
      await vm.waitFor({ screen: /\$ *$/m });
      // e c h o space A enter, as a keyboard sends it
      const codes = [0x12, 0x92, 0x2e, 0xae, 0x23, 0xa3, 0x18, 0x98, 0x39, 0xb9];
      await vm.sendScancodes([...codes, 0x2a, 0x1e, 0x9e, 0xaa, 0x1c, 0x9c, 0xe0, 0x48, 0xe0, 0xc8]);
      const shown = await vm.waitFor({ screen: /^A/m });
      const text = await vm.sendText("é").catch((error) => [error.code, error.message]);
      const scan = await vm.sendScancodes([0xff]).catch((error) => [error.code, error.message]);
      const port = await vm.sendSerial(7, "x").catch((error) => error.code);
      return { shown, text, scan, port };
    });
    assert.equal(result.shown, "A");
    assert.deepEqual(result.text, ["bad-option", "the US keyboard layout has no key for “é”"]);
    assert.deepEqual(result.scan, ["bad-option", "no key sends the scan code ff (set 1)"]);
    assert.equal(result.port, "bad-option");
  });

  it("makes a picture of the screen, and draws on a canvas", async () => {
    const { head, width, height, drawn } = await inPage(async ({ PageVM }) => {
      const canvas = document.body.appendChild(document.createElement("canvas"));
      const vm = await PageVM.create({ kernel: "images/linux32/vmlinuz", canvas });
      await vm.waitFor({ screen: /\$ *$/m });
      const blob = await vm.screenshot();
      const head = [...new Uint8Array(await blob.arrayBuffer()).subarray(0, 8)];
      const picture = await createImageBitmap(blob);
      await new Promise((resolve) => setTimeout(resolve, 200));
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const drawn = data.some((value, index) => index % 4 !== 3 && value > 100);
      return { head, width: picture.width, height: picture.height, drawn };
    });
    assert.deepEqual(head, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    assert.deepEqual({ width, height, drawn }, { width: 720, height: 400, drawn: true });
  });

  it("hears much in pieces, and all of it", async () => {
    const { longest, lines, last } = await inPage(async ({ PageVM }) => {
      const vm = await PageVM.create({ kernel: "images/linux32/vmlinuz" });
      await vm.waitFor({ serial: /\$ *$/m });
      let [heard, longest] = ["", 0];
      const decoder = new TextDecoder();
      vm.addEventListener("serial", ({ detail }) => {
        heard += decoder.decode(detail.bytes);
        longest = Math.max(longest, detail.bytes.length);
      });
      await vm.sendSerial(0, "flood 30000\n");
      await vm.waitFor({ serial: "flooded" });
      return { longest, lines: heard.match(/^line /gm).length, last: heard.includes("line 29999 ") };
    });
    assert.ok(longest <= 32 * 1024, `${longest} bytes at a time`);
    assert.deepEqual({ lines, last }, { lines: 30_000, last: true });
  });

  it("has all that was said heard before it is heard that the machine ended", async () => {
    const order = await inPage(async ({ PageVM }) => {
      const vm = await PageVM.create({ kernel: "images/linux32/vmlinuz" });
      await vm.waitFor({ serial: /\$ *$/m });
      let heard = 0;
      vm.addEventListener("serial", ({ detail }) => (heard += detail.bytes.length));
      const ended = new Promise((resolve) =>
        vm.addEventListener("state", () => resolve(heard), { once: true }),
      );
      await vm.sendSerial(0, "flood 5000\npoweroff\n");
      return [await ended, heard];
    });
    assert.ok(order[0] > 400_000, String(order));
    assert.equal(order[0], order[1]);
  });

  it("draws on a canvas that is given away, and again on another", async () => {
    const { colours, refused } = await inPage(async ({ PageVM }) => {
      const vm = await PageVM.create({ kernel: "images/linux32/vmlinuz" });
      await vm.waitFor({ screen: /\$ *$/m });
      const colours = [];
      let refused = 0;
      for (const transfer of [true, false, true]) {
        const canvas = document.body.appendChild(document.createElement("canvas"));
        const detach = vm.attachCanvas(canvas, { magnify: true, transfer });
        await new Promise((resolve) => setTimeout(resolve, 1000));
        try {
          canvas.getContext("2d");
        } catch {
          refused++;
        }
        const { width, height } = canvas;
        const copy = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
        copy.drawImage(canvas, 0, 0);
        colours.push(new Set(new Uint32Array(copy.getImageData(0, 0, width, height).data.buffer)).size);
        detach();
      }
      return { colours, refused };
    });
    assert.equal(refused, 2);
    assert.ok(
      colours.every((each) => each >= 2),
      String(colours),
    );
  });

  it("saves and restores, and refuses what is not a saved machine", async () => {
    const result = await inPage(async ({ PageVM }) => {
      const vm = await PageVM.create({ kernel: "images/linux32/vmlinuz" });
      await vm.waitFor({ screen: /\$ *$/m });
      await vm.sendText("echo kept\n");
      await vm.waitFor({ screen: /^kept/m });
      const saved = await vm.save();
      const other = await PageVM.create({ kernel: "images/linux32/vmlinuz", autostart: false });
      await other.restore(saved);
      const text = await other.screenText();
      const state = other.state;
      await vm.sendSerial(0, "poweroff\n");
      await vm.waitFor({ serial: "never" }).catch(() => {});
      await vm.restore(saved);
      await vm.run();
      const refused = await vm.restore(new Uint8Array([1, 2])).catch((error) => [error.code, error.message]);
      return { kept: text.includes("kept"), state, after: vm.state, refused };
    });
    assert.deepEqual(result, {
      kept: true,
      state: "paused",
      after: "running",
      refused: ["bad-snapshot", "this is not a saved machine"],
    });
  });

  it("gives the numbers that others rely on", async () => {
    const stats = await inPage(async ({ PageVM }) => {
      const vm = await PageVM.create({ kernel: "images/linux32/vmlinuz", memory: 32, clock: "counted" });
      await vm.waitFor({ serial: "PAGEVM-READY" });
      return vm.stats();
    });
    for (const key of ["instructions", "wall_ms", "mips", "phases", "memory_mb", "jit", "state_hash"]) {
      assert.ok(key in stats, key);
    }
    assert.equal(stats.memory_mb, 32);
    assert.ok(stats.instructions > 0 && stats.mips > 0);
  });

  it("can be given up while it loads", async () => {
    const code = await inPage(async ({ PageVM }) => {
      const giveUp = new AbortController();
      const made = PageVM.create({ kernel: "images/linux32/vmlinuz", signal: giveUp.signal });
      giveUp.abort();
      return made.catch((error) => error.code);
    });
    assert.equal(code, "aborted");
  });

  it("is made by create alone", async () => {
    assert.equal(
      await inPage(async ({ PageVM }) => {
        try {
          return new PageVM();
        } catch (error) {
          return error.name;
        }
      }),
      "TypeError",
    );
  });

  it("compiles its wasm once a page", async () => {
    const { page, close } = await newPage(browser);
    const asked = [];
    page.context().on("request", (request) => asked.push(new URL(request.url()).pathname));
    await page.goto(`${server.url}empty`);
    await page.evaluate(async () => {
      const { PageVM } = await import("/pagevm.js");
      const made = [1, 2, 3].map(() => PageVM.create({ kernel: "images/linux32/vmlinuz" }));
      for (const vm of await Promise.all(made)) await vm.waitFor({ serial: "PAGEVM-READY" });
    });
    assert.equal(page.workers().length, 3);
    assert.equal(asked.filter((name) => name.endsWith(".wasm")).length, 1);
    await close();
  });

  it("works from another origin, and in a sandboxed frame", async () => {
    const elsewhere = await startServer({ ...folders, headers: { "access-control-allow-origin": "*" } });
    const { page, errors, close } = await newPage(browser);
    await page.goto(`${server.url}empty`);
    await page.evaluate(async (origin) => {
      const { PageVM } = await import(`${origin}pagevm.js`);
      const vm = await PageVM.create({ kernel: `${origin}images/linux32/vmlinuz` });
      await vm.waitFor({ serial: "PAGEVM-READY" });
      await vm.destroy();
    }, elsewhere.url);

    await page.evaluate((origin) => {
      const frame = document.createElement("iframe");
      frame.sandbox = "allow-scripts";
      frame.srcdoc = `<!doctype html><script type="module">
        import "${origin}pagevm.js";
        const machine = document.createElement("page-vm");
        machine.kernel = "${origin}images/linux32/vmlinuz";
        machine.autostart = true;
        machine.addEventListener("vmready", ({ detail }) =>
          detail.waitFor({ serial: "PAGEVM-READY" }).then((met) => parent.postMessage(met, "*")));
        document.body.append(machine);
      </script>`;
      const met = new Promise((resolve) => addEventListener("message", ({ data }) => resolve(data)));
      document.body.append(frame);
      return met;
    }, elsewhere.url);
    assert.deepEqual(errors, []);
    await close();
  });
});
