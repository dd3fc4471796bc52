// @ts-check
/** `<vm-progress image loaded total>`: how far an image is on its way; `total` 0: nobody knows how long it is. */
import { sizeInWords } from "../lib/words.js";
import css from "../styles/vm-progress.css";
import { define, VmElement } from "./vm-element.js";

const html = `
  <span id="name"></span><span id="size"></span>
  <div id="track" role="progressbar" aria-valuemin="0" aria-valuemax="100"><div id="fill"></div></div>`;

export class VmProgress extends VmElement {
  static observedAttributes = ["image", "loaded", "total"];

  constructor() {
    super({ html, css });
  }

  attributeChangedCallback() {
    const image = this.getAttribute("image") ?? "";
    const loaded = Number(this.getAttribute("loaded"));
    const total = Number(this.getAttribute("total"));
    const percent = total > 0 ? Math.min(100, Math.floor((100 * loaded) / total)) : undefined;
    const size = total > 0 ? `${sizeInWords(loaded)} of ${sizeInWords(total)}` : sizeInWords(loaded);
    const track = this.inner("track", HTMLElement);
    this.inner("name", HTMLElement).textContent = image;
    this.inner("size", HTMLElement).textContent = size;
    this.inner("fill", HTMLElement).style.width = percent === undefined ? "" : `${percent}%`;
    this.toggleAttribute("unknown", percent === undefined);
    track.setAttribute("aria-label", `Loading ${image}`);
    track.setAttribute("aria-valuetext", size);
    if (percent === undefined) track.removeAttribute("aria-valuenow");
    else track.setAttribute("aria-valuenow", String(percent));
  }
}

define("vm-progress", VmProgress);
