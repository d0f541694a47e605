// The page's elements, built without markup in strings: nothing that a model tells can become markup.

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * Make an element. Attributes: `onclick` and the like take a listener, true and false switch, null leaves out.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  apply(made, attributes);
  made.append(...children.filter(isNode));
  return made;
}

/**
 * Make an element of a drawing.
 *
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function drawing(tag, attributes = {}, ...children) {
  const made = /** @type {SVGElement} */ (document.createElementNS("http://www.w3.org/2000/svg", tag));
  apply(made, attributes);
  made.append(...children.filter(isNode));
  return made;
}

/**
 * Make a button of words.
 *
 * @param {string} words
 * @param {() => void} press
 * @param {Record<string, any>} [attributes]
 */
export function button(words, press, attributes = {}) {
  return element("button", { type: "button", onclick: press, ...attributes }, words);
}

/**
 * Make a group of choices of which one holds, as radio buttons that look like one piece.
 *
 * @param {string} label
 * @param {Record<string, string>} choices words by value
 * @param {string} chosen
 * @param {(value: string) => void} choose
 */
export function choice(label, choices, chosen, choose) {
  const name = `choice-${identifier()}`;
  return element(
    "fieldset",
    { class: "choice" },
    element("legend", {}, label),
    ...Object.entries(choices).map(([value, words]) =>
      element(
        "label",
        {},
        element("input", { type: "radio", name, value, checked: value === chosen, onchange: () => choose(value) }),
        element("span", {}, words),
      ),
    ),
  );
}

/**
 * Check the radio button of a value, without telling anybody.
 *
 * @param {HTMLElement} group
 * @param {string} value
 */
export function setChoice(group, value) {
  for (const input of group.querySelectorAll("input")) input.checked = input.value === value;
}

let identifiers = 0;

/** Return an id that no element has yet. */
export function identifier() {
  identifiers += 1;
  return `id-${identifiers}`;
}

/**
 * @param {Element} made
 * @param {Record<string, any>} attributes
 */
function apply(made, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * @param {Child} child
 * @returns {child is Node | string}
 */
function isNode(child) {
  return child !== null && child !== undefined && child !== false;
}
