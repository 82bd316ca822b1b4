/** All sources, with what they take this second. */

import { fill, h, say } from "../dom.js";
import { count, rate } from "../format.js";
import * as live from "../live.js";
import { badge, card, pageHead } from "../parts/small.js";
import { empty } from "../parts/states.js";
import * as resources from "../resources.js";

/** @param {import("../router.js").Context} context */
export async function sourcesPage({ signal }) {
  return h("div.page",
    pageHead({
      title: "Sources",
      lead: "Each takes JSON records over HTTPS into one table.",
      actions: [h("a.button.primary", { href: "#/new-source" }, "New source")],
    }),
    await sourcesCard("", signal));
}

/**
 * Return a card of the sources of a deployment ("" is of all), which follows what comes and goes.
 * @param {string} deployment
 * @param {AbortSignal} signal
 */
export async function sourcesCard(deployment, signal) {
  const address = deployment ? `#/new-source?d=${deployment}` : "#/new-source";
  const place = h("div");
  let known = "";
  async function show() {
    const sources = (await resources.sources()).filter((each) =>
      !deployment || each.sink_details.deployment_id === deployment);
    known = idsOf(sources);
    fill(place, sources.length ? sourcesTable(sources, signal) : empty("No source yet",
      "Describe a record, get an endpoint, and POST to it: what was answered is durable and can "
      + "be queried.", h("a.button", { href: address }, "New source")));
  }
  await show();
  live.watch(signal, ({ sources }) => {
    const now = idsOf(sources.filter((each) => !deployment || each.deployment_id === deployment));
    if (now !== known) void show().catch(() => {});
  });
  return card("Sources", place, {
    flush: true, actions: deployment ? [h("a.button.small", { href: address }, "New source")] : [],
  });
}

function idsOf(sources) {
  return sources.map((each) => each.id).sort().join();
}

function sourcesTable(sources, signal) {
  const heads = ["Name", "State", "Table", "Records since start", "Records/s", "Errors/s"];
  return h("div.scroll-x", { tabindex: 0, role: "region", "aria-label": "table of sources" }, h("table",
    h("thead", h("tr", heads.map((text, at) =>
      h("th", { scope: "col", class: at > 2 ? "number" : "" }, text)))),
    h("tbody", sources.map((source) => sourceRow(source, signal)))));
}

function sourceRow(source, signal) {
  const state = h("td", badge(source.status));
  const records = h("td.number", "–");
  const incoming = h("td.number", "–");
  const failing = h("td.number", "–");
  let shown = source.status;
  live.watch(signal, ({ sources }) => {
    const now = sources.find((each) => each.id === source.id);
    if (!now) return;
    if (now.status !== shown) fill(state, badge(now.status));
    shown = now.status;
    const of = (key) => (each) => (each.id === source.id ? each[key] : 0);
    say(records, count(now.records));
    say(incoming, rate(live.rateNow(of("records"))));
    say(failing, rate(live.rateNow(of("errors"))));
  });
  const { table, deployment_id: deployment } = source.sink_details;
  return h("tr", h("td", h("a.strong", { href: `#/s/${source.id}` }, source.name)), state,
    h("td", h("a", { href: `#/d/${deployment}/t/${table}` }, table)), records, incoming, failing);
}
