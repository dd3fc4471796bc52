// @ts-check
/** @import { PageVMErrorCode } from "../types/pagevm.js" */

/** What every rejection of the module is: a sentence for people and a code for programs. */
export class PageVMError extends Error {
  /** @readonly */
  code;

  /**
   * @param {PageVMErrorCode} code
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.name = "PageVMError";
    this.code = code;
  }
}

/**
 * An error as it crosses between worker and page.
 * @typedef {{ code: PageVMErrorCode, message: string }} PlainError
 */

/**
 * Whatever was thrown, as a code and a sentence. The machine's own errors carry a code; anything else is ours.
 * @param {unknown} error
 * @returns {PlainError}
 */
export function plainError(error) {
  if (!(error instanceof Error))
    return { code: "internal-error", message: `internal error: ${String(error)}` };
  const { code } = /** @type {{ code?: unknown }} */ (error);
  if (typeof code === "string" && code !== "") {
    return { code: /** @type {PageVMErrorCode} */ (code), message: error.message };
  }
  return { code: "internal-error", message: `internal error: ${error.message || error.name}` };
}
