// @ts-check
/** The wasm machine in Node: the module lies beside the command line. */
import fs from "node:fs";
import init, { Vm } from "pagevm-web";
import { Failure, fileReason, Status } from "./failure.js";

/** Reads and compiles the machine. @returns {Promise<typeof Vm>} */
export async function loadMachine() {
  const file = new URL("./pagevm_web_bg.wasm", import.meta.url);
  let bytes;
  try {
    bytes = fs.readFileSync(file);
  } catch (error) {
    throw new Failure(Status.INTERNAL, `${file.pathname}: ${fileReason(error)}: build the project anew`);
  }
  await init({ module_or_path: bytes });
  return Vm;
}
