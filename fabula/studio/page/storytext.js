// A story on the page, token by token: coloured, walked with the arrow keys, each token open to questions.

/** @import { Step } from "./types.js" */

import { element } from "./elements.js";
import { bits, percent, quoted } from "./figures.js";

const PROBABILITY_FROM = [0.5, 0.2, 0.05, 0.01];
const SURPRISE_FROM = [1, 2, 4, 7]; // bits

/** How sure the model was of a token, from 0 (hardly) to 4 (more likely than not). @param {number} probability */
export function probabilityLevel(probability) {
  const place = PROBABILITY_FROM.findIndex((least) => probability >= least);
  return place < 0 ? 0 : 4 - place;
}

/** How much a token surprised the model, from 0 (less than a coin does) to 4. @param {number} surprise bits */
export function surpriseLevel(surprise) {
  return SURPRISE_FROM.filter((least) => surprise >= least).length;
}

/**
 * Say in words how a token was found.
 *
 * @param {Step} step
 */
export function described(step) {
  if (step.log_probability === null) return `${quoted(step.text)} is where the text begins`;
  const probability = Math.exp(step.log_probability);
  const rank = step.alternatives.findIndex((one) => one.token === step.token);
  const choice = rank < 0 ? "" : rank === 0 ? " · first choice" : ` · choice ${rank + 1}`;
  return `${quoted(step.text)}  ${percent(probability)} · ${bits(step.log_probability).toFixed(1)} bits of surprise${choice}`;
}

export class StoryText {
  /**
   * @param {object} settings
   * @param {string} settings.label what a screen reader calls it
   * @param {(index: number, place: HTMLElement) => void} [settings.choose] a token was clicked, or Enter pressed on it
   * @param {(index: number | null) => void} [settings.point] the pointer or the focus is on a token, or on none
   */
  constructor({ label, choose, point }) {
    /** @type {Step[]} */
    this.steps = [];
    /** @type {HTMLElement[]} a token's element */
    this.places = [];
    this.choose = choose;
    this.point = point;
    this.current = 0;
    this.list = element("span", { class: "tokens", role: "listbox", "aria-label": label, "aria-orientation": "horizontal" });
    this.before = element("span", { class: "prompt" });
    this.caret = element("span", { class: "caret", hidden: true, "aria-hidden": "true" });
    this.element = element("p", { class: "story-text" }, this.before, this.list, this.caret);
    this.#listen();
  }

  /** Begin again. @param {string} [prompt] */
  clear(prompt = "") {
    this.before.textContent = prompt;
    this.list.replaceChildren();
    this.list.tabIndex = -1;
    this.steps = [];
    this.places = [];
    this.current = 0;
  }

  /** Add tokens at the end. @param {Step[]} steps */
  append(steps) {
    const added = document.createDocumentFragment();
    for (const step of steps) {
      const place = this.#token(step, this.steps.length);
      this.steps.push(step);
      this.places.push(place);
      if (!place.hidden && this.places[this.current]?.tabIndex !== 0) this.select(this.places.length - 1);
      const space = /^ +(?=\S)/.exec(step.text)?.[0] ?? "";
      if (space && (this.steps.length > 1 || this.before.textContent)) added.append(space);
      added.append(place);
    }
    this.list.append(added);
  }

  /** Show how the story stopped. @param {string} reason */
  end(reason) {
    const last = this.places.at(-1);
    this.growing = false;
    if (reason !== "end-of-text" || !last || this.steps.at(-1)?.text) return;
    last.hidden = false;
    last.classList.add("end");
    last.textContent = "∎";
    last.setAttribute("aria-label", "the end");
  }

  /** Show that more is coming, or not. @param {boolean} coming */
  set growing(coming) {
    this.caret.hidden = !coming;
    this.list.setAttribute("aria-busy", String(coming));
  }

