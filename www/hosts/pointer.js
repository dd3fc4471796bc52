// @ts-check
/** The page's pointer as a PC's mouse: moves, buttons and wheel while the pointer is locked to the screen. */

/** What browsers report for one notch of a wheel, roughly. */
const NOTCH = 100;
const LINES_PER_NOTCH = 3;

/** @typedef {{ dx: number, dy: number, wheel: number, buttons: number }} Move */

export class Pointer {
  #send;
  /** What is left of movements smaller than one. */
  #x = 0;
  #y = 0;
  #wheel = 0;
  #buttons = 0;

  /** @param {(move: Move) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** @param {PointerEvent | MouseEvent} event */
  move({ movementX, movementY, buttons }) {
    this.#buttons = buttons;
    const dx = Math.trunc((this.#x += movementX));
    const dy = Math.trunc((this.#y += movementY));
    this.#x -= dx;
    this.#y -= dy;
    this.#send({ dx, dy, wheel: 0, buttons });
  }

  /** @param {WheelEvent} event */
  turn(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE;
    this.#wheel += lines ? event.deltaY / LINES_PER_NOTCH : event.deltaY / NOTCH;
    const wheel = Math.trunc(this.#wheel);
    this.#wheel -= wheel;
    if (wheel !== 0) this.#send({ dx: 0, dy: 0, wheel, buttons: this.#buttons });
  }

  /** Lets go of the buttons. */
  release() {
    this.#wheel = 0;
    if (this.#buttons !== 0) this.#send({ dx: 0, dy: 0, wheel: 0, buttons: 0 });
    this.#buttons = 0;
  }
}
