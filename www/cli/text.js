// @ts-check
/** Text on its way to the guest: escapes, and which keys type it. */
import { keysOfTerminal } from "../lib/ansi.js";
import { movesOfStrokes, strokesOf } from "../lib/typing.js";

/** @type {Record<string, string>} */
const ESCAPES = { n: "\n", r: "\r", t: "\t", e: "\x1b", b: "\b", 0: "\0", "\\": "\\" };

/**
 * The bytes of a text (UTF-8) in which \n, \r, \t, \e, \b, \0, \\ and \xNN stand for one byte each.
 * @param {string} text
 */
export function unescape(text) {
  const bytes = Buffer.from(text, "utf8").toString("latin1");
  const plain = bytes.replace(/\\(x[0-9a-fA-F]{2}|[^]|$)/g, (whole, /** @type {string} */ what) => {
    if (what.length === 3) return String.fromCharCode(parseInt(what.slice(1), 16));
    const byte = ESCAPES[what];
    if (byte === undefined)
      throw new Error(`"${whole}" is no escape (there are \\n \\r \\t \\e \\b \\0 \\\\ \\xNN)`);
    return byte;
  });
  return Buffer.from(plain, "latin1");
}

/**
 * The keys that type a text. Control characters are those that terminals send: \x02 is Ctrl-B.
 * @param {string} text
 * @returns {import("../lib/keys.js").KeyMove[][]} one list a character
 */
export function keysOf(text) {
  const control = /[\x01-\x07\x0b\x0c\x0e-\x1a\x7f]/;
  if (control.test(text)) return [...text].flatMap((character) => keysOfTerminal(character));
  const result = strokesOf(text);
  if ("unknown" in result) throw new Error(`no key types ${JSON.stringify(result.unknown)}`);
  return result.strokes.map((stroke) => movesOfStrokes([stroke]));
}
