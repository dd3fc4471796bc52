// @ts-check
/** How a run ends: the exit statuses, and the error that carries one. They are part of the stable interface. */

/** Exit statuses of ours are even; a guest's own, written to port F4h, are odd. */
export const Status = Object.freeze({
  OK: 0,
  /** Wrong use, or input that cannot be used. */
  BAD_USE: 2,
  /** Ended from outside before its end: the time was up, a signal came, or nobody reads the output any more. */
  TIMEOUT: 4,
  /** The guest switched itself off (or the instruction limit was reached) with an expectation unmet. */
  UNMET: 6,
  /** A triple fault or another reset, with --no-reboot. */
  RESET: 8,
  /** Halted for ever with interrupts off. */
  HALTED: 10,
  INTERNAL: 12,
});

/** @param {number} value what the guest wrote to port F4h */
export const guestStatus = (value) => ((value << 1) | 1) & 0xff;

/** Ends the run with an exit status; the message is one line that names the thing and the reason. */
export class Failure extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.name = "Failure";
    this.status = status;
  }
}

/** @param {string} message */
export const badUse = (message) => new Failure(Status.BAD_USE, message);

/** Reasons of the host's file system, in words. @type {Record<string, string>} */
const FILE_REASONS = {
  ENOENT: "no such file or folder",
  ENOTDIR: "no such file or folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  EISDIR: "is a folder",
  ENOSPC: "no space left",
  ENXIO: "no such device",
};

/**
 * Why a file could not be read or written.
 * @param {unknown} error
 */
export function fileReason(error) {
  const { code, message } = /** @type {{ code?: string, message?: string }} */ (error ?? {});
  return (code && FILE_REASONS[code]) ?? code ?? message ?? String(error);
}
