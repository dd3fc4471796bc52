// @ts-check
/** Between a terminal and a PC: its characters as escape sequences, and escape sequences as its keys. Pure. */
import { strokesOf } from "./typing.js";

/** The colours of a text mode in the order of ECMA-48. */
const COLOURS = [0, 4, 2, 6, 1, 5, 3, 7];

/** @param {number} attribute */
function rendition(attribute) {
  const foreground = COLOURS[attribute & 7] ?? 7;
  const background = COLOURS[(attribute >> 4) & 7] ?? 0;
  return `\x1b[${attribute & 8 ? 90 + foreground : 30 + foreground};${40 + background}m`;
}

/**
 * @typedef {object} TextScreen
 * @property {number} columns
 * @property {Uint16Array} cells UTF-16 units and attributes in turn
 * @property {number} cursor which cell it is on, or -1
 */

/**
 * What makes a terminal that shows `before` show `now`. Without `before` it is cleared first.
 * @param {TextScreen | undefined} before
 * @param {TextScreen} now
 */
export function paint(before, now) {
  const { columns, cells, cursor } = now;
  const old = before?.columns === columns && before.cells.length === cells.length ? before : undefined;
  let out = "\x1b[?25l";
  if (!old) out += "\x1b[0m\x1b[2J";
  for (let row = 0; row * columns * 2 < cells.length; row++) {
    const [from, to] = [row * columns * 2, (row + 1) * columns * 2];
    if (old && cells.subarray(from, to).every((value, at) => value === old.cells[from + at])) continue;
    out += `\x1b[${row + 1};1H`;
    let attribute = -1;
    for (let at = from; at < to; at += 2) {
      const next = cells[at + 1] ?? 7;
      if (next !== attribute) out += rendition((attribute = next));
      const unit = cells[at] ?? 0x20;
      out += String.fromCharCode(unit < 0x20 ? 0x20 : unit);
    }
  }
  out += "\x1b[0m";
  if (cursor >= 0 && columns > 0)
    out += `\x1b[${Math.floor(cursor / columns) + 1};${(cursor % columns) + 1}H\x1b[?25h`;
  return out;
}

/** What terminals send for keys that type nothing. */
const SEQUENCES = /** @type {Record<string, string>} */ ({
  "[A": "ArrowUp",
  "[B": "ArrowDown",
  "[C": "ArrowRight",
  "[D": "ArrowLeft",
  "[H": "Home",
  "[F": "End",
  "[1~": "Home",
  "[2~": "Insert",
  "[3~": "Delete",
  "[4~": "End",
  "[5~": "PageUp",
  "[6~": "PageDown",
  OA: "ArrowUp",
  OB: "ArrowDown",
  OC: "ArrowRight",
  OD: "ArrowLeft",
  OP: "F1",
  OQ: "F2",
  OR: "F3",
  OS: "F4",
  "[15~": "F5",
  "[17~": "F6",
  "[18~": "F7",
  "[19~": "F8",
  "[20~": "F9",
  "[21~": "F10",
  "[23~": "F11",
  "[24~": "F12",
});

/**
 * A key with what is held meanwhile, as keys going down and up.
 * @param {string} code
 * @param {...string} held
 * @returns {import("./keys.js").KeyMove[]}
 */
const press = (code, ...held) => [
  ...held.map((key) => ({ code: key, down: true })),
  { code, down: true },
  { code, down: false },
  ...held.reverse().map((key) => ({ code: key, down: false })),
];

/**
 * What a terminal sent, as keys: one list of moves a key. What no key types is left out.
 * @param {string} text
 * @returns {import("./keys.js").KeyMove[][]}
 */
export function keysOfTerminal(text) {
  const keys = [];
  const pieces = /\x1b(\[[0-9;]*[A-Za-z~]|O[A-Z])|\x1b([^\x1b])|([\s\S])/g;
  for (const [, sequence, alt, plain = ""] of text.matchAll(pieces)) {
    const code = sequence && SEQUENCES[sequence];
    if (code) keys.push(press(code));
    else if (alt) keys.push(...typed(alt, "AltLeft"));
    else if (!sequence) keys.push(...typed(plain));
  }
  return keys;
}

/** @param {string} character @param {...string} held */
function typed(character, ...held) {
  const byte = character.charCodeAt(0);
  if (character === "\x7f") return [press("Backspace", ...held)];
  const control = byte >= 1 && byte <= 26 && !"\b\t\n\r".includes(character);
  if (control) return [press(`Key${String.fromCharCode(byte + 64)}`, "ControlLeft", ...held)];
  const { strokes = [] } = /** @type {{ strokes?: import("./typing.js").Stroke[] }} */ (strokesOf(character));
  return strokes.map(({ code, shift }) => press(code, ...held, ...(shift ? ["ShiftLeft"] : [])));
}
