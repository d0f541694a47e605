// A tree of stories as values, in exactly the form that Fabula reads and writes (fabula.generation.writing.tree).

/** @import { Branch, Sampling, Step, Tree } from "./types.js" */

/**
 * @param {string} prompt
 * @param {Sampling} sampling
 * @returns {Tree}
 */
export function planted(prompt, sampling) {
  return { format_version: 1, prompt, sampling, branches: [] };
}

/** @param {Tree} tree @param {string | null} name @returns {Branch | undefined} */
export function branch(tree, name) {
  return tree.branches.find((one) => one.name === name);
}

/** All tokens of the story that ends with a branch. @param {Tree} tree @param {string} name @returns {Step[]} */
export function path(tree, name) {
  const one = branch(tree, name);
  if (!one) return [];
  return one.parent === null ? one.steps : [...path(tree, one.parent).slice(0, one.at), ...one.steps];
}

/** The branches that leave a branch, the earliest place first. @param {Tree} tree @param {string | null} name */
export function children(tree, name) {
  return tree.branches.filter((one) => one.parent === name).sort((one, other) => one.at - other.at);
}

/** Every branch with its depth, each before those that leave it. @param {Tree} tree @returns {[number, Branch][]} */
export function walk(tree) {
  /** @type {(name: string | null, depth: number) => [number, Branch][]} */
  const below = (name, depth) => children(tree, name).flatMap((one) => [[depth, one], ...below(one.name, depth + 1)]);
  return below(null, 0);
}

/**
 * The branch that a new one leaves at some place of a story: the one that this place belongs to.
 *
 * @param {Tree} tree
 * @param {string} name whose story it is
 * @param {number} at
 */
export function owner(tree, name, at) {
  let one = branch(tree, name);
  while (one?.parent && at <= one.at) one = branch(tree, one.parent);
  return one?.name ?? name;
}

/** A name that no branch has yet. @param {Tree} tree @param {string} wanted */
export function freeName(tree, wanted) {
  let name = wanted;
  for (let number = 2; branch(tree, name); number += 1) name = `${wanted} ${number}`;
  return name;
}

/**
 * Give a branch another name.
 *
 * @param {Tree} tree
 * @param {string} old
 * @param {string} name
 * @returns {string} what is wrong with the new name; "": nothing
 */
export function rename(tree, old, name) {
  if (!name.trim()) return "A branch needs a name.";
  if (name !== old && branch(tree, name)) return `There is a branch ${name} already.`;
  for (const one of tree.branches) {
    if (one.name === old) one.name = name;
    if (one.parent === old) one.parent = name;
  }
  return "";
}

/** Take a branch and all that leave it out of a tree. @param {Tree} tree @param {string} name */
export function remove(tree, name) {
  const gone = new Set([name]);
  for (const [, one] of walk(tree)) if (one.parent !== null && gone.has(one.parent)) gone.add(one.name);
  tree.branches = tree.branches.filter((one) => !gone.has(one.name));
}

/**
 * Read a tree from JSON.
 *
 * @param {string} text
 * @returns {Tree}
 * @throws {Error} it holds something else; the message is for readers
 */
export function fromJson(text) {
  /** @type {any} */
  let values;
  try {
    values = JSON.parse(text);
  } catch {
    throw new Error("This file is not JSON.");
  }
  const known = new Set();
  const good =
    values?.format_version === 1 &&
    typeof values.prompt === "string" &&
    typeof values.sampling === "object" &&
    Array.isArray(values.branches) &&
    values.branches.length > 0 &&
    values.branches.every((/** @type {any} */ one) => {
      const right =
        typeof one?.name === "string" && !known.has(one.name) && (one.parent === null || known.has(one.parent)) && steps(one.steps);
      known.add(one?.name);
      return right;
    });
  if (!good) throw new Error("This file is not a tree of stories that Fabula wrote.");
  return values;
}

/** @param {any} values */
function steps(values) {
  return (
    Array.isArray(values) &&
    values.every((one) => Number.isInteger(one?.token) && typeof one.text === "string" && Array.isArray(one.alternatives))
  );
}
