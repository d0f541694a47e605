// The address: `#view?name=value&...`, so that every view can be linked to and the browser's back button works.

import { TOKEN, keep } from "./kept.js";

/**
 * Return the view and the parameters that the address names.
 *
 * @returns {{ view: string, parameters: URLSearchParams }}
 */
export function place() {
  const [view = "", parameters = ""] = location.hash.slice(1).split("?", 2);
  return { view, parameters: new URLSearchParams(parameters) };
}

/**
 * Change the parameters of the view that is shown.
 *
 * @param {Record<string, string | number | null | undefined>} values null and "" leave a parameter out
 * @param {{ replace?: boolean }} [how] replace: without a step for the back button
 */
export function note(values, { replace = false } = {}) {
  const { view, parameters } = place();
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === "") parameters.delete(name);
    else parameters.set(name, String(value));
  }
  const hash = link(view || "write", parameters);
  if (hash === location.hash) return;
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
}

/**
 * Return the address of a view.
 *
 * @param {string} view
 * @param {URLSearchParams | Record<string, string>} parameters
 */
export function link(view, parameters) {
  const text = new URLSearchParams(parameters).toString();
  return text ? `#${view}?${text}` : `#${view}`;
}

/**
 * Move the token of `#token=...` out of the address, where a screen or a history would show it.
 *
 * @returns {boolean} whether there was one
 */
export function takeToken() {
  const token = /^#token=([^&]+)/.exec(location.hash)?.[1];
  if (!token) return false;
  keep(TOKEN, decodeURIComponent(token));
  history.replaceState(null, "", "#write");
  return true;
}
