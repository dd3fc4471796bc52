// @ts-check
/** `<vm-views view unseen>`: screen, serial console, or both. `unseen`: the console has news nobody has looked at. */
import { Request } from "../lib/names.js";
import css from "../styles/vm-views.css";
import { define, VmElement } from "./vm-element.js";

const html = `
  <fieldset>
    <legend class="hidden">View</legend>
    <label><input type="radio" name="view" value="screen" />Screen</label>
    <label><input type="radio" name="view" value="serial" />Console<span id="unseen" aria-hidden="true"></span></label>
    <label><input type="radio" name="view" value="both" />Both</label>
  </fieldset>`;

export class VmViews extends VmElement {
  static observedAttributes = ["view"];

  constructor() {
    super({ html, css });
  }

  /** @override @param {AbortSignal} signal */
  connected(signal) {
    this.root.addEventListener(
      "change",
      ({ target }) => this.request(Request.VIEW, { view: /** @type {HTMLInputElement} */ (target).value }),
      { signal },
    );
  }

  attributeChangedCallback() {
    for (const input of this.root.querySelectorAll("input"))
      input.checked = input.value === this.getAttribute("view");
  }
}

define("vm-views", VmViews);
