// @ts-check
/**
 * What the pictures of tests/guests/video.asm are: computed from what the guest does and from the adapter's manual, with
 * nothing of the machine in it. The hashes in pictures.txt come from here.
 *
 * A picture has a pixel per dot of the screen: a mode of 320 dots is 640 wide, one of 200 lines 400 high.
 */
import fs from "node:fs";
import { asWritten, Planes } from "./planes.mjs";

/** @typedef {{ width: number, height: number, pixels: Uint32Array }} Picture each pixel 0xFFBBGGRR */
/** @typedef {(x: number, y: number) => number} Colours 0xRRGGBB at a place */

/**
 * A hash over a picture's pixels: two lanes of 32 bits, each multiplied on with every pixel. (crate/machine/tests/video.rs
 * has the same; pages are given this very function.)
 * @param {Uint32Array} pixels
 */
export function hashOf(pixels) {
  let [a, b] = [0x811c9dc5, 0x9e3779b1];
  for (let n = 0; n < pixels.length; n++) {
    const pixel = /** @type {number} */ (pixels[n]);
    a = Math.imul(a ^ pixel, 0x01000193);
    b = Math.imul(b ^ pixel, 0x85ebca6b);
    b ^= b >>> 13;
  }
  return [a, b].map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join("");
}

/** @param {number} width @param {number} height @param {Colours} colours @returns {Picture} */
function picture(width, height, colours) {
  const pixels = new Uint32Array(width * height);
  for (let y = 0, n = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const rgb = colours(x, y);
      pixels[n++] = 0xff000000 | ((rgb & 0xff) << 16) | (rgb & 0xff00) | (rgb >> 16);
    }
  }
  return { width, height, pixels };
}

/** @param {number} r @param {number} g @param {number} b */
const rgb = (r, g, b) => (r << 16) | (g << 8) | b;
/** Components of so many bits as eight: the full range stays full. @param {number} bits */
const wide = (bits) => (/** @type {number} */ value) => (value << (8 - bits)) | (value >> (2 * bits - 8));
const six = wide(6);

// --- palettes ---

const EGA = [
  ...[0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa],
  ...[0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff],
];
const CGA = [0x000000, 0x55ffff, 0xff55ff, 0xffffff];
/** Mode 7, as SeaBIOS has it: attributes are off, on, and bright. */
const MONO = [0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2].map((n) => [0, 0xaaaaaa, 0xffffff][n] ?? 0);

/** Mode 13h: 16 colours, 16 greys, and 24 hues in three intensities and three saturations. */
const VGA = (() => {
  const grey = [0, 5, 8, 11, 14, 17, 20, 24, 28, 32, 36, 40, 45, 50, 56, 63].map((v) =>
    rgb(six(v), six(v), six(v)),
  );
  const levels = [
    ...[
      [0, 16, 31, 47, 63],
      [31, 39, 47, 55, 63],
      [45, 49, 54, 58, 63],
    ],
    ...[
      [0, 7, 14, 21, 28],
      [14, 17, 21, 24, 28],
      [20, 22, 24, 26, 28],
    ],
    ...[
      [0, 4, 8, 12, 16],
      [8, 10, 12, 14, 16],
      [11, 12, 13, 15, 16],
    ],
  ];
  // From blue by magenta, red, yellow, green and cyan: one component at a time goes up or down in four steps.
  const hues = Array.from({ length: 24 }, (_, n) => {
    const step = n % 4;
    const sides = [
      [step, 0, 4],
      [4, 0, 4 - step],
      [4, step, 0],
      [4 - step, 4, 0],
      [0, 4, step],
      [0, 4 - step, 4],
    ];
    return sides[n >> 2] ?? [];
  });
  const wheel = levels.flatMap((level) =>
    hues.map((hue) => {
      const [r = 0, g = 0, b = 0] = hue.map((n) => six(level[n] ?? 0));
      return rgb(r, g, b);
    }),
  );
  return [...EGA, ...grey, ...wheel, ...Array(8).fill(0)];
})();

/** The guest's own. @param {number} n @param {number} turned */
function dac(n, turned = 0) {
  const m = (n + turned) & 0xff;
  return rgb(six((3 * m) & 63), six((5 * m + 9) & 63), six(~m & 63));
}

