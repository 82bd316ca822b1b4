/** Dialogs: the browser's own, which keep the focus inside and give it back. */

import { h, newId } from "../dom.js";
import { field, form } from "./form.js";
import { glyph } from "./glyphs.js";

/**
 * Show a dialog; return a function that closes it. Escape and the cross close it too.
 * @param {string} title
 * @param {any} body
 * @param {string} [extraClass]
 */
export function openDialog(title, body, extraClass) {
  const id = newId("dialog");
  const close = () => node.close();
  const node = h("dialog", { "aria-labelledby": id, class: extraClass },
    h("div.dialog-head", h("h2", { id }, title),
      h("button.plain.icon.small", { onclick: close, "aria-label": "close" }, glyph("close"))),
    h("div.dialog-body", body));
  node.addEventListener("close", () => node.remove());
  node.addEventListener("click", (event) => { if (event.target === node) close(); });
  document.body.append(node);
  node.showModal();
  node.querySelector("input, select, textarea")?.focus();
  return close;
}

/**
 * Ask whether to do something that cannot be undone; typing the name of the thing confirms.
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.text what will happen
 * @param {string} options.name what has to be typed
 * @param {string} options.action the button's text
 * @param {() => Promise<any>} options.act
 */
export function confirmByName({ title, text, name, action, act }) {
  const input = h("input", { autocomplete: "off", spellcheck: "false", name: "confirmation" });
  const node = form({
    fields: [h("p", text), field("Type its name to confirm", input, h("code", name))],
    submit: action,
    also: [h("button", { type: "button", onclick: () => close() }, "Cancel")],
    send: async () => { await act(); close(); },
  });
  const button = /** @type {HTMLButtonElement} */ (node.querySelector("[type=submit]"));
  button.className = "danger-fill";
  button.disabled = true;
  input.addEventListener("input", () => { button.disabled = input.value !== name; });
  const close = openDialog(title, node);
}

/**
 * Ask whether to do something.
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.text
 * @param {string} options.action
 * @param {() => Promise<any>} options.act
 */
export function confirm({ title, text, action, act }) {
  const node = form({
    fields: [h("p", text)],
    submit: action,
    also: [h("button", { type: "button", onclick: () => close() }, "Cancel")],
    send: async () => { await act(); close(); },
  });
  const close = openDialog(title, node);
}
