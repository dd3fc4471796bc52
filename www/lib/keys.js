// @ts-check
/**
 * The keys of a PC keyboard: `KeyboardEvent.code` names, and what each sends in scan code set 1.
 *
 * Reference: USB HID to PS/2 Scan Code Translation Table; UI Events KeyboardEvent code Values, section 3.
 * Values above FFh have the prefix E0h.
 */

/** @type {Readonly<Record<string, number>>} */
const MAKE_CODES = Object.freeze({
  Escape: 0x01,
  ...row(0x02, "Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal Backspace"),
  ...row(0x0f, "Tab KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight Enter"),
  ...row(0x1d, "ControlLeft KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backquote"),
  ...row(0x2a, "ShiftLeft Backslash KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash ShiftRight"),
  ...row(0x37, "NumpadMultiply AltLeft Space CapsLock F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 NumLock ScrollLock"),
  ...row(0x47, "Numpad7 Numpad8 Numpad9 NumpadSubtract Numpad4 Numpad5 Numpad6 NumpadAdd"),
  ...row(0x4f, "Numpad1 Numpad2 Numpad3 Numpad0 NumpadDecimal"),
  ...row(0x56, "IntlBackslash F11 F12"),
  KanaMode: 0x70,
  IntlRo: 0x73,
  Convert: 0x79,
  NonConvert: 0x7b,
  IntlYen: 0x7d,
  NumpadEnter: 0xe01c,
  ControlRight: 0xe01d,
  NumpadDivide: 0xe035,
  PrintScreen: 0xe037,
  AltRight: 0xe038,
  ...row(0xe047, "Home ArrowUp PageUp"),
  ArrowLeft: 0xe04b,
  ArrowRight: 0xe04d,
  ...row(0xe04f, "End ArrowDown PageDown Insert Delete"),
  ...row(0xe05b, "MetaLeft MetaRight ContextMenu"),
});

/** Pause sends this when pressed and nothing when released. */
const PAUSE = [0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5];

/**
 * @param {number} first
 * @param {string} names
 */
function row(first, names) {
  return Object.fromEntries(names.split(" ").map((name, index) => [name, first + index]));
}

const CODES = new Map(Object.entries(MAKE_CODES).map(([code, make]) => [make, code]));

/** Whether a PC keyboard has the key. @param {string} code */
export const isKey = (code) => code === "Pause" || Object.hasOwn(MAKE_CODES, code);

/**
 * One key going down or up.
 * @typedef {{ code: string, down: boolean }} KeyMove
 */

/**
 * The key moves that a run of scan codes (set 1) stands for.
 * @param {Iterable<number>} bytes
 * @returns {{ moves: KeyMove[] } | { unknown: string }} `unknown`: the bytes that are no key's, in hexadecimal
 */
export function movesOfScancodes(bytes) {
  const input = [...bytes];
  /** @type {KeyMove[]} */
  const moves = [];
  for (let at = 0; at < input.length;) {
    if (PAUSE.every((byte, index) => input[at + index] === byte)) {
      moves.push({ code: "Pause", down: true }, { code: "Pause", down: false });
      at += PAUSE.length;
      continue;
    }
    const prefixed = input[at] === 0xe0;
    const byte = input[at + (prefixed ? 1 : 0)];
    const code = byte === undefined ? undefined : CODES.get((prefixed ? 0xe000 : 0) | (byte & 0x7f));
    if (byte === undefined || code === undefined || !(byte >= 0 && byte <= 0xff)) {
      const shown = input.slice(at, at + (prefixed ? 2 : 1));
      return { unknown: shown.map((value) => Number(value).toString(16).padStart(2, "0")).join(" ") };
    }
    moves.push({ code, down: byte < 0x80 });
    at += prefixed ? 2 : 1;
  }
  return { moves };
}
