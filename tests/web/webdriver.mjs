/**
 * Firefox and WebKit, driven by WebDriver: just the commands that the tests give.
 *
 * Firefox takes them on a socket of its own (Marionette, what its WebDriver program speaks too); WebKit's WebDriver
 * program by HTTP. Both run as Debian packages them: firefox-esr, which needs no display, and webkit2gtk-driver, which
 * gets one from Xvfb. Each starts on a profile of its own and leaves nothing.
 *
 * Absent: everything but one window in one session. Chromium is driven by playwright-core (harness.mjs).
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";

const START_MS = 60_000;
/** Far more than any script should take: what takes longer is asked for again and again. */
const SCRIPT_MS = 120_000;

export const FIREFOX = "/usr/bin/firefox-esr";
export const WEBKIT = "/usr/bin/WebKitWebDriver";
export const XVFB = "/usr/bin/Xvfb";

/**
 * A program with all its children. Its last words are part of any error.
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: Record<string, string>, stdio?: import("node:child_process").StdioOptions }} [options]
 */
function start(command, args, { env = {}, stdio = ["ignore", "ignore", "pipe"] } = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio, detached: true });
  let words = "";
  child.stderr?.setEncoding("utf8").on("data", (text) => (words = (words + text).slice(-2000)));
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.once("error", (error) => (words += error.message)); // not there, or may not be started
  return {
    child,
    get words() {
      return words;
    },
    async stop() {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
        process.kill(-child.pid, "SIGKILL");
        await ended;
      }
    },
  };
}

/**
 * Asks until there is an answer.
 * @template T
 * @param {string} what
 * @param {{ words: string, child: import("node:child_process").ChildProcess }} program
 * @param {() => T | undefined | Promise<T | undefined>} look
 * @returns {Promise<T>}
 */
async function until(what, program, look) {
  for (const end = Date.now() + START_MS; Date.now() < end;) {
    const found = await look();
    if (found !== undefined) return found;
    const { pid, exitCode, signalCode } = program.child;
    if (pid === undefined || exitCode !== null || signalCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what}: ${program.words}`);
}

const newFolder = (/** @type {string} */ name) => fs.mkdtempSync(path.join(os.tmpdir(), `pagevm-${name}-`));
const gone = (/** @type {string} */ folder) =>
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });

/** What both have: a session's commands by their WebDriver names. */
class Browser {
  /** @type {(() => unknown)[]} */
  closers = [];
  name = "";
  version = "";

  /**
   * @param {string} _command
   * @param {Record<string, unknown>} _args
   * @returns {Promise<any>} what it answers
   */
  async command(_command, _args) {
    throw new Error("which browser?");
  }

  /** @param {string} url */
  async goto(url) {
    await this.command("Navigate", { url });
  }

  /**
   * The value of a function's body run in the page; what it returns may be a promise. Only what JSON can say crosses.
   * @param {string} body
   */
  async evaluate(body) {
    const script = `const done = arguments[arguments.length - 1];
      (async () => { ${body} })().then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const { value, error } = await this.command("ExecuteAsyncScript", { script, args: [] });
    if (error !== undefined) throw new Error(`${this.name}: ${error}`);
    return value;
  }

  /** Presses and releases keys, as a hand does, where the focus is. @param {string} text */
  async type(text) {
    const actions = [...text.replaceAll("\n", "\ue007")].flatMap((value) => [
      { type: "keyDown", value },
      { type: "keyUp", value },
    ]);
    await this.command("PerformActions", { actions: [{ type: "key", id: "keyboard", actions }] });
  }

  /** What the window shows, as a PNG file. */
  async screenshot() {
    return Buffer.from(await this.command("TakeScreenshot", { full: false }), "base64");
  }

  async close() {
    for (const close of this.closers.reverse()) await close();
  }
}

class Firefox extends Browser {
  name = "Firefox";
  /** @type {net.Socket | undefined} */
  #socket;
  #received = Buffer.alloc(0);
  #nextId = 1;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();

