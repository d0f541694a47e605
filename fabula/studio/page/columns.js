// Stories side by side: one column for each model, stacked where there is no room.

/** @import { Step } from "./types.js" */
/** @import { Part } from "./chorus.js" */
/** @import { Shop } from "./models.js" */

import { AlternativesPanel } from "./alternatives.js";
import { link } from "./address.js";
import { button, element } from "./elements.js";
import { count } from "./figures.js";
import { phaseAt, phaseClass, phaseWords } from "./phases.js";
import { StoryText } from "./storytext.js";
import { STOPPED } from "./telling.js";

/** @typedef {{ element: HTMLElement, text: StoryText, status: HTMLElement }} Column */

export class Columns {
  /**
   * @param {Shop} shop
   * @param {(id: string) => void} remove
   */
  constructor(shop, remove) {
    this.shop = shop;
    this.remove = remove;
    /** @type {Map<string, Column>} */
    this.columns = new Map();
    this.element = element("div", { class: "columns" });
  }

  /**
   * Show these models, each with what it has told.
   *
   * @param {string[]} models
   * @param {Map<string, Part>} parts
   * @param {Record<string, string>} parameters with which Write tells the same
   */
  show(models, parts, parameters) {
    const runs = new Set(models.map((id) => this.shop.model(id)?.run));
    this.columns = new Map(models.map((id) => [id, this.#column(id, parameters, runs.size > 1)]));
    this.element.replaceChildren(...[...this.columns.values()].map((column) => column.element));
    this.element.dataset.count = String(models.length);
    for (const id of models) {
      const part = parts.get(id);
      if (part) this.grow(id, part, part.steps);
    }
  }

  /** @param {string} id @param {Part} part @param {Step[]} steps what is new */
  grow(id, part, steps) {
    const column = this.columns.get(id);
    if (!column) return;
    column.text.append(steps);
    column.text.growing = !part.reason;
    if (!part.reason) return;
    column.text.end(part.reason);
    column.status.textContent = part.trouble || `${STOPPED[part.reason] ?? part.reason} · ${count(part.steps.length)} tokens`;
    column.status.classList.toggle("problem", Boolean(part.trouble));
  }

  /** Begin all columns again. */
  clear() {
    for (const { text, status } of this.columns.values()) {
      text.clear();
      status.textContent = "";
    }
  }

  /** @param {string} id @param {Record<string, string>} parameters @param {boolean} several runs are shown @returns {Column} */
  #column(id, parameters, several) {
    const model = this.shop.model(id);
    const run = this.shop.run(model?.run);
    const words = this.shop.words(id);
    const place = run && model ? phaseAt(run.phases, model.step ?? 0) : -1;
    const panel = new AlternativesPanel({ ends: (token) => this.shop.ends(id, token), closed: () => text.mark(null) });
    const text = new StoryText({
      label: `${words}, word by word`,
      choose: (index, anchor) => {
        const step = text.steps[index];
        text.mark(index);
        if (step) panel.show(step, index, anchor);
      },
    });
    const status = element("p", { class: "status" });
    const title = run && model?.step !== null && model ? `Step ${count(model.step)}` : (model?.label ?? id);
    const column = element(
      "article",
      { class: `column ${place < 0 ? "" : phaseClass(place)}`, "aria-label": words },
      element(
        "header",
        {},
        element("h2", {}, title),
        element("p", { class: "about" }, run ? `${several ? `${run.label} · ` : ""}${phaseWords(run.phases[place])}` : "A model on its own"),
        button("✕", () => this.remove(id), { class: "quiet close", "aria-label": `Remove ${words}` }),
      ),
      element("div", { class: "paper" }, text.element, panel.element),
      status,
      element("a", { class: "small", href: link("write", { ...parameters, model: id, tell: "1" }), "aria-label": `Go on in Write with ${words}` }, "Go on in Write"),
    );
    return { element: column, text, status };
  }
}