// --- text ---

/** The fonts of the VGA BIOS, found by what they begin with: a blank and a smiling face. */
const FONTS = (() => {
  const rom = fs.readFileSync("/usr/share/seabios/vgabios-stdvga.bin");
  const face = (/** @type {number} */ height, /** @type {string} */ hex) => {
    const at = rom.indexOf(Buffer.concat([Buffer.alloc(height), Buffer.from(hex, "hex")]));
    if (at < 0) throw new Error(`the VGA BIOS has no font of ${height} lines`);
    return (/** @type {number} */ code, /** @type {number} */ line) => rom[at + code * height + line] ?? 0;
  };
  return {
    8: face(8, "7e81a581bd99817e"),
    14: face(14, "00007e81a58181bd99817e000000"),
    16: face(16, "00007e81a58181bd9981817e00000000"),
  };
})();

/** The guest's own, and its second. @param {number} code @param {number} line */
const font = (code, line) => (code * (line + 1) + line) & 0xff;
/** @param {number} code @param {number} line */
const font2 = (code, line) => font(code, line) ^ 0xff;

/** @typedef {{ code: number, attribute: number }} Cell */
/** @param {number} count @param {number} mask @returns {(n: number) => Cell} */
const cells = (count, mask) => (n) =>
  n < count ? { code: n & 0xff, attribute: (n >> 3) & mask & 0xff } : { code: 0x20, attribute: 7 };

/**
 * @typedef {object} Text
 * @property {number} [columns]
 * @property {number} [lines]
 * @property {8 | 14 | 16} [height] of a character
 * @property {8 | 9} [dots]
 * @property {(code: number, line: number, attribute: number) => number} [glyph]
 * @property {(n: number) => Cell} [cell]
 * @property {number[]} [palette]
 * @property {number} [planes] that are shown
 * @property {"shown" | "hidden" | "bright"} [blink] what attribute bit 7 does just now
 * @property {number} [underline] line of a character
 * @property {{ cell: number, lines: [number, number] }} [cursor]
 * @property {(y: number) => { first: number, line: number, pan?: number }} [where] the first cell of a line, which of its lines,
 *   and how many dots are left out
 */

/** @param {Text} text */
function text({
  columns = 80,
  lines = 400,
  height = 16,
  dots = 9,
  glyph = FONTS[height],
  cell = cells(2000, 0x7f),
  palette = EGA,
  planes = 15,
  blink = "shown",
  underline = 31,
  cursor,
  where = (y) => ({ first: columns * Math.floor(y / height), line: y % height }),
}) {
  const twice = columns === 40 ? 2 : 1;
  return picture(columns * dots * twice, lines, (x, y) => {
    const { first, line, pan = 0 } = where(y);
    const dot = Math.floor(x / twice) + pan;
    const n = first + Math.floor(dot / dots);
    const { code, attribute } = cell(n);
    const bits = glyph(code, line, attribute);
    // The ninth dot of line graphics is as the eighth.
    const at = Math.min(dot % dots, 7);
    let on = (dot % dots < 8 || (code >= 0xc0 && code <= 0xdf)) && ((bits >> (7 - at)) & 1) === 1;
    if ((attribute & 0x77) === 1 && line === underline) on = true;
    if (blink === "hidden" && attribute & 0x80) on = false;
    if (cursor && n === cursor.cell && line >= cursor.lines[0] && line <= cursor.lines[1]) on = true;
    const back = (attribute >> 4) & (blink === "bright" ? 15 : 7);
    return palette[(on ? attribute & 15 : back) & planes] ?? 0;
  });
}

/** Page 0 while page 1 is filled: the pattern of bytes. @param {number} n @returns {Cell} */
const patternCell = (n) =>
  n < 2000 ? { code: asWritten(2 * n, 5), attribute: asWritten(2 * n + 1, 5) } : { code: 0x20, attribute: 7 };

