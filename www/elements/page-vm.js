// @ts-check
/**
 * `<page-vm>`: a machine and everything around it. Holds the state, carries out what its parts wish for, and hands each
 * part its piece of the state as attributes. The parts know nothing of each other.
 *
 * @import { CreateOptions, ElementState, EmptyDrive, ImageSource, PageVM as Machine, View } from "../types/pagevm.js"
 * @import { Loading } from "../hosts/images.js"
 * @import { Desk } from "../store/requests.js"
 * @import { ShellState } from "../store/state.js"
 */
import { loadMachineFile } from "../hosts/machine-file.js";
import { PageVMError, plainError } from "../lib/error.js";
import { Notice, Request, VIEWS } from "../lib/names.js";
import { REQUESTS } from "../store/requests.js";
import * as store from "../store/state.js";
import css from "../styles/page-vm.css";
import { PageVM } from "../vm/client.js";
import { VmCover } from "./vm-cover.js";
import { VmDrive } from "./vm-drive.js";
import { VmDrives } from "./vm-drives.js";
import { define, setAttribute, VmElement } from "./vm-element.js";
import { VmNotice } from "./vm-notice.js";
import { VmProgress } from "./vm-progress.js";
import { VmScreen } from "./vm-screen.js";
import { VmSerial } from "./vm-serial.js";
import { VmStatus } from "./vm-status.js";
import { VmToolbar } from "./vm-toolbar.js";
import { VmViews } from "./vm-views.js";

const html = `
  <div class="machine" part="machine">
    <div class="bar" part="bar">
      <vm-status id="status"></vm-status>
      <vm-views id="views"></vm-views>
      <vm-toolbar id="toolbar"></vm-toolbar>
    </div>
    <div class="stage" part="stage">
      <vm-drives id="drives"></vm-drives>
      <vm-screen id="screen"></vm-screen>
      <vm-serial id="serial" hidden></vm-serial>
      <vm-cover id="cover"></vm-cover>
      <vm-notice id="notice"></vm-notice>
    </div>
  </div>`;

const DEFAULT_MEMORY = 256;
const NOTHING = "there is nothing to boot: neither a kernel nor a drive nor a machine's file is given";
/** A guest that wants to switch off begins to within this. */
const POWER_PATIENCE_MS = 4000;
const SPEED_MS = 2000;
/** A guest that has not run longer than this in that time does nothing worth measuring. */
const IDLE_MS = 100;

/**
 * Images may be given as files: they are properties before they are attributes.
 * @typedef {"kernel" | "initrd" | "multiboot" | "bios" | "hda" | "hdb"} ImageName
 */

/** A drive that has the attribute, but no image, is empty. @typedef {"cdrom" | "fda" | "fdb"} RemovableName */

/** Whoever names one of these has something to boot. */
const BOOTABLE = /** @type {const} */ (["kernel", "multiboot", "bios", "hda", "hdb"]);
const REMOVABLE = /** @type {const} */ (["cdrom", "fda", "fdb"]);

export class PageVMElement extends VmElement {
  static observedAttributes = [...BOOTABLE, ...REMOVABLE, "machine", "view"];

  /** @type {Machine | null} */
  #vm = null;
  /** @type {ShellState} */
  #shell = store.INITIAL;
  /** Images given as properties. @type {Map<ImageName | RemovableName, ImageSource | EmptyDrive>} */
  #given = new Map();
  /** Gives up the machine that is, or is being made. */
  #life = new AbortController();
  #listening = new AbortController();
  /** @type {Promise<void> | undefined} */
  #making;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #patience;
  #drawn = false;
  /** What the speed was last measured from. */
  #measured = { instructions: 0, wall_ms: 0 };

