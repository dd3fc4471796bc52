// @ts-check
/** `<vm-status state reason detail>`: the machine's state in a word, told to screen readers when it changes. */
import css from "../styles/vm-status.css";
import { define, VmElement } from "./vm-element.js";

const html = `
  <div id="line">
    <span id="dot" aria-hidden="true"></span>
    <span id="word" role="status"></span>
    <span id="detail"></span>
  </div>`;

/** @type {Record<string, string>} */
const WORDS = {
  empty: "No image",
  ready: "Ready",
  loading: "Starting",
  failed: "Failed",
  running: "Running",
  paused: "Paused",
  halted: "Halted",
  off: "Off",
  crashed: "Crashed",
};

export class VmStatus extends VmElement {
  static observedAttributes = ["state", "reason", "detail"];

  constructor() {
    super({ html, css });
  }

  attributeChangedCallback() {
    const state = this.getAttribute("state") ?? "";
    const word = this.inner("word", HTMLElement);
    const text = WORDS[state] ?? state;
    if (word.textContent !== text) word.textContent = text;
    this.inner("detail", HTMLElement).textContent = this.getAttribute("detail");
    this.title = this.getAttribute("reason") ?? "";
  }
}

define("vm-status", VmStatus);
