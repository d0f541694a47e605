// What else could have come at a place of a story: the most probable tokens with bars; choosing one branches there.

/** @import { Alternative, Step } from "./types.js" */

import { button, element } from "./elements.js";
import { bits, percent, quoted } from "./figures.js";

export class AlternativesPanel {
  /**
   * @param {object} settings
   * @param {(index: number, chosen: Alternative) => void} [settings.branch] absent: they are only looked at
   * @param {() => void} [settings.closed]
   * @param {(token: number) => boolean} settings.ends whether a token ends a story
   */
  constructor({ branch, closed, ends }) {
    this.branch = branch;
    this.closed = closed;
    this.ends = ends;
    /** @type {HTMLElement | null} */
    this.anchor = null;
    this.element = element("div", { class: "alternatives", role: "dialog", hidden: true, "aria-label": "What else could have come" });
    this.element.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("pointerdown", (event) => {
      const outside = event.target instanceof Node && !this.element.contains(event.target) && !this.anchor?.contains(event.target);
      if (outside) this.close(false);
    });
  }

  get open() {
    return !this.element.hidden;
  }

  /**
   * @param {Step} step
   * @param {number} index
   * @param {HTMLElement} anchor the token's element; the panel opens below it
   */
  show(step, index, anchor) {
    this.anchor = anchor;
    const told = { token: step.token, text: step.text, log_probability: step.log_probability ?? 0 };
    const known = step.alternatives.some((one) => one.token === step.token);
    const rows = known ? step.alternatives : [...step.alternatives, told];
    const share = rows.reduce((sum, one) => sum + Math.exp(one.log_probability), 0);
    const surprise = step.log_probability === null ? " where the text begins." : ` ${bits(step.log_probability).toFixed(1)} bits of surprise.`;
    this.element.replaceChildren(
      element(
        "div",
        { class: "heading" },
        element("h3", {}, this.branch ? "What else could have come" : "What the model expected"),
        button("✕", () => this.close(), { class: "quiet close", "aria-label": "Close" }),
      ),
      element("p", { class: "hint" }, `As told: ${this.#words(told)},${surprise}${this.branch ? " Choose another, and the story goes on from there." : ""}`),
      element("ul", {}, ...rows.map((one) => this.#row(one, one.token === step.token, index))),
      element("p", { class: "rest" }, share < 0.9995 ? `All others together: ${percent(Math.max(0, 1 - share))}` : ""),
    );
    this.element.hidden = false;
    this.#place(anchor);
    const first = this.element.querySelector("li button:not([disabled])") ?? this.element.querySelector("button");
    if (first instanceof HTMLElement) first.focus({ preventScroll: true });
  }

  /** @param {boolean} [back] whether the focus goes back to the token */
  close(back = true) {
    if (!this.open) return;
    this.element.hidden = true;
    this.closed?.();
    if (back) this.anchor?.focus({ preventScroll: true });
  }

  /** @param {Alternative} one @param {boolean} told @param {number} index */
  #row(one, told, index) {
    const probability = Math.exp(one.log_probability);
    const bar = element("span", { class: "bar", "aria-hidden": "true" });
    bar.style.inlineSize = `${Math.max(probability * 100, 0.5)}%`;
    const parts = [
      element("span", { class: "word" }, this.#words(one)),
      element("span", { class: "share" }, percent(probability)),
      element("span", { class: "track" }, bar),
    ];
    const label = `${this.#words(one)}, ${percent(probability)}${told ? ", as told" : ""}`;
    if (!this.branch || told)
      return element("li", { class: told ? "told" : null }, element("div", { class: "alternative" }, ...parts, told && element("span", { class: "unseen" }, "as told")));
    return element("li", {}, element("button", { type: "button", class: "alternative", "aria-label": label, onclick: () => this.branch?.(index, one) }, ...parts));
  }

  /** @param {Alternative} one */
  #words(one) {
    return this.ends(one.token) ? "the end" : quoted(one.text);
  }

  /** @param {HTMLElement} anchor */
  #place(anchor) {
    if (getComputedStyle(this.element).position === "fixed") return anchor.scrollIntoView({ block: "nearest" });
    const frame = this.element.offsetParent?.getBoundingClientRect();
    if (!frame) return;
    const token = anchor.getClientRects()[0] ?? anchor.getBoundingClientRect();
    const left = Math.max(0, Math.min(token.left - frame.left - 12, frame.width - this.element.offsetWidth));
    this.element.style.setProperty("--left", `${left}px`);
    this.element.style.setProperty("--top", `${token.bottom - frame.top + 8}px`);
    this.element.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Escape") {
      event.stopPropagation();
      this.close();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = /** @type {HTMLElement[]} */ ([...this.element.querySelectorAll("li button")]);
    const place = buttons.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    buttons[(place + step + buttons.length) % buttons.length]?.focus();
  }
}
