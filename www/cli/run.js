// @ts-check
/**
 * One run of one machine on the command line: made of the options, driven until something ends it, and its results
 * written.
 *
 * Whatever ends the run calls `end` with an exit status; the first to do so decides. Output of the slice in which it
 * happened has been delivered by then, and the results (--stats, --save, --screenshot, --screen-text) are written on
 * every path but a fault of ours.
 *
 * A deterministic run decides nothing by the host's clock. Whatever is sent, is sent after a slice, because of what the
 * slices before brought out, and slices end at fixed instruction counts. Texts on the screen are looked for after every
 * slice, keys are spaced in the machine's time, and a pipe or file on standard input is read before the machine starts.
 * (What a pipe brings later, or a terminal, comes when it comes.)
 */
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { keysOfTerminal } from "../lib/ansi.js";
import { placesOf } from "../lib/places.js";
import { Driver } from "../vm/driver.js";
import { Drives } from "../vm/drives.js";
import { SerialFeed } from "../vm/serial-feed.js";
import { badUse, Failure, guestStatus, Status } from "./failure.js";
import { checkWritable, readImage, writeFile } from "./files.js";
import { MachineTime, Typist } from "./input.js";
import { TextDisplay } from "./display.js";
import { openFileSource } from "./file-source.js";
import { FileSink, nowhere } from "./output.js";
import { encodePng } from "./png.js";
import { Script } from "./script.js";
import { Terminal } from "./terminal.js";

/** @typedef {import("./options.js").RunOptions} RunOptions */
/** @typedef {import("./output.js").Sink} Sink */
/** @typedef {import("../hosts/drive-source.js").DriveSource} DriveSource */
/** @typedef {import("pagevm-web").Vm} Vm */
/** @typedef {typeof import("pagevm-web").Vm} MachineClass */

/**
 * @typedef {object} Streams
 * @property {import("./output.js").StreamSink} stdout
 * @property {import("./output.js").StreamSink} stderr
 * @property {(call: (error: Error) => void) => void} whenGone who is told when nobody reads stdout any more
 */

/** Longer than in a page: nobody waits for a picture, and input ends an idle sleep at once. */
const SLICE_MS = 16;

/** How often the text screen is looked at while a text on it is waited for, unless the run is deterministic. */
const LOOK_MS = 50;

/** The machine waits while so much of its output has not been read. */
const MOST_UNREAD = 4 << 20;

/** What a deterministic run's clock shows at power-on, unless --rtc says otherwise: 2026-01-01. */
const FIXED_RTC = 1_767_225_600;

const SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

/**
 * Runs the machine and answers the exit status.
 * @param {RunOptions} options
 * @param {() => Promise<MachineClass>} loadMachine
 * @param {Streams} streams
 * @returns {Promise<number>}
 */
export async function run(options, loadMachine, streams) {
  for (const name of /** @type {const} */ (["save", "screenshot", "screen-text"]))
    checkWritable(name, options[name]);
  if (options.stats !== "-") checkWritable("stats", options.stats);

  /** @type {(ending: Ending) => void} */
  let end = () => {};
  /** @type {Promise<Ending>} */
  const ended = new Promise((resolve) => (end = resolve));
  const signals = new Signals((name) => end({ status: Status.TIMEOUT, message: `ended by ${name}` }));
  /** @type {Drives | undefined} */
  let drives;
  try {
    const images = readImages(options);
    const media = openDrives(options);
    const machine = build(await loadMachine(), options, images, media);
    drives = machine.drives;
    const session = new Session(machine, options, streams, end);
    const ending = await session.run(ended);
    return session.finish(ending);
  } finally {
    await drives?.close();
    signals.close();
  }
}

/** @typedef {{ status: number, message?: string | undefined, error?: unknown }} Ending */

/** Signals that end the run in order; the second ends it at once. */
class Signals {
  #count = 0;
  #onSignal;

