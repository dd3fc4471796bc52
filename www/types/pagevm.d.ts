/**
 * PageVM: a PC virtual machine in a web page.
 *
 * `import { PageVM } from "./pagevm.js"` gives the machine and defines the element `<page-vm>`.
 * This file is shipped beside `pagevm.js`; `www/types/check.js` proves that the implementation agrees with it.
 */

/** Where an image comes from. A URL is relative to the document. `size`, where given, must be the size of the file. */
export type ImageSource =
  string | URL | Blob | ArrayBuffer | Uint8Array | { url: string | URL; size?: number | undefined };

/** A drive for CDs or floppy disks with nothing in it yet. */
export interface EmptyDrive {
  empty: true;
}

/** What `PageVM.create` takes. An option it does not know is refused by name. */
export interface CreateOptions {
  /** Guest memory in megabytes; 256 unless given. */
  memory?: number | undefined;
  /** A Linux kernel (bzImage), booted directly. */
  kernel?: ImageSource | undefined;
  /** The initial RAM disk that goes with `kernel`. */
  initrd?: ImageSource | undefined;
  /** The command line of `kernel` or `multiboot`. */
  cmdline?: string | undefined;
  /** A multiboot 1 kernel. */
  multiboot?: ImageSource | undefined;
  /** The modules that go with `multiboot`, in order. */
  modules?: readonly { image: ImageSource; cmdline?: string }[] | undefined;
  /** Whether guest code is translated; `"eager"`: at first sight. */
  jit?: boolean | "eager" | undefined;
  /** Passes of the translator that are left out, with commas between their names. One it does not know is refused. */
  jitWithout?: string | undefined;
  /** How many bytes of translated code are kept; 32 MB unless given. */
  codeCache?: number | undefined;
  /** How often a block of guest code is entered before it is translated. */
  jitThreshold?: number | undefined;
  /** How many guest instructions are translated as one function at the most. */
  jitRegion?: number | undefined;
  /** How translations get to each other: by tail calls, or by returning to the machine; what works best unless given. */
  jitLinkage?: "tail-call" | "return" | undefined;
  /** `"real"`: the host's time. `"counted"`: time is instructions executed; the same run every time. */
  clock?: "real" | "counted" | undefined;
  /**
   * Processor model, `486`, `pentium`, `pentium3` or `core2` (default), then features to leave out: `"pentium,-mmx"`. What
   * needs one that is left out is left out too.
   */
  cpu?: string | undefined;
  /** Date and time at power-on: seconds since 1970, UTC. */
  rtc?: number | undefined;
  /**
   * Where the guest's random bytes start from. Without it `clock: "real"` takes them from the browser's generator, and
   * `clock: "counted"` from a seed of its own.
   */
  seed?: number | bigint | undefined;
  /** Whether a guest that resets the machine boots again (default) or ends its run. */
  reboot?: boolean | undefined;
  /** Whether there are a local APIC, an I/O APIC and an HPET (default), or the pair of 8259A alone. */
  apic?: boolean | undefined;
  /** The machine pauses after this many instructions. */
  maxInstructions?: number | bigint | undefined;
  /** Instruction counts at which a `hash` event tells the state hash. */
  hashAt?: readonly (number | bigint)[] | undefined;
  /** Whether the machine runs at once; true unless given. */
  autostart?: boolean | undefined;
  /** Where the screen is drawn. */
  canvas?: HTMLCanvasElement | undefined;
  /** Gives up loading and building. A machine that is already there is ended by `destroy()`. */
  signal?: AbortSignal | undefined;
  /** Heard from the first byte on, which listeners added to the finished machine are not. */
  onProgress?: ((progress: ProgressDetail) => void) | undefined;

  /** A BIOS of 64 KB to 4 MB in place of the one that is shipped. */
  bios?: ImageSource | undefined;
  /** A VGA BIOS in place of the one that is shipped. */
  vgabios?: ImageSource | undefined;
  /**
   * Hard disks: `hda` and `hdb` on the first cable, `hdc` and `hdd` on the second. An image by URL is read piece by piece
   * where its server lets it. What the guest writes stays in the machine; the image is not changed.
   */
  hda?: ImageSource | undefined;
  hdb?: ImageSource | undefined;
  hdc?: ImageSource | undefined;
  hdd?: ImageSource | undefined;
  /**
   * A CD: in `hdc`, unless that is a disk. This and the floppy disks can be changed while the machine runs (`changeMedium`);
   * a machine has only the drives that it was made with, so one that is to be used later is made empty.
   */
  cdrom?: ImageSource | EmptyDrive | undefined;
  /** Floppy disks. */
  fda?: ImageSource | EmptyDrive | undefined;
  fdb?: ImageSource | EmptyDrive | undefined;
  /** What the firmware tries to boot from, in this order: `a` floppy, `c` disk, `d` CD, `n` network; `"cad"` unless given. */
  boot?: string | undefined;
}

export type MachineState = "running" | "paused" | "halted" | "off" | "crashed";

