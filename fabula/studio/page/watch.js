// Watch: a training's curves as they grow, what it has learned to do, and a story from every checkpoint.

/** @import { Metrics, Rows, Run } from "./types.js" */
/** @import { Shop } from "./models.js" */
/** @import { Line } from "./curves.js" */

import { note } from "./address.js";
import { metrics, stopped } from "./api.js";
import { Chart } from "./curves.js";
import { choice, element } from "./elements.js";
import { Emergence } from "./emergence.js";
import { count, short } from "./figures.js";
import { runField } from "./models.js";
import { showTrouble } from "./notices.js";
import { Samples } from "./samples.js";
import { phaseAt, phaseWords } from "./phases.js";

const EVERY = 2000; // ms between two looks at a run that goes on

/** @type {{ name: keyof Rows, words: string, unit: string }[]} */
const CURVES = [
  { name: "loss", words: "Loss", unit: "nats per token" },
  { name: "bits_per_byte", words: "Compression", unit: "bits per byte" },
  { name: "learning_rate", words: "Learning rate", unit: "" },
  { name: "tokens_per_second", words: "Speed", unit: "tokens per second" },
];

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
    this.panels = CURVES.map((curve) => this.#panel(curve));
    this.emergence = new Emergence();
    this.samples = new Samples(shop);
    this.empty = element("div", { class: "empty", hidden: true }, element("p", {}, "There is no run to watch."), element("p", { class: "hint" }, "Train one with “fabula train nano” and open the studio with “fabula serve runs/nano”: it may be training still."));
    this.scale = choice("Steps", { linear: "Even", log: "Logarithm" }, "linear", (value) => this.#scale(value === "log"));
    this.body = element(
      "div",
      { class: "watch-body" },
      element("section", { class: "curves", "aria-label": "Training" }, ...this.panels.map((panel) => panel.element)),
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
      const news = await metrics(run.id, this.seen?.last_step ?? -1, signal);
      if (this.trouble.firstChild) this.trouble.replaceChildren();
      if (this.seen && news.last_step < this.seen.last_step) {
        this.seen = null; // It went back to an earlier step and goes on from there.
        return this.#look(run);
      }
      this.#take(run, news);
      if (news.live) this.timer = setTimeout(() => this.#look(run), EVERY);
    } catch (error) {
      if (stopped(error)) return;
      showTrouble(this.trouble, error, () => this.#look(run));
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
    for (const panel of this.panels) panel.draw(run, seen, this.log);
  }

  /** @param {(typeof CURVES)[number]} curve */
  #panel({ name, words, unit }) {
    const value = element("output", { class: "value" });
    const summary = element("p", { class: "unseen" });
    /** @type {Metrics | null} */
    let shown = null;
    /** @param {number | null} index */
    const point = (index) => {
      const rows = shown?.rows;
      const at = index ?? (rows?.[name].findLastIndex((one) => one !== null) ?? -1);
      const [found, step] = [rows?.[name][at], rows?.step[at]];
      value.textContent = found === null || found === undefined ? "" : `${short(found)}${index === null ? "" : ` at step ${count(step ?? 0)}`}`;
    };
    const chart = new Chart({ height: 11, sync: "training", point: (index) => point(index === null ? null : index + offset()) });
    const offset = () => (chart.shape?.log ? Math.max(0, chart.shape.steps.findIndex((step) => step >= 1)) : 0);
    const nothing = element("p", { class: "hint", hidden: true }, "Not measured in this run.");
    const panel = element("figure", {}, element("figcaption", {}, element("h2", {}, words), element("small", {}, unit), value), chart.element, nothing, summary);
    /** @param {Run} run @param {Metrics} seen @param {boolean} log */
    const draw = (run, seen, log) => {
      shown = seen;
      const values = seen.rows[name];
      const some = values.filter((one) => one !== null);
      nothing.hidden = some.length > 0;
      chart.element.hidden = !some.length;
      /** @type {Line[]} */
      const lines = [{ values, colour: "accent" }];
      const steps = /** @type {number[]} */ (seen.rows.step);
      chart.show({ steps, lines, phases: run.phases, ticks: seen.checkpoints.map((one) => one.step), log });
      point(null);
      summary.textContent = some.length ? `${words} went from ${short(some[0] ?? 0)} to ${short(some.at(-1) ?? 0)} ${unit}.` : "";
    };
    return { element: panel, draw };
  }
}
