// The page: what the server has, the four views, and the address that says which of them is shown.

/** @import { View } from "./types.js" */

import { place, takeToken } from "./address.js";
import { catalog } from "./api.js";
import { appearanceButtons } from "./appearance.js";
import { colouring, setColouring } from "./colours.js";
import { CompareView } from "./compare.js";
import { element } from "./elements.js";
import { ExplainView } from "./explain.js";
import { Shop } from "./models.js";
import { showTrouble } from "./notices.js";
import { WatchView } from "./watch.js";
import { WriteView } from "./write.js";

/** @type {Record<string, [title: string, build: (shop: Shop) => View]>} */
const VIEWS = {
  write: ["Write", (shop) => new WriteView(shop)],
  compare: ["Compare", (shop) => new CompareView(shop)],
  watch: ["Watch", (shop) => new WatchView(shop)],
  explain: ["Explain", (shop) => new ExplainView(shop)],
};

/** @type {Map<string, View>} those that were shown already */
const built = new Map();
/** @type {string | null} */
let current = null;

const main = /** @type {HTMLElement} */ (document.querySelector("main"));

/** @param {Shop} shop */
function route(shop) {
  const { view, parameters } = place();
  const name = view in VIEWS ? view : "write";
  const [title, build] = /** @type {[string, (shop: Shop) => View]} */ (VIEWS[name]);
  const shown = built.get(name) ?? build(shop);
  built.set(name, shown);
  const moved = current !== null && current !== name;
  if (moved) built.get(/** @type {string} */ (current))?.hide?.();
  current = name;
  document.title = `${title} · Fabula studio`;
  for (const anchor of document.querySelectorAll("nav a")) {
    if (anchor.getAttribute("data-view") === name) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  if (main.firstElementChild !== shown.element) main.replaceChildren(shown.element);
  shown.show(parameters);
  if (moved) main.focus({ preventScroll: true });
  if (moved) scrollTo(0, 0);
}

async function start() {
  main.replaceChildren(element("p", { class: "empty", role: "status" }, "Opening the studio …"));
  try {
    const shop = new Shop(await catalog());
    main.replaceChildren();
    addEventListener("popstate", () => route(shop));
    route(shop);
  } catch (error) {
    showTrouble(main, error, start);
  }
}

takeToken();
addEventListener("hashchange", () => takeToken() && location.reload());
setColouring(colouring());
document.querySelector("#appearance")?.append(...appearanceButtons());
start();