/** Scrolled by `preset` lines and `pan` dots, and split below line 199. @param {{ preset?: number, pan?: number, still?: boolean }} how */
function scrolled({ preset = 0, pan = 0, still = false }, split = 400) {
  return text({
    cell: cells(4000, 0x7f),
    blink: "bright",
    where: (y) => {
      if (y >= split) {
        const below = y - split;
        return { first: 80 * (below >> 4), line: below & 15, pan: still ? 0 : pan };
      }
      return { first: 83 + 80 * ((y + preset) >> 4), line: (y + preset) & 15, pan };
    },
  });
}

// --- graphics ---

/**
 * A mode of planes, or of what has been drawn into them.
 * @param {{ width: number, height: number, pitch: number, start?: number, twice?: [number, number], planes?: Planes,
 *   colour?: (dot: number) => number, pan?: number, split?: number, still?: boolean }} mode `split`: the first line of the picture
 *   below it; `twice`: dots across and lines down for one of the mode's
 */
function planar({ width, height, pitch, start = 0, twice = [1, 1], planes, pan = 0, split, still, colour }) {
  const byte = (/** @type {number} */ offset, /** @type {number} */ plane) =>
    planes ? planes.at(offset, plane) : asWritten(offset, plane);
  const [across, down] = twice;
  const look = colour ?? ((dot) => EGA[dot] ?? 0);
  return picture(width * across, height * down, (x, y) => {
    const below = split !== undefined && y >= split;
    const row = below ? Math.floor((y - split) / down) : Math.floor(y / down);
    const dot = Math.floor(x / across) + (below && still ? 0 : pan);
    const offset = (below ? 0 : start) + row * pitch + (dot >> 3);
    const bit = (/** @type {number} */ plane) => (byte(offset, plane) >> (7 - (dot & 7))) & 1;
    return look(bit(0) | (bit(1) << 1) | (bit(2) << 2) | (bit(3) << 3));
  });
}

/** Where a line of CGA lies. @param {number} y */
const interlaced = (y) => (y & 1) * 0x2000 + (y >> 1) * 80;

const mode4 = () =>
  picture(640, 400, (x, y) => {
    const [column, row] = [x >> 1, y >> 1];
    return CGA[(asWritten(interlaced(row) + (column >> 2)) >> (6 - 2 * (column & 3))) & 3] ?? 0;
  });

const mode6 = () =>
  picture(640, 400, (x, y) =>
    (asWritten(interlaced(y >> 1) + (x >> 3)) >> (7 - (x & 7))) & 1 ? 0xffffff : 0,
  );

/** Mode 13h. @param {(n: number) => number} colour @param {number} pan pixels */
const chained = (colour, pan = 0) =>
  picture(640, 400, (x, y) => colour(asWritten((y >> 1) * 320 + (x >> 1) + pan)));

/** @param {{ columns?: number, twice?: number, start?: number, pan?: number, split?: number, still?: boolean }} mode */
const unchained = ({ columns = 80, twice = 2, start = 0, pan = 0, split = 480, still = false }) =>
  picture(columns * 8, 480, (x, y) => {
    const below = y >= split;
    const row = Math.floor((below ? y - split : y) / twice);
    const pixel = (x >> 1) + (below && still ? 0 : pan);
    return VGA[asWritten((below ? 0 : start) + row * columns + (pixel >> 2), pixel & 3)] ?? 0;
  });

/** What a palette of (5n + 9) makes of four bits. @param {(entry: number) => number} chosen */
const ownPalette =
  (chosen, planes = 15) =>
  (/** @type {number} */ dot) =>
    dac(chosen((5 * (dot & planes) + 9) & 63));

/** @param {Partial<Parameters<typeof planar>[0]>} what */
const panned = (what) => planar({ width: 320, height: 200, pitch: 80, twice: [2, 2], start: 3, ...what });

/** @param {Partial<Parameters<typeof planar>[0]>} what */
const operations = (what = {}) =>
  planar({ width: 640, height: 200, pitch: 80, twice: [1, 2], planes: Planes.drawn(), ...what });

// --- VBE ---

/** Blue, green, red. */
const BARS = [0, 0x0000ff, 0x00ff00, 0x00ffff, 0xff0000, 0xff00ff, 0xffff00, 0xffffff];
const five = wide(5);
/** What is in memory as a colour, by depth. @type {Record<number, (value: number) => number>} */
const DEPTHS = {
  8: (value) => dac(value),
  15: (value) => rgb(five((value >> 10) & 31), five((value >> 5) & 31), five(value & 31)),
  16: (value) => rgb(five((value >> 11) & 31), six((value >> 5) & 63), five(value & 31)),
  24: (value) => value & 0xffffff,
  32: (value) => value & 0xffffff,
};

