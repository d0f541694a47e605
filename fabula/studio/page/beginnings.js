// How stories may begin, and what an empty page says to somebody who has none in mind.

import { button, element } from "./elements.js";

/** Beginnings that invite. */
export const BEGINNINGS = [
  "Once upon a time, a girl named Mia found a silver key in the garden.",
  "Tom was sad because his red ball was lost.",
  "One night, a little dragon could not sleep.",
];

/**
 * Make what is shown before any story has been told.
 *
 * @param {(beginning: string) => void} take one of the beginnings was chosen
 */
export function invitation(take) {
  return element(
    "div",
    { class: "empty" },
    element("p", {}, "Begin a story, and the model goes on with it, one token after another. Or take one of these beginnings:"),
    element(
      "ul",
      { class: "beginnings" },
      ...BEGINNINGS.map((words) => element("li", {}, button(words, () => take(words), { class: "beginning" }))),
    ),
    element(
      "p",
      { class: "hint" },
      "Then click any word to see what else could have come there, with its probability. Choose another, and the story branches.",
    ),
  );
}
