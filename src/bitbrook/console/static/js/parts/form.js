/** Labelled fields, and forms that say beside a field what the server refused about it. */

import { fill, h, newId } from "../dom.js";
import { refusal, sentence } from "./states.js";

/**
 * Return a control with its label, a hint, and room for what is wrong with it.
 * @param {string} label
 * @param {HTMLElement} control an input, select, or textarea
 * @param {string | Node} [hint]
 */
export function field(label, control, hint) {
  const id = control.id || newId("field");
  control.id = id;
  const fault = h("p.fault", { id: `${id}-fault`, hidden: true });
  control.setAttribute("aria-describedby", hint ? `${id}-hint ${id}-fault` : `${id}-fault`);
  control.addEventListener("input", () => {
    control.removeAttribute("aria-invalid");
    fault.hidden = true;
  });
  return h("div.field", h("label", { for: id }, label), control,
    hint ? h("p.hint", { id: `${id}-hint` }, hint) : null, fault);
}

/**
 * Return a select of choices: texts, or pairs of value and text.
 * @param {Record<string, any>} attributes
 * @param {(string | [string, string])[]} choices
 * @param {string} [chosen]
 */
export function select(attributes, choices, chosen) {
  return h("select", attributes, choices.map((each) => {
    const [value, text] = typeof each === "string" ? [each, each] : each;
    return h("option", { value, selected: value === chosen }, text);
  }));
}

/**
 * Return a form that is busy while it is sent and shows what the server refuses.
 * @param {object} options
 * @param {any[]} options.fields
 * @param {string} options.submit the button's text
 * @param {any[]} [options.also] further buttons
 * @param {(form: HTMLFormElement) => Promise<void>} options.send
 * @returns {HTMLFormElement}
 */
export function form({ fields, submit, also = [], send }) {
  const problem = h("div", { class: "form-problem" });
  const button = h("button.primary", { type: "submit" }, submit);
  const node = h("form.form", { novalidate: true }, fields, problem,
    h("div.form-actions", button, also));
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled || !allValid(node)) return;
    button.disabled = true;
    node.setAttribute("aria-busy", "true");
    fill(problem);
    try {
      await send(node);
    } catch (error) {
      if (!blame(node, error)) fill(problem, refusal(error));
    } finally {
      button.disabled = false;
      node.removeAttribute("aria-busy");
    }
  });
  return node;
}

/**
 * Say beside a control what is wrong with it.
 * @param {HTMLElement} control
 * @param {string} text
 */
export function markFault(control, text) {
  const fault = document.getElementById(`${control.id}-fault`);
  control.setAttribute("aria-invalid", "true");
  if (fault) {
    fault.textContent = text;
    fault.hidden = false;
  }
}

function allValid(node) {
  const controls = [...node.elements].filter((each) => each.willValidate && !each.checkValidity());
  for (const each of controls) markFault(each, each.validationMessage);
  controls[0]?.focus();
  return controls.length === 0;
}

function blame(node, error) {
  const name = error.field?.split(".").at(-1);
  const control = name ? node.elements.namedItem(name) : null;
  if (!(control instanceof HTMLElement) || (error.details ?? []).length > 1) return false;
  markFault(control, sentence(error.message));
  control.focus();
  return true;
}
