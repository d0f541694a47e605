// Theme and size of the text: what the system says, unless the reader chose.

import { button, element } from "./elements.js";

const NEXT_THEME = { system: "light", light: "dark", dark: "system" };
const THEMES = { system: "As the system", light: "Light", dark: "Dark" };

/** Make the two buttons at the top of the page. */
export function appearanceButtons() {
  const text = button("Larger text", () => set("text", data("text") === "large" ? "normal" : "large"), { class: "quiet" });
  const theme = button("", () => set("theme", NEXT_THEME[/** @type {keyof typeof NEXT_THEME} */ (data("theme"))] ?? "light"), {
    class: "quiet",
  });
  const refresh = () => {
    const large = data("text") === "large";
    text.setAttribute("aria-pressed", String(large));
    text.replaceChildren(
      element("span", { class: "glyph", "aria-hidden": "true" }, large ? "A−" : "A+"),
      element("span", { class: "unseen" }, "Larger text"),
    );
    text.title = large ? "Normal text" : "Larger text, for a projector";
    const words = THEMES[/** @type {keyof typeof THEMES} */ (data("theme"))] ?? THEMES.system;
    theme.replaceChildren(
      element("span", { class: `glyph theme-${data("theme")}`, "aria-hidden": "true" }),
      element("span", { class: "unseen" }, `Theme: ${words}`),
    );
    theme.title = `Theme: ${words.toLowerCase()}`;
  };

  /** @param {"text" | "theme"} name @param {string} value */
  function set(name, value) {
    document.documentElement.dataset[name] = value;
    try {
      localStorage.setItem(`fabula-${name}`, value);
    } catch {
      // A browser that keeps nothing: it holds until the page is closed.
    }
    refresh();
    document.dispatchEvent(new CustomEvent("appearance"));
  }
  refresh();
  return [text, theme];
}

/** @param {string} name */
function data(name) {
  return document.documentElement.dataset[name] ?? "";
}