export interface StateDetail {
  state: MachineState;
  /** Why, as a sentence for people. */
  reason?: string;
  /** Why, as a word for programs. */
  code?: string;
  /** What the guest wrote to port F4h, with code `"exit"`. */
  exitValue?: number;
}
export interface SerialDetail {
  /** 0 is COM1. */
  port: number;
  bytes: Uint8Array;
}
export interface ProgressDetail {
  /** The option the image was given as: `"kernel"`, `"initrd"`, … */
  image: string;
  /** Bytes here so far. */
  loaded: number;
  /** Bytes in all; 0 while unknown. */
  total: number;
}
export interface HashDetail {
  /** Instructions executed. */
  at: number;
  /** The state hash there. */
  hash: string;
}

export interface TroubleDetail {
  /** The drive, as the machine calls it: `"hda"`, … */
  drive: string;
  /** What its image is called. */
  image: string;
  /** What is wrong, as a sentence for people. */
  message: string;
}

/** A drive and what is in it. */
export interface DriveInfo {
  /** As its option is called: `"hda"`, `"cdrom"`, `"fda"`, … */
  drive: string;
  kind: "disk" | "cdrom" | "floppy";
  /** What its image is called, for people; null if there is nothing in it. */
  image: string | null;
}

export interface PageVMEventMap {
  /** The guest sent bytes through a serial port. */
  serial: CustomEvent<SerialDetail>;
  /** The machine runs, stops or ends. */
  state: CustomEvent<StateDetail>;
  /** An image is on its way. */
  progress: CustomEvent<ProgressDetail>;
  /** The guest wrote to port E9h. */
  debug: CustomEvent<{ bytes: Uint8Array }>;
  /** The machine has something to say about itself. */
  log: CustomEvent<{ text: string }>;
  /** A drive's image cannot be read or written any more; the guest sees an error of the drive. */
  trouble: CustomEvent<TroubleDetail>;
  /** A drive has another medium, or none. */
  medium: CustomEvent<DriveInfo>;
  /** One of the instruction counts of `hashAt` was reached. */
  hash: CustomEvent<HashDetail>;
}

/** More keys may come. */
export interface Stats {
  instructions: number;
  /** Host milliseconds spent inside the machine. */
  wall_ms: number;
  /** Millions of guest instructions in a second of those. */
  mips: number;
  memory_mb: number;
  phases: Record<string, number>;
  /** The translator's figures: docs/how-to/look-at-translated-code.md names them. */
  jit: Record<string, unknown>;
  /** Only with `clock: "counted"`. */
  state_hash?: string;
  [key: string]: unknown;
}

/** Text to wait for: on a serial port (COM1 unless `port` says otherwise), or on the text screen. */
export type Expectation = { serial: string | RegExp; port?: number } | { screen: string | RegExp };

/**
 * Why something was refused or failed, for programs; the message says the same for people.
 *
 * - `bad-option`, `not-available`: an option or argument is wrong, or not there yet
 * - `image-not-found`, `image-unreachable`, `image-empty`, `image-too-short`, `bad-image`, `too-large`: an image is
 * - `image-changed`, `image-unwritable`: a drive's image changed while it was in use, or could not be written
 * - `wasm-refused`, `worker-failed`, `no-memory`: the browser does not give what a machine needs
 * - `not-running`, `crashed`, `destroyed`, `aborted`: the machine is not in a state to do it, or it was given up
 * - `bad-snapshot`: saved state does not fit
 * - `timeout`, `ended`: text waited for did not come in time, or cannot come any more
 */
export type PageVMErrorCode =
  | "bad-option"
  | "not-available"
  | "image-not-found"
  | "image-unreachable"
  | "image-empty"
  | "image-too-short"
  | "image-changed"
  | "image-unwritable"
  | "bad-image"
  | "too-large"
  | "wasm-refused"
  | "worker-failed"
  | "no-memory"
  | "not-running"
  | "crashed"
  | "destroyed"
  | "aborted"
  | "bad-snapshot"
  | "timeout"
  | "ended"
  | "internal-error";

/** What every rejection of this module is. */
export class PageVMError extends Error {
  constructor(code: PageVMErrorCode, message: string, options?: ErrorOptions);
  readonly code: PageVMErrorCode;
}

/** One virtual machine, in a worker of its own. */
export class PageVM extends EventTarget {
  private constructor();
  /** Loads the images, builds the machine and, unless `autostart` is false, sets it running. */
  static create(options?: CreateOptions): Promise<PageVM>;

  /** What the last `state` event said. */
  readonly state: MachineState;
  /** The whole of what the last `state` event said. */
  readonly stateDetail: Readonly<StateDetail>;

  /** Starts or goes on. A machine that is off, halted or crashed starts anew. */
  run(): Promise<void>;
  pause(): Promise<void>;
  /** The reset button. */
  reset(): Promise<void>;
  /** The power button: off, it switches on; on, it asks the guest to switch off. With `force` it does not ask. */
  power(options?: { force?: boolean }): Promise<void>;
  /** The drives, and what is in them. */
  readonly drives: readonly DriveInfo[];
  /**
   * Puts another medium into a drive (`"cdrom"`, `"fda"`, `"fdb"`), or takes it out (`null`), whatever the guest is doing. An
   * image that cannot be had or is none for the drive is refused, and the drive keeps what it has. What the guest wrote to the
   * old medium is gone.
   */
  changeMedium(drive: string, image: ImageSource | null): Promise<void>;
  /** Ends the machine and frees what it holds. */
  destroy(): Promise<void>;

