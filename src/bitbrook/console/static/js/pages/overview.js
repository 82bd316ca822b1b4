/** The first page: every deployment with its figures, live, and where to begin if there is none. */

import { liveChart } from "../charts/live_chart.js";
import { fill, h, say } from "../dom.js";
import { bytes, count, gibibytes, plural, rate } from "../format.js";
import * as live from "../live.js";
import { card, badge, meter, pageHead } from "../parts/small.js";
import * as resources from "../resources.js";
import { reload } from "../router.js";
import { guidedStart } from "./guided_start.js";
import { newDeployment } from "./new_deployment.js";

/** @param {import("../router.js").Context} context */
export async function overviewPage({ signal }) {
  const deployments = await resources.deployments();
  const head = pageHead({
    title: "Overview",
    lead: "What this organisation runs, this second.",
    actions: [h("button.primary", { onclick: () => newDeployment(reload) }, "New deployment")],
  });
  if (!deployments.length) {
    return h("div.page", head, guidedStart(() => newDeployment(reload)));
  }
  const totals = totalFigures(signal);
  const body = h("tbody");
  // What is shown at once may be older than the list; what follows is not.
  let isFirst = true;
  live.watch(signal, (figures) => {
    showDeployments(body, figures);
    if (!isFirst && !figures.deployments.length) reload();
  });
  isFirst = false;
  return h("div.page", head, totals,
    card("Records coming in", liveChart(signal), { note: "all sources, over the last two minutes" }),
    card("Deployments", h("div.scroll-x",
      { tabindex: 0, role: "region", "aria-label": "table of deployments" },
      h("table",
        h("thead", h("tr", ["Name", "State", "Memory", "Tables", "Records", "Records/s"].map(
          (text, index) => h("th", { scope: "col", class: index > 2 ? "number" : "" }, text)))),
        body)), { flush: true }));
}

function totalFigures(signal) {
  const shown = {
    deployments: h("dd", "–"), records: h("dd", "–"), memory: h("dd", "–"), rate: h("dd", "–"),
  };
  live.watch(signal, ({ deployments, sources }) => {
    const sum = (key) => deployments.reduce((total, each) => total + each[key], 0);
    say(shown.deployments, String(deployments.length));
    say(shown.records, count(sum("record_count")));
    fill(shown.memory, bytes(sum("memory_bytes")));
    fill(shown.rate, rate(live.rateNow((source) => source.records)),
      h("small", ` records/s from ${plural(sources.length, "source")}`));
  });
  return h("dl.figures",
    h("div.figure", h("dt", "Deployments"), shown.deployments),
    h("div.figure", h("dt", "Records"), shown.records),
    h("div.figure", h("dt", "Memory of tables"), shown.memory),
    h("div.figure", h("dt", "Coming in"), shown.rate));
}

function showDeployments(body, figures) {
  // While a link in it has the focus, only the figures beside it change.
  const known = new Map([...body.children].map((row) => [row.dataset.id, row]));
  const rows = figures.deployments.map((each) => {
    const row = known.get(each.id) ?? newRow(each);
    const [, state, memory, tables, records, incoming] = row.children;
    if (row.dataset.status !== each.status) fill(state, badge(each.status));
    row.dataset.status = each.status;
    fill(memory, h("div.memory", meter(each.memory_bytes, each.memory_bytes_max,
      `memory of ${each.name}`), h("span.small-text.nowrap",
      `${bytes(each.memory_bytes)} of ${gibibytes(each.memory_bytes_max)}`)));
    say(tables, count(each.table_count));
    say(records, count(each.record_count));
    say(incoming, rate(live.rateNow((source) =>
      (source.deployment_id === each.id ? source.records : 0))));
    return row;
  });
  for (const row of body.children) if (!rows.includes(row)) row.remove();
  for (const row of rows) if (!row.isConnected) body.append(row);
}

function newRow(deployment) {
  const row = h("tr", h("td", h("a.strong", { href: `#/d/${deployment.id}` }, deployment.name)),
    h("td"), h("td"), h("td.number"), h("td.number"), h("td.number"));
  row.dataset.id = deployment.id;
  return row;
}
