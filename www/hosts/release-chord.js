// @ts-check
/**
 * Ctrl+Alt pressed and let go, with nothing else in between: the keyboard goes back to the page. A guest takes every
 * other key, Tab among them; without a way out, people who use no mouse could not leave the screen.
 *
 * The guest sees both keys too: alone they mean nothing to it. AltGr, which some systems report as Ctrl+Alt, is not meant:
 * only the left Alt counts.
 */
const CHORD = new Set(["ControlLeft", "ControlRight", "AltLeft"]);

export class ReleaseChord {
  #held = new Set();
  #spoiled = false;

  /** @param {KeyboardEvent} event @returns {boolean} whether the chord is complete with this event */
  see({ type, code, repeat }) {
    if (type === "keydown") {
      if (this.#held.size === 0) this.#spoiled = false;
      if (!CHORD.has(code)) this.#spoiled = true;
      else if (!repeat) this.#held.add(code);
      return false;
    }
    const complete =
      !this.#spoiled && this.#held.has("AltLeft") && this.#held.size === 2 && this.#held.has(code);
    this.#held.delete(code);
    if (complete) this.#spoiled = true;
    return complete;
  }

  forget() {
    this.#held.clear();
  }
}
