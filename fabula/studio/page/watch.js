// Watch: a training's curves as they grow, what it has learned to do, and a story from every checkpoint.

/** @import { Metrics, Rows, Run } from "./types.js" */
/** @import { Shop } from "./models.js" */

import { note } from "./address.js";
import { metrics, stopped } from "./api.js";
import { choice, element } from "./elements.js";
import { Emergence } from "./emergence.js";
import { count } from "./figures.js";
import { runField } from "./models.js";
import { showTrouble } from "./notices.js";
import { Samples } from "./samples.js";
import { phaseAt, phaseWords } from "./phases.js";
import { TrainingCurves } from "./training.js";

const EVERY = 2000; // ms between two looks at a run that goes on
const LATER = 10_000; // ms until it is tried again when that went wrong

export class WatchView {
  /** @param {Shop} shop */
  constructor(shop) {
    this.shop = shop;
    this.log = false;
    /** @type {Metrics | null} */
    this.seen = null;
    /** @type {string | null} */
    this.shown = null;
    this.control = new AbortController();
    this.timer = 0;
    this.runs = runField(shop, () => this.#choose());
    this.state = element("p", { class: "state" });
    this.trouble = element("div", {});
    this.said = element("p", { class: "unseen", role: "status" });
    this.curves = new TrainingCurves();
    this.emergence = new Emergence(shop);
    this.samples = new Samples(shop);
    this.empty = element("div", { class: "empty", hidden: true }, element("p", {}, "There is no run to watch."), element("p", { class: "hint" }, "Train one with “fabula train nano” and open the studio with “fabula serve runs/nano”: it may be training still."));
    this.scale = choice("Steps", { linear: "Even", log: "Logarithm" }, "linear", (value) => this.#scale(value === "log"));
    this.body = element(
      "div",
      { class: "watch-body" },
      this.curves.element,
      this.samples.element,
      this.emergence.element,
    );
    this.element = element(
      "div",
      { class: "view watch" },
      element("h1", { class: "unseen" }, "Watch"),
      element("div", { class: "row" }, this.runs.element, this.scale, this.state),
      this.trouble,
      this.empty,
      this.body,
      this.said,
    );
  }

  /** @param {URLSearchParams} parameters */
  show(parameters) {
    this.shop.refresh();
    const run = this.shop.run(parameters.get("run")) ?? this.shop.run(this.runs.select.value) ?? this.shop.catalog.runs[0];
    this.empty.hidden = Boolean(run);
    this.body.hidden = this.scale.hidden = this.runs.element.hidden = !run;
    if (!run) return;
    this.runs.select.value = run.id;
    this.#watch(run);
  }

  hide() {
    clearTimeout(this.timer);
    this.control.abort();
  }

  #choose() {
    note({ run: this.runs.select.value });
    const run = this.shop.run(this.runs.select.value);
    if (run) this.#watch(run);
  }

  /** @param {boolean} log */
  #scale(log) {
    this.log = log;
    this.#draw();
    this.emergence.scale(log);
  }

  /** @param {Run} run */
  #watch(run) {
    this.hide();
    this.control = new AbortController();
    if (this.shown !== run.id) {
      this.seen = null;
      this.shown = run.id;
      this.samples.begin(run);
      this.emergence.begin(run);
    }
    this.emergence.look(this.control.signal);
    this.#look(run);
  }

  /** Ask what is new, and again in a while if there may be more. @param {Run} run @returns {Promise<void>} */
  async #look(run) {
    const { signal } = this.control;
    try {
      const news = await metrics(run.id, since(this.seen), signal);
      if (this.trouble.firstChild) this.trouble.replaceChildren();
      if (this.seen && news.last_step < this.seen.last_step) {
        this.seen = null; // It went back to an earlier step and goes on from there.
        return this.#look(run);
      }
      this.#take(run, news);
      if (news.live) this.timer = setTimeout(() => this.#look(run), EVERY);
    } catch (error) {
      if (stopped(error)) return;
      if (!this.trouble.firstChild) showTrouble(this.trouble, error, () => this.#watch(run));
      this.timer = setTimeout(() => this.#look(run), LATER);
    }
  }

  /** @param {Run} run @param {Metrics} news */
  #take(run, news) {
    const before = this.seen;
    const names = /** @type {(keyof Rows)[]} */ (Object.keys(news.rows));
    this.seen = before
      ? { ...news, rows: /** @type {Rows} */ (Object.fromEntries(names.map((name) => [name, [...before.rows[name], ...news.rows[name]]]))) }
      : news;
    const landed = news.checkpoints.filter((one) => !before?.checkpoints.some((old) => old.model === one.model));
    if (before && landed.length) {
      this.said.textContent = `Checkpoint at step ${landed.map((one) => count(one.step)).join(", ")}.`;
      this.shop.refresh();
      this.emergence.look(this.control.signal);
    }
    this.samples.show(news.checkpoints, before !== null);
    if (!before || news.rows.step.length || landed.length || before.live !== news.live) this.#draw();
    this.#say(run);
  }

  /** @param {Run} run */
  #say(run) {
    const seen = this.seen;
    if (!seen) return;
    const phase = run.phases[phaseAt(run.phases, seen.last_step)];
    const speed = seen.rows.tokens_per_second.at(-1);
    this.state.replaceChildren(
      element("span", { class: seen.live ? "live on" : "live" }, seen.live ? "Training" : seen.last_step >= seen.steps ? "Finished" : "Resting"),
      `step ${count(Math.max(0, seen.last_step))} of ${count(seen.steps)} · ${phaseWords(phase)}${seen.live && speed ? ` · ${count(speed)} tokens/s` : ""}`,
    );
  }

  #draw() {
    const [run, seen] = [this.shop.run(this.shown), this.seen];
    if (!run || !seen) return;
    this.curves.show(run, seen, this.log);
  }
}

/** The last step that is known. @param {Metrics | null} seen @returns {number | undefined} */
function since(seen) {
  return seen && seen.last_step >= 0 ? seen.last_step : undefined;
}
