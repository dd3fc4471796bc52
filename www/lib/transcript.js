// @ts-check
/**
 * What a guest has said so far and nobody has waited for yet.
 *
 * A match consumes the text up to its end: whoever waits next sees only what came after. So an answer that came before
 * the question was asked is not missed, and the prompt before a command is not taken for the one after it.
 */

/** Text kept when nobody waits. */
const LIMIT = 1 << 20;

export class Transcript {
  #text = "";

  /** @param {string} text */
  add(text) {
    this.#text += text;
    if (this.#text.length > 2 * LIMIT) this.#text = this.#text.slice(-LIMIT);
  }

  /**
   * Looks for text and consumes it.
   * @param {string | RegExp} pattern
   * @returns {string | undefined} what was found
   */
  take(pattern) {
    const found = find(this.#text, pattern);
    if (!found) return undefined;
    this.#text = this.#text.slice(found.end);
    return found.text;
  }

  /** The last line, for messages. */
  get lastLine() {
    return lastLine(this.#text);
  }
}

/**
 * The first place where `pattern` occurs. A regular expression's own position (flags g and y) plays no part.
 * @param {string} text
 * @param {string | RegExp} pattern
 * @returns {{ text: string, end: number } | undefined}
 */
export function find(text, pattern) {
  if (typeof pattern === "string") {
    const at = text.indexOf(pattern);
    return at < 0 ? undefined : { text: pattern, end: at + pattern.length };
  }
  const match = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, "")).exec(text);
  return match ? { text: match[0], end: match.index + match[0].length } : undefined;
}

/** The last line with anything on it. @param {string} text */
export function lastLine(text) {
  const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== "");
  return lines.at(-1)?.trim() ?? "";
}
