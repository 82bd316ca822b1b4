/** What stands where there is nothing yet, and where something went wrong. */

import { h } from "../dom.js";

const PATTERN = "1000000110000001111001";
const BITS = 21;

/**
 * Return an invitation to begin.
 * @param {string} title
 * @param {string} text
 * @param {...any} actions buttons or links
 */
export function empty(title, text, ...actions) {
  const bits = Array.from({ length: BITS }, (_, index) => h(PATTERN[index] === "1" ? "i.on" : "i"));
  return h("div.empty", h("div.bits", { "aria-hidden": "true" }, bits), h("h2", title),
    h("p", text), actions.length ? h("div.row", actions) : null);
}

/**
 * Return a page in place of one that could not be shown.
 * @param {any} error
 * @param {() => void} mend
 * @param {string} [mendText]
 */
export function failure(error, mend, mendText = "Try again") {
  const isGone = error.status === 404;
  return h("div.page", h("div.card", h("div.empty",
    h("h1", isGone ? "Not here" : "This could not be shown"),
    h("p", { role: "alert" }, sentence(error.message)),
    requestNote(error),
    h("div.row", h("button", { onclick: mend }, mendText), h("a.button", { href: "#/" }, "Overview")),
  )));
}

/**
 * Return a box that tells what was refused and why, with every detail.
 * @param {any} error
 */
export function refusal(error) {
  const details = (error.details ?? []).length > 1 ? error.details : [];
  return h("div.notice.bad", { role: "alert" }, h("div", h("p", sentence(error.message)),
    details.length ? h("ul", details.map((each) => h("li", each))) : null,
    requestNote(error)));
}

/** @param {string} text the server's words, as a sentence of their own */
export function sentence(text) {
  const begun = text.slice(0, 1).toUpperCase() + text.slice(1);
  return /[.?!…]$/.test(begun) ? begun : `${begun}.`;
}

function requestNote(error) {
  if (!error.requestId || error.status < 500) return null;
  return h("p.small-text", "The server's log tells more under request id ",
    h("code", error.requestId), ".");
}