  constructor() {
    super({ html, css });
    /** @type {Desk} */
    const desk = {
      start: () => this.start(),
      pause: () => this.pause(),
      restart: () => this.restart(),
      show: (view) => (this.view = view),
      powerPressed: () => this.#awaitPowerOff(),
      showDrives: (open) => this.#showDrives(open),
      changeMedium: (drive, image) => this.#changeMedium(drive, image),
      vm: null,
      broken: false,
    };
    Object.defineProperty(desk, "vm", { get: () => this.#vm });
    Object.defineProperty(desk, "broken", { get: () => this.#broken });
    this.#desk = desk;
  }

  #desk;

  /** @override @param {AbortSignal} signal */
  connected(signal) {
    for (const [name, carryOut] of Object.entries(REQUESTS)) {
      this.root.addEventListener(
        name,
        (event) => {
          event.stopPropagation(); // the page has no part in it
          const { detail } = /** @type {CustomEvent<never>} */ (event);
          Promise.resolve(carryOut(this.#desk, detail)).catch((error) => this.#complain(error));
        },
        { signal },
      );
    }
    this.root.addEventListener(Request.FULLSCREEN, () => this.#toggleFullscreen(), { signal });
    this.root.addEventListener(Request.DISMISS, () => this.#change(store.troubleSeen(this.#shell)), {
      signal,
    });
    this.root.addEventListener(Request.SCREENSHOT, () => void this.#saveScreenshot(), { signal });
    this.root.addEventListener("pointerdown", (event) => this.#pressed(event), { signal });
    document.addEventListener("fullscreenchange", () => this.#draw(), { signal });
    const timer = setInterval(() => void this.#measure(), SPEED_MS);
    signal.addEventListener("abort", () => clearInterval(timer));

    if (!VIEWS.includes(/** @type {View} */ (this.getAttribute("view")))) this.setAttribute("view", "screen");
    if (!this.#vm && !this.#making) this.#change(store.cleared(this.#shell, this.#bootable()));
    this.#draw();
    // The page's own script may still be setting attributes: the machine is made of what they are then.
    if (this.autostart) queueMicrotask(() => this.isConnected && !this.#vm && void this.start());
  }

  /** An element that only moves in the document keeps its machine; one that leaves it for good loses it. @override */
  disconnected() {
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#drop();
      this.#change(store.cleared(this.#shell, this.#bootable()));
    });
  }

  /** @param {string} name @param {string | null} _old @param {string | null} value */
  attributeChangedCallback(name, _old, value) {
    if (name === "view") {
      if (VIEWS.includes(/** @type {View} */ (value))) {
        this.#change(store.viewChosen(this.#shell, /** @type {View} */ (value)));
      } else if (this.isConnected) {
        this.setAttribute("view", "screen");
      }
    } else if (["empty", "ready"].includes(this.#shell.state)) {
      this.#change(store.cleared(this.#shell, this.#bootable()));
    }
  }

  get vm() {
    return this.#vm;
  }

  /** @returns {ElementState} */
  get state() {
    return this.#shell.state;
  }

  get kernel() {
    return this.#image("kernel");
  }
  set kernel(source) {
    this.#setImage("kernel", source);
  }
  get initrd() {
    return this.#image("initrd");
  }
  set initrd(source) {
    this.#setImage("initrd", source);
  }
  get multiboot() {
    return this.#image("multiboot");
  }
  set multiboot(source) {
    this.#setImage("multiboot", source);
  }
  get bios() {
    return this.#image("bios");
  }
  set bios(source) {
    this.#setImage("bios", source);
  }
  get hda() {
    return this.#image("hda");
  }
  set hda(source) {
    this.#setImage("hda", source);
  }
  get hdb() {
    return this.#image("hdb");
  }
  set hdb(source) {
    this.#setImage("hdb", source);
  }
  get cdrom() {
    return this.#medium("cdrom");
  }
  set cdrom(source) {
    this.#setImage("cdrom", source);
  }
  get fda() {
    return this.#medium("fda");
  }
  set fda(source) {
    this.#setImage("fda", source);
  }
  get fdb() {
    return this.#medium("fdb");
  }
  set fdb(source) {
    this.#setImage("fdb", source);
  }
  get machine() {
    return this.getAttribute("machine") ?? "";
  }
  set machine(url) {
    this.setAttribute("machine", url);
  }
  get cmdline() {
    return this.getAttribute("cmdline") ?? "";
  }
  set cmdline(text) {
    this.setAttribute("cmdline", text);
  }
  get memory() {
    return Number(this.getAttribute("memory") ?? DEFAULT_MEMORY);
  }
  set memory(megabytes) {
    this.setAttribute("memory", String(megabytes));
  }
  /** @returns {View} */
  get view() {
    return this.#shell.view;
  }
  set view(view) {
    this.setAttribute("view", view);
  }
  get autostart() {
    return this.hasAttribute("autostart");
  }
  set autostart(on) {
    this.toggleAttribute("autostart", on);
  }

  async start() {
    if (this.#broken) return this.restart();
    if (!this.#vm) {
      this.#making ??= this.#make().finally(() => (this.#making = undefined));
      return this.#making;
    }
    await this.#vm.run();
    this.#focusStage();
  }

  async pause() {
    await this.#vm?.pause();
  }

  async restart() {
    this.#drop();
    await this.#making?.catch(() => {});
    await this.start();
  }

  /** @param {ImageName} name @returns {ImageSource | null} */
  #image(name) {
    const given = /** @type {ImageSource | undefined} */ (this.#given.get(name));
    return given ?? (this.getAttribute(name) || null);
  }

  /** @param {RemovableName} name @returns {ImageSource | EmptyDrive | null} */
  #medium(name) {
    const text = this.getAttribute(name);
    return this.#given.get(name) ?? (text === "" ? { empty: true } : text);
  }

  /** @param {ImageName | RemovableName} name @param {ImageSource | EmptyDrive | null} source */
  #setImage(name, source) {
    if (source === null || typeof source === "string") {
      this.#given.delete(name);
      setAttribute(this, name, source);
    } else {
      this.#given.set(name, source);
      this.attributeChangedCallback(name, null, null);
    }
  }

  /** A guest may crash and be reset; after a fault of our own, or its worker's end, a machine is of no more use. */
  get #broken() {
    return this.#vm !== null && this.#shell.state === "crashed" && this.#shell.code !== "triple-fault";
  }

  #bootable() {
    return (
      this.machine !== "" ||
      BOOTABLE.some((name) => this.#image(name) !== null) ||
      REMOVABLE.some((name) => this.#medium(name) !== null)
    );
  }

  /**
   * What the attributes say, before what the machine's file says.
   * @param {Loading} loading
   * @returns {Promise<CreateOptions>}
   */
  async #options(loading) {
    const memory = this.getAttribute("memory");
    if (memory !== null && !/^\d+$/.test(memory.trim())) {
      throw new PageVMError("bad-option", `memory is a whole number of megabytes, not “${memory}”`);
    }
    if (!this.#bootable()) throw new PageVMError("bad-option", NOTHING);
    /** @type {CreateOptions} */
    const own = {
      memory: memory === null ? undefined : this.memory,
      kernel: this.kernel ?? undefined,
      initrd: this.initrd ?? undefined,
      multiboot: this.multiboot ?? undefined,
      bios: this.bios ?? undefined,
      hda: this.hda ?? undefined,
      hdb: this.hdb ?? undefined,
      cdrom: this.cdrom ?? undefined,
      fda: this.fda ?? undefined,
      fdb: this.fdb ?? undefined,
      boot: this.getAttribute("boot") ?? undefined,
      cmdline: this.getAttribute("cmdline") ?? undefined,
    };
    const given = Object.entries(own).filter(([, value]) => value !== undefined);
    const file = this.machine === "" ? {} : await loadMachineFile(this.machine, loading);
    return { ...file, ...Object.fromEntries(given) };
  }

  async #make() {
    const life = new AbortController();
    this.#life = life;
    this.#change(store.loadingBegan(this.#shell));
    /** @type {Loading} */
    const loading = {
      signal: life.signal,
      onProgress: (progress) =>
        life.signal.aborted || this.#change(store.imageProgressed(this.#shell, progress)),
    };
    try {
      const vm = await PageVM.create({ ...(await this.#options(loading)), autostart: false, ...loading });
      if (life.signal.aborted) {
        await vm.destroy();
        return;
      }
      this.#adopt(vm);
      await vm.run();
      this.#focusStage();
    } catch (error) {
      if (life.signal.aborted) return; // dropped on purpose
      this.#change(store.failed(this.#shell, plainError(error)));
    }
  }

  /** @param {Machine} vm */
  #adopt(vm) {
    this.#vm = vm;
    this.#measured = { instructions: 0, wall_ms: 0 };
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    vm.addEventListener("state", ({ detail }) => this.#change(store.machineChanged(this.#shell, detail)), {
      signal,
    });
    const heard = () => this.#shell.unseenSerial || this.#change(store.serialSpoke(this.#shell));
    vm.addEventListener("serial", heard, { signal });
    vm.addEventListener("trouble", ({ detail }) => this.#change(store.driveTroubled(this.#shell, detail)), {
      signal,
    });
    vm.addEventListener("medium", ({ detail }) => this.#change(store.mediumChanged(this.#shell, detail)), {
      signal,
    });
    this.#change(store.drivesKnown(this.#shell, vm.drives));
    this.inner("screen", VmScreen).machine = vm;
    this.inner("serial", VmSerial).machine = vm;
    this.dispatchEvent(new CustomEvent(Notice.READY, { detail: vm }));
  }

  #drop() {
    this.#life.abort();
    this.#listening.abort();
    clearTimeout(this.#patience);
    const vm = this.#vm;
    this.#vm = null;
    this.inner("screen", VmScreen).machine = null;
    this.inner("serial", VmSerial).machine = null;
    void vm?.destroy();
  }

  /** @param {boolean} open */
  #showDrives(open) {
    // Whoever closes them from within goes back to where they were opened.
    if (!open && this.root.activeElement?.closest("vm-drives")) this.inner("toolbar", VmToolbar).focus();
    this.#change(store.drivesShown(this.#shell, open));
  }

  /** The drives go out of the way of whoever goes on with something else. @param {Event} event */
  #pressed({ target }) {
    if (!this.#shell.drivesOpen || !(target instanceof Element)) return;
    if (!target.closest("vm-drives, vm-toolbar")) this.#change(store.drivesShown(this.#shell, false));
  }

  /** @param {string} drive @param {ImageSource | null} image */
  async #changeMedium(drive, image) {
    try {
      await this.#vm?.changeMedium(drive, image);
    } catch (error) {
      this.#change(store.mediumRefused(this.#shell, drive, plainError(error).message));
    }
  }

  /** After Start, the keyboard is the guest's, if it was this element's. */
  #focusStage() {
    if (!this.root.activeElement) return;
    (this.view === "serial" ? this.inner("serial", VmSerial) : this.inner("screen", VmScreen)).focus();
  }

  /** @param {ShellState} shell */
  #change(shell) {
    const before = this.#shell;
    this.#shell = shell;
    this.#draw();
    if (before.state !== shell.state)
      this.dispatchEvent(new CustomEvent(Notice.STATE, { detail: shell.state }));
  }

  /** Hands the state down, once for all the changes of this turn of the event loop. */
  #draw() {
    if (this.#drawn) return;
    this.#drawn = true;
    queueMicrotask(() => {
      this.#drawn = false;
      if (this.isConnected) this.#handDown(this.#shell);
    });
  }

  /** @param {ShellState} shell */
  #handDown(shell) {
    const { state, reason, images, view, speed, powerIgnored, trouble, unseenSerial } = shell;
    setAttribute(this, "state", state);
    const status = this.inner("status", VmStatus);
    setAttribute(status, "state", state);
    setAttribute(status, "reason", reason);
    setAttribute(status, "detail", speed);
    const views = this.inner("views", VmViews);
    setAttribute(views, "view", view);
    setAttribute(views, "unseen", unseenSerial);
    const toolbar = this.inner("toolbar", VmToolbar);
    setAttribute(toolbar, "state", state);
    setAttribute(toolbar, "fullscreen", document.fullscreenElement === this);
    this.#handDownDrives(shell);
    setAttribute(this.inner("screen", VmScreen), "state", state);
    setAttribute(this.inner("screen", VmScreen), "hidden", view === "serial");
    setAttribute(this.inner("serial", VmSerial), "hidden", view === "screen");
    const cover = this.inner("cover", VmCover);
    setAttribute(cover, "state", state);
    setAttribute(cover, "reason", reason);
    const notice = this.inner("notice", VmNotice);
    setAttribute(
      notice,
      "kind",
      ["halted", "crashed"].includes(state)
        ? state
        : powerIgnored
          ? "power-ignored"
          : trouble === ""
            ? null
            : "trouble",
    );
    setAttribute(notice, "reason", ["halted", "crashed"].includes(state) ? reason : trouble || reason);
    const bars = [...cover.querySelectorAll("vm-progress")];
    images.forEach(({ image, loaded, total }, index) => {
      const bar = bars[index] ?? cover.appendChild(new VmProgress());
      setAttribute(bar, "image", image);
      setAttribute(bar, "loaded", String(loaded));
      setAttribute(bar, "total", String(total));
    });
    for (const bar of bars.slice(images.length)) bar.remove();
  }

  /** @param {ShellState} shell */
  #handDownDrives({ drives, drivesOpen }) {
    const some = drives.length > 0;
    setAttribute(this.inner("toolbar", VmToolbar), "drives", some ? (drivesOpen ? "open" : "closed") : null);
    const list = this.inner("drives", VmDrives);
    setAttribute(list, "open", some && drivesOpen);
    const shown = [...list.children];
    drives.forEach(({ drive, kind, image, refused }, index) => {
      const place = shown[index] ?? list.appendChild(new VmDrive());
      setAttribute(place, "drive", drive);
      setAttribute(place, "kind", kind);
      setAttribute(place, "image", image);
      setAttribute(place, "refused", refused || null);
    });
    for (const place of shown.slice(drives.length)) place.remove();
  }

  /** A wish that could not be carried out. The machine's end is told by its state already. @param {unknown} error */
  #complain(error) {
    const { code } = plainError(error);
    if (code !== "destroyed" && code !== "crashed") console.warn(error);
  }

  #awaitPowerOff() {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.#change(store.powerIgnored(this.#shell)), POWER_PATIENCE_MS);
  }

  async #measure() {
    if (this.#shell.state !== "running" || document.hidden) return;
    try {
      const stats = await this.#vm?.stats();
      if (!stats) return;
      const instructions = stats.instructions - this.#measured.instructions;
      const wall = stats.wall_ms - this.#measured.wall_ms;
      this.#measured = stats;
      const speed = wall < IDLE_MS ? "idle" : `${(instructions / wall / 1000).toFixed(0)} MIPS`;
      this.#change(store.speedMeasured(this.#shell, speed));
    } catch (error) {
      this.#complain(error);
    }
  }

  #toggleFullscreen() {
    const done = document.fullscreenElement === this ? document.exitFullscreen() : this.requestFullscreen();
    done.then(
      () => this.#focusStage(),
      (error) => this.#complain(error),
    );
  }

  async #saveScreenshot() {
    try {
      const picture = await this.#vm?.screenshot();
      if (!picture) return;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(picture);
      link.download = `pagevm-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser reads it when it gets to it
    } catch (error) {
      this.#complain(error);
    }
  }
}

define("page-vm", PageVMElement);
