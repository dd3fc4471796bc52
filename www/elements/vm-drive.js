// @ts-check
/**
 * `<vm-drive drive kind image refused>`: a drive and what is in it (without `image`: nothing). A file that is chosen or
 * dropped here is put in; `refused` says why one was not.
 */
import { Request } from "../lib/names.js";
import css from "../styles/vm-drive.css";
import { define, VmElement } from "./vm-element.js";

const html = `
  <svg class="floppy" viewBox="0 0 20 20" aria-hidden="true"><path d="M3.8 3.8h9.9l2.5 2.5v9.9H3.8zM7 3.8v3.9h5.4V3.8M6.6 16.2v-4.9h6.8v4.9" /></svg>
  <svg class="cdrom" viewBox="0 0 20 20" aria-hidden="true"><circle cx="10" cy="10" r="6.8" /><circle cx="10" cy="10" r="1.9" /></svg>
  <div id="text"><span id="name"></span><span id="image" role="status"></span></div>
  <button id="insert" aria-labelledby="insert name">Insert…</button>
  <button id="eject" aria-labelledby="eject name">Eject</button>
  <input id="file" type="file" hidden />
  <p id="refused" role="alert"></p>`;

/** @type {Record<string, string>} */
const NAMES = { fda: "Floppy A", fdb: "Floppy B", cdrom: "CD" };

export class VmDrive extends VmElement {
  static observedAttributes = ["drive", "image", "refused"];

  constructor() {
    super({ html, css });
  }

  /** @override @param {AbortSignal} signal */
  connected(signal) {
    const file = this.inner("file", HTMLInputElement);
    const listen = (/** @type {string} */ id, /** @type {() => void} */ press) =>
      this.inner(id, HTMLElement).addEventListener("click", press, { signal });
    listen("insert", () => file.click());
    listen("eject", () => this.request(Request.EJECT, { drive: this.getAttribute("drive") }));
    const chosen = () => {
      this.#insert(file.files);
      file.value = ""; // the same file may be chosen again
    };
    file.addEventListener("change", chosen, { signal });
    for (const type of ["dragenter", "dragover", "dragleave", "drop"])
      this.addEventListener(type, (event) => this.#drag(/** @type {DragEvent} */ (event)), { signal });
  }

  attributeChangedCallback() {
    const drive = this.getAttribute("drive") ?? "";
    const image = this.getAttribute("image");
    this.#write("name", NAMES[drive] ?? drive);
    this.#write("image", image ?? "empty");
    this.#write("refused", this.getAttribute("refused") ?? "");
    this.inner("image", HTMLElement).title = image ?? "";
    const eject = this.inner("eject", HTMLButtonElement);
    // A button that can do nothing any more would keep the focus from everyone.
    if (image === null && this.root.activeElement === eject) this.inner("insert", HTMLElement).focus();
    eject.disabled = image === null;
  }

  /** Screen readers are told what is written, and so only what is new. @param {string} id @param {string} text */
  #write(id, text) {
    const place = this.inner(id, HTMLElement);
    if (place.textContent !== text) place.textContent = text;
  }

  /** @param {FileList | null | undefined} files */
  #insert(files) {
    const image = files?.[0];
    if (image) this.request(Request.INSERT, { drive: this.getAttribute("drive"), image });
  }

  /** @param {DragEvent} event */
  #drag(event) {
    const { type, dataTransfer } = event;
    if (!dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // or the browser would show the file in place of the page
    this.toggleAttribute("dragging", type === "dragenter" || type === "dragover");
    if (type === "drop") this.#insert(dataTransfer.files);
  }
}

define("vm-drive", VmDrive);