  /** Sends text (as UTF-8) or bytes to a serial port; 0 is COM1. What the port has no room for yet waits. */
  sendSerial(port: number, data: string | Uint8Array): Promise<void>;
  /** Types on the keyboard, US layout; resolves when the last key is up. */
  sendText(text: string): Promise<void>;
  /** Presses and releases keys by the bytes a PC/AT keyboard sends (scan code set 1). */
  sendScancodes(bytes: Iterable<number>): Promise<void>;
  /** Presses or releases a key by its `KeyboardEvent.code`. */
  sendKey(code: string, down: boolean): void;
  /** Moves the mouse; `buttons` is `MouseEvent.buttons`, `wheel` is in notches, down is positive. */
  sendMouse(dx: number, dy: number, wheel: number, buttons: number): void;

  /** The text on the screen, lines ended by "\n"; "" in graphics modes. */
  screenText(): Promise<string>;
  /** The screen as a PNG file. */
  screenshot(): Promise<Blob>;
  /**
   * Draws the screen on a canvas from now on; returns what ends that. `magnify` follows the size it is shown at. With
   * `transfer` a worker draws, where the browser can do that: it keeps the page freer, but the canvas is given away for good
   * (`transferControlToOffscreen`), and so serves one machine. The event `vmpicture` tells the canvas the size of the
   * guest's pictures, whenever it changes, as `detail.width` and `detail.height`.
   */
  attachCanvas(canvas: HTMLCanvasElement, options?: { magnify?: boolean; transfer?: boolean }): () => void;
  stats(): Promise<Stats>;
  /**
   * What became of the guest code at a linear address: its instructions, the intermediate representation after each pass,
   * and the wasm. One sentence, if nothing did or it is not to be had any more. For reading, not for programs.
   */
  dumpRegion(address: number): Promise<string>;
  /** A hash over the machine's whole state. */
  stateHash(): Promise<string>;
  /** The whole state of the machine, as bytes. */
  save(): Promise<Uint8Array>;
  /** Puts the machine in a state saved from one with the same options. It stays running or paused. */
  restore(bytes: Uint8Array | ArrayBuffer): Promise<void>;

  /**
   * Waits for text and resolves to it. Serial text is met in order: the next wait begins where this one's match
   * ended, so that an answer that came early is not missed and an old prompt is not taken for a new one.
   */
  waitFor(expectation: Expectation, options?: { timeout?: number; signal?: AbortSignal }): Promise<string>;

  addEventListener<K extends keyof PageVMEventMap>(
    type: K,
    listener: ((this: PageVM, event: PageVMEventMap[K]) => void) | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof PageVMEventMap>(
    type: K,
    listener: ((this: PageVM, event: PageVMEventMap[K]) => void) | null,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** What `<page-vm>` shows: the screen, the serial console, or both. */
export type View = "screen" | "serial" | "both";

/**
 * `<page-vm kernel="vmlinuz" initrd="initrd" autostart></page-vm>`
 *
 * Attributes: `machine`, `kernel`, `initrd`, `cmdline`, `memory`, `multiboot`, `hda`, `hdb`, `cdrom`, `fda`, `fdb`, `bios`, `boot`,
 * `autostart`, `view`. They say what the next
 * machine is made of: `restart()` makes it. The attribute `state` tells the state.
 * Events: `vmready` (detail: the PageVM), `vmstate` (detail: ElementState).
 */
export class PageVMElement extends HTMLElement {
  /** The machine, once there is one. */
  readonly vm: PageVM | null;
  /** The state on show. */
  readonly state: ElementState;
  /** The images may be given as files, too; then they go before the attributes. */
  kernel: ImageSource | null;
  initrd: ImageSource | null;
  multiboot: ImageSource | null;
  bios: ImageSource | null;
  hda: ImageSource | null;
  hdb: ImageSource | null;
  /** The attribute without a value is a drive with nothing in it. */
  cdrom: ImageSource | EmptyDrive | null;
  fda: ImageSource | EmptyDrive | null;
  fdb: ImageSource | EmptyDrive | null;
  /** The URL of a machine's file (docs/how-to/embed.md); attributes and files beside it win. */
  machine: string;
  cmdline: string;
  /** Megabytes. */
  memory: number;
  view: View;
  autostart: boolean;
  /** Starts or goes on; makes the machine if there is none. */
  start(): Promise<void>;
  pause(): Promise<void>;
  /** Drops the machine and makes a new one of the present attributes. */
  restart(): Promise<void>;
}

/** `empty`: no image named; `ready`: not started; `failed`: could not be made. The others are the machine's. */
export type ElementState = "empty" | "ready" | "loading" | "failed" | MachineState;

declare global {
  interface HTMLElementTagNameMap {
    "page-vm": PageVMElement;
  }
}
