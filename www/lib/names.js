// @ts-check
/** Names that more than one file must agree on. A wish of the user's is an event ending in `request`. */

export const Request = Object.freeze({
  START: "vmstartrequest",
  PAUSE: "vmpauserequest",
  RESET: "vmresetrequest",
  POWER: "vmpowerrequest",
  /** The plug: no guest is asked. */
  POWER_OFF: "vmpoweroffrequest",
  /** A machine that could not be made, or cannot go on, is made anew. */
  RESTART: "vmrestartrequest",
  CTRL_ALT_DEL: "vmctrlaltdelrequest",
  FULLSCREEN: "vmfullscreenrequest",
  SCREENSHOT: "vmscreenshotrequest",
  /** A notice has been read. */
  DISMISS: "vmdismissrequest",
  VIEW: "vmviewrequest",
  /** The list of drives is to be on show, or not. */
  DRIVES: "vmdrivesrequest",
  INSERT: "vminsertrequest",
  EJECT: "vmejectrequest",
  KEY: "vmkeyrequest",
  TEXT: "vmtextrequest",
  MOUSE: "vmmouserequest",
  SERIAL: "vmserialrequest",
});

/** What `<page-vm>` tells the page, and a canvas whose it is. */
export const Notice = Object.freeze({
  /** There is a machine: `detail` is the PageVM. */
  READY: "vmready",
  /** The state on show has changed: `detail` is the ElementState. */
  STATE: "vmstate",
  /** The pictures on a canvas have another size from now on: `detail` is `{ width, height }`, in pixels of the guest. */
  PICTURE: "vmpicture",
});

/** @type {readonly import("../types/pagevm.js").View[]} */
export const VIEWS = Object.freeze(["screen", "serial", "both"]);
