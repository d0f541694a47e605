// What a run has learned to do, probe by probe: small curves with their intervals, chance, baseline and claimed window.

/** @import { ProbeCurve, Run } from "./types.js" */

import { Trouble, study, stopped } from "./api.js";
import { Chart } from "./curves.js";
import { element } from "./elements.js";
import { count, short } from "./figures.js";
import { showTrouble } from "./notices.js";
import { capital } from "./phases.js";

export class Emergence {
  constructor() {
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
    const run = this.run;
    if (!run) return;
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
          element("h3", {}, capital(claim.replaceAll(/[_-]/g, " "))),
          element("div", { class: "multiples" }, ...probes.filter((one) => one.claim === claim).map((one) => this.#panel(one))),
        ),
      ),
    );
    for (const { chart, probe } of this.charts) this.#draw(chart, probe);
  }

  /** @param {ProbeCurve} probe */
  #panel(probe) {
    const [first, last] = [probe.points[0], probe.points.at(-1)];
    const value = element("output", { class: "value" }, last ? short(last[1]) : "");
    const point = (/** @type {number | null} */ index) => {
      const at = index === null ? last : probe.points[index + (this.log && probe.points[0]?.[0] === 0 ? 1 : 0)];
      value.textContent = at ? (index === null ? short(at[1]) : `${short(at[1])} at step ${count(at[0])}`) : "";
    };
    const chart = new Chart({ height: 7.5, sync: "emergence", point });
    this.charts.push({ chart, probe });
    const words = first && last ? `From ${short(first[1])} at step ${count(first[0])} to ${short(last[1])} at step ${count(last[0])}, interval ${short(last[2])} to ${short(last[3])}.` : "";
    return element(
      "figure",
      {},
      element("figcaption", {}, element("h4", {}, probe.probe), value, element("p", {}, probe.sentence)),
      chart.element,
      element("p", { class: "unseen" }, words),
    );
  }

  /** @param {Chart} chart @param {ProbeCurve} probe */
  #draw(chart, probe) {
    const column = (/** @type {1 | 2 | 3} */ place) => probe.points.map((point) => point[place]);
    const levels = [
      ...(probe.chance === null ? [] : [{ value: probe.chance, dash: [2, 3] }]),
      ...(probe.baseline === null ? [] : [{ value: probe.baseline, dash: [7, 4] }]),
    ];
    chart.show({
      steps: probe.points.map((point) => point[0]),
      lines: [
        { values: column(3), colour: "accent", width: 0 },
        { values: column(2), colour: "accent", width: 0 },
        { values: column(1), colour: "accent", width: 2, points: true },
      ],
      band: [1, 2],
      phases: this.run?.phases ?? [],
      window: probe.window,
      levels,
      log: this.log,
      range: around([...column(2), ...column(3), ...levels.map((level) => level.value)]),
    });
  }
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
  const known = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const air = (high - low || 1) * 0.08;
  return [low - air, high + air];
}
