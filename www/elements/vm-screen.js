// @ts-check
/**
 * `<vm-screen state>`: the machine's screen, its keyboard while it has the focus, its mouse while the pointer is locked.
 *
 * The focus is on a text field that lies over the canvas, invisible and always empty. So phones bring up their keyboard,
 * whose text has no key codes and comes as input, and screen readers find a field to type into.
 *
 * The guest takes every key while the screen has the focus. Ctrl+Alt gives the keyboard back: the screen keeps the focus,
 * but Tab and all other keys are the page's until Enter or a click.
 *
 * @import { PageVM } from "../types/pagevm.js"
 */
import { Keyboard } from "../hosts/keyboard.js";
import { Pointer } from "../hosts/pointer.js";
import { ReleaseChord } from "../hosts/release-chord.js";
import { Notice, Request } from "../lib/names.js";
import { shapeOf } from "../lib/shape.js";
import css from "../styles/vm-screen.css";
import { define, VmElement } from "./vm-element.js";

const html = `
  <div id="frame"><canvas id="canvas" width="720" height="400" aria-hidden="true"></canvas></div>
  <textarea id="keys" aria-label="Screen of the machine: keyboard input" aria-describedby="hint" autocapitalize="off"
    autocomplete="off" autocorrect="off" spellcheck="false"></textarea>
  <div id="hint"></div>`;

/** Of a screen that shows nothing yet. */
const SIZE = { width: 720, height: 400 };

const CAPTURED = "Typing goes to the guest. <kbd>Ctrl</kbd>+<kbd>Alt</kbd> gives the keyboard back.";
const RELEASED = "The keyboard is the page’s. <kbd>Enter</kbd> or a click gives it to the guest.";
const LOCKED = "<kbd>Esc</kbd> frees the mouse.";
const HINT_MS = 4000;

export class VmScreen extends VmElement {
  /** @type {PageVM | null} */
  #machine = null;
  /** @type {(() => void) | undefined} */
  #detach;
  /** The keys are the guest's. */
  #captured = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #hintTimer;
  #keyboard = new Keyboard((code, down) => this.request(Request.KEY, { code, down }));
  #pointer = new Pointer((move) => this.request(Request.MOUSE, move));
  #chord = new ReleaseChord();

  constructor() {
    super({ html, css, delegatesFocus: true });
  }

  get machine() {
    return this.#machine;
  }

  /** Whose screen it is. */
  set machine(machine) {
    this.#detach?.();
    this.#detach = undefined;
    this.#machine = machine;
    // Each machine has a new canvas: the last one was given away.
    const old = this.inner("canvas", HTMLCanvasElement);
    const canvas = /** @type {HTMLCanvasElement} */ (old.cloneNode());
    Object.assign(canvas, SIZE);
    const shape = (/** @type {{ width: number, height: number }} */ size) =>
      canvas.style.setProperty("--shape", String(shapeOf(size)));
    shape(SIZE);
    canvas.addEventListener(Notice.PICTURE, (event) =>
      shape(/** @type {CustomEvent<{ width: number, height: number }>} */ (event).detail),
    );
    old.replaceWith(canvas);
    if (machine) this.#detach = machine.attachCanvas(canvas, { magnify: true, transfer: true });
  }

