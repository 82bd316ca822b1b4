/** How a statement was answered, step by step: what bitmaps were asked and what DuckDB finished. */

import { fill, h } from "../dom.js";
import { plural } from "../format.js";
import { empty, refusal } from "../parts/states.js";
import * as resources from "../resources.js";

const SELECTS = /^\s*(?:--[^\n]*\n\s*)*(?:select|with)\b/i;

/**
 * Return a panel that explains when it is shown for the first time.
 * @param {string} deployment
 * @param {string} language
 * @param {string} statement
 */
export function explainView(deployment, language, statement) {
  const node = h("div");
  let isAsked = false;
  async function show() {
    if (isAsked) return;
    isAsked = true;
    if (language !== "sql" || !SELECTS.test(statement)) {
      fill(node, empty("No plan to show", language === "pql"
        ? "PQL is its own plan: each call is answered from bitmaps, from the inside out."
        : "EXPLAIN is for statements that select."));
      return;
    }
    fill(node, h("p.card-body.muted", "Explaining…"));
    try {
      const response = await resources.ask(deployment, "sql", `explain ${statement}`);
      const { data } = await response.json();
      fill(node, h("ol.plan", data.map(([step, by, what, rows]) => h("li", { "data-step": step },
        h("div", h("div.row", h("span.badge.plain", { class: by === "bitmaps" ? "accent" : "" }, by),
          h("span.muted.small-text", plural(rows, "row"))), h("code", what))))));
    } catch (error) {
      fill(node, h("div.card-body", refusal(error)));
    }
  }
  return { node, show };
}
