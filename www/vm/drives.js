// @ts-check
/**
 * Between the machine's drives and what their media are read from.
 *
 * The machine leaves requests behind when a slice ends; `pump()` takes them and starts those that may start. A source
 * that has the bytes at hand is answered for at once, others when they are done, and `onAnswer` then wakes an idle
 * machine. Several requests of a drive are under way at a time; two that touch the same sectors are not, if one of them
 * writes: the later waits. A flush waits for all writes before it.
 *
 * A drive's sectors are of 512 bytes. An image that ends within a sector is filled up with zeros, and that is said.
 *
 * Invariants: each request is answered once, whatever a source does; the machine is called from `pump()`, `eject()`, `change()`
 * and the event loop, never from within a call of its own, and not at all after `close()`.
 *
 * @import { DriveSource } from "../hosts/drive-source.js"
 */
import { PageVMError } from "../lib/error.js";
import { sentenceOf } from "../lib/words.js";

export const SECTOR = 512;

/** Why a request was not done: `BlockError` of crate/host/src/block, by number. @enum {number} */
export const DiskError = Object.freeze({
  NONE: 0,
  NO_MEDIUM: 1,
  OUT_OF_RANGE: 2,
  READ_ONLY: 3,
  FAILED: 4,
});

/** So many requests of a drive are given to its source at a time; the rest wait. */
const AT_ONCE = 8;

/**
 * What a drive asks for. `id` is for the answer and comes once.
 * @typedef {object} DiskRequest
 * @property {string} drive the option it was given as: `"hda"`
 * @property {number} id
 * @property {"read" | "write" | "flush"} kind
 * @property {number} first the first sector
 * @property {number} sectors how many
 * @property {Uint8Array} [data] of a write
 */

/**
 * The part of the wasm crate's `Vm` that is used here.
 * @typedef {object} DiskMachine
 * @property {() => DiskRequest[]} takeDiskRequests what was asked for since the last call, in order
 * @property {(drive: string, id: number, bytes: Uint8Array | null, error: number) => void} answerDisk `bytes` of a read;
 *   none for a write, a flush or an error. They are copied.
 * @property {(drive: string, sectors: number | undefined, readOnly: boolean) => void} changeMedium another medium is in a
 *   drive, or none; throws if it is none for that drive, which then keeps what it has
 */

/**
 * What is said of a drive.
 * @typedef {object} DriveDetail
 * @property {string} drive
 * @property {string} image what its image is called
 * @property {string} message a sentence
 */

/**
 * @typedef {object} DriveHooks
 * @property {() => void} [onAnswer] the machine has been answered: it may have something to do
 * @property {(trouble: DriveDetail & { error: PageVMError }) => void} [onTrouble] an image cannot be read or written;
 *   told once, and again only after it could meanwhile
 * @property {(note: DriveDetail) => void} [onNote] something the user should know
 * @property {(drive: string, sectors: number) => number} [sectorsOf] how many sectors the disk has whose image has so many
 */

/**
 * A request that is not done. `unheard`: nobody waits for the answer any more.
 * @typedef {DiskRequest & { started: boolean, unheard: boolean }} Pending
 */

/** A medium in its drive. */
class Medium {
  /** In the order they came. @type {Pending[]} */
  pending = [];
  /** The last trouble told, while it lasts. */
  told = "";
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {string} drive @param {DriveSource} source @param {number} [sectors] */
  constructor(drive, source, sectors = Math.ceil(source.size / SECTOR)) {
    this.drive = drive;
    this.source = source;
    this.sectors = sectors;
  }

  /** What may start now, the oldest first. */
  next() {
    if (this.pending.filter(({ started }) => started).length >= AT_ONCE) return undefined;
    /** @type {Pending[]} */
    const earlier = [];
    for (const request of this.pending) {
      if (!request.started && !earlier.some((other) => mustWait(request, other))) return request;
      earlier.push(request);
    }
    return undefined;
  }

