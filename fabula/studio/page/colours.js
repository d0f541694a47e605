// How tokens are coloured, for all stories of the page at once, and the scale that explains it.

import { choice, element, setChoice } from "./elements.js";
import { keep, kept } from "./kept.js";

const KEPT = "fabula-colour";
const CHOICES = { off: "Off", probability: "Probability", surprise: "Surprise" };
const SCALES = {
  off: { words: "", steps: [] },
  probability: {
    words: "How sure the model was of each token: the stronger the line, the surer.",
    steps: ["below 1 %", "1 %", "5 %", "20 %", "50 % or more"],
  },
  surprise: {
    words: "How much each token surprised the model: the stronger the line, the greater the surprise.",
    steps: ["below 1 bit", "1", "2", "4", "7 bits or more"],
  },
};

/** @typedef {keyof typeof SCALES} Colouring */

/** @type {Set<HTMLElement>} */
const controls = new Set();

/** Set how tokens are coloured. @param {string} value */
export function setColouring(value) {
  const known = /** @type {Colouring} */ (value in SCALES ? value : "off");
  document.documentElement.dataset.colour = known;
  keep(KEPT, known);
  for (const control of controls) refresh(control, known);
}

/** Return how tokens are coloured. */
export function colouring() {
  return /** @type {Colouring} */ (kept(KEPT) ?? "off");
}

/** Make the choice of a colouring, with its scale. */
export function colouringControl() {
  const control = element(
    "div",
    { class: "colouring" },
    choice("Colour", CHOICES, colouring(), setColouring),
    element("div", { class: "scale" }),
  );
  controls.add(control);
  refresh(control, colouring());
  return control;
}

/**
 * @param {HTMLElement} control
 * @param {Colouring} value
 */
function refresh(control, value) {
  setChoice(control, value);
  const scale = /** @type {HTMLElement} */ (control.querySelector(".scale"));
  const letter = value === "probability" ? "p" : "s";
  scale.hidden = value === "off";
  scale.replaceChildren(
    element("p", {}, SCALES[value].words),
    element(
      "ol",
      {},
      ...SCALES[value].steps.map((words, level) =>
        element("li", {}, element("span", { class: `token ${letter}${level}`, "aria-hidden": "true" }, "word"), element("span", {}, words)),
      ),
    ),
  );
}
