// @ts-check
/** Numbers as people read them. */

/** @param {number} bytes */
export function sizeInWords(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(0)} KB`;
  if (bytes < 1_000_000_000) return `${(bytes / 1_000_000).toFixed(1)} MB`;
  return `${(bytes / 1_000_000_000).toFixed(2)} GB`;
}

/** Whatever was thrown, as a sentence. @param {unknown} error */
export const sentenceOf = (error) => (error instanceof Error ? error.message || error.name : String(error));
