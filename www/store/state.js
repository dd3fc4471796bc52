// @ts-check
/**
 * What `<page-vm>` shows, as one frozen object, and how each piece of news changes it. Nothing here touches the page.
 *
 * @import { DriveInfo, ElementState, ProgressDetail, StateDetail, TroubleDetail, View } from "../types/pagevm.js"
 */

/**
 * A drive whose medium can be changed; `refused`: why the last one was not taken, "" if it was.
 * @typedef {DriveInfo & { refused: string }} Drive
 */

/**
 * @typedef {object} ShellState
 * @property {ElementState} state
 * @property {string} reason why, as a sentence; "" where the state says it all
 * @property {string} code the same for programs
 * @property {readonly ProgressDetail[]} images on their way, in the order they were asked for
 * @property {View} view
 * @property {string} speed how fast the guest runs, for people
 * @property {boolean} powerIgnored the guest was asked to switch off and has not
 * @property {string} trouble what is wrong with a drive's image, as a sentence; "" while nothing is
 * @property {readonly Drive[]} drives
 * @property {boolean} drivesOpen they are on show
 * @property {boolean} unseenSerial the console has said something while it was not on show
 */

/** @type {ShellState} */
export const INITIAL = Object.freeze({
  state: "empty",
  reason: "",
  code: "",
  images: Object.freeze([]),
  view: "screen",
  speed: "",
  powerIgnored: false,
  trouble: "",
  drives: Object.freeze([]),
  drivesOpen: false,
  unseenSerial: false,
});

/** @param {ShellState} shell @param {Partial<ShellState>} changes @returns {ShellState} */
const changed = (shell, changes) => Object.freeze({ ...shell, ...changes });

/** Nothing runs; `named`: there is something that could. @param {ShellState} shell @param {boolean} named */
export const cleared = (shell, named) =>
  changed(INITIAL, { view: shell.view, state: named ? "ready" : "empty" });

/** @param {ShellState} shell */
export const loadingBegan = (shell) => changed(INITIAL, { view: shell.view, state: "loading" });

/** @param {ShellState} shell @param {ProgressDetail} progress */
export function imageProgressed(shell, progress) {
  const images = shell.images.some(({ image }) => image === progress.image)
    ? shell.images.map((old) => (old.image === progress.image ? progress : old))
    : [...shell.images, progress];
  return changed(shell, { images: Object.freeze(images) });
}

/** @param {ShellState} shell @param {{ code: string, message: string }} error */
export const failed = (shell, { code, message }) =>
  changed(shell, { state: "failed", reason: message, code, images: Object.freeze([]) });

/** @param {ShellState} shell @param {StateDetail} detail */
export const machineChanged = (shell, { state, reason = "", code = "" }) =>
  changed(shell, {
    state,
    reason,
    code,
    images: Object.freeze([]),
    powerIgnored: false,
    speed: state === "running" ? shell.speed : "",
  });

/** @param {ShellState} shell @param {View} view */
export const viewChosen = (shell, view) =>
  changed(shell, { view, unseenSerial: shell.unseenSerial && view === "screen" });

/** @param {ShellState} shell */
export const serialSpoke = (shell) =>
  shell.view === "screen" ? changed(shell, { unseenSerial: true }) : shell;

/** @param {ShellState} shell */
export const powerIgnored = (shell) =>
  shell.state === "running" ? changed(shell, { powerIgnored: true }) : shell;

/** @param {ShellState} shell @param {string} speed */
export const speedMeasured = (shell, speed) =>
  shell.state === "running" ? changed(shell, { speed }) : shell;

/** @param {ShellState} shell @param {TroubleDetail} trouble */
export const driveTroubled = (shell, { message }) => changed(shell, { trouble: message });

/** @param {ShellState} shell */
export const troubleSeen = (shell) => changed(shell, { trouble: "" });

/** @param {ShellState} shell @param {readonly DriveInfo[]} drives those of the machine */
export function drivesKnown(shell, drives) {
  const removable = drives.filter(({ kind }) => kind !== "disk");
  return changed(shell, { drives: Object.freeze(removable.map((drive) => ({ ...drive, refused: "" }))) });
}

/** @param {ShellState} shell @param {boolean} open */
export const drivesShown = (shell, open) =>
  changed(shell, {
    drivesOpen: open,
    // Whoever looks again has read it.
    drives: Object.freeze(shell.drives.map((drive) => (open ? drive : { ...drive, refused: "" }))),
  });

/** @param {ShellState} shell @param {DriveInfo} medium */
export const mediumChanged = (shell, { drive, image }) => driveChanged(shell, drive, { image, refused: "" });

/** @param {ShellState} shell @param {string} drive @param {string} why a sentence */
export const mediumRefused = (shell, drive, why) => driveChanged(shell, drive, { refused: why });

/** @param {ShellState} shell @param {string} name @param {Partial<Drive>} changes */
const driveChanged = (shell, name, changes) =>
  changed(shell, {
    drives: Object.freeze(
      shell.drives.map((drive) => (drive.drive === name ? { ...drive, ...changes } : drive)),
    ),
  });