  /** Mark the place of a token, and nothing else. @param {number | null} index @param {string} [mark] */
  mark(index, mark = "marked") {
    for (const place of this.list.querySelectorAll(`.${mark}`)) place.classList.remove(mark);
    if (index !== null) this.places[index]?.classList.add(mark);
  }

  /** Say from which token on the story is a branch's own. @param {number} index */
  shared(index) {
    this.places.forEach((place, i) => place.classList.toggle("shared", i < index));
  }

  /** Make a token the one that the keyboard is on. @param {number} index @param {boolean} [focus] */
  select(index, focus = false) {
    const place = this.places[index];
    if (!place) return;
    const last = this.places[this.current];
    if (last) last.tabIndex = -1;
    place.tabIndex = 0;
    this.current = index;
    if (focus) place.focus();
  }

  /** @param {Step} step @param {number} index */
  #token(step, index) {
    const surprise = step.log_probability === null ? 0 : bits(step.log_probability);
    const probability = step.log_probability === null ? 1 : Math.exp(step.log_probability);
    const levels = `p${probabilityLevel(probability)} s${surpriseLevel(surprise)}`;
    const kind = step.text.includes("\n") && !step.text.trim() ? " line" : "";
    return element(
      "span",
      {
        class: `token ${levels}${kind}`,
        role: "option",
        tabindex: -1,
        hidden: step.text === "", // It completes no character, or ends the story: `end` shows that.
        "aria-label": step.text.trim() ? null : quoted(step.text),
        "data-index": index,
      },
      step.text.replace(/^ +(?=\S)/, ""),
    );
  }

  /** @param {EventTarget | null} target */
  #index(target) {
    const place = target instanceof Element ? target.closest(".token") : null;
    return place instanceof HTMLElement ? Number(place.dataset.index) : null;
  }

  #listen() {
    const pointed = (/** @type {globalThis.Event} */ event) => this.point?.(this.#index(event.target));
    this.list.addEventListener("pointerover", pointed);
    this.list.addEventListener("focusin", (event) => {
      const index = this.#index(event.target);
      if (index !== null) this.select(index);
      pointed(event);
    });
    this.list.addEventListener("pointerleave", () => this.point?.(null));
    this.list.addEventListener("click", (event) => this.#chosen(this.#index(event.target)));
    this.list.addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {number | null} index */
  #chosen(index) {
    const place = index === null ? undefined : this.places[index];
    if (index === null || !place) return;
    this.select(index);
    this.choose?.(index, place);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.places.length - 1;
    const moves = /** @type {Record<string, () => number>} */ ({
      ArrowRight: () => this.#beside(1),
      ArrowLeft: () => this.#beside(-1),
      ArrowDown: () => this.#line(1),
      ArrowUp: () => this.#line(-1),
      Home: () => 0,
      End: () => last,
    });
    const move = moves[event.key];
    if (move) this.select(Math.max(0, Math.min(last, move())), true);
    else if (event.key === "Enter" || event.key === " ") this.#chosen(this.current);
    else return;
    event.preventDefault();
  }

  /** The next token that shows something. @param {1 | -1} direction */
  #beside(direction) {
    let index = this.current + direction;
    while (this.places[index]?.hidden) index += direction;
    return this.places[index] ? index : this.current;
  }

  /** The nearest token of the next line. @param {1 | -1} direction */
  #line(direction) {
    const here = this.places[this.current]?.getBoundingClientRect();
    if (!here) return this.current;
    let best = this.current;
    let found = Infinity;
    let line = NaN;
    for (let i = this.current + direction; this.places[i]; i += direction) {
      const there = /** @type {HTMLElement} */ (this.places[i]).getBoundingClientRect();
      if (!there.width || (there.top - here.top) * direction < here.height / 2) continue;
      if (Number.isNaN(line)) line = there.top;
      if (Math.abs(there.top - line) > here.height / 2) break;
      const distance = Math.abs(there.left + there.width / 2 - here.left - here.width / 2);
      if (distance < found) [best, found] = [i, distance];
    }
    return best;
  }
}
