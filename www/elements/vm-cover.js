// @ts-check
/** `<vm-cover state reason>`: lies over the stage while there is nothing to see there. Its children are progress bars. */
import { Request } from "../lib/names.js";
import css from "../styles/vm-cover.css";
import { define, VmElement } from "./vm-element.js";

const html = `
  <div id="card">
    <button id="mark"><svg viewBox="0 0 20 20" aria-hidden="true"><path d="M6.5 3.8v12.4L16 10z" fill="currentcolor" /></svg></button>
    <h2 id="title"></h2>
    <div id="alert" role="alert"><p id="words"></p></div>
    <div id="bars"><slot></slot></div>
    <button id="action" class="action">Try again</button>
  </div>`;

/** @type {Record<string, { title: string, mark?: string, words?: string }>} */
const COVERS = {
  empty: { title: "Nothing to boot", words: "Name a kernel, a drive or a machine’s file in an attribute." },
  ready: { title: "Ready to start", mark: "Start the machine" },
  loading: { title: "Starting the machine" },
  failed: { title: "The machine could not start" },
  paused: { title: "Paused", mark: "Continue" },
  off: { title: "Switched off", mark: "Start again" },
};

/** @param {string} words */
const sentence = (words) => `${words.slice(0, 1).toUpperCase()}${words.slice(1)}.`;

export class VmCover extends VmElement {
  static observedAttributes = ["state", "reason"];

  constructor() {
    super({ html, css });
  }

  /** @override @param {AbortSignal} signal */
  connected(signal) {
    const listen = (/** @type {string} */ id, /** @type {string} */ name) =>
      this.inner(id, HTMLElement).addEventListener("click", () => this.request(name), { signal });
    listen("mark", Request.START);
    listen("action", Request.RESTART);
  }

  attributeChangedCallback() {
    const state = this.getAttribute("state") ?? "";
    const reason = this.getAttribute("reason") ?? "";
    const cover = COVERS[state];
    this.toggleAttribute("shown", cover !== undefined);
    this.inner("title", HTMLElement).textContent = cover?.title ?? "";
    this.inner("mark", HTMLElement).ariaLabel = cover?.mark ?? "";
    // Errors stand as they are; why it is off matters only where the user has not done it.
    let text = cover?.words ?? "";
    if (state === "failed") text = reason;
    else if (["off", "paused"].includes(state) && reason && reason !== "switched off")
      text = sentence(reason);
    const place = this.inner("words", HTMLElement);
    if (place.textContent !== text) place.textContent = text;
    this.inner("alert", HTMLElement).role = state === "failed" ? "alert" : "none";
    this.inner("action", HTMLElement).hidden = state !== "failed";
  }
}

define("vm-cover", VmCover);
