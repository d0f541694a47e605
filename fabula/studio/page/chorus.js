// The same beginning told by several models at once: what each has told so far.

/** @import { Order, Step } from "./types.js" */

import { stories, stopped } from "./api.js";

const AT_ONCE = 40; // models of one request

/**
 * @typedef {object} Part
 * @property {Step[]} steps
 * @property {string} reason why it stopped; "": it goes on
 * @property {number} seconds
 * @property {string} trouble what went wrong; "": nothing
 *
 * @typedef {Omit<Order, "models">} Beginning
 */

export class Chorus {
  /** @param {(model: string, steps: Step[]) => void} changed a model told more, or stopped */
  constructor(changed) {
    this.changed = changed;
    /** @type {Map<string, Part>} */
    this.parts = new Map();
    this.key = "";
    /** @type {Set<AbortController>} one for each request under way */
    this.under = new Set();
  }

  get singing() {
    return this.under.size > 0;
  }

  /** Whether what was told belongs to this beginning. @param {Beginning} beginning */
  fits(beginning) {
    return this.key === JSON.stringify(beginning);
  }

  /**
   * Have models tell; those that have told the same already, or are just telling it, are left in peace.
   *
   * @param {string[]} models
   * @param {Beginning} beginning
   * @throws {import("./api.js").Trouble} the server refused
   */
  async tell(models, beginning) {
    if (!this.fits(beginning)) {
      this.stop();
      this.parts.clear();
    }
    this.key = JSON.stringify(beginning);
    const missing = models.filter((model) => (this.parts.get(model)?.reason ?? "cancelled") === "cancelled");
    /** @type {Map<string, Part>} */
    const parts = new Map(missing.map((model) => [model, { steps: [], reason: "", seconds: 0, trouble: "" }]));
    for (const [model, part] of parts) this.parts.set(model, part);
    const control = new AbortController();
    this.under.add(control);
    try {
      for (let first = 0; first < missing.length; first += AT_ONCE)
        await this.#request(missing.slice(first, first + AT_ONCE), beginning, control.signal);
    } catch (error) {
      if (!stopped(error)) throw error;
    } finally {
      this.under.delete(control);
      for (const [model, part] of parts) this.#left(model, part);
    }
  }

  stop() {
    for (const control of this.under) control.abort();
    this.under.clear();
  }

  /** @param {string[]} models @param {Beginning} beginning @param {AbortSignal} signal */
  async #request(models, beginning, signal) {
    for await (const event of stories({ ...beginning, models }, signal)) {
      if (signal.aborted || event.kind === "done") return;
      const model = models[event.story];
      const part = model === undefined ? undefined : this.parts.get(model);
      if (model === undefined || !part) continue;
      if (event.kind === "token") part.steps.push(...event.steps);
      else if (event.kind === "error") [part.trouble, part.reason] = [event.message, "cancelled"];
      else [part.reason, part.seconds] = [event.stop_reason, event.seconds];
      this.changed(model, event.kind === "token" ? event.steps : []);
    }
  }

  /** Say of a story that nobody ended that it was stopped. @param {string} model @param {Part} part */
  #left(model, part) {
    if (part.reason) return;
    part.reason = "cancelled";
    if (this.parts.get(model) === part) this.changed(model, []);
  }
}
