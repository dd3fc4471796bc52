// @ts-check
/**
 * The page's keyboard as a PC's: keys by `code`, whatever is written on them. Takes (and keeps from the browser) every key
 * a PC has; remembers what is held, so that nothing stays down when the keyboard turns to something else.
 */
import { isKey } from "../lib/keys.js";

const MAC = /mac/i.test(globalThis.navigator?.platform ?? "");

export class Keyboard {
  #send;
  /** @type {Set<string>} */
  #held = new Set();

  /** @param {(code: string, down: boolean) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether it was a key of a PC's */
  down(event) {
    const { code } = event;
    if (!isKey(code) || event.isComposing) return false;
    event.preventDefault();
    if (MAC && code === "CapsLock") return this.#tap(code);
    this.#held.add(code);
    this.#send(code, true); // repeats too: a PC's keyboard repeats by itself
    return true;
  }

  /** @param {KeyboardEvent} event @returns {boolean} */
  up(event) {
    const { code } = event;
    if (MAC && code === "CapsLock") return this.#tap(code);
    if (!this.#held.delete(code)) return isKey(code);
    event.preventDefault();
    this.#send(code, false);
    // While Command is held, macOS does not tell when other keys are let go.
    if (MAC && (code === "MetaLeft" || code === "MetaRight")) this.release();
    return true;
  }

  /** Lets go of everything. */
  release() {
    for (const code of this.#held) this.#send(code, false);
    this.#held.clear();
  }

  /** On macOS, CapsLock goes down when it is switched on and up when it is switched off. @param {string} code */
  #tap(code) {
    this.#send(code, true);
    this.#send(code, false);
    return true;
  }
}
