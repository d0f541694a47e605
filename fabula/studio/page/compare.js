// Compare: the same beginning and the same luck, told by several checkpoints side by side, or through a whole training.

/** @import { Step } from "./types.js" */
/** @import { Shop } from "./models.js" */

import { note } from "./address.js";
import { BEGINNINGS } from "./beginnings.js";
import { Chooser } from "./chooser.js";
import { Chorus } from "./chorus.js";
import { colouringControl } from "./colours.js";
import { Columns } from "./columns.js";
import { button, choice, element, identifier, setChoice } from "./elements.js";
import { Knobs } from "./knobs.js";
import { runField } from "./models.js";
import { showTrouble } from "./notices.js";
import { onePerPhase } from "./phases.js";
import { Scrub } from "./scrub.js";

const SHOWN = 5; // alternatives of each token
const WAYS = { side: "Side by side", scrub: "Through training" };

export class CompareView {
  /** @param {Shop} shop */
  constructor(shop) {
    this.shop = shop;
    this.way = "side";
    /** @type {string[]} */
    this.chosen = [];
    /** @type {string | null} */
    this.asked = null; // the run for which `chosen` was made
    this.knobs = new Knobs(shop.catalog.sampling);
    this.chorus = new Chorus((model, steps) => this.#grow(model, steps));
    this.columns = new Columns(shop, (id) => this.#choose(id, false));
    this.chooser = new Chooser(shop, (id, chosen) => this.#choose(id, chosen));
    this.scrub = new Scrub((step) => note({ at: step }, { replace: true }));
    this.runs = runField(shop, () => this.#run());
    this.prompt = element("textarea", { id: identifier(), rows: 1, spellcheck: "true" });
    this.prompt.value = BEGINNINGS[0] ?? "";
    this.ways = choice("Show", WAYS, this.way, (way) => this.#way(way));
    this.stop = button("Stop", () => this.chorus.stop(), { class: "quiet", hidden: true });
    this.trouble = element("div", {});
    this.hint = element("p", { class: "hint" });
    this.said = element("p", { class: "unseen", role: "status" });
    this.element = this.#layout();
    shop.listeners.add(() => this.#refresh());
  }

  /** @param {URLSearchParams} parameters */
  show(parameters) {
    this.shop.refresh();
    this.knobs.recall();
    this.knobs.read(parameters);
    const asked = this.shop.run(parameters.get("run")) ?? this.shop.run(this.runs.select.value) ?? this.shop.catalog.runs[0];
    if (asked) this.runs.select.value = asked.id;
    const way = parameters.get("show");
    if (way !== null || parameters.has("prompt")) this.way = way === "scrub" ? "scrub" : "side";
    setChoice(this.ways, this.way);
    const models = parameters.get("models")?.split(",").filter((id) => this.shop.model(id));
    if (models?.length) [this.chosen, this.asked] = [models, asked?.id ?? null];
    const prompt = parameters.get("prompt");
    if (prompt !== null) this.prompt.value = prompt;
    const at = Number(parameters.get("at") ?? NaN);
    this.#refresh(Number.isFinite(at) ? at : null);
    if (prompt !== null && !this.chorus.fits(this.#beginning())) this.#tell();
  }

  hide() {
    this.scrub.hide();
  }

  #layout() {
    const form = element(
      "form",
      { class: "begin" },
      element("label", { for: this.prompt.id, class: "question" }, "How does the story begin?"),
      this.prompt,
      element(
        "div",
        { class: "row" },
        this.runs.element,
        this.ways,
        element(
          "div",
          { class: "actions" },
          element("button", { type: "submit", class: "main" }, "Tell"),
          button("Another", () => this.#another(), { class: "quiet" }),
          this.stop,
        ),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#tell();
    });
    this.prompt.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey) return;
      event.preventDefault();
      this.#tell();
    });
    return element(
      "div",
      { class: "view compare" },
      element("h1", { class: "unseen" }, "Compare"),
      element("div", { class: "top-row" }, form, element("details", { class: "more knobs-drawer" }, element("summary", {}, "How it is told"), this.knobs.element)),
      this.trouble,
      this.chooser.element,
      element("div", { class: "row under" }, colouringControl(), this.chooser.elsewhere),
      this.hint,
      this.columns.element,
      this.scrub.element,
      this.said,
    );
  }

  get #current() {
    return this.shop.run(this.runs.select.value) ?? null;
  }

  /** @returns {import("./chorus.js").Beginning} */
  #beginning() {
    return { prompt: this.prompt.value, after: [], sampling: this.knobs.values, alternatives: SHOWN };
  }

  /** Show what is chosen with what has been told. @param {number | null} [at] */
  #refresh(at = null) {
    const run = this.#current;
    const scrubbing = this.way === "scrub" && run !== null;
    if (run && this.asked !== run.id) {
      this.asked = run.id;
      this.chosen = onePerPhase(run, this.shop.checkpoints(run));
    } else if (!run && !this.chosen.length) this.chosen = [this.shop.catalog.default];
    this.chosen = this.#sorted(this.chosen.filter((id) => this.shop.model(id)));
    this.chooser.element.hidden = scrubbing || !run;
    this.chooser.elsewhere.hidden = scrubbing;
    if (run) this.chooser.show(run, this.chosen);
    this.columns.element.hidden = scrubbing;
    this.scrub.element.hidden = !scrubbing;
    if (scrubbing) this.scrub.show(run, this.shop.checkpoints(run), this.chorus.parts, this.prompt.value, at);
    else this.columns.show(this.chosen, this.chorus.parts, this.#parameters());
    this.#hint();
  }

  #hint() {
    this.stop.hidden = !this.chorus.singing;
    const told = this.chorus.parts.size > 0;
    this.hint.hidden = told;
    this.hint.textContent = !this.shop.catalog.runs.length
      ? "No run was given to “fabula serve”: there is nothing to compare along a training. Start it with a run or a series, for instance models/series."
      : this.way === "scrub"
        ? "Tell, and every checkpoint of the run tells the same beginning. Then move the slider from the first step to the last, and watch the story appear."
        : "Tell, and each of these checkpoints goes on from the same beginning, with the same luck. What differs is only how long each has been trained.";
  }

  #parameters() {
    const knobs = Object.entries(this.knobs.parameters).filter(([, value]) => value !== null);
    return { ...Object.fromEntries(knobs.map(([name, value]) => [name, String(value)])), prompt: this.prompt.value };
  }

  async #tell() {
    const run = this.#current;
    const models = this.way === "scrub" && run ? this.shop.checkpoints(run).map((one) => one.id) : this.chosen;
    note({ ...this.knobs.parameters, ...this.#address(), prompt: this.prompt.value });
    this.trouble.replaceChildren();
    const told = this.chorus.tell(models, this.#beginning());
    this.#refresh();
    this.said.textContent = `${models.length} models are telling.`;
    try {
      await told;
      if (!this.chorus.singing) this.said.textContent = "All have told.";
    } catch (error) {
      showTrouble(this.trouble, error, () => this.#tell());
    }
    this.#hint();
  }

  #another() {
    this.knobs.seed += 1;
    this.#tell();
  }

  #address() {
    const run = this.#current;
    const usual = run ? this.#sorted(onePerPhase(run, this.shop.checkpoints(run))).join() : "";
    return {
      run: run?.id ?? null,
      show: this.way === "scrub" ? "scrub" : null,
      at: this.way === "scrub" ? (this.scrub.model?.step ?? null) : null,
      models: this.chosen.join() === usual ? null : this.chosen.join(),
    };
  }

  #run() {
    this.asked = null;
    this.#changed();
  }

  /** @param {string} way */
  #way(way) {
    this.scrub.hide();
    this.way = way;
    this.#changed();
  }

  /** @param {string} id @param {boolean} chosen */
  #choose(id, chosen) {
    this.chosen = [...this.chosen.filter((one) => one !== id), ...(chosen ? [id] : [])];
    this.#changed();
  }

  /** Something else is to be seen: show it, and have told what is missing. */
  #changed() {
    this.#refresh();
    note(this.#address());
    if (this.chorus.parts.size) this.#tell();
  }

  /** Models run by run, by step. @param {string[]} ids */
  #sorted(ids) {
    const order = this.shop.catalog.models.map((one) => one.id);
    return [...new Set(ids)].sort((one, other) => order.indexOf(one) - order.indexOf(other));
  }

  /** @param {string} model @param {Step[]} steps */
  #grow(model, steps) {
    const part = this.chorus.parts.get(model);
    if (!part) return;
    if (this.way === "scrub") this.scrub.grow(model, part, steps);
    else this.columns.grow(model, part, steps);
  }
}
