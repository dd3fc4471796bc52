// @ts-check
/** `<vm-notice kind reason>`: says what went wrong without covering the screen, which may say why; offers a way on. */
import { Request } from "../lib/names.js";
import css from "../styles/vm-notice.css";
import { define, VmElement } from "./vm-element.js";

const html = `<p id="words" role="alert"></p><button id="action" class="action"></button>`;

/** @type {Record<string, { words: (reason: string) => string, action: string, request: string }>} */
const KINDS = {
  "power-ignored": {
    words: () => "The guest has not answered the power button.",
    action: "Switch off now",
    request: Request.POWER_OFF,
  },
  trouble: { words: (reason) => `${reason}.`, action: "Go on", request: Request.DISMISS },
  halted: { words: (reason) => `Halted: ${reason}.`, action: "Reset", request: Request.RESET },
  crashed: { words: (reason) => `Crashed: ${reason}.`, action: "Start again", request: Request.RESTART },
};

export class VmNotice extends VmElement {
  static observedAttributes = ["kind", "reason"];

  constructor() {
    super({ html, css });
  }

  /** @override @param {AbortSignal} signal */
  connected(signal) {
    const press = () => {
      const kind = KINDS[this.getAttribute("kind") ?? ""];
      if (kind) this.request(kind.request);
    };
    this.inner("action", HTMLElement).addEventListener("click", press, { signal });
  }

  attributeChangedCallback() {
    const kind = KINDS[this.getAttribute("kind") ?? ""];
    const reason = (this.getAttribute("reason") ?? "").replace(/\.$/, "");
    const words = this.inner("words", HTMLElement);
    const text = kind?.words(reason) ?? "";
    if (words.textContent !== text) words.textContent = text;
    this.inner("action", HTMLElement).textContent = kind?.action ?? "";
  }
}

define("vm-notice", VmNotice);
