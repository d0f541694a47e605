// How stories are told: every parameter of sampling with a plain name, its technical one, and what it does.

/** @import { KnobRange, Sampling } from "./types.js" */

import { button, element, identifier } from "./elements.js";
import { short } from "./figures.js";
import { keep, keptValue } from "./kept.js";

const KEPT = "fabula-knobs";

/**
 * @typedef {object} Look
 * @property {string} words
 * @property {string} does what it does, for people; the exact sentence is shown when one points at it
 * @property {[number, number, number]} scale of its slider: from, to, step
 * @property {boolean} [first] whether it is shown before “more knobs” is opened
 */

/** @type {Record<string, Look>} */
const LOOKS = {
  temperature: {
    words: "Boldness",
    does: "Low: the words one would expect. High: surprising ones, and sooner or later nonsense. 0: always the likeliest.",
    scale: [0, 1.5, 0.05],
    first: true,
  },
  top_p: {
    words: "Breadth",
    does: "How far down the list of likely words the storyteller may look. 1: to its end.",
    scale: [0.05, 1, 0.05],
    first: true,
  },
  max_new_tokens: {
    words: "Longest story",
    does: "In tokens: words, or parts of words. Most stories end sooner, by themselves.",
    scale: [16, 1024, 16],
    first: true,
  },
  repetition_penalty: {
    words: "Dislike of repeating",
    does: "Makes every word less likely that was there before. 1: off.",
    scale: [1, 1.6, 0.02],
  },
  no_repeat_ngram: {
    words: "No phrase twice, of",
    does: "So many tokens in a row never come again. 0: off.",
    scale: [0, 8, 1],
  },
  top_k: { words: "Shortlist", does: "Choose among so many of the likeliest words. 0: among all.", scale: [0, 100, 1] },
  min_p: {
    words: "No long shots",
    does: "Leave out words far less likely than the likeliest one. 0: off.",
    scale: [0, 0.5, 0.01],
  },
  presence_penalty: {
    words: "New things",
    does: "High: words that the story doesn't have yet. Low: those it has.",
    scale: [-2, 2, 0.1],
  },
  frequency_penalty: {
    words: "Fresh words",
    does: "The same, and the more, the more often a word was there.",
    scale: [-2, 2, 0.1],
  },
};

export class Knobs {
  /**
   * @param {Record<string, KnobRange>} ranges
   */
  constructor(ranges) {
    this.ranges = ranges;
    /** @type {Record<string, number>} */
    this.changed = {};
    /** @type {Record<string, { input: HTMLInputElement, output: HTMLOutputElement }>} */
    this.parts = {};
    const names = Object.keys(LOOKS).filter((name) => name in ranges);
    const shown = names.filter((name) => LOOKS[name]?.first);
    const rest = names.filter((name) => !LOOKS[name]?.first);
    this.reset = button("As at first", () => this.set({}), { class: "quiet small" });
    this.element = element(
      "section",
      { class: "knobs", "aria-label": "How it is told" },
      element("div", { class: "heading" }, element("h2", {}, "How it is told"), this.reset),
      ...shown.map((name) => this.#knob(name)),
      this.#seed(),
      element("details", { class: "more" }, element("summary", {}, "More knobs"), ...rest.map((name) => this.#knob(name))),
    );
    this.recall();
  }

  /** All parameters but those that have no knob. @returns {Sampling} */
  get values() {
    const defaults = Object.entries(this.ranges).map(([name, range]) => [name, range.default]);
    return { ...Object.fromEntries(defaults), ...this.changed };
  }

  get seed() {
    return this.changed.seed ?? 0;
  }

  set seed(seed) {
    this.set({ ...this.changed, seed });
  }

  /** Set some knobs and all others as at first. @param {Record<string, number>} values */
  set(values) {
    this.changed = {};
    for (const [name, { input }] of Object.entries(this.parts)) {
      const value = values[name] ?? this.ranges[name]?.default ?? 0;
      input.value = String(value);
      this.#show(name, value);
    }
    this.#keep();
  }

  /** Take over what the address says. @param {URLSearchParams} parameters */
  read(parameters) {
    const said = Object.keys(this.parts).flatMap((name) => {
      const value = Number(parameters.get(name) ?? NaN);
      return Number.isFinite(value) ? [[name, value]] : [];
    });
    if (said.length) this.set({ ...this.changed, ...Object.fromEntries(said) });
  }

  /** What the address has to say so that the same is told again: null where nothing. @returns {Record<string, number | null>} */
  get parameters() {
    return Object.fromEntries(Object.keys(this.parts).map((name) => [name, this.changed[name] ?? null]));
  }

  /** Set the knobs as they were last, in any view. */
  recall() {
    this.set(keptValue(KEPT, {}));
  }

  #keep() {
    this.reset.hidden = Object.keys(this.changed).every((name) => name === "seed");
    keep(KEPT, JSON.stringify(this.changed));
  }

  /** @param {string} name @param {number} value */
  #show(name, value) {
    if (value === this.ranges[name]?.default) delete this.changed[name];
    else this.changed[name] = value;
    const output = this.parts[name]?.output;
    if (output) output.textContent = short(value);
  }

  /** @param {string} name */
  #knob(name) {
    const { words, does, scale } = /** @type {Look} */ (LOOKS[name]);
    const range = this.ranges[name];
    const [low, high, step] = scale;
    const id = identifier();
    const input = element("input", {
      id,
      type: "range",
      min: Math.max(low, range?.low ?? low),
      max: Math.min(high, range?.high ?? high),
      step,
      "aria-describedby": `${id}-does`,
      oninput: () => {
        this.#show(name, Number(input.value));
        this.#keep();
      },
    });
    const output = element("output", { for: id });
    this.parts[name] = { input, output };
    return element(
      "div",
      { class: "knob" },
      element("label", { for: id }, words, " ", element("small", {}, name)),
      output,
      input,
      element("p", { class: "does", id: `${id}-does`, title: range?.sentence ?? "" }, does),
    );
  }

  #seed() {
    const id = identifier();
    const input = element("input", {
      id,
      type: "number",
      min: 0,
      step: 1,
      inputmode: "numeric",
      "aria-describedby": `${id}-does`,
      oninput: () => {
        const value = Number(input.value);
        if (input.value === "" || !Number.isSafeInteger(value) || value < 0) return;
        this.#show("seed", value);
        this.#keep();
      },
    });
    this.parts.seed = { input, output: element("output") };
    return element(
      "div",
      { class: "knob" },
      element("label", { for: id }, "Luck of the draw ", element("small", {}, "seed")),
      input,
      element("p", { class: "does", id: `${id}-does` }, "The same number tells the same story again; another number tells another one."),
    );
  }
}
