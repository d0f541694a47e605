// Why a story stopped, how it is told in words, and a file for the reader's disk.

import { element } from "./elements.js";

/** @type {Record<string, string>} */
export const STOPPED = {
  "end-of-text": "The end",
  "max-new-tokens": "Cut off at its longest length",
  context: "Cut off where the model’s memory is full",
  "stop-text": "Ended before a stop text",
  cancelled: "Stopped",
};

/**
 * Offer a file to the reader.
 *
 * @param {Blob} blob
 * @param {string} name
 */
export function offer(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
