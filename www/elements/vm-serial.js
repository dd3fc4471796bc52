// @ts-check
/**
 * `<vm-serial hidden>`: the console on the machine's first serial port. The terminal is downloaded when the element is
 * first on show, and made in steps, so that none of them keeps the page long; what the guest says before is kept for it.
 *
 * @import { PageVM } from "../types/pagevm.js"
 */
import { TerminalFeed } from "../hosts/terminal-feed.js";
import { ReleaseChord } from "../hosts/release-chord.js";
import { Request } from "../lib/names.js";
import css from "../styles/vm-serial.css";
import { define, VmElement } from "./vm-element.js";

const html = `
  <div id="place"></div>
  <div id="hint">The keyboard is the page’s. <kbd>Enter</kbd> or a click gives it to the guest.</div>`;

/** @typedef {Awaited<ReturnType<typeof import("../hosts/terminal.js").openTerminal>>} Terminal */

export class VmSerial extends VmElement {
  static observedAttributes = ["hidden"];

  /** @type {PageVM | null} */
  #machine = null;
  #listening = new AbortController();
  /** @type {Terminal | undefined} */
  #terminal;
  #opening = false;
  #feed = new TerminalFeed();
  #chord = new ReleaseChord();
  /** The keys are the page's, although the terminal has the focus. */
  #released = false;

  constructor() {
    super({ html, css });
  }

  get machine() {
    return this.#machine;
  }

  /** Whose console it is. A new machine begins on an empty one. */
  set machine(machine) {
    if (machine === this.#machine) return;
    this.#listening.abort();
    this.#listening = new AbortController();
    this.#machine = machine;
    if (!machine) return; // what it said last stays to be read
    this.#feed.clear();
    this.#terminal?.clear();
    machine.addEventListener("serial", ({ detail }) => detail.port === 0 && this.#feed.push(detail.bytes), {
      signal: this.#listening.signal,
    });
  }

  /** The text in the terminal. */
  get text() {
    return this.#terminal?.text() ?? "";
  }

  /** @override */
  focus() {
    this.#terminal?.focus();
  }

  /** @override @param {AbortSignal} signal */
  connected(signal) {
    this.addEventListener("focusout", () => this.#release(false), { signal });
    this.addEventListener("pointerdown", () => this.#release(false), { signal });
    this.attributeChangedCallback();
  }

  attributeChangedCallback() {
    if (this.isConnected && !this.hidden && !this.#terminal && !this.#opening) void this.#open();
  }

  async #open() {
    this.#opening = true;
    try {
      const { css: xtermCss, openTerminal } = await import("../hosts/terminal.js");
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(xtermCss);
      this.root.adoptedStyleSheets.push(sheet);
      const terminal = await openTerminal(this.inner("place", HTMLElement), {
        onInput: (text) => this.request(Request.SERIAL, { text }),
        onKey: (event) => this.#key(event),
      });
      this.#terminal = terminal;
      this.#feed.open((bytes, done) => terminal.write(bytes, done));
    } catch (error) {
      this.inner("place", HTMLElement).textContent = `The console could not be loaded: ${String(error)}`;
    } finally {
      this.#opening = false;
    }
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether it is the terminal's */
  #key(event) {
    const back = this.#released && event.type === "keydown" && event.key === "Enter";
    if (this.#chord.see(event)) this.#release(true);
    else if (back) this.#release(false);
    return !this.#released && !back;
  }

  /** @param {boolean} released */
  #release(released) {
    this.#released = released;
    this.toggleAttribute("hint", released);
    if (!released) this.#chord.forget();
  }
}

define("vm-serial", VmSerial);
