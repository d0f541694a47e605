// The phases of a training: which checkpoint belongs to which, and how they are drawn.

/** @import { Model, Phase, Run } from "./types.js" */

import { element } from "./elements.js";
import { count } from "./figures.js";

/** The phase that a step belongs to; a boundary ends the phase before it. @param {Phase[]} phases @param {number} step */
export function phaseAt(phases, step) {
  const place = phases.findIndex((phase) => step <= phase.end);
  return place < 0 ? phases.length - 1 : place;
}

/** A phase with its steps in words. @param {Phase | undefined} phase */
export function phaseWords(phase) {
  return phase ? `${capital(phase.name)}, steps ${count(phase.start)}–${count(phase.end)}` : "";
}

/** @param {string} words */
export function capital(words) {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The last checkpoint of each phase: what each has led to. @param {Run} run @param {Model[]} checkpoints @returns {string[]} */
export function onePerPhase(run, checkpoints) {
  const last = run.phases.map((_, place) => checkpoints.findLast((one) => phaseAt(run.phases, one.step ?? 0) === place)?.id);
  const chosen = last.filter((id) => id !== undefined);
  return chosen.length ? chosen : checkpoints.slice(-1).map((one) => one.id);
}

/** The colour class of a phase: the later, the deeper. @param {number} place */
export function phaseClass(place) {
  return `phase-${Math.min(place, 5) + 1}`;
}

/**
 * Draw the phases as bands over the checkpoints, which stand side by side at even distances.
 *
 * @param {Run} run
 * @param {number[]} steps of the checkpoints, ascending
 * @param {(place: number) => void} choose a band was clicked
 */
export function bands(run, steps, choose) {
  const last = Math.max(steps.length - 1, 1);
  const band = element("div", { class: "bands", "aria-hidden": "true" });
  run.phases.forEach((phase, place) => {
    const start = position(steps, phase.start) / last;
    const end = position(steps, phase.end) / last;
    if (end <= start) return;
    const part = element(
      "div",
      { class: `band ${phaseClass(place)}`, title: phaseWords(phase), onclick: () => choose(place) },
      element("span", { class: "name" }, phase.name),
      element("span", { class: "range" }, `${count(phase.start)}–${count(phase.end)}`),
    );
    part.style.setProperty("--start", `${start * 100}%`);
    part.style.setProperty("--width", `${(end - start) * 100}%`);
    band.append(part);
  });
  return band;
}

/** Where a step lies among checkpoints, counted in checkpoints. @param {number[]} steps @param {number} step */
function position(steps, step) {
  const after = steps.findIndex((one) => one >= step);
  if (after < 0) return steps.length - 1;
  const [low, high] = [steps[after - 1], steps[after]];
  if (low === undefined || high === undefined || high === low) return after;
  return after - 1 + (step - low) / (high - low);
}
