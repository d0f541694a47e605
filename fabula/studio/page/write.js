// Write: a prompt, a story that streams in, and at every token the ways it could have gone.

/** @import { Alternative, Branch, Step } from "./types.js" */
/** @import { Shop } from "./models.js" */
/** @import { Work } from "./shelf.js" */

import { link, note } from "./address.js";
import { AlternativesPanel } from "./alternatives.js";
import { Trouble, stories } from "./api.js";
import { BEGINNINGS, invitation } from "./beginnings.js";
import { BranchTree } from "./branches.js";
import { colouringControl } from "./colours.js";
import { button, element, identifier } from "./elements.js";
import { count, quoted } from "./figures.js";
import { Knobs } from "./knobs.js";
import { modelField } from "./models.js";
import { Announcer, showTrouble } from "./notices.js";
import { Shelf } from "./shelf.js";
import { StoryText, described } from "./storytext.js";
import { STOPPED } from "./telling.js";
import { branch, freeName, owner, path } from "./tree.js";
import { EarlierStories, ExportTools } from "./workshop.js";

const SHOWN = 5; // alternatives kept beside each token, as Fabula's own trees do

export class WriteView {
  /** @param {Shop} shop */
  constructor(shop) {
    this.shop = shop;
    this.shelf = new Shelf();
    this.knobs = new Knobs(shop.catalog.sampling);
    this.announcer = new Announcer();
    /** @type {{ work: Work, branch: Branch, control: AbortController } | null} what is being told */
    this.telling = null;
    this.model = modelField(shop, "Storyteller");
    this.text = new StoryText({
      label: "The story, word by word",
      choose: (index, place) => this.#open(index, place),
      point: (index) => this.#point(index),
    });
    this.panel = new AlternativesPanel({
      branch: (index, chosen) => this.#branch(index, chosen),
      closed: () => this.text.mark(null),
      ends: (token) => shop.ends(this.shelf.work?.model ?? "", token),
    });
    this.tree = new BranchTree({ select: (name) => this.#select(name), changed: (name) => this.#changed(name) });
    this.tools = new ExportTools(this.shelf, () => this.model.select.value, (work) => this.#read(work));
    this.earlier = new EarlierStories(shop, this.shelf, (work) => this.#read(work));
    this.prompt = element("textarea", { id: identifier(), rows: 2, spellcheck: "true", placeholder: BEGINNINGS[0] });
    this.again = button("Another", () => this.#another(), { class: "quiet" });
    this.stop = button("Stop", () => this.telling?.control.abort(), { class: "quiet", hidden: true });
    this.status = element("p", { class: "status" });
    this.readout = element("p", { class: "readout", role: "status" });
    this.trouble = element("div", {});
    this.side = element("aside", { "aria-label": "Branches and knobs" });
    this.reading = element(
      "section",
      { class: "reading", "aria-label": "Story" },
      colouringControl(),
      element("div", { class: "paper" }, this.text.element, this.panel.element),
      this.announcer.element,
      this.status,
    );
    this.empty = invitation((words) => ((this.prompt.value = words), this.#tell()));
    this.element = this.#layout();
  }

  /** @param {URLSearchParams} parameters */
  show(parameters) {
    this.shop.refresh();
    this.knobs.recall();
    this.knobs.read(parameters);
    const model = parameters.get("model");
    const prompt = parameters.get("prompt");
    const work = this.shelf.work;
    if (model && this.shop.model(model)) this.model.select.value = model;
    else if (work) this.model.select.value = this.shop.model(work.model)?.id ?? this.shop.catalog.default;
    this.prompt.value = prompt ?? work?.tree.prompt ?? "";
    const known = prompt === null ? work : this.shelf.find(this.model.select.value, prompt, this.knobs.values);
    if (parameters.get("tell")) {
      note({ tell: null }, { replace: true });
      this.#tell();
    } else if (known) this.#read(known);
    else this.#refresh();
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
        this.model.element,
        element("div", { class: "actions" }, element("button", { type: "submit", class: "main" }, "Tell"), this.again, this.stop),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#tell();
    });
    this.prompt.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#tell();
    });
    this.side.append(
      element("section", { class: "tree", "aria-label": "Branches" }, element("h2", {}, "Branches"), this.tree.element, this.tools.element),
      this.knobs.element,
      this.earlier.element,
      this.tools.importer,
    );
    return element(
      "div",
      { class: "view write" },
      element("h1", { class: "unseen" }, "Write"),
      element("div", { class: "sheet" }, form, this.trouble, this.empty, this.reading, this.readout),
      this.side,
    );
  }

  /** Tell the story that prompt, model and knobs stand for; what was told before is only shown. */
  #tell() {
    const [model, prompt, values] = [this.model.select.value, this.prompt.value, this.knobs.values];
    note({ ...this.knobs.parameters, model, prompt });
    const found = this.shelf.find(model, prompt, values);
    const work = found ?? this.shelf.begin(model, prompt, values);
    this.shelf.open(work);
    const same = work.tree.branches.find((one) => one.parent === null && one.seed === this.knobs.seed);
    if (same && same.stop_reason !== "cancelled") {
      work.shown = same.name;
      this.#read(work);
      return;
    }
    const roots = work.tree.branches.filter((one) => one.parent === null).length;
    this.#begin(work, same ?? this.#grown(work, { name: `Telling ${roots + 1}`, parent: null, at: 0, seed: this.knobs.seed, steps: [] }), []);
  }

  #another() {
    const seeds = this.shelf.work?.tree.branches.map((one) => one.seed) ?? [];
    this.knobs.seed = Math.max(this.knobs.seed, ...seeds) + 1;
    this.#tell();
  }

  /** @param {number} at @param {Alternative} chosen */
  #branch(at, chosen) {
    const work = this.shelf.work;
    if (!work?.shown) return;
    const before = path(work.tree, work.shown).slice(0, at);
    const place = path(work.tree, work.shown)[at];
    const ends = this.shop.ends(work.model, chosen.token);
    const text = ends || chosen.text.includes("\ufffd") ? "" : chosen.text; // Half a character comes with its rest.
    const step = { ...chosen, text, alternatives: place?.alternatives ?? [] };
    const name = ends ? "the end" : quoted(chosen.text);
    const seed = Number(work.tree.sampling.seed) + work.tree.branches.length;
    const grown = this.#grown(work, { name, parent: owner(work.tree, work.shown, at), at, seed, steps: [step] });
    this.panel.close(false);
    if (ends) {
      grown.stop_reason = "end-of-text";
      this.#read(work);
    } else this.#begin(work, grown, [...before, step].map((one) => one.token));
    this.text.select(at, true);
  }

