// @ts-check
/** Text as strokes on a keyboard with the US layout. */

/** Each key: its code, the character it types, the character it types with Shift. */
const KEYS = [
  ..."abcdefghijklmnopqrstuvwxyz"
    .split("")
    .map((letter) => [`Key${letter.toUpperCase()}`, letter, letter.toUpperCase()]),
  ...[..."1!2@3#4$5%6^7&8*9(0)".matchAll(/(.)(.)/g)].map(([, plain, shifted]) => [
    `Digit${plain}`,
    plain,
    shifted,
  ]),
  ["Minus", "-", "_"],
  ["Equal", "=", "+"],
  ["BracketLeft", "[", "{"],
  ["BracketRight", "]", "}"],
  ["Backslash", "\\", "|"],
  ["Semicolon", ";", ":"],
  ["Quote", "'", '"'],
  ["Backquote", "`", "~"],
  ["Comma", ",", "<"],
  ["Period", ".", ">"],
  ["Slash", "/", "?"],
  ["Space", " "],
  ["Enter", "\n"],
  ["Tab", "\t"],
  ["Backspace", "\b"],
  ["Escape", "\x1b"],
];

/** @typedef {{ code: string, shift: boolean }} Stroke */

/** @type {Map<string, Stroke>} */
const STROKES = new Map();
for (const [code, plain, shifted] of KEYS) {
  if (code && plain) STROKES.set(plain, { code, shift: false });
  if (code && shifted) STROKES.set(shifted, { code, shift: true });
}

/**
 * The strokes that type `text`; every line end is one Enter.
 * @param {string} text
 * @returns {{ strokes: Stroke[] } | { unknown: string }} `unknown`: the first character the layout has no key for
 */
export function strokesOf(text) {
  const strokes = [];
  for (const character of text.replace(/\r\n?/g, "\n")) {
    const stroke = STROKES.get(character);
    if (!stroke) return { unknown: character };
    strokes.push(stroke);
  }
  return { strokes };
}

/**
 * The same as keys going down and up, Shift around what needs it.
 * @param {Stroke[]} strokes
 * @returns {import("./keys.js").KeyMove[]}
 */
export function movesOfStrokes(strokes) {
  return strokes.flatMap(({ code, shift }) => {
    const tap = [
      { code, down: true },
      { code, down: false },
    ];
    return shift ? [{ code: "ShiftLeft", down: true }, ...tap, { code: "ShiftLeft", down: false }] : tap;
  });
}
