/** An answer in its tabs: the grid, a chart, how it was found. PQL with several calls has several. */

import { fill, h } from "../dom.js";
import { bytes, duration } from "../format.js";
import { grid } from "../grid/grid.js";
import { empty } from "../parts/states.js";
import { segments, tabs } from "../parts/small.js";
import { chartView } from "./chart_view.js";
import { downloadButtons } from "./download.js";
import { explainView } from "./explain_view.js";
import { tableOfPql, tableOfSql } from "./results.js";

/**
 * @typedef {object} Answered
 * @property {string} deployment
 * @property {"sql" | "pql"} language
 * @property {string} statement
 * @property {any} body
 * @property {number} elapsedMs
 * @property {number} sizeBytes
 * @param {Answered} answered
 */
export function answerView(answered) {
  const { language, body } = answered;
  const results = language === "sql" ? [tableOfSql(body)] : body.results.map(tableOfPql);
  if (!results.length) return h("div.card", empty("Done", "The statement answered nothing."));
  const place = h("div");
  const show = (index) => fill(place, oneResult(answered, results[index]));
  show(0);
  if (results.length === 1) return place;
  const choices = results.map((_, index) =>
    /** @type {[string, string]} */ ([String(index), `Result ${index + 1}`]));
  return h("div.stack.tight", h("div", segments("result", choices, "0",
    (value) => show(Number(value)))), place);
}

function oneResult(answered, table) {
  if (!table.columns.length) {
    return h("div.card", empty("Done", `The statement was carried out in ${times(answered)}.`),
      warnings(answered.body));
  }
  const result = grid(table);
  const isSql = answered.language === "sql";
  const gridPanel = h("div", warnings(answered.body), result.node, h("div.grid-foot",
    h("span", `${result.note} · ${bytes(answered.sizeBytes)} · ${times(answered)}`),
    isSql ? h("span.row", "Download", downloadButtons(answered.deployment, answered.statement)) : null));
  const chartPanel = h("div");
  const plan = explainView(answered.deployment, answered.language, answered.statement);
  const bar = tabs("result", [
    { name: "table", title: "Table", panel: gridPanel },
    { name: "chart", title: "Chart", panel: chartPanel },
    { name: "explain", title: "Explain", panel: plan.node },
  ], (name) => {
    if (name === "chart" && !chartPanel.childNodes.length) fill(chartPanel, chartView(table));
    if (name === "explain") void plan.show();
  });
  return h("section.card", { "aria-label": "answer" },
    h("div.card-head", bar.bar, result.menu), bar.panels);
}

function times({ body, elapsedMs }) {
  const server = body["execution-time"];
  const round = duration(elapsedMs * 1_000);
  return server === undefined ? round : `${duration(server)} in the server, ${round} in all`;
}

function warnings(body) {
  if (!body.warnings?.length) return null;
  return h("div.notice.warn", h("ul", body.warnings.map((each) => h("li", each))));
}
