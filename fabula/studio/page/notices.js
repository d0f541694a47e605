// What the page says when something goes wrong, and what it tells those who listen to it.

import { Trouble, stopped } from "./api.js";
import { button, element } from "./elements.js";

/**
 * Show in some place what went wrong, with a button to try again.
 *
 * @param {HTMLElement} place is emptied
 * @param {unknown} error
 * @param {() => void} [again]
 */
export function showTrouble(place, error, again) {
  if (stopped(error)) return;
  if (!(error instanceof Trouble)) console.error(error);
  const words = error instanceof Trouble ? error.message : "Something went wrong on this page. Reload it, and nothing is lost.";
  const retry = again && button("Try again", () => (place.replaceChildren(), again()));
  place.replaceChildren(element("div", { class: "trouble", role: "alert" }, element("p", {}, words), retry));
  if (retry && error instanceof Trouble && error.wait) countDown(retry, error.wait);
}

/**
 * @param {HTMLButtonElement} retry
 * @param {number} seconds
 */
function countDown(retry, seconds) {
  retry.disabled = seconds > 0;
  retry.textContent = seconds > 0 ? `Try again in ${Math.ceil(seconds)} s` : "Try again";
  if (seconds > 0) setTimeout(() => countDown(retry, seconds - 1), 1000);
}

const PAUSE = 2500; // ms between two announcements

/** A story for those who listen: whole sentences, a few at a time, as one paragraph that can be read again. */
export class Announcer {
  constructor() {
    this.element = element("div", { class: "unseen", role: "log", "aria-live": "polite", "aria-label": "The story as text" });
    this.text = "";
    this.said = 0;
    this.timer = 0;
  }

  /** @param {string} text */
  begin(text) {
    clearTimeout(this.timer);
    this.timer = 0;
    this.element.replaceChildren();
    this.text = text;
    this.said = 0;
  }

  /** @param {string} text */
  push(text) {
    this.text += text;
    this.timer ||= setTimeout(() => this.#say(), PAUSE);
  }

  /** Say the rest. @param {string} [words] how it ended */
  finish(words = "") {
    clearTimeout(this.timer);
    this.#say(this.text.length);
    if (words) this.element.append(element("p", {}, words));
  }

  #say(until = ended(this.text)) {
    this.timer = 0;
    const sentences = this.text.slice(this.said, until).trim();
    if (until <= this.said || !sentences) return;
    this.said = until;
    this.element.append(element("p", {}, sentences));
  }
}

/** Where the last whole sentence of a text ends. @param {string} text */
function ended(text) {
  const last = [...text.matchAll(/[.!?…]["”’']?\s/g)].at(-1);
  return last ? last.index + last[0].length : 0;
}
