// The tree of branches: walked with the arrow keys, each a story to read, to name or to delete.

/** @import { Branch, Tree } from "./types.js" */

import { button, element, identifier } from "./elements.js";
import { quoted } from "./figures.js";
import { branch, remove, rename, walk } from "./tree.js";

export class BranchTree {
  /**
   * @param {object} settings
   * @param {(name: string) => void} settings.select
   * @param {(name: string | null) => void} settings.changed a branch was renamed or deleted; the name to be shown now
   */
  constructor({ select, changed }) {
    this.selected = select;
    this.changed = changed;
    /** @type {Tree | null} */
    this.tree = null;
    /** @type {string | null} */
    this.name = null;
    /** @type {string | null} the branch that is being told */
    this.growing = null;
    this.list = element("ul", { class: "branch-list", role: "tree", "aria-label": "Branches of this story" });
    this.list.addEventListener("keydown", (event) => this.#key(event));
    this.form = this.#form();
    this.problem = element("p", { class: "problem", role: "alert" });
    this.tools = element(
      "div",
      { class: "tools" },
      button("Rename", () => this.#rename(), { class: "quiet small" }),
      button("Delete", () => this.#delete(), { class: "quiet small" }),
    );
    this.element = element("div", { class: "branches" }, this.list, this.form, this.problem, this.tools);
  }

  /**
   * @param {Tree} tree
   * @param {string | null} name
   * @param {string | null} growing
   */
  show(tree, name, growing) {
    [this.tree, this.name, this.growing] = [tree, name, growing];
    this.form.hidden = true;
    this.tools.hidden = !name;
    const focused = this.list.contains(document.activeElement);
    this.list.replaceChildren(...walk(tree).map(([depth, one]) => this.#item(depth, one)));
    if (focused) this.#focus();
  }

  /** @param {number} depth @param {Branch} one */
  #item(depth, one) {
    const selected = one.name === this.name;
    const item = element(
      "li",
      {
        role: "treeitem",
        "aria-level": depth + 1,
        "aria-selected": String(selected),
        tabindex: selected ? 0 : -1,
        "data-name": one.name,
        onclick: () => this.selected(one.name),
      },
      element("span", { class: "name" }, one.name),
      element("span", { class: "beginning" }, this.growing === one.name ? "being told …" : beginning(one)),
    );
    item.style.setProperty("--depth", String(Math.min(depth, 6)));
    return item;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.tree || !this.name) return;
    const names = walk(this.tree).map(([, one]) => one.name);
    const place = names.indexOf(this.name);
    const moves = /** @type {Record<string, () => string | null | undefined>} */ ({
      ArrowDown: () => names[place + 1],
      ArrowUp: () => names[place - 1],
      Home: () => names[0],
      End: () => names.at(-1),
      ArrowLeft: () => this.tree && branch(this.tree, this.name)?.parent,
      ArrowRight: () => this.tree?.branches.find((one) => one.parent === this.name)?.name,
    });
    const move = moves[event.key];
    if (move) {
      const name = move();
      if (name) this.selected(name);
      this.#focus();
    } else if (event.key === "F2") this.#rename();
    else if (event.key === "Delete") this.#delete();
    else return;
    event.preventDefault();
  }

  #focus() {
    const item = this.list.querySelector("[aria-selected=true]");
    if (item instanceof HTMLElement) item.focus();
  }

  #form() {
    const id = identifier();
    const input = element("input", { id, type: "text", maxlength: 80, autocomplete: "off" });
    const form = element(
      "form",
      { class: "rename", hidden: true },
      element("label", { for: id }, "Name of the branch"),
      input,
      element("button", { type: "submit", class: "small" }, "Save"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.tree || !this.name) return;
      const name = input.value.trim();
      this.problem.textContent = rename(this.tree, this.name, name);
      if (this.problem.textContent) return;
      this.changed(name);
      this.#focus();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      form.hidden = true;
      this.#focus();
    });
    return form;
  }

  #rename() {
    const input = this.form.querySelector("input");
    if (!input || !this.name) return;
    this.problem.textContent = "";
    this.form.hidden = false;
    input.value = this.name;
    input.select();
    input.focus();
  }

  #delete() {
    if (!this.tree || !this.name) return;
    const parent = branch(this.tree, this.name)?.parent ?? null;
    remove(this.tree, this.name);
    this.changed(parent ?? this.tree.branches.at(-1)?.name ?? null);
    this.#focus();
  }
}

/** How a branch begins, in a few words. @param {Branch} one */
function beginning(one) {
  const text = one.steps.map((step) => step.text).join("").trim();
  if (!text) return one.steps.length ? quoted("") : "nothing yet";
  return text.length > 60 ? `${text.slice(0, 58).trimEnd()} …` : text;
}
