// @ts-check
/** The machine's text screen in the user's terminal. */
import { paint } from "../lib/ansi.js";

/** How often it is looked at. */
const LOOK_MS = 50;

/** @typedef {import("../lib/ansi.js").TextScreen} TextScreen */

/** A cursor that blinks changes the picture, but nothing here. @param {TextScreen | undefined} a @param {TextScreen} b */
const same = (a, b) =>
  a?.columns === b.columns &&
  a.cursor === b.cursor &&
  a.cells.length === b.cells.length &&
  a.cells.every((value, at) => value === b.cells[at]);

export class TextDisplay {
  #vm;
  #out;
  /** What the terminal shows. @type {import("../lib/ansi.js").TextScreen | undefined} */
  #shown;
  #lookedAt = -Infinity;

  /**
   * @param {import("pagevm-web").Vm} vm
   * @param {{ write: (text: string) => void }} out
   */
  constructor(vm, out) {
    this.#vm = vm;
    this.#out = out;
  }

  /** Shows what has changed, if it is time for that. @param {number} now */
  look(now) {
    if (now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    this.show();
  }

  /** Shows what has changed. */
  show() {
    const vm = this.#vm;
    if (!vm.frame() && this.#shown) return;
    const now = { columns: vm.textColumns(), cells: vm.textCells(), cursor: vm.textCursor() };
    if (now.columns === 0) {
      if (this.#shown?.columns !== 0)
        this.#out.write("\x1b[0m\x1b[2J\x1b[H(a graphics mode: see --screenshot)");
    } else if (!same(this.#shown, now)) {
      this.#out.write(paint(this.#shown, now));
    }
    this.#shown = now;
  }

  /** Leaves the terminal below the picture. */
  close() {
    const rows = this.#shown?.columns ? this.#shown.cells.length / 2 / this.#shown.columns : 1;
    this.#out.write(`\x1b[0m\x1b[${rows};1H\x1b[?25h\n`);
  }
}
