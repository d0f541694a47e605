// Attention: for one word, where each head of each layer looks; the head that is chosen colours the story.

/** @import { Attention } from "./types.js" */
/** @import { StoryText } from "./storytext.js" */

import { attention } from "./api.js";
import { button, element } from "./elements.js";
import { percent, quoted } from "./figures.js";
import { showTrouble } from "./notices.js";
import { colour } from "./curves.js";

const DEEPEST = 45; // percent of the accent behind the word that is looked at most: it stays readable

export class AttentionPanel {
  /**
   * @param {StoryText} text is coloured
   * @param {() => void} expected the reader asks what the model expected in place of the word
   */
  constructor(text, expected) {
    this.text = text;
    this.index = -1;
    this.control = new AbortController();
    this.title = element("h2", {});
    this.grid = element("div", { class: "heads" });
    this.looks = element("p", { class: "looks", role: "status" });
    this.trouble = element("div", {});
    this.element = element(
      "section",
      { class: "attention", "aria-label": "Attention", hidden: true },
      element("div", { class: "heading" }, this.title, button("What it expected here", expected, { class: "quiet small" })),
      element("p", { class: "hint" }, "Each strip is one head: the story from left to right, darker where the head looks. Choose one, and the story above shows the same."),
      this.trouble,
      this.grid,
      this.looks,
    );
    document.addEventListener("appearance", () => this.#paint());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#paint());
    /** @type {{ canvas: HTMLCanvasElement, weights: number[] }[]} */
    this.strips = [];
  }

  clear() {
    this.control.abort();
    this.element.hidden = true;
    this.#uncolour();
  }

  /** @param {string} model @param {string} text @param {number} index */
  async show(model, text, index) {
    this.clear();
    this.control = new AbortController();
    this.index = index;
    this.element.hidden = false;
    this.title.textContent = `Where it looks when it reads ${quoted(this.text.steps[index]?.text ?? "")}`;
    this.looks.textContent = "";
    this.trouble.replaceChildren();
    this.element.setAttribute("aria-busy", "true");
    try {
      this.#draw(await attention(model, text, index, this.control.signal));
    } catch (error) {
      showTrouble(this.trouble, error, () => this.show(model, text, index));
    } finally {
      this.element.removeAttribute("aria-busy");
    }
  }

  /** @param {Attention} answer */
  #draw(answer) {
    this.strips = [];
    this.grid.replaceChildren(
      ...answer.layers.map((heads, layer) =>
        element(
          "fieldset",
          { class: "layer" },
          element("legend", {}, `Layer ${layer + 1}`),
          ...heads.map((weights, head) => this.#strip(answer, layer, head, weights)),
        ),
      ),
    );
    this.#paint();
  }

  /** @param {Attention} answer @param {number} layer @param {number} head @param {number[]} weights */
  #strip(answer, layer, head, weights) {
    const canvas = element("canvas", { class: "strip-canvas", "aria-hidden": "true" });
    this.strips.push({ canvas, weights });
    const most = weights.indexOf(Math.max(...weights));
    const words = this.#words(answer, weights, most);
    const input = element("input", { type: "radio", name: "attention-head", onchange: () => this.#chosen(layer, head, weights, words) });
    return element(
      "label",
      { class: "head" },
      input,
      element("span", { class: "name" }, element("span", { class: "unseen" }, `Layer ${layer + 1}, `), `head ${head + 1}`),
      canvas,
      element("span", { class: "mostly" }, `${words} ${percent(weights[most] ?? 0)}`),
    );
  }

  /** @param {Attention} answer @param {number[]} weights @param {number} place */
  #words(answer, weights, place) {
    if (place < weights.length - this.index - 1) return "the start";
    return place === weights.length - 1 ? "itself" : quoted(answer.tokens[place] ?? "");
  }

  /** @param {number} layer @param {number} head @param {number[]} weights @param {string} mostly */
  #chosen(layer, head, weights, mostly) {
    this.#uncolour();
    const lead = weights.length - this.index - 1;
    const most = Math.max(...weights.slice(lead), 1e-9);
    this.text.element.classList.add("attended");
    weights.slice(lead).forEach((weight, place) => {
      this.text.places[place]?.style.setProperty("--weight", `${Math.round((weight / most) * DEEPEST)}%`);
      this.text.places[place]?.classList.toggle("looked-at", weight / most > 0.35);
    });
    const start = weights.slice(0, lead).reduce((sum, weight) => sum + weight, 0);
    this.looks.textContent = `Layer ${layer + 1}, head ${head + 1} looks mostly at ${mostly}; ${percent(start)} of it rests at the start of the text.`;
  }

  #uncolour() {
    this.text.element.classList.remove("attended");
    for (const place of this.text.places) {
      place.style.removeProperty("--weight");
      place.classList.remove("looked-at");
    }
  }

  #paint() {
    const ink = colour("accent");
    for (const { canvas, weights } of this.strips) {
      const context = canvas.getContext("2d");
      if (!context) continue;
      canvas.width = weights.length * Math.max(1, Math.floor(800 / weights.length));
      canvas.height = 24;
      const width = canvas.width / weights.length;
      context.fillStyle = ink;
      weights.forEach((weight, place) => {
        context.globalAlpha = Math.sqrt(weight);
        context.fillRect(place * width, 0, width, canvas.height);
      });
    }
  }
}
