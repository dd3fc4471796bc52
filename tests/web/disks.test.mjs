/**
 * Drives in a real browser: FreeDOS from a floppy, by URL and as a file of the user's; a server that breaks off.
 *
 * Needs dist/ (./build.sh build); says so where it is missing.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
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

/** Serves the floppy in ranges, to pages of any origin; `broken` stops that. */
async function serveFloppy() {
  const state = { broken: false, ranges: 0 };
  const server = http.createServer((request, response) => {
    const headers = {
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Expose-Headers": "Content-Range, ETag, Accept-Ranges",
      "Access-Control-Allow-Headers": "Range",
      ETag: '"floppy"',
    };
    if (request.method === "OPTIONS") return response.writeHead(204, headers).end();
    if (state.broken) return response.writeHead(503, headers).end();
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    if (from === undefined) return response.writeHead(200, headers).end(FLOPPY);
    state.ranges++;
    const part = FLOPPY.subarray(Number(from), Math.min(Number(to) + 1, FLOPPY.length));
    const range = `bytes ${from}-${Number(from) + part.length - 1}/${FLOPPY.length}`;
    response.writeHead(206, { ...headers, "Content-Range": range }).end(part);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  closeAfterwards(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  return { state, url: `http://127.0.0.1:${server.address().port}/floppy.img` };
}

/** Types a line and waits for what it brings. */
const type = async (page, line, then) => {
  await page.evaluate((text) => document.querySelector("page-vm").vm.sendText(text), `${line}\n`);
  await untilScreen(page, then);
};

describe("drives, with the real machine", { skip: missing, timeout: 4 * LONG }, () => {
  let server, browser;
  before(async () => {
    server = await startServer();
    browser = await startBrowser();
    fs.mkdirSync(SCREENSHOTS, { recursive: true });
  });

  it("boots FreeDOS by URL; what is written is there after a reset; an image that breaks off is told", async () => {
    const floppy = await serveFloppy();
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

  it("takes a file; a drive whose image is gone is an error of the drive, and is told in words", async () => {
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
    await close();
  });
});
