/**
 * Pictures in every video mode, as the page shows them: the floppy of tests/guests/video.asm in <page-vm>, the pixels of its
 * canvas against the table that Node and the native test use, and the shapes in which they are shown.
 *
 * Needs dist/ (./build.sh build); says so where it is missing.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { before, describe, it } from "node:test";
import { floppy, table } from "../boot/video/guest.mjs";
import { hashOf } from "../boot/video/reference.mjs";
import { newPage, ROOT, startBrowser, startServer } from "./harness.mjs";

const SCREENSHOTS = path.join(ROOT, "build/screenshots");
const missing = fs.existsSync(path.join(ROOT, "build/wasm/pagevm_web_bg.wasm"))
  ? false
  : "dist/ is missing: ./build.sh build";
const LONG = 120_000;

/** The shapes of some pictures, width by height. */
const SHAPES = {
  "text-3": 720 / 400,
  "text-43-rows": 4 / 3,
  "mode-6": 4 / 3,
  "mode-10": 4 / 3,
  "mode-13": 4 / 3,
  "mode-x": 4 / 3,
  "vbe-640x480x8": 4 / 3,
  "vbe-1280x1024x32": 5 / 4,
  "vbe-1920x1080x32": 16 / 9,
  "vbe-2560x1600x32": 16 / 10,
};

/** What the page has for the tests: `look(name, size, hashes)` and `go()`. @param {string} hash the text of `hashOf` */
function inPage(hash) {
  const hashOf = new Function(`return ${hash}`)();
  const element = document.querySelector("page-vm");
  const canvas = element.shadowRoot.querySelector("vm-screen").shadowRoot.querySelector("canvas");
  const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  /** The picture that the canvas shows magnified; undefined if it shows none of that size. */
  function shown({ width, height }) {
    const times = canvas.width / width;
    if (!Number.isInteger(times) || times < 1 || canvas.height !== height * times) return undefined;
    Object.assign(copy.canvas, { width: canvas.width, height: canvas.height });
    copy.drawImage(canvas, 0, 0);
    const all = new Uint32Array(copy.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    const pixels = new Uint32Array(width * height);
    for (let y = 0, n = 0; y < height; y++) {
      for (let x = 0; x < width; x++, n++) {
        const at = (y * canvas.width + x) * times;
        pixels[n] = all[at];
        // A pixel is a square of one colour.
        if (all[at] !== all[at + (times - 1) * (canvas.width + 1)]) return undefined;
      }
    }
    return pixels;
  }
  return {
    /** Until all of them have been seen; or what is there instead. */
    async look(name, size, hashes) {
      await element.vm.waitFor({ serial: `drawn ${name}\n` }, { timeout: 60_000 });
      const left = new Set(hashes);
      const end = performance.now() + 20_000;
      let last = "";
      while (left.size > 0) {
        await new Promise((resolve) => requestAnimationFrame(resolve));
        const pixels = shown(size);
        last = pixels ? hashOf(pixels) : `a canvas of ${canvas.width}x${canvas.height}`;
        left.delete(last);
        if (performance.now() > end) return { wrong: `${name} is ${last}` };
      }
      const { width, height } = canvas.getBoundingClientRect();
      return { shape: width / height };
    },
    /** A few pixels. */
    sample() {
      Object.assign(copy.canvas, { width: 8, height: 1 });
      copy.drawImage(canvas, 0, 100, 8, 1, 0, 0, 8, 1);
      return String(copy.getImageData(0, 0, 8, 1).data);
    },
    go: () => element.vm.sendSerial(0, "\n"),
  };
}

describe("pictures in every video mode, on the page", { skip: missing, timeout: 3 * LONG }, () => {
  let server, browser;
  before(async () => {
    const images = { "/video.img": floppy(), "/busy.img": floppy("BUSY") };
    server = await startServer({
      first: (request, response) => {
        const image = images[request.url];
        if (image) response.end(image);
        return image !== undefined;
      },
    });
    browser = await startBrowser();
    fs.mkdirSync(SCREENSHOTS, { recursive: true });
  });

  /** The page with the floppy, its helpers as `video`. */
  async function start(image, options) {
    const opened = await newPage(browser, options);
    await opened.page.goto(`${server.url}?memory=32&view=screen&boot=a&fda=${image}`);
    await opened.page.waitForFunction(() => document.querySelector("page-vm")?.vm, undefined, {
      timeout: LONG,
    });
    await opened.page.evaluate(`globalThis.video = (${inPage})(${JSON.stringify(String(hashOf))})`);
    return opened;
  }

  const look = (page, name, { width, height, hashes }) =>
    page.evaluate((args) => globalThis.video.look(...args), [name, { width, height }, hashes]);

  it("are what they are elsewhere, and have the shape they had on a monitor", async () => {
    const { page, errors, close } = await start("video.img", { viewport: { width: 900, height: 700 } });
    const wrong = [];
    for (const [name, expected] of table()) {
      const { wrong: other, shape } = await look(page, name, expected);
      if (other) wrong.push(other);
      if (name in SHAPES && Math.abs(shape / SHAPES[name] - 1) > 0.01)
        wrong.push(`${name} is shown ${shape}`);
      if (other || name in SHAPES)
        await page.locator("vm-screen").screenshot({ path: path.join(SCREENSHOTS, `page-${name}.png`) });
      await page.evaluate(() => globalThis.video.go());
    }
    assert.deepEqual([wrong, errors], [[], []]);
    await close();
  });

  it("leave the page usable when the largest of them never stands still", async () => {
    const { page, errors, close } = await start("busy.img");
    const { frames, pause, pictures, answer } = await page.evaluate(async () => {
      const { vm } = document.querySelector("page-vm");
      await vm.waitFor({ serial: "drawn busy\n" }, { timeout: 60_000 });
      const begin = performance.now();
      let [last, pause, frames, pictures, seen] = [begin, 0, 0, 0, ""];
      while (last < begin + 3000) {
        const now = await new Promise((resolve) => requestAnimationFrame(() => resolve(performance.now())));
        pause = Math.max(pause, now - last);
        last = now;
        frames++;
        const place = globalThis.video.sample();
        if (place !== seen) pictures++;
        seen = place;
      }
      const asked = performance.now();
      await vm.screenText();
      return { frames, pause, pictures, answer: performance.now() - asked };
    });
    console.log(
      `${frames} frames in 3 s, ${pictures} pictures, at most ${pause} ms between two; ${answer} ms for an answer`,
    );
    await page.getByRole("button", { name: "Pause" }).click();
    await page.waitForSelector('page-vm[state="paused"]', { timeout: 20_000 });
    // Far less than there is: what is slow is for the benchmarks to say.
    assert.ok(frames >= 10 && pause < 2000 && pictures >= 2 && answer < 2000);
    assert.deepEqual(errors, []);
    await close();
  });
});
