// @ts-check
/**
 * Expectations and inputs of a run by itself: wait for a text, send the next input, wait for the next text.
 *
 * The inputs form steps, and the n-th step is sent once the n-th expectation is met. A `--type` and a `--serial-in`
 * side by side on the command line are one step. When the last expectation is met the run is over.
 */
import { badUse } from "./failure.js";

/** @typedef {import("./options.js").ScriptItem} ScriptItem */
/** @typedef {import("./options.js").Input} Input */
/** @typedef {import("./options.js").Expectation} Expectation */

/**
 * @param {ScriptItem[]} items in the order of the command line
 * @returns {{ expectations: Expectation[], steps: Input[][] }}
 */
export function plan(items) {
  /** @type {Expectation[]} */
  const expectations = [];
  /** @type {Input[][]} */
  const steps = [];
  let open = false; // whether the last item was an input, which another kind of input may join
  for (const item of items) {
    if (isExpectation(item)) {
      expectations.push(item);
      open = false;
      continue;
    }
    const step = steps.at(-1);
    if (open && step && !step.some((other) => other.kind === item.kind)) step.push(item);
    else steps.push([item]);
    open = true;
  }
  if (expectations.length && steps.length > expectations.length) {
    const kind = steps[expectations.length]?.[0]?.kind;
    throw badUse(`--${kind}: no --expect to be in step with (${expectations.length} given)`);
  }
  return { expectations, steps };
}

/** @param {ScriptItem} item @returns {item is Expectation} */
const isExpectation = (item) => item.kind === "expect" || item.kind === "expect-screen";

/** @param {string} text as it looks where every byte is one character */
const asBytes = (text) => Buffer.from(text, "utf8").toString("latin1");

export class Script {
  #expectations;
  #steps;
  #met = 0;
  /** What came over COM1 since the last expectation was met, as far as a match may still begin in it. */
  #heard = "";
  #send;

  /**
   * @param {ScriptItem[]} items
   * @param {(inputs: Input[]) => void} send
   */
  constructor(items, send) {
    const { expectations, steps } = plan(items);
    this.#expectations = expectations;
    this.#steps = steps;
    this.#send = send;
  }

  /** The machine is about to start: inputs that wait for nothing. */
  begin() {
    if (!this.#expectations.length) this.#steps.forEach((inputs) => this.#send(inputs));
  }

  /** The expectation waited for. */
  get awaited() {
    return this.#expectations[this.#met];
  }

  /** Every expectation was met, and there was one. */
  get done() {
    return this.#expectations.length > 0 && !this.awaited;
  }

  /** "--expect TEXT", for messages. */
  get unmet() {
    const { awaited } = this;
    return awaited && `--${awaited.kind} ${JSON.stringify(awaited.text)}`;
  }

  /** @param {Uint8Array} bytes what COM1 sent */
  hear(bytes) {
    if (!this.awaited) return;
    this.#heard += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
    while (this.awaited?.kind === "expect") {
      const text = asBytes(this.awaited.text);
      const at = this.#heard.indexOf(text);
      if (at < 0) {
        if (this.#heard.length >= text.length)
          this.#heard = this.#heard.slice(this.#heard.length - text.length + 1);
        return;
      }
      this.#heard = this.#heard.slice(at + text.length);
      this.#next();
    }
    // While the screen is waited for, COM1 is remembered: the next text may come before the screen is looked at.
    if (this.#heard.length > MOST_REMEMBERED) this.#heard = this.#heard.slice(-MOST_REMEMBERED);
  }

  /** @param {() => string} screenText called only if a text on the screen is waited for */
  look(screenText) {
    while (this.awaited?.kind === "expect-screen") {
      if (!screenText().includes(this.awaited.text)) return;
      this.#next();
      this.hear(new Uint8Array(0)); // COM1 may have said the next text already
    }
  }

  #next() {
    const inputs = this.#steps[this.#met++];
    if (inputs) this.#send(inputs);
  }
}

const MOST_REMEMBERED = 1 << 20;
