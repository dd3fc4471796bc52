// @ts-check
/**
 * Runs a virtual machine in slices, without keeping its thread from other work.
 *
 * The wasm half executes at most a few milliseconds at a time and says why it stopped; this module decides what
 * happens next: another slice as soon as the event loop had its turn, a sleep while the guest is idle, or the end.
 * Slices follow each other by `setImmediate` or a `MessageChannel` (some 10 µs), not by `setTimeout` (4 ms once
 * nested). An idle machine costs a timer and nothing else; `kick()` ends its sleep when input has arrived.
 *
 * Invariants: knows neither the DOM nor Node, so that the worker and the command line share it; never runs a slice
 * inside a caller's call; an error out of the machine ends in the state "crashed", never in silence.
 */

/**
 * The part of the wasm crate's `Vm` that the driver uses (see wasm-interface.md).
 * @typedef {object} Machine
 * @property {(nowMs: number, budgetMs: number) => number} run
 * @property {() => number} idleMs
 * @property {() => number} exitValue
 * @property {(port: number) => Uint8Array} serialOutput
 * @property {() => Uint8Array} debugOutput
 * @property {() => string} log
 * @property {() => string} hashes
 * @property {() => void} reset
 */

/**
 * Why a machine is in its state, for programs; `reason` is the same for people.
 * @typedef {"power-off" | "exit" | "triple-fault" | "reset" | "halted-forever" | "instruction-limit" | "internal-error"} StateCode
 */

/**
 * @typedef {object} State
 * @property {"running" | "paused" | "halted" | "off" | "crashed"} state
 * @property {string} [reason] a sentence, where the state needs one
 * @property {StateCode} [code]
 * @property {number} [exitValue] what the guest wrote to port F4h, with code "exit"
 * @property {unknown} [error] what was thrown, with code "internal-error"
 */

/**
 * @typedef {object} Hooks
 * @property {() => number} now a monotonic clock in milliseconds (performance.now)
 * @property {(port: number, bytes: Uint8Array) => void} onSerial what COM(port + 1) sent
 * @property {(bytes: Uint8Array) => void} onDebug what was written to port E9h
 * @property {(text: string) => void} onLog
 * @property {(state: State) => void} onState every change of state
 * @property {(text: string) => void} onHash "HASH n hex\n" lines
 * @property {() => void} [onSlice] after each slice, its output delivered
 */

/** What `Vm.run` answers. @enum {number} */
export const Stop = Object.freeze({
  TIME: 0,
  IDLE: 1,
  POWER_OFF: 2,
  EXIT: 3,
  TRIPLE_FAULT: 4,
  RESET: 5,
  HALTED_FOREVER: 6,
  INSTRUCTION_LIMIT: 7,
});

/** The number of serial ports whose output is drained. */
const SERIAL_PORTS = 2;

/** Timers hold 31 bits of milliseconds; a guest that sleeps longer is woken for nothing once a minute. */
const LONGEST_SLEEP_MS = 60_000;

/** @param {unknown} error */
const sentence = (error) => (error instanceof Error ? error.message || error.name : String(error));

/**
 * A function that runs `task` as soon as the event loop had its turn, and one that frees what that takes.
 * @param {() => void} task
 * @returns {{ post: () => void, close: () => void }}
 */
function yielder(task) {
  const immediate = /** @type {{ setImmediate?: (task: () => void) => unknown }} */ (globalThis).setImmediate;
  if (immediate) return { post: () => void immediate(task), close: () => {} };
  const channel = new MessageChannel();
  channel.port1.onmessage = task;
  return {
    post: () => channel.port2.postMessage(null),
    close: () => {
      channel.port1.onmessage = null;
      channel.port1.close();
    },
  };
}

export class Driver {
  #vm;
  #hooks;
  #sliceMs;
  /** @type {State} */
  #state = { state: "paused" };
  #wallMs = 0;
  #destroyed = false;
  #held = false;
  /** Why the last slice stopped; a hook of that slice may make it out of date. @type {number} */
  #stop = Stop.TIME;
  /** A slice has been posted and not yet run. */
  #posted = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #yielder;

  /**
   * The machine starts paused: `start()` sets it going.
   * @param {Machine} vm
   * @param {Hooks} hooks
   * @param {{ sliceMs?: number }} [options] `sliceMs`: the longest slice; input and the event loop wait that long
   */
  constructor(vm, hooks, { sliceMs = 4 } = {}) {
    this.#vm = vm;
    this.#hooks = hooks;
    this.#sliceMs = sliceMs;
    this.#yielder = yielder(() => this.#turn());
  }

  /** Whether the machine runs (or sleeps because the guest is idle). */
  get running() {
    return this.#state.state === "running";
  }

  /** The last state announced. */
  get state() {
    return this.#state;
  }

  /** Host milliseconds spent inside the machine so far. */
  get wallMs() {
    return this.#wallMs;
  }

