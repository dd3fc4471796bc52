// @ts-check
/**
 * A machine's file, fetched.
 *
 * @import { MachineOptions } from "../lib/machine-file.js"
 * @import { Loading } from "./images.js"
 */
import { parseMachine } from "../lib/machine-file.js";
import { loadImage, nameOf } from "./images.js";

/** @param {string} url @param {Loading} loading @returns {Promise<MachineOptions>} */
export async function loadMachineFile(url, loading) {
  const text = new TextDecoder().decode(await loadImage("machine", url, loading));
  const file = nameOf(url);
  return parseMachine(text, `machine: ${file}`, (name) => {
    if (!URL.canParse(name, file)) throw new Error(`${JSON.stringify(name)} is no URL`);
    return new URL(name, file).href;
  });
}
