// @ts-check
/**
 * `--machine F`: the options that a machine's file says, as if they had been given here; its images are files beside it.
 *
 * @import { MachineOptions } from "../lib/machine-file.js"
 */
import fs from "node:fs";
import path from "node:path";
import { PageVMError } from "../lib/error.js";
import { parseMachine } from "../lib/machine-file.js";
import { badUse } from "./failure.js";
import { readImage } from "./files.js";

/** Keys that are called otherwise on the command line. @type {Record<string, string>} */
const NAMES = {
  codeCache: "code-cache",
  jitThreshold: "jit-threshold",
  jitRegion: "jit-region",
  jitLinkage: "jit-linkage",
  jitWithout: "jit-without",
};

/**
 * @param {string} file
 * @returns {Record<string, unknown>} by the names of options; "" is a drive with nothing in it
 */
export function readMachineFile(file) {
  const text = new TextDecoder().decode(readImage("machine", file));
  const resolve = (/** @type {string} */ name) => {
    if (/^[a-z][a-z0-9+.-]+:/i.test(name)) throw new Error(`${name} is a URL, and this takes files`);
    return path.isAbsolute(name) ? name : path.join(path.dirname(file), name);
  };
  let described;
  try {
    described = parseMachine(text, file, resolve);
  } catch (error) {
    if (error instanceof PageVMError) throw badUse(`--machine: ${error.message}`);
    throw error;
  }
  const { modules, clock, seed, maxInstructions, hashAt, ...others } = described;
  const image = (/** @type {string} */ key, /** @type {unknown} */ value) => fileOf(file, key, value);
  return {
    ...Object.fromEntries(
      Object.entries(others).map(([key, value]) => [NAMES[key] ?? key, image(key, value)]),
    ),
    ...(modules && {
      module: modules.map(({ image: source, cmdline }) => ({ file: image("modules", source), cmdline })),
    }),
    ...(clock && { deterministic: clock === "counted" }),
    ...(seed !== undefined && { seed: BigInt(seed) }),
    ...(maxInstructions !== undefined && { "max-instructions": BigInt(maxInstructions) }),
    ...(hashAt && { "hash-at": hashAt.map(BigInt) }),
  };
}

/** An image as a file's name; other values as they are. @param {string} file @param {string} key @param {unknown} value */
function fileOf(file, key, value) {
  if (typeof value !== "object" || value === null) return value;
  if ("empty" in value) return "";
  const { url, size } = /** @type {{ url: string, size?: number }} */ (value);
  const found = size === undefined ? undefined : fs.statSync(url, { throwIfNoEntry: false })?.size;
  if (found !== undefined && found !== size)
    throw badUse(`--machine: ${file}: ${key}: ${url} is ${found} bytes long, not ${size}`);
  return url;
}