/**
 * The picture in memory, of which a part is shown.
 * @param {number} width @param {number} height @param {number} bits
 * @param {{ memory?: number, x?: number, y?: number, colour?: (value: number) => number }} [shown] `memory`: width there
 */
function linear(width, height, bits, { memory = width, x: left = 0, y: top = 0, colour } = {}) {
  const look = /** @type {(value: number) => number} */ (colour ?? DEPTHS[bits]);
  const gradient = (/** @type {number} */ k) =>
    bits === 8 ? k & 0xff : bits <= 16 ? (k * 37) & 0xffff : (k * 0x010305) & 0xffffff;
  return picture(width, height, (x, y) => {
    const [column, row] = [x + left, y + top];
    if (row >= 64) return look(gradient(column + (row & 0xff)));
    const bar = Math.floor((column * 8) / memory);
    return bits === 8 ? look(bar) : (BARS[bar] ?? 0);
  });
}

/** Through the window: bytes of one bank after another. @param {number} width @param {number} height @param {number} bits */
function banked(width, height, bits) {
  const look = /** @type {(value: number) => number} */ (DEPTHS[bits]);
  const byte = (/** @type {number} */ offset) => asWritten(offset & 0xffff, offset >> 16);
  const bytes = bits / 8;
  return picture(width, height, (x, y) => {
    let value = 0;
    for (let n = bytes - 1; n >= 0; n--) value = (value << 8) | byte((y * width + x) * bytes + n);
    return look(value);
  });
}

/** The floppy's sizes. */
const SIZES = [
  ...[
    [640, 480],
    [800, 600],
    [1024, 768],
    [1280, 1024],
  ].flatMap((size) => [8, 15, 16, 24, 32].map((bits) => [...size, bits])),
  ...[8, 15].map((bits) => [1600, 1200, bits]),
  ...[16, 24, 32].map((bits) => [1920, 1080, bits]),
  [2560, 1600, 32],
];

// --- all of them ---

const cursorAt = (/** @type {[number, number]} */ ...lines) => [
  () => text({ cursor: { cell: 250, lines } }),
  () => text({}),
];

/**
 * The pictures by name, in the order in which they are shown. What blinks has two, in the order shown and hidden.
 * @type {Record<string, (() => Picture)[]>}
 */
