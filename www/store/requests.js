// @ts-check
/**
 * What the user may wish for, one function a request. What concerns the page itself (full screen, downloads) is the
 * element's own.
 *
 * @import { ImageSource, View } from "../types/pagevm.js"
 */
import { Request } from "../lib/names.js";

/**
 * The part of a machine that requests use.
 * @typedef {object} Machine
 * @property {() => Promise<void>} reset
 * @property {(options?: { force?: boolean }) => Promise<void>} power
 * @property {(code: string, down: boolean) => void} sendKey
 * @property {(text: string) => Promise<void>} sendText
 * @property {(dx: number, dy: number, wheel: number, buttons: number) => void} sendMouse
 * @property {(port: number, data: string | Uint8Array) => Promise<void>} sendSerial
 */

/**
 * Where requests are carried out.
 * @typedef {object} Desk
 * @property {Machine | null} vm
 * @property {boolean} broken the machine cannot go on, not even after a reset
 * @property {() => Promise<void>} start
 * @property {() => Promise<void>} pause
 * @property {() => Promise<void>} restart
 * @property {(view: View) => void} show
 * @property {() => void} powerPressed
 * @property {(open: boolean) => void} showDrives
 * @property {(drive: string, image: ImageSource | null) => Promise<void>} changeMedium
 */

const CTRL_ALT_DEL = ["ControlLeft", "AltLeft", "Delete"];

/** @type {Readonly<Record<string, (desk: Desk, detail: never) => Promise<void> | void>>} */
export const REQUESTS = Object.freeze({
  [Request.START]: (desk) => desk.start(),
  [Request.PAUSE]: (desk) => desk.pause(),
  [Request.RESTART]: (desk) => desk.restart(),
  [Request.RESET]: (desk) => (desk.broken ? desk.restart() : desk.vm?.reset()),
  [Request.POWER]: async (desk) => {
    if (!desk.vm || desk.broken) return desk.start();
    await desk.vm.power();
    desk.powerPressed();
  },
  [Request.POWER_OFF]: ({ vm }) => vm?.power({ force: true }),
  [Request.CTRL_ALT_DEL]: ({ vm }) => {
    for (const code of CTRL_ALT_DEL) vm?.sendKey(code, true);
    for (const code of CTRL_ALT_DEL.toReversed()) vm?.sendKey(code, false);
  },
  [Request.VIEW]: (desk, /** @type {{ view: View }} */ { view }) => desk.show(view),
  [Request.DRIVES]: (desk, /** @type {{ open: boolean }} */ { open }) => desk.showDrives(open),
  [Request.INSERT]: (desk, /** @type {{ drive: string, image: ImageSource }} */ { drive, image }) =>
    desk.changeMedium(drive, image),
  [Request.EJECT]: (desk, /** @type {{ drive: string }} */ { drive }) => desk.changeMedium(drive, null),
  [Request.KEY]: ({ vm }, /** @type {{ code: string, down: boolean }} */ { code, down }) =>
    vm?.sendKey(code, down),
  [Request.TEXT]: ({ vm }, /** @type {{ text: string }} */ { text }) => vm?.sendText(text),
  [Request.MOUSE]: ({ vm }, /** @type {{ dx: number, dy: number, wheel: number, buttons: number }} */ move) =>
    vm?.sendMouse(move.dx, move.dy, move.wheel, move.buttons),
  [Request.SERIAL]: ({ vm }, /** @type {{ text: string }} */ { text }) => vm?.sendSerial(0, text),
});
