// @ts-check
/** `<vm-drives open>`: the drives whose media can be changed. Its children are those drives. */
import { Request } from "../lib/names.js";
import css from "../styles/vm-drives.css";
import { define, VmElement } from "./vm-element.js";

const html = `
  <div id="panel" role="group" aria-labelledby="title">
    <h2 id="title">Drives</h2>
    <p id="hint">A file may also be dropped on a drive.</p>
    <slot></slot>
  </div>`;

export class VmDrives extends VmElement {
  constructor() {
    super({ html, css });
  }

  /** @override @param {AbortSignal} signal */
  connected(signal) {
    const close = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      this.request(Request.DRIVES, { open: false });
    };
    this.addEventListener("keydown", close, { signal });
  }
}

define("vm-drives", VmDrives);