  /** @param {Pending} request */
  remove(request) {
    this.pending = this.pending.filter((other) => other !== request);
    if (this.pending.length === 0) for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves when nothing is pending. @returns {Promise<void>} */
  done() {
    if (this.pending.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Why a request cannot be done at all. @param {DiskRequest} request */
  refuses({ kind, first, sectors, data }) {
    if (kind === "flush") return DiskError.NONE;
    if (kind === "write" && isReadOnly(this.source)) return DiskError.READ_ONLY;
    const whole = [first, sectors].every((count) => Number.isSafeInteger(count) && count >= 0);
    if (!whole || first + sectors > this.sectors) return DiskError.OUT_OF_RANGE;
    if (kind === "write" && data?.length !== sectors * SECTOR) return DiskError.OUT_OF_RANGE;
    return DiskError.NONE;
  }
}

/** Whether a request must wait for one that came before it. @param {DiskRequest} one @param {DiskRequest} earlier */
function mustWait(one, earlier) {
  if (one.kind === "flush") return earlier.kind === "write";
  if (earlier.kind === "flush" || (one.kind === "read" && earlier.kind === "read")) return false;
  return one.first < earlier.first + earlier.sectors && earlier.first < one.first + one.sectors;
}

export class Drives {
  #machine;
  #hooks;
  /** @type {Map<string, Medium>} */
  #media = new Map();
  #closed = false;

  /** @param {DiskMachine} machine @param {DriveHooks} [hooks] */
  constructor(machine, hooks = {}) {
    this.#machine = machine;
    this.#hooks = hooks;
  }

  /**
   * Puts a medium into a drive, in the place of what was there. The source is closed with it.
   * @param {string} drive
   * @param {DriveSource} source
   * @returns {{ sectors: number, readOnly: boolean }} what the machine has to know of it
   */
  insert(drive, source) {
    const medium = this.#mediumOf(drive, source);
    this.#put(medium);
    return { sectors: medium.sectors, readOnly: isReadOnly(source) };
  }

  /**
   * Changes the medium of a drive of a machine that has begun, and tells the machine of it. If the machine refuses it, that is
   * thrown, and nothing has changed.
   * @param {string} drive
   * @param {DriveSource | null} source none: the drive is empty
   */
  change(drive, source) {
    this.pump(); // what was asked of the old medium is its own
    const medium = source && this.#mediumOf(drive, source);
    this.#machine.changeMedium(drive, medium?.sectors, source !== null && isReadOnly(source));
    if (medium) this.#put(medium);
    else void this.eject(drive);
    this.#hooks.onAnswer?.();
  }

  /** @param {string} drive @param {DriveSource} source */
  #mediumOf(drive, source) {
    const image = Math.ceil(source.size / SECTOR);
    return new Medium(drive, source, this.#hooks.sectorsOf?.(drive, image) ?? image);
  }

  /** @param {Medium} medium */
  #put(medium) {
    const { drive, source, sectors } = medium;
    void this.eject(drive);
    this.#media.set(drive, medium);
    const missing = sectors * SECTOR - source.size;
    if (missing <= 0) return;
    const short =
      sectors > Math.ceil(source.size / SECTOR)
        ? "which is less than its disk holds"
        : `which is not whole sectors of ${SECTOR}`;
    const message = `${drive}: ${source.name} is ${source.size} bytes long, ${short}; ${missing} zeros are added at its end`;
    this.#hooks.onNote?.({ drive, image: source.name, message });
  }

  /**
   * Takes the medium out. What is asked of it is answered so, but writes are done first. Resolves once it is closed.
   * @param {string} drive
   */
  async eject(drive) {
    const medium = this.#media.get(drive);
    if (!medium) return;
    this.#media.delete(drive);
    const asked = medium.pending;
    medium.pending = asked.filter(({ kind }) => kind !== "read");
    for (const request of asked) {
      request.unheard = true;
      this.#answer(drive, request.id, null, DiskError.NO_MEDIUM);
    }
    if (asked.length && !this.#closed) this.#hooks.onAnswer?.();
    this.#start(medium);
    await medium.done();
    try {
      await medium.source.close();
    } catch (error) {
      this.#trouble(medium, error);
    }
  }

  /** Ends it: the machine is not called again. Resolves when writes are done and all sources closed. */
  async close() {
    this.#closed = true;
    await Promise.all([...this.#media.keys()].map((drive) => this.eject(drive)));
  }

  /** Whether nothing is under way, in a drive or in all. @param {string} [drive] */
  idle(drive) {
    const media = drive === undefined ? [...this.#media.values()] : [this.#media.get(drive)];
    return media.every((medium) => !medium?.pending.length);
  }

  /** Takes what the machine has asked for, and begins with it. To be called after each slice. */
  pump() {
    if (this.#closed) return;
    let answered = false;
    for (const request of this.#take()) {
      const medium = this.#media.get(request.drive);
      const error = medium ? medium.refuses(request) : DiskError.NO_MEDIUM;
      if (medium && error === DiskError.NONE) {
        medium.pending.push({ ...request, started: false, unheard: false });
      } else {
        this.#answer(request.drive, request.id, null, error);
        answered = true;
      }
    }
    for (const medium of this.#media.values()) answered = this.#start(medium) || answered;
    if (answered) this.#hooks.onAnswer?.();
  }

  #take() {
    try {
      return this.#machine.takeDiskRequests();
    } catch {
      return []; // a machine that has broken down refuses all calls; that it has, has been told
    }
  }

  /** Starts what may start. @param {Medium} medium @returns {boolean} whether some of it is done already */
  #start(medium) {
    let done = false;
    for (let request; (request = medium.next());) {
      request.started = true;
      done = this.#perform(medium, request) || done;
    }
    return done;
  }

  /** @param {Medium} medium @param {Pending} request @returns {boolean} whether it is done already */
  #perform(medium, request) {
    let value;
    try {
      value = ask(medium.source, request);
    } catch (error) {
      this.#fail(medium, request, error);
      return true;
    }
    if (!(value instanceof Promise)) {
      this.#complete(medium, request, value);
      return true;
    }
    const after = () => {
      this.#start(medium);
      if (!this.#closed) this.#hooks.onAnswer?.();
    };
    void value
      .then(
        (bytes) => {
          // What was at hand all the time says nothing about the host; this does.
          medium.told = "";
          this.#complete(medium, request, bytes);
        },
        (error) => this.#fail(medium, request, error),
      )
      .then(after);
    return false;
  }

  /** @param {Medium} medium @param {Pending} request @param {Uint8Array | void} bytes */
  #complete(medium, request, bytes) {
    if (request.kind !== "read") return this.#finish(medium, request, null, DiskError.NONE);
    const length = request.sectors * SECTOR;
    const { source, drive } = medium;
    if (!bytes || bytes.length !== lengthOf(source, request)) {
      const what = `gave ${bytes?.length ?? 0} bytes where ${lengthOf(source, request)} were asked for`;
      const message = `internal error: ${drive}: ${source.name} ${what}`;
      return this.#fail(medium, request, new PageVMError("internal-error", message));
    }
    let whole = bytes;
    if (bytes.length < length) {
      whole = new Uint8Array(length);
      whole.set(bytes);
    }
    this.#finish(medium, request, whole, DiskError.NONE);
  }

  /** @param {Medium} medium @param {Pending} request @param {unknown} error */
  #fail(medium, request, error) {
    if (request.kind !== "read" || !request.unheard) this.#trouble(medium, error);
    this.#finish(medium, request, null, DiskError.FAILED);
  }

  /**
   * @param {Medium} medium
   * @param {Pending} request
   * @param {Uint8Array | null} bytes
   * @param {number} error
   */
  #finish(medium, request, bytes, error) {
    medium.remove(request);
    if (!request.unheard) this.#answer(medium.drive, request.id, bytes, error);
  }

  /** @param {string} drive @param {number} id @param {Uint8Array | null} bytes @param {number} error */
  #answer(drive, id, bytes, error) {
    if (this.#closed) return;
    try {
      this.#machine.answerDisk(drive, id, bytes, error);
    } catch {
      // As above: it is told elsewhere that the machine has broken down.
    }
  }

  /** @param {Medium} medium @param {unknown} thrown */
  #trouble(medium, thrown) {
    const { drive, source } = medium;
    const error =
      thrown instanceof PageVMError
        ? thrown
        : new PageVMError(
            "internal-error",
            `internal error: ${drive}: ${source.name}: ${sentenceOf(thrown)}`,
          );
    if (medium.told === error.message) return;
    medium.told = error.message;
    this.#hooks.onTrouble?.({ drive, image: source.name, message: error.message, error });
  }
}

/** @param {DriveSource} source */
const isReadOnly = (source) => source.readOnly || !source.write;

/** How much of a read lies in the image itself. @param {DriveSource} source @param {DiskRequest} request */
const lengthOf = ({ size }, { first, sectors }) =>
  Math.max(0, Math.min(sectors * SECTOR, size - first * SECTOR));

/**
 * Asks a source for what a drive has asked for.
 * @param {DriveSource} source
 * @param {DiskRequest} request
 * @returns {Uint8Array | void | Promise<Uint8Array | void>}
 */
function ask(source, request) {
  const { kind, first, data } = request;
  if (kind === "flush") return source.flush?.();
  // Beyond the image's end there are zeros.
  if (kind === "read" && lengthOf(source, request) === 0) return new Uint8Array(0);
  if (kind === "write") return data?.length ? source.write?.(first * SECTOR, data) : undefined;
  return source.read(first * SECTOR, lengthOf(source, request));
}
