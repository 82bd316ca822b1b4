/**
 * Elements from descriptions. Texts become text nodes, always: nothing here or elsewhere in the
 * console turns a string into markup, so what a record says is never run.
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Return a new element: `h("button.primary", {onclick: run, disabled: true}, "Run")`.
 *
 * Attributes that are null, undefined or false are left out; functions listen; `value`, `checked`
 * and the like are set as properties; `style` takes an object of properties.
 * @param {string} name a tag with classes after dots
 * @param {...any} rest attributes (optional), then children: nodes, texts, lists, or nothing
 * @returns {any}
 */
export function h(name, ...rest) {
  return build(document.createElement(tagOf(name)), name, rest);
}

/**
 * Return a new SVG element; arguments as of `h`.
 * @param {string} name
 * @param {...any} rest
 * @returns {any}
 */
export function s(name, ...rest) {
  return build(document.createElementNS(SVG, tagOf(name)), name, rest);
}

/**
 * Put children in place of those that a node has, and return it.
 * @param {Element} node
 * @param {...any} children
 */
export function fill(node, ...children) {
  node.replaceChildren(...flat(children));
  return node;
}

/**
 * Set an element's text if it is another one, so that what did not change is not touched.
 * @param {Element} node
 * @param {string} text
 */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

let lastId = 0;

/**
 * Return an id that no other element of the page has.
 * @param {string} kind
 */
export function newId(kind) {
  lastId += 1;
  return `${kind}-${lastId}`;
}

const PROPERTIES = new Set(["value", "checked", "disabled", "selected", "open", "indeterminate"]);

function tagOf(name) {
  const dot = name.indexOf(".");
  return dot === -1 ? name : name.slice(0, dot);
}

function build(node, name, rest) {
  const classes = name.split(".").slice(1);
  if (classes.length) node.setAttribute("class", classes.join(" "));
  const [first] = rest;
  const isAttributes = first !== null && typeof first === "object"
    && !(first instanceof Node) && !Array.isArray(first);
  if (isAttributes) for (const [key, value] of Object.entries(first)) set(node, key, value);
  node.append(...flat(isAttributes ? rest.slice(1) : rest));
  return node;
}

function set(node, key, value) {
  if (value === null || value === undefined || value === false) return;
  if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
  else if (key === "style") for (const [name, each] of Object.entries(value)) {
    node.style.setProperty(name, each);
  } else if (key === "class") node.classList.add(...value.split(" ").filter(Boolean));
  else if (PROPERTIES.has(key)) node[key] = value;
  else node.setAttribute(key, value === true ? "" : value);
}

function flat(children) {
  return children.flat(Infinity).filter((each) => each !== null && each !== undefined
    && each !== false && each !== "");
}
