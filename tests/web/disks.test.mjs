/**
 * Drives in a real browser: FreeDOS from a floppy, by URL and as a file of the user's; a server that breaks off; media that
 * are changed.
 *
 * Needs dist/ (./build.sh build); says so where it is missing.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { before, describe, it } from "node:test";
import zlib from "node:zlib";
import { closeAfterwards, newPage, ROOT, startBrowser, startServer, untilScreen } from "./harness.mjs";

const SCREENSHOTS = path.join(ROOT, "build/screenshots");
const FLOPPY = zlib.gunzipSync(fs.readFileSync(path.join(ROOT, "tests/boot/freedos/freedos722.img.gz")));
const missing = fs.existsSync(path.join(ROOT, "build/wasm/pagevm_web_bg.wasm"))
  ? false
  : "dist/ is missing: ./build.sh build";
const LONG = 120_000;
const DEBIAN32 = path.join(ROOT, "images/debian32/out/disk.img");
const noDebian = fs.existsSync(DEBIAN32)
  ? false
  : "images/debian32 is made on demand: ./build.sh image debian32";

/** An image in a file, of which only what is asked for is read. @param {string} file */
function imageIn(file) {
  const length = fs.statSync(file).size;
  const fd = fs.openSync(file, "r");
  closeAfterwards(async () => fs.closeSync(fd));
  const subarray = (from, to) => {
    const part = Buffer.alloc(to - from);
    fs.readSync(fd, part, 0, part.length, from);
    return part;
  };
  return { length, subarray };
}

/**
 * Serves an image in ranges, to pages of any origin; `broken` stops that, another `version` is another file.
 *
 * @param {Buffer | ReturnType<typeof imageIn>} image
 */
async function serveImage(image = FLOPPY) {
  const state = { broken: false, ranges: 0, version: 1 };
  const server = http.createServer((request, response) => {
    const headers = {
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Expose-Headers": "Content-Range, ETag, Accept-Ranges",
      "Access-Control-Allow-Headers": "Range",
      ETag: `"floppy-${state.version}"`,
    };
    if (request.method === "OPTIONS") return response.writeHead(204, headers).end();
    if (request.url?.endsWith("?replace")) state.version++;
    if (state.broken) return response.writeHead(503, headers).end();
    // A browser that has a part of another version in its cache says so, and is then sent everything (RFC 9110, 13.1.5).
    const stale = ![undefined, headers.ETag].includes(request.headers["if-range"]);
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    if (from === undefined || stale) return response.writeHead(200, headers).end(image);
    state.ranges++;
    const part = image.subarray(Number(from), Math.min(Number(to) + 1, image.length));
    const range = `bytes ${from}-${Number(from) + part.length - 1}/${image.length}`;
    response.writeHead(206, { ...headers, "Content-Range": range }).end(part);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  closeAfterwards(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  return { state, url: `http://127.0.0.1:${server.address().port}/floppy.img` };
}

let serial = 0;

/** A floppy with files of these names and contents, in this order. @param {Record<string, string>} files */
function floppyWith(files) {
  const image = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "pagevm-floppy-")), "floppy.img");
  closeAfterwards(async () => fs.rmSync(path.dirname(image), { recursive: true }));
  // A serial number each: DOS takes two floppies with the same for one.
  execFileSync("mformat", ["-C", "-f", "1440", "-N", String(++serial), "-i", image, "::"]);
  for (const [name, text] of Object.entries(files))
    execFileSync("mcopy", ["-i", image, "-", `::${name}`], { input: text });
  return fs.readFileSync(image);
}

/** Types a line and waits for what it brings. */
const type = async (page, line, then, timeout) => {
  await page.evaluate((text) => document.querySelector("page-vm").vm.sendText(text), `${line}\n`);
  await untilScreen(page, then, { timeout });
};

