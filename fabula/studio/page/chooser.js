// Which checkpoints are compared: those of a run grouped by phase, and any other model beside them.

/** @import { Run } from "./types.js" */
/** @import { Shop } from "./models.js" */

import { element } from "./elements.js";
import { count } from "./figures.js";
import { modelField } from "./models.js";
import { capital, phaseAt, phaseClass } from "./phases.js";

export class Chooser {
  /**
   * @param {Shop} shop
   * @param {(id: string, chosen: boolean) => void} changed
   */
  constructor(shop, changed) {
    this.shop = shop;
    this.changed = changed;
    this.phases = element("div", { class: "phases" });
    const other = modelField(shop, "Model");
    other.select.addEventListener("change", () => changed(other.select.value, true));
    this.elsewhere = element("details", { class: "more" }, element("summary", {}, "Add a model from elsewhere"), other.element);
    this.element = element("div", { class: "chooser" }, this.phases);
  }

  /** @param {Run} run @param {string[]} chosen */
  show(run, chosen) {
    const focused = document.activeElement instanceof HTMLInputElement ? document.activeElement.value : "";
    const checkpoints = this.shop.checkpoints(run);
    this.phases.replaceChildren(
      ...run.phases.map((phase, place) =>
        element(
          "fieldset",
          { class: `phase ${phaseClass(place)}` },
          element("legend", {}, capital(phase.name), element("small", {}, ` ${count(phase.start)}–${count(phase.end)}`)),
          ...checkpoints
            .filter((one) => phaseAt(run.phases, one.step ?? 0) === place)
            .map((one) => this.#chip(one.id, count(one.step ?? 0), chosen.includes(one.id))),
        ),
      ),
    );
    if (focused) for (const input of this.phases.querySelectorAll("input")) if (input.value === focused) input.focus();
  }

  /** @param {string} id @param {string} words @param {boolean} checked */
  #chip(id, words, checked) {
    const input = element("input", { type: "checkbox", value: id, checked, onchange: () => this.changed(id, input.checked) });
    return element("label", { class: "chip" }, input, element("span", {}, element("span", { class: "unseen" }, "step "), words));
  }
}