  /** @param {(name: string) => void} onSignal */
  constructor(onSignal) {
    this.#onSignal = onSignal;
    for (const name of SIGNALS) process.on(name, this.#heard);
  }

  /** @param {string} name */
  #heard = (name) => {
    if (++this.#count > 1) process.exit(Status.TIMEOUT);
    this.#onSignal(name);
  };

  close() {
    // Results are written and output is flushed after this: a signal still may cut that short.
    this.#count = Math.max(this.#count, 1);
  }
}

/** @param {RunOptions} options */
function readImages(options) {
  const { kernel, initrd, multiboot, module: modules = [], load } = options;
  return {
    kernel: kernel === undefined ? undefined : readImage("kernel", kernel),
    initrd: initrd === undefined ? undefined : readImage("initrd", initrd),
    multiboot: multiboot === undefined ? undefined : readImage("multiboot", multiboot),
    modules: modules.map(({ file, cmdline }) => ({ bytes: readImage("module", file), cmdline })),
    state: load === undefined ? undefined : readImage("load", load),
  };
}

/**
 * Opens the drives' files.
 * @param {RunOptions} options
 * @returns {{ name: string, cdrom: boolean, writeThrough: boolean, source: DriveSource | null }[]}
 */
function openDrives(options) {
  const file = (/** @type {string} */ option) =>
    /** @type {Record<string, string | undefined>} */ (/** @type {unknown} */ (options))[option];
  const places = placesOf((option) => file(option) !== undefined);
  if (typeof places === "string") return []; // refused already
  return places.map(({ name, option, cdrom }) => {
    const writeThrough = options["write-through"]?.includes(option) ?? false;
    const image = file(option) ?? "";
    const source = image === "" ? null : openFileSource(option, image, { writeThrough });
    return { name, cdrom, writeThrough, source };
  });
}

/** The firmware of a machine that is started by none of the other ways. @param {RunOptions} options */
function readFirmware({ kernel, multiboot, load, bios, vgabios }) {
  if (kernel !== undefined || multiboot !== undefined || load !== undefined) return undefined;
  const shipped = (/** @type {string} */ name) => fileURLToPath(new URL(`./${name}`, import.meta.url));
  return {
    bios: readImage("bios", bios ?? shipped("bios.bin")),
    vgabios: readImage("vgabios", vgabios ?? shipped("vgabios.bin")),
  };
}

/**
 * @param {MachineClass} Machine
 * @param {RunOptions} options
 * @param {ReturnType<typeof readImages>} images
 * @param {ReturnType<typeof openDrives>} media
 */
function build(Machine, options, images, media) {
  const { deterministic } = options;
  const cmdline = options.cmdline ?? "";
  /** @type {{ vm?: Vm, kick?: () => void }} */
  const late = {};
  const drives = new Drives(
    {
      takeDiskRequests: () => late.vm?.takeDiskRequests() ?? [],
      answerDisk: (...answer) => late.vm?.answerDisk(...answer),
      changeMedium: (...medium) => late.vm?.changeMedium(...medium),
    },
    {
      onAnswer: () => late.kick?.(),
      onTrouble: ({ message }) => process.stderr.write(`pagevm: ${message}\n`),
      sectorsOf: Machine.sectorsOfDisk,
      onNote: ({ message }) => process.stderr.write(`pagevm: ${message}\n`),
    },
  );
  const plugged = media.map(({ source, ...drive }) => ({
    ...drive,
    ...(source ? drives.insert(drive.name, source) : {}),
  }));
  const firmware = readFirmware(options);
  const vm = refusing("", () => new Machine({ ...machineOptions(options), drives: plugged }));
  late.vm = vm;
  if (firmware) refusing("", () => vm.loadFirmware(firmware.bios, firmware.vgabios));
  if (images.kernel) {
    const { kernel, initrd } = images;
    refusing(initrd ? "" : `--kernel: ${options.kernel}: `, () => vm.loadLinux(kernel, initrd, cmdline));
  }
  if (images.multiboot) {
    const { multiboot, modules } = images;
    const where = modules.length ? "" : `--multiboot: ${options.multiboot}: `;
    refusing(where, () => vm.loadMultiboot(multiboot, cmdline, modules));
  }
  if (images.state) {
    const { state } = images;
    refusing(`--load: ${options.load}: `, () => vm.restore(state));
  }
  return { vm, deterministic, drives, late };
}

/** @param {RunOptions} options */
function machineOptions(options) {
  const { deterministic, seed, memory, cpu, jit, reboot, apic } = options;
  return {
    memory,
    cpu,
    jit,
    reboot,
    clock: deterministic ? "counted" : "real",
    rtc: options.rtc ?? (deterministic ? FIXED_RTC : Math.floor(Date.now() / 1000)),
    ...(seed !== undefined ? { seed } : deterministic ? {} : { entropy: new Uint8Array(randomBytes(32)) }),
    ...(apic ? {} : { apic }),
    ...(options.boot === undefined ? {} : { boot: options.boot }),
    ...(options["code-cache"] === undefined ? {} : { codeCache: options["code-cache"] }),
    ...(options["jit-threshold"] === undefined ? {} : { jitThreshold: options["jit-threshold"] }),
    ...(options["jit-region"] === undefined ? {} : { jitRegion: options["jit-region"] }),
    ...(options["jit-linkage"] === undefined ? {} : { jitLinkage: options["jit-linkage"] }),
    ...(options["jit-without"] === undefined ? {} : { jitWithout: options["jit-without"] }),
    ...(options["max-instructions"] === undefined ? {} : { maxInstructions: options["max-instructions"] }),
    ...(options["hash-at"] === undefined ? {} : { hashAt: options["hash-at"] }),
  };
}

/**
 * What the machine refuses (an error with a code) is the user's to mend; any other error is ours.
 * @template T
 * @param {string} where
 * @param {() => T} make
 * @returns {T}
 */
function refusing(where, make) {
  try {
    return make();
  } catch (error) {
    const { code, message } = /** @type {{ code?: unknown, message?: string }} */ (error);
    if (typeof code === "string") throw badUse(`${where}${message}`.replace(/\s*\n\s*/g, " "));
    throw error;
  }
}

class Session {
  #vm;
  #drives;
  #deterministic;
  #options;
  #streams;
  #end;
  #driver;
  #script;
  #typist;
  /** COM1 and COM2. @type {SerialFeed[]} */
  #feeds = [];
  /** @type {Terminal | undefined} */
  #terminal;
  /** @type {TextDisplay | undefined} */
  #display;
  #lookedAt = -Infinity;
  /** Instructions executed before: those of a loaded state. */
  #before;
  #machineTime;
  /** The machine waits for the reader of standard output. */
  #stalled = false;

