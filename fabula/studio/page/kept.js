// What the browser keeps for this tab: a reload loses nothing, another tab or reader sees nothing of it.

export const TOKEN = "fabula-token";

/**
 * Return a text that was kept.
 *
 * @param {string} name
 */
export function kept(name) {
  try {
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}

/**
 * Keep a text.
 *
 * @param {string} name
 * @param {string} text
 * @returns {boolean} whether there was room
 */
export function keep(name, text) {
  try {
    sessionStorage.setItem(name, text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Return a value that was kept as JSON.
 *
 * @template T
 * @param {string} name
 * @param {T} otherwise
 * @returns {T}
 */
export function keptValue(name, otherwise) {
  try {
    return JSON.parse(kept(name) ?? "null") ?? otherwise;
  } catch {
    return otherwise;
  }
}
