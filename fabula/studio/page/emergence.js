// What a run has learned to do, probe by probe: small curves with their intervals, chance, baseline and claimed window.

/** @import { ProbeCurve, Run } from "./types.js" */
/** @import { Shop } from "./models.js" */

import { Trouble, study, stopped } from "./api.js";
import { Chart } from "./curves.js";
import { element } from "./elements.js";
import { count, short } from "./figures.js";
import { showTrouble } from "./notices.js";

export class Emergence {
  /** @param {Shop} shop */
  constructor(shop) {
    this.shop = shop;
    /** @type {Run | null} */
    this.run = null;
    /** @type {ProbeCurve[]} */
    this.probes = [];
    this.log = false;
    this.shown = "";
    /** @type {{ chart: Chart, probe: ProbeCurve }[]} */
    this.charts = [];
    this.body = element("div", {});
    this.trouble = element("div", {});
    this.element = element("section", { class: "emergence", "aria-label": "What it has learned" }, element("h2", {}, "What it has learned"), this.trouble, this.body);
  }

  /** @param {Run} run */
  begin(run) {
    this.run = run;
    this.shown = "";
    this.body.replaceChildren();
  }

  /** @param {boolean} log */
  scale(log) {
    this.log = log;
    for (const { chart, probe } of this.charts) this.#draw(chart, probe);
  }

  /** Ask what was measured. @param {AbortSignal} signal */
  async look(signal) {
    const run = this.shop.run(this.run?.id);
    if (!run) return;
    if (!run.has_study) return this.#teach(run);
    try {
      const probes = await study(run.id, signal);
      this.trouble.replaceChildren();
      const fresh = JSON.stringify(probes);
      if (fresh === this.shown) return;
      this.shown = fresh;
      this.#show(probes);
    } catch (error) {
      if (stopped(error)) return;
      if (error instanceof Trouble && error.status === 404) this.#teach(run);
      else showTrouble(this.trouble, error, () => this.look(signal));
    }
  }

  /** @param {Run} run */
  #teach(run) {
    this.charts = [];
    this.body.replaceChildren(
      element("div", { class: "empty" }, element("p", {}, `What ${run.label} can do has not been measured yet.`), element("p", { class: "hint" }, "“fabula study” asks every checkpoint the same questions: does the verb agree, who is “she”, why is Tom sad? Its curves appear here.")),
    );
  }

  /** @param {ProbeCurve[]} probes */
  #show(probes) {
    const claims = [...new Set(probes.map((one) => one.claim))];
    this.charts = [];
    this.body.replaceChildren(
      legend(),
      ...claims.map((claim) =>
        element(
          "div",
          { class: "claim" },
          element("h3", {}, claim),
          element("div", { class: "multiples" }, ...probes.filter((one) => one.claim === claim).map((one) => this.#panel(one))),
        ),
      ),
    );
    for (const { chart, probe } of this.charts) this.#draw(chart, probe);
  }

  /** @param {ProbeCurve} probe */
  #panel(probe) {
    const points = measured(probe);
    const [first, last] = [points[0], points.at(-1)];
    const value = element("output", { class: "value" });
    const point = (/** @type {number | null} */ step) => {
      const at = points.find((one) => one.step === step);
      value.textContent = at ? `${short(at.value)} at step ${count(at.step)}` : last ? short(last.value) : "";
    };
    point(null);
    const chart = new Chart({ height: 7.5, sync: "emergence", point });
    this.charts.push({ chart, probe });
    const words =
      first && last
        ? `From ${short(first.value)} at step ${count(first.step)} to ${short(last.value)} at step ${count(last.step)}, between ${short(last.low)} and ${short(last.high)}.`
        : "";
    return element(
      "figure",
      {},
      element("figcaption", {}, element("h4", { title: probe.probe }, probe.title), value, element("p", {}, probe.sentence)),
      chart.element,
      element("p", { class: "unseen" }, words),
    );
  }

  /** @param {Chart} chart @param {ProbeCurve} probe */
  #draw(chart, probe) {
    const points = measured(probe);
    const levels = [
      ...(probe.chance === null ? [] : [{ value: probe.chance, dash: [2, 3] }]),
      ...(probe.baseline === null ? [] : [{ value: probe.baseline, dash: [7, 4] }]),
    ];
    chart.show({
      steps: points.map((one) => one.step),
      lines: [
        { values: points.map((one) => one.high), colour: "accent", width: 0 },
        { values: points.map((one) => one.low), colour: "accent", width: 0 },
        { values: points.map((one) => one.value), colour: "accent", width: 2, points: true },
      ],
      band: [1, 2],
      window: probe.window,
      levels,
      log: this.log,
      range: around([...points.flatMap((one) => [one.low, one.high]), ...levels.map((level) => level.value)]),
    });
  }
}

/** The points that have a value; one without an interval is as wide as its value. @param {ProbeCurve} probe */
function measured(probe) {
  return probe.points.flatMap(([step, value, low, high]) => (value === null ? [] : [{ step, value, low: low ?? value, high: high ?? value }]));
}

function legend() {
  const entry = (/** @type {string} */ kind, /** @type {string} */ words) => element("li", {}, element("span", { class: `key ${kind}`, "aria-hidden": "true" }), words);
  return element(
    "ul",
    { class: "legend" },
    entry("line", "measured, with its interval"),
    entry("dotted", "chance"),
    entry("dashed", "a simple baseline"),
    entry("window", "where it is claimed to emerge"),
  );
}

/** A range with some air around values. @param {number[]} values @returns {[number, number]} */
function around(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const air = (high - low || 1) * 0.08;
  return [low - air, high + air];
}