  /**
   * @param {ReturnType<typeof build>} machine
   * @param {RunOptions} options
   * @param {Streams} streams
   * @param {(ending: Ending) => void} end
   */
  constructor({ vm, deterministic, drives, late }, options, streams, end) {
    this.#vm = vm;
    this.#drives = drives;
    late.kick = () => this.#driver.kick();
    this.#before = vm.instructions();
    this.#deterministic = deterministic;
    this.#options = options;
    this.#streams = streams;
    this.#end = end;
    this.#script = new Script(options.script, (inputs) => this.#send(inputs));
    this.#machineTime = new MachineTime(() => vm.virtualMs());
    this.#typist = new Typist(
      (code, down) => {
        vm.key(code, down);
        this.#driver.kick();
      },
      (ms, then) => (deterministic ? this.#machineTime.wait(ms, then) : void setTimeout(then, ms)),
    );

    if (options.display === "terminal") this.#display = new TextDisplay(vm, streams.stdout);
    const serial = [this.#sink("serial"), this.#sink("serial2")];
    const debug = this.#sink("debugcon");
    const log = this.#sink("log");
    this.#feeds = serial.map((_, port) => {
      const onStdio = (port === 0 ? options.serial : options.serial2) === "stdio";
      const give = (/** @type {Uint8Array} */ bytes) => {
        const taken = vm.serialInput(port, bytes);
        if (taken) this.#driver.kick();
        return taken;
      };
      return new SerialFeed(give, onStdio ? (full) => this.#terminal?.hold(full) : undefined);
    });
    this.#driver = new Driver(
      vm,
      {
        now: () => performance.now(),
        onSerial: (port, bytes) => {
          serial[port]?.write(bytes);
          if (port === 0) this.#script.hear(bytes);
        },
        onDebug: (bytes) => debug.write(bytes),
        onLog: (text) => log.write(text),
        onHash: (text) => streams.stderr.write(text),
        onState: (state) => this.#stateChanged(state),
        onSlice: () => this.#sliceDone(),
      },
      { sliceMs: SLICE_MS },
    );
  }