describe("drives, with the real machine", { skip: missing, timeout: 4 * LONG }, () => {
  let server, browser;
  before(async () => {
    // What is slow never comes.
    server = await startServer({ first: (request) => request.url === "/slow.iso" });
    browser = await startBrowser();
    fs.mkdirSync(SCREENSHOTS, { recursive: true });
  });

  it("boots FreeDOS by URL; what is written is there after a reset", async () => {
    const floppy = await serveImage();
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}?memory=32&fda=${encodeURIComponent(floppy.url)}`);
    await page.waitForFunction(() => document.querySelector("page-vm")?.vm, undefined, { timeout: LONG });
    await untilScreen(page, /A:\\>/);
    assert.ok(floppy.state.ranges > 0, "it is read piece by piece");
    await type(page, "dir", /bytes free/);
    await type(page, "echo kept-67> kept.txt", /A:\\>\s*$/);
    await page.screenshot({ path: path.join(SCREENSHOTS, "freedos.png") });
    await page.evaluate(() => document.querySelector("page-vm").vm.reset());
    await untilScreen(page, /SeaBIOS/);
    await untilScreen(page, /A:\\>\s*$/);
    await type(page, "type kept.txt", /^kept-67/m);
    await close();
  });

  it("an image that breaks off is an error of the drive, and is told in words; it can go on later", async () => {
    const [system, data] = await Promise.all([
      serveImage(),
      serveImage(floppyWith({ "near.txt": "n".repeat(800_000), "far.txt": "far-away-89" })),
    ]);
    const { page, errors, close } = await newPage(browser);
    await page.goto(
      `${server.url}?memory=32&fda=${encodeURIComponent(system.url)}&fdb=${encodeURIComponent(data.url)}`,
    );
    await page.waitForFunction(() => document.querySelector("page-vm")?.vm, undefined, { timeout: LONG });
    await untilScreen(page, /A:\\>/);
    await type(page, "dir b:", /far\.txt|FAR\s+TXT/i);
    data.state.broken = true;
    // DOS tries a few times, and so does the source.
    await type(page, "type b:far.txt", /\(F\)ail/, LONG);
    const notice = page.locator("vm-notice");
    await notice.getByText(/fdb: .*503/).waitFor();
    await page.screenshot({ path: path.join(SCREENSHOTS, "broken-off.png") });
    data.state.broken = false;
    await type(page, "r", /far-away-89/);
    assert.deepEqual(errors, []);
    await close();
  });

  it("an image that is replaced meanwhile is an error, and stays one", async () => {
    const data = await serveImage(floppyWith({ "near.txt": "n".repeat(800_000), "far.txt": "far-away-89" }));
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}empty`);
    const told = await page.evaluate(
      async ([base, bytes, fdb, timeout]) => {
        const { PageVM } = await import(`${base}pagevm.js`);
        const vm = await PageVM.create({ memory: 32, fda: new Uint8Array(bytes), fdb });
        const trouble = [];
        vm.addEventListener("trouble", ({ detail }) => trouble.push(detail.message));
        await vm.waitFor({ screen: /A:\\>/ }, { timeout });
        await fetch(`${fdb}?replace`);
        await vm.sendText("type b:far.txt\n");
        await vm.waitFor({ screen: /\(F\)ail/ }, { timeout });
        await vm.destroy();
        return trouble;
      },
      [server.url, [...FLOPPY], data.url, LONG],
    );
    assert.match(told[0], /^fdb: .*changed/);
    await close();
  });

  it("takes a file of the user's", async () => {
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}empty`);
    const told = await page.evaluate(
      async ([base, bytes, timeout]) => {
        const { PageVM } = await import(`${base}pagevm.js`);
        const image = new File([new Uint8Array(bytes)], "floppy.img");
        const vm = await PageVM.create({ memory: 32, fda: image });
        const text = await vm.waitFor({ screen: /A:\\>/ }, { timeout });
        await vm.destroy();
        return text;
      },
      [server.url, [...FLOPPY], LONG],
    );
    assert.match(told, /A:\\>/);
    await close();
  });

  it("changes floppies while DOS runs, and takes them out", async () => {
    const { page, errors, close } = await newPage(browser);
    await page.goto(`${server.url}empty`);
    const disks = [FLOPPY, floppyWith({ "one.txt": "1" }), floppyWith({ "two.txt": "2" })];
    const [system, one, two] = (await Promise.all(disks.map(serveImage))).map(({ url }) => url);
    const told = await page.evaluate(
      async ([base, system, one, two, timeout]) => {
        const { PageVM } = await import(`${base}pagevm.js`);
        const disk = async (url, name) => new File([await (await fetch(url)).blob()], name);
        const vm = await PageVM.create({ memory: 32, fda: system, fdb: { empty: true } });
        const told = [vm.drives.map(({ drive, kind, image }) => `${drive} ${kind} ${image}`).join()];
        vm.addEventListener("medium", ({ detail }) => told.push(`${detail.drive} ${detail.image}`));
        const type = async (text, screen) => {
          await vm.sendText(text);
          await vm.waitFor({ screen }, { timeout });
        };
        // DOS looks for another floppy only 2 s after it last read one: nobody is quicker than that.
        const asPeopleDo = () => new Promise((resolve) => setTimeout(resolve, 4000));
        await vm.waitFor({ screen: /A:\\>/ }, { timeout });
        await type("cls\ndir b:\n", /drive not ready[^]*\?\s*$/);
        await vm.changeMedium("fdb", await disk(one, "one.img"));
        await type("r", /ONE +TXT[^]*A:\\>\s*$/);
        await asPeopleDo();
        await vm.changeMedium("fdb", await disk(two, "two.img"));
        await type("cls\ndir b:\n", /TWO +TXT[^]*A:\\>\s*$/);
        for (const [drive, image] of [
          ["fdb", new Uint8Array(3_000_000)],
          ["fdb", `${base}not-there.img`],
          ["fdb", new Uint8Array(0)],
          ["fdb", undefined],
          ["hda", null],
          ["cdrom", new Uint8Array(2048)],
        ])
          told.push(await vm.changeMedium(drive, image).catch(({ code, message }) => `${code}: ${message}`));
        await type("cls\ntype b:two.txt\n", /^2\s*A:\\>\s*$/m); // what was refused has changed nothing
        await asPeopleDo();
        await vm.changeMedium("fdb", null);
        await type("cls\ndir b:\n", /drive not ready[^]*\?\s*$/);
        await vm.destroy();
        return told;
      },
      [server.url, system, one, two, LONG],
    );
    const expected = [
      /^fda floppy floppy\.img,fdb floppy null$/,
      /^fdb one\.img$/,
      /^fdb two\.img$/,
      /^bad-image: fdb: an image of \d+ bytes is no floppy disk/,
      /^image-not-found: fdb: .*not-there\.img answered 404$/,
      /^image-empty: fdb: /,
      /^bad-option: fdb is a URL, .*null takes out/,
      /^bad-option: hda: a hard disk stays in the machine/,
      /^bad-option: cdrom: the machine has no such drive/,
      /^fdb null$/,
    ];
    assert.equal(told.length, expected.length, told.join("\n"));
    expected.forEach((pattern, at) => assert.match(told[at], pattern));
    assert.deepEqual(errors, []);
    await close();
  });

  it("boots from a CD that was put into an empty drive", async () => {
    const iso = fs.readFileSync("/usr/lib/ipxe/ipxe.iso");
    const cd = await serveImage(iso);
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}empty`);
    const told = await page.evaluate(
      async ([base, url, timeout]) => {
        const { PageVM } = await import(`${base}pagevm.js`);
        const vm = await PageVM.create({ memory: 32, cdrom: { empty: true } });
        await vm.waitFor({ screen: /No bootable device/ }, { timeout });
        // Whoever changes their mind does not wait for what comes slowly.
        const slow = vm.changeMedium("cdrom", `${base}slow.iso`).catch(({ code }) => code);
        await vm.changeMedium("hdc", url); // as the machine calls it
        await vm.reset();
        await vm.waitFor({ screen: /iPXE/ }, { timeout });
        const told = [await slow, vm.drives[0].image];
        await vm.destroy();
        return told;
      },
      [server.url, cd.url, LONG],
    );
    assert.deepEqual(told, ["aborted", "floppy.img"]);
    await close();
  });

  it("refuses what is no disk", async () => {
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}empty`);
    const refused = (options) =>
      page.evaluate(
        async ([base, given]) => {
          const { PageVM } = await import(`${base}pagevm.js`);
          const image = (bytes) => new Uint8Array(bytes);
          const made = Object.fromEntries(
            Object.entries(given).map(([name, value]) => [
              name,
              typeof value === "number" ? image(value) : value,
            ]),
          );
          return PageVM.create(made).then(
            () => "made",
            ({ code, message }) => `${code}: ${message}`,
          );
        },
        [server.url, options],
      );
    assert.match(await refused({ hda: 0 }), /^image-empty: hda: /);
    assert.match(await refused({ fda: 3_000_000 }), /^bad-image: fda: /);
    assert.match(await refused({ bios: 1000 }), /^bad-image: bios: it has 1000 bytes/);
    assert.match(await refused({ hda: `${server.url}not-there.img` }), /^image-not-found: hda: /);
    assert.match(await refused({ fda: 737_280, boot: "x" }), /^bad-option: boot: /);
    assert.match(await refused({ hda: { empty: true } }), /^bad-option: hda is a URL/);
    assert.match(await refused({ fda: { empty: false } }), /^bad-option: fda is a URL.*\{ empty: true \}/);
    await close();
  });
});

describe("Debian from its own disk", { skip: missing || noDebian, timeout: 8 * LONG }, () => {
  it("by URL: runs Python and gcc, and keeps what it wrote over a reset", async () => {
    const [server, browser] = await Promise.all([startServer(), startBrowser()]);
    const disk = await serveImage(imageIn(DEBIAN32));
    const { page, errors, close } = await newPage(browser);
    await page.goto(`${server.url}?memory=256&hda=${encodeURIComponent(disk.url)}`);
    await page.waitForFunction(() => document.querySelector("page-vm")?.vm, undefined, { timeout: LONG });
    const ready = () =>
      page.evaluate(
        (timeout) => document.querySelector("page-vm").vm.waitFor({ serial: "PAGEVM-READY" }, { timeout }),
        2 * LONG,
      );
    /** Types a line on COM1 and waits for what it brings. */
    const ask = (line, answer) =>
      page.evaluate(
        async ([line, answer, timeout]) => {
          const { vm } = document.querySelector("page-vm");
          const told = vm.waitFor({ serial: new RegExp(answer) }, { timeout });
          await vm.sendSerial(0, `${line}\n`);
          await told;
        },
        [line, answer.source, 4 * LONG],
      );
    await ready();
    await ask('python3 -c "print(sum(range(1000)))"', /499500/);
    await ask(
      `printf '#include <stdio.h>\\nint main(){puts("gcc " "works");}\\n' > a.c; gcc a.c; ./a.out`,
      /gcc works/,
    );
    await ask(
      'dd if=/dev/urandom of=big bs=1M count=64 2>/dev/null; md5sum big > sum; sync; echo WR""OTE',
      /WROTE/,
    );
    await page.evaluate(() => document.querySelector("page-vm").vm.reset());
    await ready();
    await ask("md5sum -c sum", /big: OK/);
    await page.screenshot({ path: path.join(SCREENSHOTS, "debian32.png") });
    assert.deepEqual(errors, []);
    await close();
  });
});
