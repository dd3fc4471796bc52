// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Driver, Stop } from "./driver.js";

/** A machine that answers what it is told to, and remembers when it was run. */
class Scripted {
  /** @type {(number | Error)[]} */
  answers = [];
  idle = 50;
  /** @type {number[]} */
  ranAt = [];
  resets = 0;
  output = "";

  /** @param {number} nowMs @param {number} _budgetMs */
  run(nowMs, _budgetMs) {
    this.ranAt.push(nowMs);
    const answer = this.answers.shift() ?? Stop.IDLE;
    if (answer instanceof Error) throw answer;
    return answer;
  }
  idleMs() {
    return this.idle;
  }
  exitValue() {
    return 5;
  }
  /** @param {number} port */
  serialOutput(port) {
    const bytes = new TextEncoder().encode(port === 0 ? this.output : "");
    if (port === 0) this.output = "";
    return bytes;
  }
  debugOutput() {
    return new Uint8Array(0);
  }
  log() {
    return "";
  }
  hashes() {
    return "";
  }
  reset() {
    this.resets++;
  }
}

/** @param {number} ms */
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

for (const way of ["setImmediate", "MessageChannel"]) {
  describe(`the driver, yielding by ${way}`, () => {
    const { setImmediate } = globalThis;
    /** @type {Scripted} */
    let vm;
    /** @type {Driver} */
    let driver;
    /** @type {import("./driver.js").State[]} */
    let states;
    /** @type {Partial<import("./driver.js").Hooks>} */
    let more;

    beforeEach(() => {
      if (way === "MessageChannel") Reflect.deleteProperty(globalThis, "setImmediate");
      vm = new Scripted();
      states = [];
      more = {};
      driver = new Driver(vm, {
        now: () => performance.now(),
        onSerial: (port, bytes) => more.onSerial?.(port, bytes),
        onDebug: () => {},
        onLog: () => {},
        onHash: () => {},
        onState: (state) => {
          states.push(state);
          more.onState?.(state);
        },
        onSlice: () => more.onSlice?.(),
      });
    });
    afterEach(() => {
      driver.destroy();
      globalThis.setImmediate = setImmediate;
    });

    const names = () => states.map(({ state, code }) => code ?? state);

    test("runs nothing until it is started, and nothing inside the call", async () => {
      await sleep(5);
      assert.equal(vm.ranAt.length, 0);
      driver.start();
      assert.equal(vm.ranAt.length, 0);
      await sleep(20);
      assert.equal(vm.ranAt.length, 1);
      assert.ok(driver.running);
    });

    test("a slice follows the other while there is time to use", async () => {
      vm.answers = Array(100).fill(Stop.TIME);
      driver.start();
      await sleep(40);
      assert.equal(vm.ranAt.length, 101);
    });

    test("an idle machine sleeps as long as it said", async () => {
      driver.start();
      await sleep(130);
      assert.ok(vm.ranAt.length >= 2 && vm.ranAt.length <= 3, String(vm.ranAt));
      assert.ok(Number(vm.ranAt[1]) - Number(vm.ranAt[0]) >= 49);
    });

    test("a machine that waits for input alone sleeps, and a kick ends it at once", async () => {
      vm.idle = Infinity;
      driver.start();
      await sleep(20);
      assert.equal(vm.ranAt.length, 1);
      const kicked = performance.now();
      driver.kick();
      driver.kick();
      await sleep(20);
      assert.equal(vm.ranAt.length, 2);
      assert.ok(Number(vm.ranAt[1]) - kicked < 10);
    });

    test("a kick from a hook of the slice that found nothing to do is not lost", async () => {
      vm.idle = Infinity;
      vm.output = "prompt";
      more.onSerial = () => driver.kick();
      driver.start();
      await sleep(20);
      assert.equal(vm.ranAt.length, 2);
    });

    test("a kick from onSlice is not lost either", async () => {
      vm.idle = Infinity;
      let kicks = 3;
      more.onSlice = () => void (kicks-- > 0 && driver.kick());
      driver.start();
      await sleep(20);
      assert.equal(vm.ranAt.length, 4);
    });

    test("while held it runs nothing, and goes on when it is let go", async () => {
      vm.answers = Array(1000).fill(Stop.TIME);
      vm.output = "much";
      more.onSerial = () => driver.hold(true);
      driver.start();
      await sleep(20);
      assert.equal(vm.ranAt.length, 1);
      driver.kick();
      await sleep(20);
      assert.deepEqual([vm.ranAt.length, driver.running], [1, true]);
      driver.hold(false);
      await sleep(20);
      assert.ok(vm.ranAt.length > 1);
    });

    test("a machine that was held while it slept wakes when its time comes", async () => {
      driver.start();
      await sleep(10);
      driver.hold(true);
      await sleep(80);
      assert.equal(vm.ranAt.length, 1);
      driver.hold(false);
      await sleep(20);
      assert.equal(vm.ranAt.length, 2);
    });

    test("pause, start, and a pause while asleep", async () => {
      driver.start();
      driver.pause();
      await sleep(70);
      assert.equal(vm.ranAt.length, 0);
      driver.start();
      await sleep(10);
      driver.pause();
      driver.kick();
      await sleep(70);
      assert.equal(vm.ranAt.length, 1);
      assert.deepEqual(names(), ["running", "paused", "running", "paused"]);
    });

    test("each way to end has its state, after the last output", async () => {
      /** @type {[number, string, string][]} */
      const ends = [
        [Stop.POWER_OFF, "off", "power-off"],
        [Stop.EXIT, "off", "exit"],
        [Stop.TRIPLE_FAULT, "crashed", "triple-fault"],
        [Stop.RESET, "off", "reset"],
        [Stop.HALTED_FOREVER, "halted", "halted-forever"],
        [Stop.INSTRUCTION_LIMIT, "paused", "instruction-limit"],
        [99, "crashed", "internal-error"],
      ];
      for (const [stop, state, code] of ends) {
        /** @type {string[]} */
        const order = [];
        vm = new Scripted();
        vm.answers = [stop];
        vm.output = "bye";
        const one = new Driver(vm, {
          now: () => performance.now(),
          onSerial: () => order.push("output"),
          onDebug: () => {},
          onLog: () => {},
          onHash: () => {},
          onState: (now) => order.push(`${now.state} ${now.code} ${now.exitValue}`),
        });
        one.start();
        await sleep(10);
        const value = code === "exit" ? 5 : undefined;
        assert.deepEqual(order, ["running undefined undefined", "output", `${state} ${code} ${value}`]);
        assert.equal(vm.ranAt.length, 1);
        one.destroy();
      }
    });

    test("an ended machine runs again after a reset, and not before", async () => {
      vm.answers = [Stop.HALTED_FOREVER];
      driver.start();
      await sleep(10);
      driver.start();
      driver.kick();
      await sleep(10);
      assert.equal(vm.ranAt.length, 1);
      driver.reset();
      await sleep(10);
      assert.deepEqual([vm.ranAt.length, vm.resets], [2, 1]);
      assert.deepEqual(names(), ["running", "halted-forever", "running"]);
    });

    test("a reset from a hook of the slice that ended wins over the end", async () => {
      vm.answers = [Stop.POWER_OFF];
      vm.output = "bye";
      more.onSerial = () => driver.reset();
      driver.start();
      await sleep(10);
      assert.deepEqual(names(), ["running"]);
      assert.equal(vm.ranAt.length, 2);
    });

    test("a reset leaves a paused machine paused", async () => {
      driver.reset();
      await sleep(10);
      assert.deepEqual([vm.ranAt.length, vm.resets, names().length], [0, 1, 0]);
    });

    test("a trap is a crash that says why, and no reset mends it", async () => {
      vm.answers = [new WebAssembly.RuntimeError("unreachable")];
      driver.start();
      await sleep(10);
      assert.equal(states.at(-1)?.state, "crashed");
      assert.match(states.at(-1)?.reason ?? "", /unreachable/);
      driver.reset();
      driver.start();
      await sleep(10);
      assert.deepEqual([vm.ranAt.length, vm.resets], [1, 0]);
    });

    test("destroyed from a hook, it does nothing more", async () => {
      vm.answers = [Stop.TIME, Stop.TIME];
      vm.output = "x";
      more.onSerial = () => driver.destroy();
      driver.start();
      await sleep(20);
      driver.start();
      driver.reset();
      await sleep(20);
      assert.equal(vm.ranAt.length, 1);
      assert.deepEqual(names(), ["running"]);
    });

    test("the time inside the machine is counted", async () => {
      vm.run = () => {
        const end = performance.now() + 5;
        while (performance.now() < end);
        return Stop.POWER_OFF;
      };
      driver.start();
      await sleep(20);
      assert.ok(driver.wallMs >= 5 && driver.wallMs < 15, String(driver.wallMs));
    });
  });
}
