/**
 * The page's half of engines.test.mjs: what a test does in a page, by name. It comes with the page, as a user's script
 * does, because what a driver puts into a page may live in a world of its own or outside the page's security policy.
 */
import { PageVM } from "/pagevm.js";

/** @type {PageVM} */
let vm;

/** Gives an element the focus; a browser that is still starting may not have it yet. @param {HTMLElement} element */
async function focused(element) {
  for (const began = Date.now(); !(document.hasFocus() && element.matches(":focus-within"));) {
    if (Date.now() - began > 10_000) throw new Error("the page does not get the focus");
    element.focus();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** @type {Record<string, (...args: any[]) => Promise<unknown>>} */
const steps = {
  /** The element boots what its attributes name, up to the prompt on its screen, and has the focus. */
  async boot(attributes, timeout) {
    const machine = document.createElement("page-vm");
    for (const [name, value] of Object.entries(attributes)) machine.setAttribute(name, value);
    const ready = new Promise((resolve, reject) => {
      machine.addEventListener("vmready", ({ detail }) => resolve(detail));
      machine.addEventListener("vmstate", ({ detail }) => {
        if (detail === "failed") reject(new Error(machine.shadowRoot.querySelector("vm-cover").innerText));
      });
    });
    document.body.append(machine);
    vm = await ready;
    await vm.waitFor({ serial: "PAGEVM-READY" }, { timeout });
    await vm.waitFor({ screen: /[#$] *$/m });
    await focused(machine.shadowRoot.querySelector("vm-screen"));
  },

  /** A line that begins with a word, on the screen; where none comes, all that it shows is in the error. */
  async shown(word) {
    try {
      return await vm.waitFor({ screen: new RegExp(`^${word}`, "m") });
    } catch (error) {
      throw new Error(`${error.message}; the screen:\n${await vm.screenText()}`, { cause: error });
    }
  },

  /** Types on the serial console, and reads the line that answers. */
  async ask(command, answer) {
    await vm.sendSerial(0, `${command}\n`);
    return vm.waitFor({ serial: new RegExp(`^${answer}`, "m") });
  },

  /** How many colours the page's canvas shows. */
  async colours() {
    await new Promise((resolve) => setTimeout(resolve, 500)); // a picture is on its way
    const canvas = document.querySelector("page-vm").shadowRoot.querySelector("vm-screen").shadowRoot;
    const { width, height } = canvas.querySelector("canvas");
    // A copy: the canvas itself is a worker's to draw on.
    const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
    context.drawImage(canvas.querySelector("canvas"), 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    return new Set(new Uint32Array(data.buffer)).size;
  },

  /** The views in which a part of the element is wider than the element. */
  async tooWide() {
    const machine = document.querySelector("page-vm");
    const wide = [];
    for (const view of ["both", "serial", "screen"]) {
      machine.view = view;
      await new Promise((resolve) => setTimeout(resolve, 200));
      const parts = [...machine.shadowRoot.querySelectorAll(".stage, vm-screen, vm-serial")];
      const edge = machine.getBoundingClientRect().right;
      if (parts.some((part) => part.getBoundingClientRect().right > edge + 1)) wide.push(view);
    }
    return wide;
  },

  async stats() {
    return vm.stats();
  },

  /** Runs a small guest to its end, and tells what it said and what the machine says about itself. */
  async run(options) {
    vm = await PageVM.create({ autostart: false, ...options });
    let said = "";
    vm.addEventListener("serial", ({ detail }) => (said += new TextDecoder().decode(detail.bytes)));
    const ended = new Promise((resolve) =>
      vm.addEventListener("state", ({ detail }) => detail.state !== "running" && resolve(detail)),
    );
    await vm.run();
    const { code } = await ended;
    const stats = await vm.stats();
    await vm.destroy();
    return { said, code, stats };
  },

  /** Whether this engine takes each of some modules. */
  async valid(modules) {
    return modules.map((bytes) => WebAssembly.validate(new Uint8Array(bytes)));
  },
};

/** Carries out a step; arguments and answer as JSON, which crosses every driver's border. */
async function carryOut(name, args) {
  try {
    return JSON.stringify({ value: await steps[name](...JSON.parse(args)) });
  } catch (error) {
    return JSON.stringify({ error: { code: error.code, message: error.message ?? String(error) } });
  }
}

/** A step may take longer than a driver's request: it is begun, and asked for until there is an answer. */
let answer;
globalThis.begin = (name, args) => void (answer = carryOut(name, args));
globalThis.answer = () => Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 10_000, ""))]);
