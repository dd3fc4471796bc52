// @ts-check
/** Video modes, set by the VGA BIOS and drawn into by a boot sector: the pictures are what they should be. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, test } from "node:test";
import zlib from "node:zlib";
import { guest, newName, noMachine, run } from "./lib.mjs";

/** Reads a PNG as cli/png.js writes it: one IDAT, RGB, no filter. @param {Buffer} png */
function decode(png) {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const at = png.indexOf("IDAT");
  const rows = zlib.inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)));
  const pixel = (/** @type {number} */ x, /** @type {number} */ y) =>
    rows.readUIntBE(y * (1 + width * 3) + 1 + x * 3, 3);
  return { width, height, pixel };
}

/** What the guest writes at an offset of the window. @param {number} offset */
const written = (offset, plane = 0) => (offset + 16 * (offset >> 8) + plane) & 0xff;

/** The first sixteen colours of every mode but CGA's. */
const EGA = [
  ...[0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa],
  ...[0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff],
];
const CGA = [0x000000, 0x55ffff, 0xff55ff, 0xffffff];

/** A pixel of a planar mode with so many bytes in a row. @param {number} bytes */
const planar = (bytes) => (/** @type {number} */ x, /** @type {number} */ y) => {
  const offset = y * bytes + (x >> 3);
  const bit = (/** @type {number} */ plane) => (written(offset, plane) >> (7 - (x & 7))) & 1;
  return EGA[[0, 1, 2, 3].reduce((colour, plane) => colour | (bit(plane) << plane), 0)];
};
/** Where a line of an interlaced mode lies. @param {number} y */
const interlaced = (y) => (y & 1) * 0x2000 + (y >> 1) * 80;

/**
 * Mode, size of the picture, dots across and down for each pixel of the mode, and the colour of a pixel, where it is known
 * without the adapter's own palette.
 * @type {[number, [number, number], [number, number], (x: number, y: number) => number | undefined][]}
 */
const MODES = [
  [0x13, [640, 400], [2, 2], (x, y) => EGA[written(y * 320 + x)]],
  [0x04, [640, 400], [2, 2], (x, y) => CGA[(written(interlaced(y) + (x >> 2)) >> (6 - 2 * (x & 3))) & 3]],
  [
    0x06,
    [640, 400],
    [1, 2],
    (x, y) => ((written(interlaced(y) + (x >> 3)) >> (7 - (x & 7))) & 1 ? 0xffffff : 0),
  ],
  [0x0d, [640, 400], [2, 2], planar(40)],
  [0x12, [640, 480], [1, 1], planar(80)],
];

describe("video modes", { skip: noMachine }, () => {
  /** @param {number} mode @param {string[]} args */
  async function picture(mode, ...args) {
    const out = newName(".png");
    const image = guest("modes", `MODE=${mode}`);
    const { status, stderr } = await run(
      [
        ...["--memory", "16", "--fda", image, "--debugcon", "null", "--timeout", "60"],
        ...["--expect", "drawn", "--screenshot", out, ...args],
      ],
      { seconds: 80 },
    );
    assert.equal(status, 0, stderr);
    return fs.readFileSync(out);
  }

  for (const [mode, size, [across, down], colour] of MODES) {
    test(`mode ${mode.toString(16).toUpperCase()}h`, async () => {
      const png = await picture(mode);
      const { width, height, pixel } = decode(png);
      assert.deepEqual([width, height], size);
      let looked = 0;
      for (let y = 0; y < height / down; y += 3) {
        for (let x = 0; x < width / across; x += 7) {
          const expected = colour(x, y);
          if (expected === undefined) continue; // a colour of the palette beyond the first sixteen
          looked++;
          assert.equal(pixel(x * across, y * down), expected, `${x}, ${y}`);
        }
      }
      assert.ok(looked > 150, `${looked} pixels`);
      assert.ok(png.equals(await picture(mode, "--no-jit")), "the same without the translator");
    });
  }

  test("VBE 640x480 with 24 bits, through the window", async () => {
    const { width, height, pixel } = decode(await picture(0x112));
    assert.deepEqual([width, height], [640, 480]);
    for (let n = 0; n < 0x10000 - 3; n += 3 * 37) {
      const [x, y] = [(n / 3) % 640, Math.floor(n / 3 / 640)];
      assert.equal(pixel(x, y), (written(n + 2) << 16) | (written(n + 1) << 8) | written(n), `${x}, ${y}`);
    }
    assert.equal(pixel(0, 479), 0);
  });
});
