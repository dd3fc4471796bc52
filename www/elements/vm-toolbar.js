// @ts-check
/**
 * `<vm-toolbar state fullscreen drives>`: the machine's buttons. `drives`: there are some whose media can be changed, and they are
 * on show ("open") or not ("closed"). One stop for Tab, arrow keys between them (the toolbar pattern
 * of the ARIA Authoring Practices).
 *
 * @import { ElementState } from "../types/pagevm.js"
 */
import { Request } from "../lib/names.js";
import css from "../styles/vm-toolbar.css";
import { define, VmElement } from "./vm-element.js";

/** @param {string} shapes @param {string} [name] */
const icon = (shapes, name = "") =>
  `<svg viewBox="0 0 20 20" class="${name}" aria-hidden="true">${shapes}</svg>`;

const html = `
  <div role="toolbar" aria-label="Machine">
    <button id="start">
      ${icon('<path class="solid" d="M6.5 4.2v11.6L15.5 10z" />', "start")}
      ${icon('<path class="solid" d="M6.2 4.5h2v11h-2zM11.8 4.5h2v11h-2z" />', "pause")}
    </button>
    <button id="reset">${icon('<path d="M15.6 8.2A6 6 0 1 0 16 10.6M15.9 4.4v3.9H12" />')}</button>
    <button id="power">${icon('<path d="M10 3.2v6M6 5.6a6 6 0 1 0 8 0" />')}</button>
    <span class="gap" aria-hidden="true"></span>
    <button id="drives" hidden>${icon('<path d="M10 4.2l6 6.8H4zM4 15.4h12" />')}</button>
    <button id="keys">${icon('<rect x="2.5" y="5.5" width="15" height="9.5" rx="1.8" /><path d="M5.6 8.6h.01M8.5 8.6h.01M11.5 8.6h.01M14.4 8.6h.01M6.8 12h6.4" />')}</button>
    <button id="screenshot">${icon('<path d="M3.5 6.2h3l1.2-1.9h4.6l1.2 1.9h3a1 1 0 0 1 1 1v7.5a1 1 0 0 1-1 1h-13a1 1 0 0 1-1-1V7.2a1 1 0 0 1 1-1z" /><circle cx="10" cy="10.7" r="2.7" />')}</button>
    <button id="fullscreen">
      ${icon('<path d="M7.2 3.5H3.5v3.7M12.8 3.5h3.7v3.7M7.2 16.5H3.5v-3.7M12.8 16.5h3.7v-3.7" />', "enter")}
      ${icon('<path d="M3.5 7.2h3.7V3.5M16.5 7.2h-3.7V3.5M3.5 12.8h3.7v3.7M16.5 12.8h-3.7v3.7" />', "leave")}
    </button>
  </div>`;

/** @type {Record<string, string>} */
const REQUEST_OF = {
  reset: Request.RESET,
  power: Request.POWER,
  keys: Request.CTRL_ALT_DEL,
  screenshot: Request.SCREENSHOT,
  fullscreen: Request.FULLSCREEN,
};

/** In which states a button can do something; the others always can. @type {Record<string, ElementState[]>} */
const USEFUL_IN = {
  start: ["ready", "failed", "running", "paused", "halted", "off", "crashed"],
  reset: ["running", "paused", "halted", "crashed"],
  power: ["ready", "running", "paused", "halted", "off", "crashed"],
  keys: ["running"],
  screenshot: ["running", "paused", "halted", "off", "crashed"],
};

export class VmToolbar extends VmElement {
  static observedAttributes = ["state", "fullscreen", "drives"];
  /** The button Tab stops at. */
  #stop = "start";

  constructor() {
    super({ html, css });
  }

  /** @override @param {AbortSignal} signal */
  connected(signal) {
    this.root.addEventListener("click", (event) => this.#press(event), { signal });
    this.root.addEventListener("keydown", (event) => this.#move(/** @type {KeyboardEvent} */ (event)), {
      signal,
    });
    this.attributeChangedCallback();
  }

  attributeChangedCallback() {
    const state = /** @type {ElementState} */ (this.getAttribute("state") ?? "empty");
    const running = state === "running";
    const ended = ["off", "failed", "crashed", "halted"].includes(state);
    this.toggleAttribute("running", running);
    this.#label(
      "start",
      running ? "Pause" : state === "paused" ? "Continue" : ended ? "Start again" : "Start",
    );
    this.#label("reset", "Reset");
    this.#label("power", ["off", "ready", "crashed", "halted"].includes(state) ? "Power on" : "Power button");
    const drives = this.inner("drives", HTMLButtonElement);
    drives.hidden = !this.hasAttribute("drives");
    drives.ariaExpanded = String(this.#drivesOpen);
    this.#label("drives", "Drives");
    this.#label("keys", "Send Ctrl+Alt+Del");
    this.#label("screenshot", "Save screenshot");
    this.#label("fullscreen", this.hasAttribute("fullscreen") ? "Leave full screen" : "Full screen");
    for (const button of this.#buttons()) {
      button.disabled = Boolean(button.hidden) || !(USEFUL_IN[button.id]?.includes(state) ?? true);
      button.tabIndex = button.id === this.#stop ? 0 : -1;
    }
    const stop = this.#buttons().find(({ id }) => id === this.#stop);
    if (stop?.disabled) {
      const usable = this.#buttons().find(({ disabled }) => !disabled);
      if (usable) usable.tabIndex = 0;
    }
  }

  /** @override */
  focus() {
    this.#buttons()
      .find(({ tabIndex }) => tabIndex === 0)
      ?.focus();
  }

  get #drivesOpen() {
    return this.getAttribute("drives") === "open";
  }

  #buttons() {
    return [...this.root.querySelectorAll("button")];
  }

  /** @param {string} id @param {string} text */
  #label(id, text) {
    const button = this.inner(id, HTMLButtonElement);
    button.title = text;
    button.setAttribute("aria-label", text);
  }

  /** @param {Event} event */
  #press({ target }) {
    const button = target instanceof Element ? target.closest("button") : null;
    if (!button) return;
    this.#stop = button.id;
    if (button.id === "drives") this.request(Request.DRIVES, { open: !this.#drivesOpen });
    else if (button.id !== "start") this.request(/** @type {string} */ (REQUEST_OF[button.id]));
    else if (this.hasAttribute("running")) this.request(Request.PAUSE);
    else this.request(Request.START);
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    if (event.key === "Escape" && this.#drivesOpen) this.request(Request.DRIVES, { open: false });
    const usable = this.#buttons().filter(({ disabled }) => !disabled);
    const at = usable.indexOf(/** @type {HTMLButtonElement} */ (this.root.activeElement));
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    const next = usable.at(to % usable.length);
    if (!next) return;
    this.#stop = next.id;
    for (const button of this.#buttons()) button.tabIndex = button === next ? 0 : -1;
    next.focus();
  }
}

define("vm-toolbar", VmToolbar);
