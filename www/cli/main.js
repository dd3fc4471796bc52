// @ts-check
/** From the arguments to the exit status. */
import { Failure, Status } from "./failure.js";
import { help, parse } from "./options.js";
import { StreamSink } from "./output.js";
import { run } from "./run.js";

/** How long the reader of a pipe may take nothing before the rest of the output is given up. */
const PATIENCE_MS = 5_000;

/** @typedef {import("./run.js").MachineClass} MachineClass */

/**
 * Does what the command line says and ends the process. `loadMachine` is a parameter so that tests may give a double.
 * @param {string[]} args
 * @param {() => Promise<MachineClass>} loadMachine
 * @returns {Promise<never>}
 */
export async function main(args, loadMachine) {
  /** @type {(error: Error) => void} */
  let onGone = () => {};
  const stdout = new StreamSink(process.stdout, (error) => onGone(error));
  const stderr = new StreamSink(process.stderr, () => {}); // nobody to tell
  const streams = { stdout, stderr, whenGone: (/** @type {typeof onGone} */ call) => void (onGone = call) };

  /** @param {unknown} error */
  const fail = (error) => {
    if (error instanceof Failure) {
      stderr.write(`pagevm: ${error.message}\n`);
      return error.status;
    }
    stderr.write(
      `pagevm: internal error: ${error instanceof Error ? (error.stack ?? error.message) : error}\n`,
    );
    return Status.INTERNAL;
  };
  /** @param {number} status @returns {Promise<never>} */
  const leave = async (status) => {
    await Promise.all([stdout.flush(PATIENCE_MS), stderr.flush(PATIENCE_MS)]);
    return process.exit(status);
  };
  // An error in a callback of ours would end the process with status 1, which means that a guest wrote 0 to F4h.
  process.on("uncaughtException", (error) => void leave(fail(error)));

  let status;
  try {
    status = await command(args, loadMachine, streams);
  } catch (error) {
    status = fail(error);
  }
  return leave(status);
}

/**
 * @param {string[]} args
 * @param {() => Promise<MachineClass>} loadMachine
 * @param {import("./run.js").Streams} streams
 */
async function command([verb, ...rest], loadMachine, streams) {
  if (verb === undefined || ["help", "--help", "-h"].includes(verb)) {
    (verb === undefined ? streams.stderr : streams.stdout).write(help());
    return verb === undefined ? Status.BAD_USE : Status.OK;
  }
  if (verb !== "run")
    throw new Failure(Status.BAD_USE, `${verb}: unknown command (there is run; try --help)`);
  const options = parse(rest);
  if (options === "help") {
    streams.stdout.write(help());
    return Status.OK;
  }
  return run(options, loadMachine, streams);
}
