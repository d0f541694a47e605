// Through training: a slider over all checkpoints of a run, and the story that each of them tells.

/** @import { Model, Run, Step } from "./types.js" */
/** @import { Part } from "./chorus.js" */

import { button, element, identifier } from "./elements.js";
import { count } from "./figures.js";
import { bands, phaseAt, phaseWords } from "./phases.js";
import { StoryText } from "./storytext.js";
import { STOPPED } from "./telling.js";

const PACE = 1600; // ms for each checkpoint when training plays by itself

export class Scrub {
  /** @param {(step: number) => void} moved the slider stands at another checkpoint */
  constructor(moved) {
    this.moved = moved;
    /** @type {Run | null} */
    this.run = null;
    /** @type {Model[]} */
    this.models = [];
    /** @type {Map<string, Part>} */
    this.parts = new Map();
    this.prompt = "";
    this.timer = 0;
    const id = identifier();
    this.slider = element("input", { id, type: "range", min: 0, step: 1, class: "scrubber", oninput: () => this.#move() });
    this.step = element("strong", { class: "step" });
    this.phase = element("span", { class: "about" });
    this.text = new StoryText({ label: "The story at this step, word by word" });
    this.status = element("p", { class: "status" });
    this.track = element("div", { class: "track" });
    this.play = button("Play", () => this.#play(!this.timer), { class: "quiet" });
    this.element = element(
      "div",
      { class: "scrub" },
      element("div", { class: "where" }, this.step, this.phase, this.play),
      element("label", { for: id, class: "unseen" }, "Checkpoint"),
      this.slider,
      this.track,
      element("div", { class: "paper" }, this.text.element),
      this.status,
    );
  }

  get model() {
    return this.models[Number(this.slider.value)] ?? null;
  }

  /**
   * @param {Run} run
   * @param {Model[]} models its checkpoints by step
   * @param {Map<string, Part>} parts
   * @param {string} prompt
   * @param {number | null} at the step where the slider stands; null: where it is, or at the end
   */
  show(run, models, parts, prompt, at) {
    const before = at ?? this.model?.step ?? Infinity;
    [this.run, this.models, this.parts, this.prompt] = [run, models, parts, prompt];
    this.slider.max = String(Math.max(0, models.length - 1));
    const place = models.findLastIndex((one) => (one.step ?? 0) <= before);
    this.slider.value = String(Math.max(0, place));
    const steps = models.map((one) => one.step ?? 0);
    this.track.replaceChildren(bands(run, steps, (phase) => this.#jump(phase)));
    this.#draw();
  }

  /** @param {string} id @param {Part} part @param {Step[]} steps what is new */
  grow(id, part, steps) {
    if (id !== this.model?.id) return;
    if (this.text.steps.length + steps.length === part.steps.length) this.text.append(steps);
    else this.#draw();
    this.#state(part);
  }

  hide() {
    this.#play(false);
  }

  /** @param {number} phase */
  #jump(phase) {
    const run = this.run;
    const place = run ? this.models.findLastIndex((one) => phaseAt(run.phases, one.step ?? 0) === phase) : -1;
    if (place < 0) return;
    this.slider.value = String(place);
    this.#move();
  }

  #move() {
    this.#draw();
    if (this.model) this.moved(this.model.step ?? 0);
  }

  #draw() {
    const model = this.model;
    if (!this.run || !model) return;
    const step = model.step ?? 0;
    const phase = phaseWords(this.run.phases[phaseAt(this.run.phases, step)]);
    this.step.textContent = `Step ${count(step)}`;
    this.phase.textContent = phase;
    this.slider.setAttribute("aria-valuetext", `Step ${count(step)}. ${phase}`);
    this.text.clear(this.prompt);
    const part = this.parts.get(model.id);
    this.text.growing = false;
    this.status.textContent = "";
    if (!part) return;
    this.text.append(part.steps);
    this.#state(part);
  }

  /** @param {Part} part */
  #state(part) {
    this.text.growing = !part.reason;
    if (part.reason) this.text.end(part.reason);
    this.status.textContent = part.trouble || (part.reason ? `${STOPPED[part.reason] ?? part.reason} · ${count(part.steps.length)} tokens` : "");
    this.status.classList.toggle("problem", Boolean(part.trouble));
  }

  /** @param {boolean} on */
  #play(on) {
    clearInterval(this.timer);
    this.timer = 0;
    this.play.textContent = on ? "Pause" : "Play";
    if (!on) return;
    if (Number(this.slider.value) >= this.models.length - 1) this.slider.value = "0";
    this.#move();
    this.timer = setInterval(() => {
      this.slider.value = String(Number(this.slider.value) + 1);
      this.#move();
      if (Number(this.slider.value) >= this.models.length - 1) this.#play(false);
    }, PACE);
  }
}
