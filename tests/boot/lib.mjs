// @ts-check
/** Runs the command line as a user would: a process, its streams, its exit status. */
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const CLI = process.env.PAGEVM_CLI ?? path.join(ROOT, "dist/cli.mjs");
export const DOUBLE = path.join(ROOT, "tests/boot/double/cli.mjs");

const LINUX32 = path.join(ROOT, "images/linux32/out");
export const KERNEL = path.join(LINUX32, "vmlinuz");
export const INITRD = path.join(LINUX32, "initrd");
export const CMDLINE = "console=ttyS0 quiet tsc=reliable mitigations=off random.trust_cpu=on";

/** For `test(…, { skip })`: why a test of the real machine cannot run, or false. */
export const noMachine =
  fs.existsSync(CLI) && fs.existsSync(path.join(path.dirname(CLI), "pagevm_web_bg.wasm"))
    ? false
    : `${path.relative(ROOT, CLI)} and its wasm are not built: ./build.sh build`;
export const noLinux =
  noMachine ||
  (fs.existsSync(KERNEL) && fs.existsSync(INITRD) ? false : "images/linux32 is not made: ./build.sh image");

/** A folder of the test file's own, gone when it ends. */
export const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "pagevm-test-"));
process.on("exit", () => fs.rmSync(scratch, { recursive: true, force: true }));

let files = 0;

/** Writes a file with these contents and answers its name. @param {string | Uint8Array} contents */
export function file(contents, name = `file-${files++}`) {
  const full = path.join(scratch, name);
  fs.writeFileSync(full, contents);
  return full;
}

/** A name in the scratch folder where no file is. */
export const newName = (suffix = "") => path.join(scratch, `out-${files++}${suffix}`);

/** Assembles tests/guests/NAME.asm and answers the image's name. @param {string} name @param {string[]} defines */
export function guest(name, ...defines) {
  const out = newName(".bin");
  const source = path.join(ROOT, "tests/guests", `${name}.asm`);
  const done = spawnSync("nasm", [
    "-f",
    "bin",
    "-Wall",
    "-Werror",
    `-I${path.dirname(source)}/`,
    ...defines.map((d) => `-D${d}`),
    "-o",
    out,
    source,
  ]);
  if (done.error) throw new Error(`nasm: ${done.error.message}`);
  if (done.status !== 0) throw new Error(`nasm ${source}: ${done.stderr}`);
  return out;
}

/**
 * @typedef {object} Result
 * @property {number | string} status exit status, or the signal's name
 * @property {string} stdout bytes as characters
 * @property {string} stderr
 */

export class Run {
  stdout = "";
  stderr = "";
  /** @type {(() => void)[]} */
  #listeners = [];
  #read = 0;

  /**
   * @param {string[]} args after "run"
   * @param {{ cli?: string, input?: "pipe" | "ignore", seconds?: number, prefix?: string[] }} [options]
   */
  constructor(args, { cli = CLI, input = "pipe", seconds = 120, prefix = [] } = {}) {
    const all = [...prefix, process.execPath, cli, "run", ...args];
    this.process = spawn(/** @type {string} */ (all[0]), all.slice(1), { stdio: [input, "pipe", "pipe"] });
    this.process.stdout?.setEncoding("latin1").on("data", (text) => this.#heard("stdout", text));
    this.process.stderr?.setEncoding("utf8").on("data", (text) => this.#heard("stderr", text));
    this.process.stdin?.on("error", () => {}); // it ended before it read all: that is its business
    const watchdog = setTimeout(() => this.process.kill("SIGKILL"), seconds * 1000);
    /** @type {Promise<Result>} */
    this.result = new Promise((resolve) =>
      this.process.on("close", (code, signal) => {
        clearTimeout(watchdog);
        resolve({ status: code ?? signal ?? "?", stdout: this.stdout, stderr: this.stderr });
        for (const listener of this.#listeners) listener();
      }),
    );
  }

  /** @param {"stdout" | "stderr"} stream @param {string} text */
  #heard(stream, text) {
    this[stream] += text;
    for (const listener of this.#listeners) listener();
  }

  /** Waits for text on COM1 after what was waited for last. @param {string} text */
  async until(text) {
    /** @type {Promise<void>} */
    const come = new Promise((resolve, reject) => {
      const look = () => {
        const at = this.stdout.indexOf(text, this.#read);
        if (at >= 0) {
          this.#read = at + text.length;
          this.#listeners = this.#listeners.filter((listener) => listener !== look);
          resolve();
        } else if (this.process.exitCode !== null || this.process.signalCode !== null) {
          const tail = this.stdout.slice(-500);
          reject(
            new Error(`ended without saying ${JSON.stringify(text)}; last: ${tail}\nstderr: ${this.stderr}`),
          );
        }
      };
      this.#listeners.push(look);
      look();
    });
    await come;
  }

  /** @param {string} text */
  send(text) {
    this.process.stdin?.write(text);
  }
}

/** Runs to the end. @param {string[]} args @param {ConstructorParameters<typeof Run>[1]} [options] */
export const run = (args, options = {}) => new Run(args, { input: "ignore", ...options }).result;

/** The hashes of "HASH n hex" lines by instruction count. @param {string} stderr */
export const hashesIn = (stderr) =>
  Object.fromEntries([...stderr.matchAll(/^HASH (\d+) ([0-9a-f]+)$/gm)].map(([, n, hash]) => [n, hash]));
