// The stories of this tab: each a tree with the model that told it. Kept, so that a reload loses nothing.

/** @import { Sampling, Tree } from "./types.js" */

import { keep, keptValue } from "./kept.js";
import { planted } from "./tree.js";

const KEPT = "fabula-stories";
const MOST = 12;
const SOON = 700; // ms

/**
 * @typedef {object} Work
 * @property {number} id
 * @property {string} model
 * @property {Tree} tree
 * @property {string | null} shown the branch that is read
 */

export class Shelf {
  constructor() {
    /** @type {{ works: Work[], current: number | null }} */
    this.content = keptValue(KEPT, { works: [], current: null });
    this.timer = 0;
    addEventListener("pagehide", () => this.#write());
  }

  /** The work that is read. */
  get work() {
    return this.content.works.find((work) => work.id === this.content.current) ?? null;
  }

  /** All works, the newest first. */
  get works() {
    return [...this.content.works].reverse();
  }

  /** Return the work that goes on with this prompt, model and sampling, whatever its seed. @param {string} model @param {string} prompt @param {Sampling} sampling */
  find(model, prompt, sampling) {
    const alike = (/** @type {Sampling} */ one) => JSON.stringify(Object.entries({ ...one, seed: 0 }).sort());
    return this.content.works.findLast(
      (work) => work.model === model && work.tree.prompt === prompt && alike(work.tree.sampling) === alike(sampling),
    );
  }

  /** Begin a work. @param {string} model @param {string} prompt @param {Sampling} sampling */
  begin(model, prompt, sampling) {
    return this.add(model, planted(prompt, sampling));
  }

  /** Take a tree in as the work that is read. @param {string} model @param {Tree} tree @returns {Work} */
  add(model, tree) {
    const id = Math.max(0, ...this.content.works.map((work) => work.id)) + 1;
    const work = { id, model, tree, shown: tree.branches[0]?.name ?? null };
    this.content.works = [...this.content.works.filter((one) => one.tree.branches.length), work].slice(-MOST);
    this.open(work);
    return work;
  }

  /** @param {Work} work */
  open(work) {
    this.content.current = work.id;
    this.save();
  }

  /** Write what there is, soon. */
  save() {
    this.timer ||= setTimeout(() => this.#write(), SOON);
  }

  #write() {
    clearTimeout(this.timer);
    this.timer = 0;
    while (!keep(KEPT, JSON.stringify(this.content)) && this.content.works.length > 1)
      this.content.works.splice(this.content.works[0] === this.work ? 1 : 0, 1); // The oldest makes room.
  }
}
