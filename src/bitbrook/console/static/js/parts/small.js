/** Small parts that many pages show: states, meters, code to copy, tabs, headings. */

import { fill, h, newId } from "../dom.js";
import { glyph } from "./glyphs.js";
import { complain } from "./toast.js";

const COPIED_MS = 1_500;
const TONES = {
  RUNNING: "good", ACTIVE: "good", SUCCEEDED: "good", active: "good", success: "good",
  CREATING: "busy", UPDATING: "busy", DELETING: "busy", PAUSED: "busy",
  FAILED: "bad", TIMED_OUT: "bad", CANCELLED: "busy", deactivated: "bad", error: "bad",
};

/** @param {string} status */
export function badge(status) {
  const text = status.toLowerCase().replace("_", " ");
  return h("span.badge", { class: TONES[status] }, text);
}

/**
 * Return a bar of how much of something is used; red where little is left, if that matters.
 * @param {number} part
 * @param {number} whole
 * @param {string} label
 * @param {{warns?: boolean}} [options]
 */
export function meter(part, whole, label, { warns = true } = {}) {
  const share = whole ? Math.min(1, part / whole) : 0;
  return h("div.meter", {
    class: warns && share > 0.9 ? "full" : "", role: "meter", "aria-label": label, "aria-valuemin": 0,
    "aria-valuemax": 100, "aria-valuenow": Math.round(share * 100),
  }, share ? h("span", { style: { width: `${share * 100}%` } }) : null);
}

/** @param {string} text @param {string} what of what it is a copy */
export function copyButton(text, what) {
  const button = h("button.plain.icon.small", { type: "button", "aria-label": `copy ${what}` },
    glyph("copy"));
  button.addEventListener("click", () => copy(button, text));
  return button;
}

/** @param {string} text @param {string} what */
export function codeBlock(text, what) {
  const button = h("button.small", { type: "button", "aria-label": `copy ${what}` }, "Copy");
  button.addEventListener("click", () => copy(button, text));
  return h("div.code", h("pre", { tabindex: 0, role: "region", "aria-label": what },
    h("code", text)), button);
}

/** @param {string} text @param {string} what */
export function copyable(text, what) {
  return h("span.copyable", h("code", { title: text }, text), copyButton(text, what));
}

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    complain(new Error("the browser does not let pages copy here; select the text instead"));
    return;
  }
  const before = [...button.childNodes];
  fill(button, button.classList.contains("icon") ? glyph("check") : "Copied");
  setTimeout(() => fill(button, ...before), COPIED_MS);
}

/**
 * Return the head of a page.
 * @param {object} options
 * @param {any} options.title
 * @param {any} [options.lead]
 * @param {[string, string][]} [options.crumbs] addresses and texts of the places above
 * @param {any[]} [options.actions]
 */
export function pageHead({ title, lead, crumbs = [], actions = [] }) {
  return h("header.page-head", h("div",
    crumbs.length ? h("nav", { "aria-label": "breadcrumb" }, h("ol.crumbs",
      crumbs.map(([address, text]) => h("li", h("a", { href: `#${address}` }, text))))) : null,
    h("h1", title), lead ? h("p.lead", lead) : null),
  actions.length ? h("div.actions", actions) : null);
}

/**
 * Return a card with a heading.
 * @param {any} title
 * @param {any} body
 * @param {{note?: any, actions?: any[], flush?: boolean}} [options]
 */
export function card(title, body, { note, actions = [], flush = false } = {}) {
  const id = newId("card");
  return h("section.card", { "aria-labelledby": id },
    h("div.card-head", h("div", h("h2", { id }, title), note ? h("p", note) : null),
      actions.length ? h("div.row", actions) : null),
    h("div.card-body", { class: flush ? "flush" : "" }, body));
}

/**
 * Return tabs over panels, of which one is shown; arrow keys move between them.
 * @param {string} label
 * @param {{name: string, title: any, panel: Element}[]} tabs
 * @param {(name: string) => void} [whenChosen]
 * @returns {{bar: any, panels: any[], choose: (name: string) => void, chosen: () => string}}
 */
export function tabs(label, tabs, whenChosen = () => {}) {
  let chosen = tabs[0].name;
  const buttons = tabs.map(({ name, title, panel }) => {
    panel.id ||= newId("panel");
    panel.setAttribute("role", "tabpanel");
    const id = newId("tab");
    panel.setAttribute("aria-labelledby", id);
    return h("button", {
      id, type: "button", role: "tab", "aria-controls": panel.id, "data-tab": name,
      onclick: () => choose(name),
    }, title);
  });
  const bar = h("div.tabs", { role: "tablist", "aria-label": label }, buttons);
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = tabs.findIndex((each) => each.name === chosen);
    const next = (at + step + tabs.length) % tabs.length;
    choose(tabs[next].name);
    buttons[next].focus();
  });
  function choose(name) {
    chosen = name;
    for (const [index, each] of tabs.entries()) {
      const isChosen = each.name === name;
      buttons[index].setAttribute("aria-selected", String(isChosen));
      buttons[index].tabIndex = isChosen ? 0 : -1;
      /** @type {HTMLElement} */ (each.panel).hidden = !isChosen;
    }
    whenChosen(name);
  }
  choose(chosen);
  return { bar, panels: tabs.map((each) => each.panel), choose, chosen: () => chosen };
}

/**
 * Return a choice of a few, side by side.
 * @param {string} label
 * @param {[string, string][]} choices values and texts
 * @param {string} chosen
 * @param {(value: string) => void} whenChosen
 */
export function segments(label, choices, chosen, whenChosen) {
  const name = newId("choice");
  return h("fieldset.segments", h("legend.visually-hidden", label), choices.map(([value, text]) =>
    h("label", h("input", {
      type: "radio", name, value, checked: value === chosen, onchange: () => whenChosen(value),
    }), text)));
}
