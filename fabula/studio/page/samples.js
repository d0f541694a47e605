// A story from every checkpoint of a run, the newest first, told when it is asked for.

/** @import { Run } from "./types.js" */
/** @import { Shop } from "./models.js" */

import { BEGINNINGS } from "./beginnings.js";
import { Chorus } from "./chorus.js";
import { button, element, identifier } from "./elements.js";
import { count } from "./figures.js";
import { showTrouble } from "./notices.js";
import { capital, phaseAt, phaseClass } from "./phases.js";
import { StoryText } from "./storytext.js";

const LONGEST = 120; // tokens: a sample, not a whole story

/** @typedef {{ element: HTMLElement, text: StoryText, tell: HTMLButtonElement }} Row */

export class Samples {
  /** @param {Shop} shop */
  constructor(shop) {
    this.shop = shop;
    /** @type {Run | null} */
    this.run = null;
    /** @type {Map<string, Row>} */
    this.rows = new Map();
    this.chorus = new Chorus((model) => this.#grow(model));
    this.prompt = element("input", { id: identifier(), type: "text", autocomplete: "off" });
    this.prompt.value = BEGINNINGS[0] ?? "";
    this.list = element("ol", { class: "samples-list", reversed: true });
    this.trouble = element("div", {});
    const form = element(
      "form",
      { class: "row" },
      element("div", { class: "field wide" }, element("label", { for: this.prompt.id }, "Beginning"), this.prompt),
      element("button", { type: "submit" }, "Tell from all"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#tell([...this.rows.keys()]);
    });
    this.element = element("section", { class: "samples", "aria-label": "Stories by checkpoint" }, element("h2", {}, "Stories by checkpoint"), form, this.trouble, this.list);
  }

  /** @param {Run} run */
  begin(run) {
    this.run = run;
    this.chorus.stop();
    this.chorus.parts.clear();
    this.rows.clear();
    this.list.replaceChildren();
  }

  /** @param {{ model: string, step: number }[]} checkpoints by step @param {boolean} live whether new ones have just landed */
  show(checkpoints, live) {
    for (const { model, step } of checkpoints) {
      if (this.rows.has(model)) continue;
      const row = this.#row(model, step);
      row.element.classList.toggle("landed", live);
      this.rows.set(model, row);
      this.list.prepend(row.element);
    }
    for (const [model, row] of this.rows) {
      if (checkpoints.some((one) => one.model === model)) continue;
      row.element.remove();
      this.rows.delete(model);
    }
  }

  /** @param {string} model @param {number} step @returns {Row} */
  #row(model, step) {
    const place = this.run ? phaseAt(this.run.phases, step) : 0;
    const text = new StoryText({ label: `Story of step ${count(step)}, word by word` });
    const tell = button("Tell", () => this.#tell([model]), { class: "quiet small", "aria-label": `Tell from step ${count(step)}` });
    const row = element(
      "li",
      { class: `sample ${phaseClass(place)}` },
      element("div", {}, element("h3", {}, `Step ${count(step)}`), element("p", { class: "about" }, capital(this.run?.phases[place]?.name ?? ""))),
      text.element,
      tell,
    );
    text.element.hidden = true;
    return { element: row, text, tell };
  }

  /** @param {string[]} models */
  async #tell(models) {
    const sampling = { temperature: 0.7, max_new_tokens: LONGEST, seed: 0 };
    this.trouble.replaceChildren();
    try {
      await this.chorus.tell(models, { prompt: this.prompt.value, after: [], sampling, alternatives: 0 });
    } catch (error) {
      showTrouble(this.trouble, error, () => this.#tell(models));
    }
  }

  /** @param {string} model */
  #grow(model) {
    const [row, part] = [this.rows.get(model), this.chorus.parts.get(model)];
    if (!row || !part) return;
    row.text.element.hidden = false;
    row.tell.hidden = true;
    if (row.text.steps.length > part.steps.length) row.text.clear();
    row.text.append(part.steps.slice(row.text.steps.length));
    row.text.growing = !part.reason;
    if (!part.reason) return;
    row.text.end(part.reason);
    row.tell.hidden = part.reason !== "cancelled";
    if (part.trouble) row.text.before.textContent = part.trouble;
  }
}