  /** @param {"serial" | "serial2" | "debugcon" | "log"} option @returns {Sink} */
  #sink(option) {
    const channel = this.#options[option];
    if (channel === "null") return nowhere;
    if (channel === "stdio") return this.#streams.stdout;
    if (channel === "stderr") return this.#streams.stderr;
    return new FileSink(option, channel.file);
  }

  /**
   * Runs until something ends the run.
   * @param {Promise<Ending>} ended
   */
  async run(ended) {
    const { stdout, stderr, whenGone } = this.#streams;
    whenGone(() => this.#end({ status: Status.TIMEOUT })); // as `| head` does: nothing to say, and nobody to say it to
    stdout.onWritten(() => this.#mindBacklog());
    stderr.onWritten(() => this.#mindBacklog());
    const timer = this.#startTimer();
    const stdio = [this.#options.serial, this.#options.serial2].indexOf("stdio");
    if (this.#display) this.#openTerminal(undefined);
    else if (stdio >= 0) this.#openTerminal(stdio);
    try {
      this.#script.begin();
      if (this.#deterministic) await Promise.race([this.#terminal?.readAhead(), ended]);
      this.#driver.start();
      return await ended;
    } finally {
      this.#driver.pause();
      clearTimeout(timer);
      this.#typist.stop();
      this.#terminal?.close();
      this.#display?.close();
    }
  }

  /** Starts the clock of --timeout, which runs since the process was started. */
  #startTimer() {
    const seconds = this.#options.timeout;
    if (seconds === undefined) return undefined;
    const onTimeout = () => {
      const { unmet } = this.#script;
      this.#end({
        status: Status.TIMEOUT,
        message: `timeout after ${seconds} s${unmet ? `, ${unmet} unmet` : ""}`,
      });
    };
    return setTimeout(onTimeout, Math.max(0, seconds * 1000 - performance.now()));
  }

  /** @param {number | undefined} port whose line it is; none: it is the keyboard */
  #openTerminal(port) {
    const decoder = new TextDecoder();
    this.#terminal = new Terminal(process.stdin, {
      onInput: (bytes) => {
        if (port === undefined) this.#typist.type(keysOfTerminal(decoder.decode(bytes, { stream: true })));
        else this.#feeds[port]?.push(bytes);
      },
      onQuit: () => this.#end(this.#unmetOr({ status: Status.OK }, "quit")),
    });
    const hint = this.#terminal.open();
    if (hint) this.#streams.stderr.write(`pagevm: ${hint}\n`);
  }

  /** @param {import("./options.js").Input[]} inputs */
  #send(inputs) {
    for (const input of inputs) {
      if (input.kind === "type") this.#typist.type(input.keys);
      else this.#feeds[0]?.push(input.bytes);
    }
  }

  #sliceDone() {
    if (this.#driver.state.code === "internal-error") return; // it may refuse to be asked anything
    this.#drives.pump();
    for (const feed of this.#feeds) feed.pump();
    this.#machineTime.passed();
    const now = performance.now();
    this.#display?.look(now);
    const due = this.#deterministic || now - this.#lookedAt >= LOOK_MS;
    if (this.#script.awaited?.kind === "expect-screen" && due) {
      this.#lookedAt = now;
      this.#look();
    }
    // Nothing but the machine's time stands between a guest that sleeps and the next key.
    if (this.#machineTime.awaited) this.#driver.kick();
    if (this.#script.done) this.#end({ status: Status.OK });
    if (this.#script.done) this.#driver.pause();
    this.#mindBacklog();
  }

  #look() {
    this.#script.look(() => this.#vm.screenText());
  }

  /** A guest that says more than is read waits, as on a serial line with flow control. */
  #mindBacklog() {
    const { stdout, stderr } = this.#streams;
    const full = stdout.backlog() + stderr.backlog() > MOST_UNREAD;
    if (full && this.#driver.running) {
      this.#stalled = true;
      this.#driver.pause();
    } else if (!full && this.#stalled) {
      this.#stalled = false;
      this.#driver.start();
    }
  }

  /** @param {import("../vm/driver.js").State} state */
  #stateChanged(state) {
    if (state.state === "running" || !state.code) return;
    if (state.code !== "internal-error") this.#look();
    if (this.#script.done) this.#end({ status: Status.OK });
    else this.#end(this.#endingOf(state));
  }

  /**
   * @param {import("../vm/driver.js").State} state
   * @returns {Ending}
   */
  #endingOf({ code, reason, exitValue, error }) {
    switch (code) {
      case "power-off":
        return this.#unmetOr({ status: Status.OK }, "at power-off");
      case "instruction-limit":
        return this.#unmetOr({ status: Status.OK }, "at the instruction limit");
      case "exit":
        return { status: guestStatus(exitValue ?? 0) };
      case "triple-fault":
      case "reset":
        return { status: Status.RESET, message: `${reason} (--reboot lets it restart)` };
      case "halted-forever":
        return { status: Status.HALTED, message: reason };
      default:
        return { status: Status.INTERNAL, message: reason, error };
    }
  }

  /** @param {Ending} ending @param {string} when @returns {Ending} */
  #unmetOr(ending, when) {
    const { unmet } = this.#script;
    return unmet ? { status: Status.UNMET, message: `${unmet} unmet ${when}` } : ending;
  }

  /**
   * Writes the results and answers the exit status.
   * @param {Ending} ending
   */
  finish({ status, message, error }) {
    const { stderr } = this.#streams;
    const say = (/** @type {string} */ text) => stderr.write(`pagevm: ${text}\n`);
    if (message !== undefined) say(message);
    if (error instanceof Error && error.stack) stderr.write(`${error.stack}\n`);
    // Figures before saving, which takes memory of its own.
    for (const write of [this.#screenshot, this.#screenText, this.#stats, this.#dumpRegion, this.#save]) {
      try {
        write.call(this);
      } catch (thrown) {
        // After a fault of ours the machine may refuse to be asked: what can still be written is.
        if (status === Status.INTERNAL) continue;
        say(thrown instanceof Failure ? thrown.message : `internal error: ${thrown}`);
        if (status === Status.OK) status = thrown instanceof Failure ? thrown.status : Status.INTERNAL;
      }
    }
    return status;
  }

  #screenshot() {
    const { screenshot } = this.#options;
    if (screenshot === undefined) return;
    const vm = this.#vm;
    vm.frame();
    const [width, height] = [vm.frameWidth(), vm.frameHeight()];
    if (!width || !height) throw badUse(`--screenshot: ${screenshot}: the screen is blank`);
    writeFile("screenshot", screenshot, encodePng(width, height, vm.framePixels()));
  }

  #screenText() {
    const file = this.#options["screen-text"];
    if (file !== undefined) writeFile("screen-text", file, `${this.#vm.screenText()}\n`);
  }

  #dumpRegion() {
    const address = this.#options["dump-region"];
    if (address !== undefined) this.#streams.stderr.write(this.#vm.dumpRegion(address));
  }

  #save() {
    const { save } = this.#options;
    if (save !== undefined) writeFile("save", save, this.#vm.save());
  }

  #stats() {
    const { stats: file } = this.#options;
    if (file === undefined) return;
    const vm = this.#vm;
    const wall = this.#driver.wallMs;
    const stats = {
      ...JSON.parse(vm.stats()),
      wall_ms: wall,
      mips: wall > 0 ? (vm.instructions() - this.#before) / wall / 1000 : 0,
      elapsed_ms: performance.now(),
      peak_rss_bytes: process.resourceUsage().maxRSS * 1024,
      ...(this.#deterministic ? { state_hash: vm.stateHash() } : {}),
    };
    const text = `${JSON.stringify(stats, null, 2)}\n`;
    if (file === "-") this.#streams.stderr.write(text);
    else writeFile("stats", file, text);
  }
}