export const PICTURES = {
  "text-0": [() => text({ columns: 40, cell: cells(1000, 0x7f) })],
  "text-1": [() => text({ columns: 40, cell: cells(1000, 0x7f) })],
  "text-2": [() => text({})],
  "text-3": [() => text({})],
  "text-7": [() => text({ palette: MONO, underline: 15 })],
  "text-28-rows": [() => text({ height: 14, cell: cells(80 * 28, 0x7f) })],
  "text-50-rows": [() => text({ height: 8, cell: cells(80 * 50, 0x7f) })],
  "text-43-rows": [() => text({ height: 8, lines: 350, cell: cells(80 * 43, 0x7f) })],
  "cursor-line": cursorAt(13, 14),
  "cursor-block": cursorAt(0, 15),
  "cursor-skewed": [() => text({ cursor: { cell: 251, lines: [6, 8] } }), () => text({})],
  "cursor-none": [() => text({})],
  blink: [() => text({ cell: cells(2000, 0xff) }), () => text({ cell: cells(2000, 0xff), blink: "hidden" })],
  bright: [() => text({ cell: cells(2000, 0xff), blink: "bright" })],
  font: [() => text({ glyph: font })],
  "font-8-dots": [() => text({ glyph: font, dots: 8 })],
  "font-512": [() => text({ glyph: (code, line, attribute) => (attribute & 8 ? font2 : font)(code, line) })],
  "font-512-8-colours": [
    () => text({ glyph: (code, line, attribute) => (attribute & 8 ? font2 : font)(code, line), planes: 7 }),
  ],
  "page-0": [() => text({ cell: patternCell, blink: "bright" })],
  "page-1": [() => text({})],
  "text-start": [() => scrolled({})],
  "text-smooth": [() => scrolled({ preset: 5, pan: 4 })],
  "text-split": [() => scrolled({ preset: 5, pan: 4 }, 200)],
  "text-split-still": [() => scrolled({ preset: 5, pan: 4, still: true }, 200)],

  "mode-4": [mode4],
  "mode-5": [mode4],
  "mode-6": [mode6],
  "mode-D": [() => planar({ width: 320, height: 200, pitch: 40, twice: [2, 2] })],
  "mode-E": [() => planar({ width: 640, height: 200, pitch: 80, twice: [1, 2] })],
  // SeaBIOS shows one plane of it.
  "mode-F": [() => planar({ width: 640, height: 350, pitch: 80, colour: (dot) => (dot & 1 ? 0xaaaaaa : 0) })],
  // Two planes: dark, lit, blinking, bright.
  "mode-F-blink": [0xffffff, 0].map(
    (blinking) => () =>
      planar({
        ...{ width: 640, height: 350, pitch: 80 },
        colour: (dot) => (dot & 4 ? (dot & 1 ? 0xffffff : blinking) : dot & 1 ? 0xaaaaaa : 0),
      }),
  ),
  "mode-10": [() => planar({ width: 640, height: 350, pitch: 80 })],
  "mode-11": [
    () => picture(640, 480, (x, y) => ((asWritten(y * 80 + (x >> 3)) >> (7 - (x & 7))) & 1 ? 0xffffff : 0)),
  ],
  "mode-12": [() => planar({ width: 640, height: 480, pitch: 80 })],
  "mode-13": [() => chained((n) => VGA[n] ?? 0)],

  planes: [() => operations()],
  palette: [() => operations({ colour: ownPalette((entry) => entry) })],
  "palette-select": [() => operations({ colour: ownPalette((entry) => entry | 0xc0) })],
  "palette-select-4": [() => operations({ colour: ownPalette((entry) => (entry & 15) | 0xd0) })],
  "plane-enable": [() => operations({ colour: ownPalette((entry) => (entry & 15) | 0xd0, 0x0b) })],
  wide: [() => panned({})],
  pan: [() => panned({ pan: 5 })],
  "pan-bytes": [() => panned({ pan: 5 + 16 })],
  "pan-split": [() => panned({ pan: 5 + 16, split: 202 })],
  dac: [() => chained((n) => dac(n))],
  "dac-turned": [() => chained((n) => dac(n, 3))],
  "dac-mask": [() => chained((n) => dac(n & 0x3f, 3))],
  "dac-pan": [() => chained((n) => dac(n, 3), 3)],

  "mode-x": [() => unchained({})],
  "mode-x-flip": [() => unchained({ start: 0x4b00 })],
  "mode-x-split": [() => unchained({ start: 0x1000, split: 340 })],
  "mode-x-split-pan": [() => unchained({ start: 0x1000, split: 340, pan: 2 })],
  "mode-x-split-still": [() => unchained({ start: 0x1000, split: 340, pan: 2, still: true })],
  "mode-x-360x480": [() => unchained({ columns: 90, twice: 1 })],

  ...Object.fromEntries(
    SIZES.map(([width = 0, height = 0, bits = 0]) => [
      `vbe-${width}x${height}x${bits}`,
      [() => linear(width, height, bits)],
    ]),
  ),
  "vbe-virtual": [() => linear(640, 480, 8, { memory: 1024 })],
  "vbe-moved": [() => linear(640, 480, 8, { memory: 1024, x: 100, y: 50 })],
  "vbe-second-page": [() => linear(640, 480, 32, { y: 480 })],
  "vbe-dac-8": [() => linear(640, 480, 8, { colour: (n) => rgb(n, (3 * n) & 0xff, 255 - n) })],
  "vbe-window-8": [() => banked(640, 480, 8)],
  "vbe-window-16": [() => banked(800, 600, 16)],
  "vbe-window-24": [() => banked(640, 480, 24)],
  "vbe-planes": [() => planar({ width: 800, height: 600, pitch: 100 })],
  "text-again": [() => text({})],
};
