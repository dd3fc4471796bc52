// @ts-check
/**
 * `machine.json`: a machine in one file. Its keys are the options of `PageVM.create` that are of the machine itself; what it names
 * lies relative to the file. Pure: whoever has read the file says what a name in it means there.
 *
 * @import { CreateOptions } from "../types/pagevm.js"
 */
import { PageVMError } from "./error.js";
import { isEmptyDrive } from "./places.js";

/** What a file can say. @typedef {Omit<CreateOptions, "autostart" | "canvas" | "signal" | "onProgress">} MachineOptions */

/** Where a name in the file leads to; throws what is wrong with it. @typedef {(name: string) => string} Resolve */

/**
 * @typedef {object} Kind
 * @property {string} is what a value of this kind is
 * @property {(value: unknown, resolve: Resolve) => unknown} read the option's value; none: it is not of this kind
 */

/** @param {string} is @param {(value: unknown) => boolean} test @returns {Kind} */
const plain = (is, test) => ({ is, read: (value) => (test(value) ? value : undefined) });

/** @param {number} least @param {number} [most] */
const whole =
  (least, most = Number.MAX_SAFE_INTEGER) =>
  (/** @type {unknown} */ value) =>
    typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;

/** @param {...unknown} values */
const oneOf = (...values) =>
  plain(values.map((value) => JSON.stringify(value)).join(" or "), (value) => values.includes(value));

/** An object with these keys and no other. @param {unknown} value @param {string} needed @param {string} optional */
const hasOnly = (value, needed, optional) =>
  typeof value === "object" &&
  value !== null &&
  needed in value &&
  Object.keys(value).every((key) => key === needed || key === optional);

/** @param {unknown} value @param {Resolve} resolve */
function readImage(value, resolve) {
  if (typeof value === "string" && value !== "") return resolve(value);
  if (!hasOnly(value, "url", "size")) return undefined;
  const { url, size } = /** @type {{ url: unknown, size?: unknown }} */ (value);
  if (typeof url !== "string" || url === "" || (size !== undefined && !whole(1)(size))) return undefined;
  return { ...(size === undefined ? {} : { size }), url: resolve(url) };
}

/** @type {Kind} */
const IMAGE = { is: 'a URL or { "url": URL, "size": bytes }', read: readImage };
/** @type {Kind} */
const MEDIUM = {
  is: 'a URL, { "url": URL, "size": bytes } or { "empty": true }',
  read: (value, resolve) => (isEmptyDrive(value) ? value : readImage(value, resolve)),
};
/** @type {Kind} */
const MODULES = {
  is: 'a list of { "image": URL, "cmdline": text }',
  read: (value, resolve) => {
    if (!Array.isArray(value)) return undefined;
    const modules = value.map((module) => {
      if (!hasOnly(module, "image", "cmdline")) return undefined;
      const image = readImage(module.image, resolve);
      const { cmdline = "" } = module;
      return image !== undefined && typeof cmdline === "string" ? { image, cmdline } : undefined;
    });
    return modules.includes(undefined) ? undefined : modules;
  },
};
const TEXT = plain("a text", (value) => typeof value === "string");
const COUNT = plain("a whole number", whole(0));

/** All there are, by the type. @type {Record<keyof MachineOptions, Kind>} */
const KINDS = {
  kernel: IMAGE,
  initrd: IMAGE,
  multiboot: IMAGE,
  bios: IMAGE,
  vgabios: IMAGE,
  hda: IMAGE,
  hdb: IMAGE,
  hdc: IMAGE,
  hdd: IMAGE,
  cdrom: MEDIUM,
  fda: MEDIUM,
  fdb: MEDIUM,
  modules: MODULES,
  cmdline: TEXT,
  boot: TEXT,
  cpu: TEXT,
  memory: plain("a whole number of megabytes", whole(1)),
  apic: oneOf(true, false),
  clock: oneOf("real", "counted"),
  rtc: plain("a whole number of seconds since 1970", whole(0)),
  seed: COUNT,
  reboot: oneOf(true, false),
  maxInstructions: COUNT,
  hashAt: plain("a list of whole numbers", (value) => Array.isArray(value) && value.every(whole(0))),
  jit: oneOf(true, false, "eager"),
  jitWithout: TEXT,
  jitThreshold: COUNT,
  jitRegion: plain("a whole number", whole(1)),
  jitLinkage: oneOf("tail-call", "return"),
  codeCache: COUNT,
};

/**
 * Reads the text of such a file. What is wrong with it is thrown, with the file, the key and the reason.
 * @param {string} text
 * @param {string} file what to call it
 * @param {Resolve} resolve
 * @returns {MachineOptions}
 */
export function parseMachine(text, file, resolve) {
  const wrong = (/** @type {string} */ why) => new PageVMError("bad-option", `${file}: ${why}`);
  let described;
  try {
    described = JSON.parse(text);
  } catch (error) {
    const why = /** @type {Error} */ (error).message.replace(/^JSON\.parse: /, "");
    throw wrong(`it is not JSON: ${why}`.replace(/\s+/g, " "));
  }
  if (typeof described !== "object" || described === null || Array.isArray(described))
    throw wrong(`it is not an object of options, but ${shown(described)}`);
  const options = Object.entries(described).map(([key, value]) => {
    const kind = Object.hasOwn(KINDS, key) ? KINDS[/** @type {keyof MachineOptions} */ (key)] : undefined;
    if (key === "scsi")
      throw new PageVMError("not-available", `${file}: the option scsi is not available yet`);
    if (!kind) throw wrong(`there is no option ${key} of a machine`);
    let read;
    try {
      read = kind.read(value, resolve);
    } catch (error) {
      throw wrong(`${key}: ${/** @type {Error} */ (error).message}`);
    }
    if (read === undefined) throw wrong(`${key} is ${kind.is}, not ${shown(value)}`);
    return [key, read];
  });
  return Object.fromEntries(options);
}

/** @param {unknown} value of JSON */
function shown(value) {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
