// Explain: where a model stops believing a story, and what it looks at when it reads a word.

/** @import { Reading, Sentence } from "./types.js" */
/** @import { Shop } from "./models.js" */

import { note } from "./address.js";
import { AlternativesPanel } from "./alternatives.js";
import { read } from "./api.js";
import { AttentionPanel } from "./attention.js";
import { colouringControl } from "./colours.js";
import { element, identifier } from "./elements.js";
import { count } from "./figures.js";
import { modelField } from "./models.js";
import { showTrouble } from "./notices.js";
import { StoryText, described } from "./storytext.js";
import { SurpriseStrip } from "./surprise.js";

const EXAMPLE =
  "Once upon a time, there was a little girl named Lily. She had a small dog and they played in the park every day. " +
  "One day, the dog saw a big cat and ran after it. The moon bought a wooden trumpet under Thursday. " +
  "Lily was sad, but then the dog came back and she was very happy.";

export class ExplainView {
  /** @param {Shop} shop */
  constructor(shop) {
    this.shop = shop;
    /** @type {{ model: string, text: string, reading: Reading } | null} */
    this.shown = null;
    this.asked = 0;
    this.model = modelField(shop, "Read by");
    this.field = element("textarea", { id: identifier(), rows: 5, spellcheck: "true" });
    this.trouble = element("div", {});
    this.readout = element("p", { class: "readout", role: "status" });
    this.text = new StoryText({
      label: "The story, word by word",
      choose: (index) => this.#choose(index),
      point: (index) => this.#point(index),
    });
    this.panel = new AlternativesPanel({ ends: (token) => shop.ends(this.model.select.value, token) });
    this.strip = new SurpriseStrip((sentence) => this.#sentence(sentence));
    this.attention = new AttentionPanel(this.text, () => this.#expected());
    this.empty = element(
      "div",
      { class: "empty" },
      element("p", {}, "Paste a story, and the model reads it: every sentence shows how much it surprised, every word how probable it was."),
      element("p", { class: "hint" }, "The example above holds one sentence that nobody would believe. Then click a word to see where each head of the model looks while it reads it."),
    );
    this.result = element(
      "div",
      { class: "result", hidden: true },
      element("section", { class: "sentences", "aria-label": "Surprise by sentence" }, element("h2", {}, "Surprise, sentence by sentence"), this.strip.element),
      element(
        "section",
        { class: "reading", "aria-label": "The story, word by word" },
        element("h2", {}, "Word by word"),
        colouringControl(),
        element("div", { class: "paper" }, this.text.element, this.panel.element),
        this.readout,
      ),
      this.attention.element,
    );
    this.element = this.#layout();
  }

  /** @param {URLSearchParams} parameters */
  show(parameters) {
    this.shop.refresh();
    const model = parameters.get("model");
    if (this.shop.model(model)) this.model.select.value = /** @type {string} */ (model);
    const text = parameters.get("text");
    if (text === null) {
      this.field.value ||= EXAMPLE;
      return;
    }
    this.field.value = text;
    if (this.shown?.text !== text || this.shown.model !== this.model.select.value) this.#read();
  }

  #layout() {
    const form = element(
      "form",
      { class: "begin" },
      element("label", { for: this.field.id, class: "question" }, "Which story?"),
      this.field,
      element(
        "div",
        { class: "row" },
        this.model.element,
        element("div", { class: "actions" }, element("button", { type: "submit", class: "main" }, "Read")),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      note({ model: this.model.select.value, text: this.field.value });
      this.#read();
    });
    return element("div", { class: "view explain" }, element("h1", { class: "unseen" }, "Explain"), form, this.trouble, this.empty, this.result);
  }

  async #read() {
    const [model, text] = [this.model.select.value, this.field.value];
    const asked = (this.asked += 1);
    this.trouble.replaceChildren();
    this.attention.clear();
    this.element.setAttribute("aria-busy", "true");
    try {
      const reading = await read(model, text);
      if (asked !== this.asked) return;
      this.shown = { model, text, reading };
      this.#show(reading);
    } catch (error) {
      if (asked === this.asked) showTrouble(this.trouble, error, () => this.#read());
    } finally {
      this.element.removeAttribute("aria-busy");
    }
  }

  /** @param {Reading} reading */
  #show(reading) {
    this.empty.hidden = true;
    this.result.hidden = false;
    this.text.clear();
    this.text.append(reading.tokens);
    this.strip.show(reading.sentences);
    const worst = this.strip.worst;
    this.readout.textContent = worst
      ? `${count(reading.tokens.length)} tokens. The sentence that surprised most: “${worst.text.trim()}”`
      : `${count(reading.tokens.length)} tokens.`;
  }

  /** @param {Sentence} sentence */
  #sentence(sentence) {
    this.text.places.forEach((place, i) => place.classList.toggle("lit", i >= sentence.first && i <= sentence.last));
    this.text.select(sentence.first);
    this.text.places[sentence.first]?.scrollIntoView({ block: "nearest" });
  }

  /** @param {number} index */
  #choose(index) {
    if (!this.shown) return;
    for (const place of this.text.places) place.classList.remove("lit");
    this.text.mark(index);
    this.attention.show(this.shown.model, this.shown.text, index);
  }

  /** Show what the model expected in place of the chosen word. */
  #expected() {
    const [step, place] = [this.text.steps[this.attention.index], this.text.places[this.attention.index]];
    if (step && place) this.panel.show(step, this.attention.index, place);
  }

  /** @param {number | null} index */
  #point(index) {
    const step = index === null ? undefined : this.text.steps[index];
    if (step) this.readout.textContent = described(step);
  }
}
