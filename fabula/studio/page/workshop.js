// Beside the story: exporting and importing trees, and the stories told earlier in this tab.

/** @import { Shelf, Work } from "./shelf.js" */
/** @import { Shop } from "./models.js" */

import { exported } from "./api.js";
import { button, element } from "./elements.js";
import { showTrouble } from "./notices.js";
import { offer } from "./telling.js";
import { fromJson } from "./tree.js";

export class ExportTools {
  /**
   * @param {Shelf} shelf
   * @param {() => string} model that goes on with what is imported
   * @param {(work: Work) => void} read
   */
  constructor(shelf, model, read) {
    this.shelf = shelf;
    this.model = model;
    this.read = read;
    this.trouble = element("div", {});
    this.file = element("input", { type: "file", accept: "application/json,.json", hidden: true, onchange: () => this.#import() });
    this.element = element(
      "div",
      { class: "export" },
      element(
        "div",
        { class: "tools" },
        button("Export as Markdown", () => this.#export("markdown"), { class: "quiet small" }),
        button("as JSON", () => this.#export("json"), { class: "quiet small", "aria-label": "Export as JSON" }),
      ),
    );
    this.importer = element(
      "div",
      { class: "import" },
      button("Import a tree of stories", () => this.file.click(), { class: "quiet small" }),
      this.file,
      this.trouble,
    );
  }

  /** @param {"markdown" | "json"} form */
  async #export(form) {
    const work = this.shelf.work;
    if (!work) return;
    this.trouble.replaceChildren();
    try {
      offer(await exported(work.tree, form), `${fileName(work.tree.prompt)}.${form === "json" ? "json" : "md"}`);
    } catch (error) {
      showTrouble(this.trouble, error, () => this.#export(form));
    }
  }

  async #import() {
    const file = this.file.files?.[0];
    this.file.value = "";
    if (!file) return;
    this.trouble.replaceChildren();
    try {
      const tree = fromJson(await file.text());
      this.read(this.shelf.add(this.model(), tree));
    } catch (error) {
      const words = error instanceof Error ? error.message : "This file can’t be read.";
      this.trouble.replaceChildren(element("p", { class: "problem", role: "alert" }, words));
    }
  }
}

export class EarlierStories {
  /**
   * @param {Shop} shop
   * @param {Shelf} shelf
   * @param {(work: Work) => void} read
   */
  constructor(shop, shelf, read) {
    this.shop = shop;
    this.shelf = shelf;
    this.read = read;
    this.list = element("ul", {});
    this.element = element("section", { class: "earlier", "aria-label": "Earlier stories" }, element("h2", {}, "Earlier stories"), this.list);
  }

  show() {
    const others = this.shelf.works.filter((work) => work !== this.shelf.work && work.tree.branches.length);
    this.element.hidden = !others.length;
    this.list.replaceChildren(
      ...others.map((work) => {
        const number = work.tree.branches.length;
        const about = `${this.shop.words(work.model)} · ${number === 1 ? "one branch" : `${number} branches`}`;
        const prompt = work.tree.prompt.trim() || "(no prompt)";
        const open = element("button", { type: "button", class: "earlier-story", onclick: () => this.read(work) });
        open.append(element("span", { class: "beginning" }, prompt), element("small", {}, about));
        return element("li", {}, open);
      }),
    );
  }
}

/** A file's name from the first words of a prompt. @param {string} prompt */
function fileName(prompt) {
  return prompt.toLowerCase().match(/[a-z0-9]+/g)?.slice(0, 6).join("-") || "story";
}