  /** @override @param {AbortSignal} signal */
  connected(signal) {
    const keys = this.inner("keys", HTMLTextAreaElement);
    const on = (/** @type {string} */ type, /** @type {(event: never) => void} */ listener) =>
      keys.addEventListener(type, /** @type {EventListener} */ (/** @type {unknown} */ (listener)), {
        signal,
        passive: false,
      });

    on("focus", () => this.#capture(true));
    on("blur", () => this.#letGo());
    on("keydown", (/** @type {KeyboardEvent} */ event) => this.#keyDown(event));
    on("keyup", (/** @type {KeyboardEvent} */ event) => this.#keyUp(event));
    on("input", (/** @type {InputEvent} */ event) => this.#input(event));
    on("paste", (/** @type {ClipboardEvent} */ event) => this.#paste(event));
    on("contextmenu", (/** @type {Event} */ event) => event.preventDefault());
    on("pointerdown", (/** @type {PointerEvent} */ event) => this.#pressed(event));
    on("pointerup", (/** @type {PointerEvent} */ event) => this.#locked && this.#pointer.move(event));
    on("pointermove", (/** @type {PointerEvent} */ event) => this.#moved(event));
    on("wheel", (/** @type {WheelEvent} */ event) => this.#locked && this.#pointer.turn(event));
    document.addEventListener("pointerlockchange", () => this.#lockChanged(), { signal });
    // A window that loses the focus may not tell the field, and no key must stay down.
    window.addEventListener("blur", () => this.#letGo(), { signal });
  }

  /** @override */
  disconnected() {
    this.#letGo();
    clearTimeout(this.#hintTimer);
  }

  get #locked() {
    return this.root.pointerLockElement !== null;
  }

  /** @param {boolean} captured */
  #capture(captured) {
    this.#captured = captured;
    this.toggleAttribute("captured", captured);
    this.#hint(captured ? CAPTURED : RELEASED);
  }

  #letGo() {
    this.#captured = false;
    this.removeAttribute("captured");
    this.removeAttribute("hint");
    this.#keyboard.release();
    this.#pointer.release();
    this.#chord.forget();
  }

  /** @param {string} words markup of our own */
  #hint(words) {
    this.inner("hint", HTMLElement).innerHTML = words;
    this.setAttribute("hint", "");
    clearTimeout(this.#hintTimer);
    this.#hintTimer = setTimeout(() => this.removeAttribute("hint"), HINT_MS);
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    this.#chord.see(event);
    if (this.#captured) {
      this.#keyboard.down(event);
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.#capture(true);
    }
  }

  /** @param {KeyboardEvent} event */
  #keyUp(event) {
    const release = this.#chord.see(event);
    this.#keyboard.up(event);
    if (!release) return;
    this.#keyboard.release();
    if (this.#locked) document.exitPointerLock();
    this.#capture(false);
  }

  /** Text that came without key codes. @param {InputEvent} event */
  #input(event) {
    const field = this.inner("keys", HTMLTextAreaElement);
    const { data, inputType, isComposing } = event;
    if (isComposing) return;
    const text = field.value;
    field.value = "";
    if (!this.#captured) return;
    if (inputType === "deleteContentBackward") this.request(Request.TEXT, { text: "\b" });
    else if (inputType === "insertLineBreak") this.request(Request.TEXT, { text: "\n" });
    else if (data ?? text) this.request(Request.TEXT, { text: data ?? text });
  }

  /** @param {ClipboardEvent} event */
  #paste(event) {
    event.preventDefault();
    const text = event.clipboardData?.getData("text/plain");
    if (text) this.request(Request.TEXT, { text });
  }

  /** @param {PointerEvent} event */
  #pressed(event) {
    if (this.#locked) {
      event.preventDefault();
      this.#pointer.move(event);
      return;
    }
    if (!this.#captured && this.matches(":focus-within")) this.#capture(true);
    // The click that takes the pointer is not one for the guest.
    if (event.pointerType !== "mouse" || event.button !== 0 || this.getAttribute("state") !== "running")
      return;
    const locking = /** @type {Promise<void> | undefined} */ (
      this.inner("keys", HTMLElement).requestPointerLock()
    );
    locking?.catch(() => {}); // refused so soon after Escape: the next click will do
  }

  /** @param {PointerEvent} event */
  #moved(event) {
    if (!this.#locked) return;
    // Several movements come as one event; the guest gets one, too. The buttons are those of the event itself.
    this.#pointer.move(event);
  }

  #lockChanged() {
    this.toggleAttribute("locked", this.#locked);
    if (this.#locked) this.#hint(LOCKED);
    else this.#pointer.release();
  }
}

define("vm-screen", VmScreen);
