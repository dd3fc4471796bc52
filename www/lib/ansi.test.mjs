import assert from "node:assert/strict";
import { test } from "node:test";
import { keysOfTerminal, paint } from "./ansi.js";

const screen = (text, attribute = 7, cursor = -1) => ({
  columns: 2,
  cells: Uint16Array.from([...text].flatMap((character) => [character.charCodeAt(0), attribute])),
  cursor,
});

test("only rows that changed are painted", () => {
  const first = paint(undefined, screen("abcd"));
  assert.match(first, /\x1b\[2J.*\x1b\[1;1H.*ab\x1b\[2;1H.*cd/);
  const second = paint(screen("abcd"), screen("abxd", 7, 3));
  assert.doesNotMatch(second, /ab|2J/);
  assert.match(second, /\x1b\[2;1H\x1b\[37;40mxd\x1b\[0m\x1b\[2;2H\x1b\[\?25h$/);
});

test("colours are those of the terminal's standard", () => {
  // Bright yellow on blue.
  assert.match(paint(undefined, screen("a", 0x1e)), /\x1b\[93;44ma/);
});

const codes = (text) =>
  keysOfTerminal(text).map((moves) => moves.filter(({ down }) => down).map(({ code }) => code));

test("what a terminal sends is keys", () => {
  assert.deepEqual(codes("aB\r"), [["KeyA"], ["ShiftLeft", "KeyB"], ["Enter"]]);
  assert.deepEqual(codes("\x1b[A\x1bOP\x1b[24~"), [["ArrowUp"], ["F1"], ["F12"]]);
  assert.deepEqual(codes("\x03\x7f\x1bx\x1b"), [
    ["ControlLeft", "KeyC"],
    ["Backspace"],
    ["AltLeft", "KeyX"],
    ["Escape"],
  ]);
  assert.deepEqual(codes("\x1b[99~é"), []);
});
