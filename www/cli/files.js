// @ts-check
/** Files named on the command line: read whole at the start, written at the end. */
import fs from "node:fs";
import path from "node:path";
import { badUse, fileReason } from "./failure.js";

/** More than any guest's memory; and what Node reads at once. */
const LARGEST = 2 ** 31 - 1;

/**
 * @param {string} option
 * @param {string} name
 * @returns {Uint8Array}
 */
export function readImage(option, name) {
  let bytes;
  try {
    const stat = fs.statSync(name);
    if (stat.isDirectory()) throw new Error("is a folder");
    // A pipe (`<(zcat …)`) may be read to its end, /dev/zero has none.
    if (!stat.isFile() && !stat.isFIFO()) throw new Error("is not a file");
    if (stat.size > LARGEST) throw new Error("is larger than 2 GB");
    bytes = fs.readFileSync(name);
  } catch (error) {
    throw badUse(`--${option}: ${name}: ${fileReason(error)}`);
  }
  if (!bytes.length) throw badUse(`--${option}: ${name}: the file is empty`);
  return bytes;
}

/**
 * Whether a file can be written later, found out now: nobody wants to hear it after an hour's run. Changes nothing.
 * @param {string} option
 * @param {string | undefined} name
 */
export function checkWritable(option, name) {
  if (name === undefined) return;
  try {
    const stat = fs.statSync(name, { throwIfNoEntry: false });
    if (stat?.isDirectory()) throw new Error("is a folder");
    if (stat) fs.accessSync(name, fs.constants.W_OK);
    else fs.accessSync(path.dirname(path.resolve(name)), fs.constants.W_OK | fs.constants.X_OK);
  } catch (error) {
    throw badUse(`--${option}: ${name}: ${fileReason(error)}`);
  }
}

/**
 * @param {string} option
 * @param {string} name
 * @param {Uint8Array | string} bytes
 */
export function writeFile(option, name, bytes) {
  try {
    fs.writeFileSync(name, bytes);
  } catch (error) {
    throw badUse(`--${option}: ${name}: ${fileReason(error)}`);
  }
}