  /** Put a branch that is about to be told into the tree. @param {Work} work @param {Omit<Branch, "stop_reason">} values @returns {Branch} */
  #grown(work, values) {
    const grown = { ...values, name: freeName(work.tree, values.name), stop_reason: "cancelled" };
    work.tree.branches.push(grown);
    work.shown = grown.name;
    return grown;
  }

  /** Have a branch told from its beginning. @param {Work} work @param {Branch} grown @param {number[]} after */
  async #begin(work, grown, after) {
    this.telling?.control.abort();
    const telling = (this.telling = { work, branch: grown, control: new AbortController() });
    grown.steps.splice(after.length ? 1 : 0);
    work.shown = grown.name;
    this.trouble.replaceChildren();
    this.#read(work);
    const order = {
      models: [work.model],
      prompt: work.tree.prompt,
      after,
      sampling: { ...work.tree.sampling, seed: grown.seed },
      alternatives: SHOWN,
    };
    let told = "";
    try {
      for await (const event of stories(order, telling.control.signal)) {
        if (event.kind === "token") this.#grow(work, grown, event.steps);
        else if (event.kind === "error") throw new Trouble(event.message);
        else if (event.kind === "end") {
          grown.stop_reason = event.stop_reason;
          told = ` · ${count(event.tokens)} tokens in ${event.seconds.toFixed(1)} s`;
        }
      }
    } catch (error) {
      showTrouble(this.trouble, error, () => this.#begin(work, grown, after));
    }
    if (this.telling === telling) this.telling = null;
    this.shelf.save();
    if (this.#shows(work, grown)) this.announcer.finish(STOPPED[grown.stop_reason]);
    this.#refresh(told);
  }

  /** @param {Work} work @param {Branch} grown @param {Step[]} steps */
  #grow(work, grown, steps) {
    grown.steps.push(...steps);
    this.shelf.save();
    if (!this.#shows(work, grown)) return;
    this.text.append(steps);
    this.announcer.push(steps.map((step) => step.text).join(""));
  }

  /** @param {Work} work @param {Branch} grown */
  #shows(work, grown) {
    return this.shelf.work === work && work.shown === grown.name;
  }

  /** Show a work, at the branch that was read last. @param {Work} work */
  #read(work) {
    this.shelf.open(work);
    this.prompt.value = work.tree.prompt;
    if (this.shop.model(work.model)) this.model.select.value = work.model;
    this.panel.close(false);
    const shown = branch(work.tree, work.shown);
    const steps = shown ? path(work.tree, shown.name) : [];
    this.text.clear(work.tree.prompt);
    this.text.append(steps);
    this.text.shared(shown?.parent ? shown.at : 0);
    this.announcer.begin(work.tree.prompt + steps.map((step) => step.text).join(""));
    if (shown && this.telling?.branch !== shown) this.announcer.finish();
    this.#refresh();
  }

  /** Show the state of everything around the story. @param {string} [told] how long it took */
  #refresh(told = "") {
    const work = this.shelf.work;
    const shown = work && branch(work.tree, work.shown);
    const growing = Boolean(shown) && this.telling?.branch === shown;
    this.empty.hidden = Boolean(shown);
    this.reading.hidden = !shown;
    this.side.classList.toggle("bare", !shown);
    this.again.disabled = !shown;
    this.stop.hidden = !this.telling;
    this.earlier.show();
    this.tools.element.hidden = !shown;
    this.tree.element.parentElement?.toggleAttribute("hidden", !shown);
    if (!work || !shown) return;
    this.tree.show(work.tree, shown.name, this.telling?.branch.name ?? null);
    this.text.growing = growing;
    if (growing) this.status.textContent = `${this.shop.words(work.model)} is telling …`;
    else {
      this.text.end(shown.stop_reason);
      const whole = work.tree.prompt + path(work.tree, shown.name).map((step) => step.text).join("");
      const explain = element("a", { href: link("explain", { model: work.model, text: whole }) }, "Explain this story");
      this.status.replaceChildren(`${STOPPED[shown.stop_reason] ?? shown.stop_reason}${told} · seed ${shown.seed} · ${this.shop.words(work.model)} · `, explain);
    }
  }

  /** @param {string} name */
  #select(name) {
    const work = this.shelf.work;
    if (!work || work.shown === name) return;
    work.shown = name;
    this.#read(work);
  }

  /** @param {string | null} name */
  #changed(name) {
    const work = this.shelf.work;
    if (!work) return;
    if (this.telling?.work === work && !work.tree.branches.includes(this.telling.branch)) this.telling.control.abort();
    work.shown = name;
    this.shelf.save();
    this.#read(work);
  }

  /** @param {number} index @param {HTMLElement} place */
  #open(index, place) {
    const step = this.text.steps[index];
    if (!step) return;
    this.text.mark(index);
    this.panel.show(step, index, place);
  }

  /** @param {number | null} index */
  #point(index) {
    const step = index === null ? undefined : this.text.steps[index];
    this.readout.textContent = step ? described(step) : "";
  }
}
