// @ts-check
/**
 * What a guest has said so far and nobody has waited for yet.
 *
 * A match consumes the text up to its end: whoever waits next sees only what came after. So an answer that came before
 * the question was asked is not missed, and the prompt before a command is not taken for the one after it.
 *
 * Who looks again and again sees each piece of the text only a few times, however much there is: a guest may say megabytes
 * while someone waits.
 */

/** Text kept when nobody waits. */
const LIMIT = 1 << 20;

/** Of what has been looked at, so much is looked at again: a match may be longer than what was there. */
const LONGEST_MATCH = 1 << 16;

export class Transcript {
  #text = "";
  /** How much was said before that. */
  #gone = 0;

  /** @param {string} text */
  add(text) {
    this.#text += text;
    if (this.#text.length > 2 * LIMIT) this.#drop(this.#text.length - LIMIT);
  }

  /**
   * Looks for text and consumes it.
   * @param {string | RegExp} pattern
   * @param {{ to: number }} [seen] how far the caller has looked for this pattern before; brought up to date
   * @returns {string | undefined} what was found
   */
  take(pattern, seen = { to: 0 }) {
    const found = find(this.#text, pattern, Math.max(0, seen.to - LONGEST_MATCH - this.#gone));
    seen.to = this.#gone + this.#text.length;
    if (!found) return undefined;
    this.#drop(found.end);
    return found.text;
  }

  /** @param {number} length */
  #drop(length) {
    this.#text = this.#text.slice(length);
    this.#gone += length;
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
 * @param {number} [from]
 * @returns {{ text: string, end: number } | undefined}
 */
export function find(text, pattern, from = 0) {
  if (typeof pattern === "string") {
    const at = text.indexOf(pattern, from);
    return at < 0 ? undefined : { text: pattern, end: at + pattern.length };
  }
  const global = new RegExp(pattern.source, `${pattern.flags.replace(/[gy]/g, "")}g`);
  global.lastIndex = from;
  const match = global.exec(text);
  return match ? { text: match[0], end: match.index + match[0].length } : undefined;
}

/** The last line with anything on it. @param {string} text */
export function lastLine(text) {
  const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== "");
  return lines.at(-1)?.trim() ?? "";
}