  /** @param {{ width: number, height: number }} size */
  async open({ width, height }) {
    const profile = newFolder("firefox");
    this.closers.push(() => gone(profile));
    fs.writeFileSync(path.join(profile, "user.js"), 'user_pref("marionette.port", 0);\n');
    const args = ["--headless", "--marionette", "--no-remote", "--profile", profile];
    const program = start(FIREFOX, [...args, "--width", String(width), "--height", String(height)], {
      env: { HOME: profile, MOZ_CRASHREPORTER_DISABLE: "1" },
    });
    this.closers.push(() => program.stop());
    const port = await until("Firefox did not start", program, () => {
      const file = path.join(profile, "MarionetteActivePort");
      return (fs.existsSync(file) && Number(fs.readFileSync(file, "utf8"))) || undefined;
    });
    const socket = net.connect(port, "127.0.0.1");
    this.#socket = socket;
    const greeted = new Promise((resolve, reject) => {
      this.#waiting.set(0, { resolve, reject });
    });
    socket.on("data", (bytes) => this.#receive(bytes));
    socket.on("error", () => {}); // its closing tells
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`Firefox is gone: ${program.words}`));
      this.#waiting.clear();
    });
    await greeted;
    const { capabilities } = await this.#ask("WebDriver:NewSession", {});
    this.version = capabilities.browserVersion;
    await this.#ask("WebDriver:SetTimeouts", { script: SCRIPT_MS });
    this.closers.push(() => socket.destroy());
  }

  /** @override @param {string} command @param {Record<string, unknown>} args */
  async command(command, args) {
    const { value } = await this.#ask(`WebDriver:${command}`, args);
    return value;
  }

  /** @param {string} command @param {Record<string, unknown>} args @returns {Promise<any>} */
  #ask(command, args) {
    const id = this.#nextId++;
    const message = Buffer.from(JSON.stringify([0, id, command, args]));
    this.#socket?.write(Buffer.concat([Buffer.from(`${message.length}:`), message]));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** Each message is its length, a colon, and JSON; the first is a greeting. @param {Buffer} bytes */
  #receive(bytes) {
    this.#received = Buffer.concat([this.#received, bytes]);
    for (;;) {
      const colon = this.#received.indexOf(":");
      const end = colon + 1 + Number(this.#received.subarray(0, Math.max(colon, 0)));
      if (colon < 0 || this.#received.length < end) return;
      const message = JSON.parse(this.#received.subarray(colon + 1, end).toString());
      this.#received = this.#received.subarray(end);
      const [, id, error, result] = Array.isArray(message) ? message : [1, 0, null, message];
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) waiting?.reject(new Error(`Firefox: ${error.message}`));
      else waiting?.resolve(result ?? {});
    }
  }
}

/** Where WebDriver has each command. */
const PLACES = {
  Navigate: "url",
  ExecuteAsyncScript: "execute/async",
  PerformActions: "actions",
  TakeScreenshot: "screenshot",
};

class WebKit extends Browser {
  name = "WebKit";
  #session = "";

  /** @param {{ width: number, height: number }} size */
  async open({ width, height }) {
    const home = newFolder("webkit");
    this.closers.push(() => gone(home));
    // Xvfb takes a display that is free and tells its number on descriptor 3.
    const xvfb = start(
      XVFB,
      ["-displayfd", "3", "-nolisten", "tcp", "-screen", "0", `${width}x${height}x24`],
      { stdio: ["ignore", "ignore", "pipe", "pipe"] },
    );
    this.closers.push(() => xvfb.stop());
    let told = "";
    xvfb.child.stdio[3]?.on("data", (bytes) => (told += bytes));
    const display = await until("Xvfb did not start", xvfb, () => /^(\d+)\n/.exec(told)?.[1]);

    const port = await freePort();
    const program = start(WEBKIT, [`--port=${port}`], {
      env: {
        DISPLAY: `:${display}`,
        HOME: home,
        NO_AT_BRIDGE: "1", // no desktop is there to be told of it
        // Its sandbox does not start for root, as whom tests run in containers. The pages are ours.
        ...(process.getuid?.() === 0 ? { WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1" } : {}),
      },
    });
    this.closers.push(() => program.stop());
    const server = `http://127.0.0.1:${port}/session`;
    await until("WebKit's driver did not start", program, () =>
      fetch(`http://127.0.0.1:${port}/status`).then(
        (response) => response.json(),
        () => undefined,
      ),
    );
    const { sessionId, capabilities } = await this.#ask(server, { capabilities: {} });
    this.#session = `${server}/${sessionId}`;
    this.version = capabilities.browserVersion;
    this.closers.push(() => fetch(this.#session, { method: "DELETE" }));
    await this.#ask(`${this.#session}/timeouts`, { script: SCRIPT_MS });
    await this.#ask(`${this.#session}/window/rect`, { x: 0, y: 0, width, height });
  }

  /** @override @param {keyof typeof PLACES} command @param {Record<string, unknown>} args */
  async command(command, args) {
    const place = `${this.#session}/${PLACES[command]}`;
    return command === "TakeScreenshot" ? this.#ask(place) : this.#ask(place, args);
  }

  /** @param {string} url @param {unknown} [body] without one it is a GET @returns {Promise<any>} */
  async #ask(url, body) {
    const response = await fetch(url, body ? { method: "POST", body: JSON.stringify(body) } : {});
    const { value } = /** @type {{ value: any }} */ (await response.json());
    if (!response.ok) throw new Error(`WebKit: ${value.error}: ${value.message}`);
    return value;
  }
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Starts a browser; whoever does closes it.
 * @param {"Firefox" | "WebKit"} name
 * @param {{ width: number, height: number }} [size] of its window
 */
export async function startWebDriver(name, size = { width: 1280, height: 900 }) {
  const browser = name === "Firefox" ? new Firefox() : new WebKit();
  try {
    await browser.open(size);
  } catch (error) {
    await browser.close();
    throw error;
  }
  return browser;
}
