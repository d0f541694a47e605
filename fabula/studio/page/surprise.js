// Surprise sentence by sentence: a bar for each, and a mark where the model stops believing the story.

/** @import { Sentence } from "./types.js" */

import { element } from "./elements.js";

export class SurpriseStrip {
  /** @param {(sentence: Sentence) => void} choose */
  constructor(choose) {
    this.choose = choose;
    /** @type {Sentence | null} the sentence that surprised most */
    this.worst = null;
    this.list = element("ol", { class: "strip" });
    this.element = element(
      "div",
      {},
      this.list,
      element("p", { class: "hint" }, "Bits for each token of a sentence, given all that comes before it. The first sentence has nothing before it, so it is never the one that is marked."),
    );
  }

  /** @param {Sentence[]} sentences */
  show(sentences) {
    const rated = sentences.slice(sentences.length > 1 ? 1 : 0).filter((one) => one.text.trim());
    this.worst = rated.reduce((/** @type {Sentence | null} */ worst, one) => (!worst || one.nats_per_token > worst.nats_per_token ? one : worst), null);
    const most = Math.max(...sentences.map((one) => one.nats_per_token), 1e-9);
    this.list.replaceChildren(...sentences.map((sentence) => this.#row(sentence, most)));
  }

  /** @param {Sentence} sentence @param {number} most nats for each token */
  #row(sentence, most) {
    const worst = sentence === this.worst;
    const bits = sentence.nats_per_token / Math.LN2;
    const bar = element("span", { class: "bar", "aria-hidden": "true" });
    bar.style.inlineSize = `${(sentence.nats_per_token / most) * 100}%`;
    return element(
      "li",
      { class: worst ? "worst" : null },
      element(
        "button",
        { type: "button", class: "sentence", onclick: () => this.choose(sentence) },
        element("span", { class: "words" }, sentence.text.trim()),
        element("span", { class: "track" }, bar),
        element("span", { class: "value" }, `${bits.toFixed(1)} bits`),
        worst && element("span", { class: "mark" }, "Here the model stops believing it"),
      ),
    );
  }
}
