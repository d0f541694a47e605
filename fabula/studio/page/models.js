// Models and runs as the page speaks of them, and the fields in which one chooses among them.

/** @import { Catalog, Model, Run } from "./types.js" */

import { catalog as fetchCatalog } from "./api.js";
import { element, identifier } from "./elements.js";
import { count } from "./figures.js";

/** What the server tells from; asked for again while a run goes on. */
export class Shop {
  /** @param {Catalog} catalog */
  constructor(catalog) {
    this.catalog = catalog;
    /** @type {Set<() => void>} called when models have come or gone */
    this.listeners = new Set();
  }

  /** Ask again what there is. A failure is told by whatever is asked for next. */
  async refresh() {
    const fresh = await fetchCatalog().catch(() => null);
    if (!fresh || JSON.stringify(fresh) === JSON.stringify(this.catalog)) return;
    this.catalog = fresh;
    for (const listener of this.listeners) listener();
  }

  /** @param {string | null | undefined} id @returns {Model | undefined} */
  model(id) {
    return this.catalog.models.find((one) => one.id === id);
  }

  /** @param {string | null | undefined} id @returns {Run | undefined} */
  run(id) {
    return this.catalog.runs.find((one) => one.id === id);
  }

  /** The checkpoints of a run, by step. @param {Run} run @returns {Model[]} */
  checkpoints(run) {
    return run.models.flatMap((id) => this.model(id) ?? []);
  }

  /** Whether a token ends the stories of a model. @param {string} model @param {number} token */
  ends(model, token) {
    return this.model(model)?.end_of_text?.includes(token) ?? false;
  }

  /** A model in a few words. @param {string} id */
  words(id) {
    const model = this.model(id);
    if (!model) return id;
    const run = this.run(model.run);
    return run && model.step !== null ? `${run.label}, step ${count(model.step)}` : model.label;
  }
}

/**
 * Make a field to choose a model.
 *
 * @param {Shop} shop
 * @param {string} label
 * @param {(id: string) => void} [changed]
 */
export function modelField(shop, label, changed) {
  const id = identifier();
  const select = element("select", { id, onchange: () => changed?.(select.value) });
  const fill = () => {
    const chosen = select.value || shop.catalog.default;
    const single = shop.catalog.models.filter((one) => !shop.run(one.run));
    select.replaceChildren(
      ...single.map((one) => element("option", { value: one.id }, one.label)),
      ...shop.catalog.runs.map((run) =>
        element(
          "optgroup",
          { label: run.label },
          ...shop.checkpoints(run).map((one) => element("option", { value: one.id }, `${run.label}, step ${count(one.step ?? 0)}`)),
        ),
      ),
    );
    select.value = shop.model(chosen) ? chosen : shop.catalog.default;
  };
  fill();
  shop.listeners.add(fill);
  return { element: element("div", { class: "field" }, element("label", { for: id }, label), select), select };
}

/**
 * Make a field to choose a run.
 *
 * @param {Shop} shop
 * @param {(id: string) => void} changed
 */
export function runField(shop, changed) {
  const id = identifier();
  const select = element("select", { id, onchange: () => changed(select.value) });
  const fill = () => {
    const chosen = select.value;
    select.replaceChildren(
      ...shop.catalog.runs.map((run) => element("option", { value: run.id }, run.live ? `${run.label} (live)` : run.label)),
    );
    if (shop.run(chosen)) select.value = chosen;
  };
  fill();
  shop.listeners.add(fill);
  return { element: element("div", { class: "field" }, element("label", { for: id }, "Run"), select), select };
}