  /** Lets a paused machine go on. One that ended (halted, off, crashed) wants `reset()` instead: then this does nothing. */
  start() {
    if (this.#destroyed || this.#state.state !== "paused") return;
    this.#enter({ state: "running" });
    this.#post();
  }

  /** Stops a running machine between two slices. */
  pause() {
    if (!this.running) return;
    this.#sleepNoMore();
    this.#enter({ state: "paused" });
  }

  /** Input has arrived: an idle machine looks at it now. */
  kick() {
    if (this.#stop === Stop.IDLE) this.#stop = Stop.TIME; // called from a hook of the slice that found nothing to do
    if (this.#timer === undefined) return;
    this.#sleepNoMore();
    this.#post();
  }

  /** No slice while held: what the guest has said must be taken first. The state stays as it is. @param {boolean} held */
  hold(held) {
    this.#held = held;
    if (!held && this.running && this.#timer === undefined) this.#post();
  }

  /** Presses the reset button. A paused machine stays paused; one that had ended runs again, unless the fault was ours. */
  reset() {
    if (this.#destroyed || this.#state.code === "internal-error") return;
    this.#sleepNoMore();
    this.#stop = Stop.TIME;
    try {
      this.#vm.reset();
    } catch (error) {
      this.#crash(error);
      return;
    }
    if (this.#state.state === "paused") return;
    if (!this.running) this.#enter({ state: "running" });
    this.#post();
  }

  /** Stops for good and lets go of timers and channels. The machine itself is the caller's to free. */
  destroy() {
    this.#destroyed = true;
    this.#sleepNoMore();
    this.#yielder.close();
    this.#state = { state: "off" };
  }

  /** @param {State} state */
  #enter(state) {
    this.#state = state;
    this.#hooks.onState(state);
  }

  /** @param {unknown} error */
  #crash(error) {
    this.#enter({
      state: "crashed",
      code: "internal-error",
      reason: `internal error: ${sentence(error)}`,
      error,
    });
  }

  #post() {
    if (this.#posted) return;
    this.#posted = true;
    this.#yielder.post();
  }

  #sleepNoMore() {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #turn() {
    this.#posted = false;
    if (this.running && !this.#held && !this.#destroyed) this.#slice();
  }

  #slice() {
    const start = this.#hooks.now();
    let idleMs = 0;
    /** @type {{ thrown: unknown } | undefined} */
    let trap;
    try {
      this.#stop = this.#vm.run(start, this.#sliceMs);
      if (this.#stop === Stop.IDLE) idleMs = this.#vm.idleMs();
    } catch (thrown) {
      trap = { thrown };
    }
    this.#wallMs += this.#hooks.now() - start;

    // What the guest sent goes out before anyone hears that it stopped. After a trap the machine may refuse to be
    // asked: the first error is the one to report.
    let output;
    try {
      output = this.#collect();
    } catch (thrown) {
      trap ??= { thrown };
    }
    if (output) this.#deliver(output);
    if (trap && !this.#destroyed) this.#crash(trap.thrown);
    else if (this.running) this.#next(this.#stop, idleMs);
    this.#hooks.onSlice?.();
  }

  #collect() {
    const vm = this.#vm;
    const serial = Array.from({ length: SERIAL_PORTS }, (_, port) => vm.serialOutput(port));
    return { serial, debug: vm.debugOutput(), log: vm.log(), hashes: vm.hashes() };
  }

  /** @param {{ serial: Uint8Array[], debug: Uint8Array, log: string, hashes: string }} output */
  #deliver({ serial, debug, log, hashes }) {
    const hooks = this.#hooks;
    serial.forEach((bytes, port) => bytes.length && hooks.onSerial(port, bytes));
    if (debug.length) hooks.onDebug(debug);
    if (log) hooks.onLog(log);
    if (hashes) hooks.onHash(hashes);
  }

  /**
   * What follows a slice that ended with `stop`. (A hook may have paused or destroyed the machine meanwhile: then
   * nothing of this happens, and if the machine had ended it says so again when it is next run.)
   * @param {number} stop
   * @param {number} idleMs
   */
  #next(stop, idleMs) {
    switch (stop) {
      case Stop.TIME:
        this.#post();
        return;
      case Stop.IDLE:
        this.#sleep(idleMs);
        return;
      case Stop.POWER_OFF:
        this.#enter({ state: "off", code: "power-off", reason: "the guest switched the machine off" });
        return;
      case Stop.EXIT: {
        const exitValue = this.#vm.exitValue();
        const reason = `the guest wrote ${exitValue} to port F4h`;
        this.#enter({ state: "off", code: "exit", reason, exitValue });
        return;
      }
      case Stop.TRIPLE_FAULT:
        this.#enter({ state: "crashed", code: "triple-fault", reason: "the guest caused a triple fault" });
        return;
      case Stop.RESET:
        this.#enter({ state: "off", code: "reset", reason: "the guest reset the machine" });
        return;
      case Stop.HALTED_FOREVER:
        this.#enter({
          state: "halted",
          code: "halted-forever",
          reason: "the guest halted with interrupts off",
        });
        return;
      case Stop.INSTRUCTION_LIMIT:
        this.#enter({
          state: "paused",
          code: "instruction-limit",
          reason: "the instruction limit was reached",
        });
        return;
      default:
        this.#crash(new Error(`the machine stopped for an unknown reason (${stop})`));
    }
  }

  /**
   * A sleep that is over posts a slice instead of running it: browsers stretch timers that are set from timers to
   * 4 ms, those set from a message they do not.
   * @param {number} ms
   */
  #sleep(ms) {
    if (!(ms > 0)) {
      this.#post();
      return;
    }
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#post();
      },
      Math.min(ms, LONGEST_SLEEP_MS),
    );
  }
}
