// The curves of a training: loss, compression, learning rate, speed.

/** @import { Metrics, Rows, Run } from "./types.js" */
/** @import { Line } from "./curves.js" */

import { Chart } from "./curves.js";
import { element } from "./elements.js";
import { count, short } from "./figures.js";

/** @type {{ name: keyof Rows, words: string, unit: string, missing: string }[]} */
const CURVES = [
  { name: "loss", words: "Loss", unit: "nats per token", missing: "No step has been logged yet." },
  {
    name: "bits_per_byte",
    words: "Compression",
    unit: "bits per byte",
    missing: "Comes with the run’s own corpus beside it, or with a study of the run.",
  },
  { name: "learning_rate", words: "Learning rate", unit: "", missing: "No step has been logged yet." },
  { name: "tokens_per_second", words: "Speed", unit: "tokens per second", missing: "No step has been logged yet." },
];

export class TrainingCurves {
  constructor() {
    this.panels = CURVES.map((curve) => new Panel(curve));
    this.element = element("section", { class: "curves", "aria-label": "Training" }, ...this.panels.map((panel) => panel.element));
  }

  /** @param {Run} run @param {Metrics} seen @param {boolean} log steps by their logarithm */
  show(run, seen, log) {
    for (const panel of this.panels) panel.show(run, seen, log);
  }
}

class Panel {
  /** @param {(typeof CURVES)[number]} curve */
  constructor({ name, words, unit, missing }) {
    this.name = name;
    this.words = words;
    this.unit = unit;
    this.value = element("output", { class: "value" });
    this.summary = element("p", { class: "unseen" });
    this.marked = element("small", { class: "marked-by", hidden: true }, "points: held-out text, from the study");
    this.missing = element("p", { class: "hint", hidden: true }, missing);
    this.chart = new Chart({ height: 11, sync: "training", point: (step, values) => this.#point(step, values) });
    /** @type {[step: number, value: number] | null} */
    this.last = null;
    this.element = element(
      "figure",
      {},
      element("figcaption", {}, element("h2", {}, words), element("small", {}, unit), this.marked, this.value),
      this.chart.element,
      this.missing,
      this.summary,
    );
  }

  /** @param {Run} run @param {Metrics} seen @param {boolean} log */
  show(run, seen, log) {
    const heldOut = this.name === "bits_per_byte" ? seen.held_out : [];
    const { steps, values, marks } = joined(seen.rows, this.name, heldOut);
    const known = steps.flatMap((step, i) => {
      const value = values[i] ?? marks[i];
      return value === null || value === undefined ? [] : [/** @type {[number, number]} */ ([step, value])];
    });
    this.last = known.at(-1) ?? null;
    this.marked.hidden = !heldOut.length;
    this.missing.hidden = known.length > 0;
    this.chart.element.hidden = !known.length;
    /** @type {Line[]} */
    const lines = [
      { values, colour: "accent" },
      { values: marks, colour: "warm", width: 1, points: true },
    ];
    this.chart.show({ steps, lines, phases: run.phases, ticks: seen.checkpoints.map((one) => one.step), log });
    this.#point(null, []);
    const [first, last] = [known[0], this.last];
    this.summary.textContent = first && last ? `${this.words} went from ${short(first[1])} to ${short(last[1])} ${this.unit}.` : "";
  }

  /** @param {number | null} step @param {(number | null)[]} values */
  #point(step, values) {
    const found = values.find((value) => value !== null && value !== undefined);
    if (step === null) this.value.textContent = this.last ? short(this.last[1]) : "";
    else this.value.textContent = found === undefined || found === null ? "" : `${short(found)} at step ${count(step)}`;
  }
}

/**
 * Put what was logged and what was measured apart from it on the same steps.
 *
 * @param {Rows} rows
 * @param {keyof Rows} name
 * @param {Metrics["held_out"]} heldOut
 */
function joined(rows, name, heldOut) {
  const logged = /** @type {number[]} */ (rows.step);
  if (!heldOut.length) return { steps: logged, values: rows[name], marks: logged.map(() => null) };
  const at = new Map(logged.map((step, i) => [step, rows[name][i] ?? null]));
  const measured = new Map(heldOut.map(([step, bits]) => [step, bits]));
  const steps = [...new Set([...logged, ...measured.keys()])].sort((one, other) => one - other);
  return { steps, values: steps.map((step) => at.get(step) ?? null), marks: steps.map((step) => measured.get(step) ?? null) };
}
