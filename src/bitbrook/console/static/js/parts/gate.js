/** The frame of pages for whoever is not signed in: a card with a heading, alone on the page. */

import { h } from "../dom.js";
import { brand } from "../shell.js";
import { field, form } from "./form.js";

/**
 * @param {{title: string, heading: string, lead: string}} words `title`: of the browser's tab
 * @param {...(Node | null)} content
 */
export function gate({ title, heading, lead }, ...content) {
  document.title = `${title} · bitbrook`;
  return h("main.gate", h("div.gate-card",
    brand(),
    h("div", h("h1", heading), h("p.lead", lead)),
    ...content));
}

/**
 * The form by which a password is chosen.
 * @param {string} submit
 * @param {(password: string) => Promise<void>} send
 */
export function choosePassword(submit, send) {
  const password = h("input", {
    type: "password", name: "password", autocomplete: "new-password", required: true,
  });
  return form({
    fields: [field("New password", password)], submit, send: () => send(password.value),
  });
}
