/** The audit log: who did what, from where, with which outcome; newest first. */

import { fill, h } from "../dom.js";
import { moment } from "../format.js";
import { field, select } from "../parts/form.js";
import { badge, card, pageHead } from "../parts/small.js";
import { empty, refusal } from "../parts/states.js";
import { tell } from "../parts/toast.js";
import { busy, saveAs } from "../query/download.js";
import * as resources from "../resources.js";

const OUTCOMES = ["done", "refused", "failed"];
const TONES = { done: "good", refused: "busy", failed: "bad" };

export async function auditPage() {
  const filters = {
    user: h("input", { name: "user", autocomplete: "off" }),
    action: h("input", { name: "action", autocomplete: "off", placeholder: "create_table" }),
    resource: h("input", { name: "resource", autocomplete: "off" }),
    outcome: select({ name: "outcome" }, [["", "any"], ...OUTCOMES.map((each) =>
      /** @type {[string, string]} */ ([each, each]))]),
  };
  const body = h("tbody");
  const place = h("div");
  const more = h("button", { hidden: true, onclick: () => busy(more, () => show(next)) }, "Show more");
  let next = "";
  let asked = 0;

  async function show(before = "") {
    asked += 1;
    const number = asked;
    const wanted = wantedOf(filters);
    try {
      const page = await resources.audit(before ? { ...wanted, before } : wanted);
      if (number !== asked) return;
      if (!before) body.replaceChildren();
      body.append(...page.entries.map(entryRow));
      next = page.next ?? "";
      more.hidden = !next;
      fill(place, body.children.length ? logTable(body) : empty("Nothing found",
        "Nothing of what was done is like this. Change the filters."));
    } catch (error) {
      fill(place, h("div.card-body", refusal(error)));
    }
  }

  const bar = h("form.filters", { onsubmit: (event) => event.preventDefault() },
    field("User", filters.user), field("Action", filters.action),
    field("Resource", filters.resource), field("Outcome", filters.outcome));
  bar.addEventListener("change", () => void show());
  await show();
  const download = h("button", { onclick: () => busy(download, async () => {
    const response = await resources.exportAudit(wantedOf(filters));
    saveAs(await response.blob(), "audit.ndjson");
    tell("Saved audit.ndjson.");
  }) }, "Export as NDJSON");
  return h("div.page",
    pageHead({
      title: "Audit log",
      lead: "Who changed what, and what was refused. Reads, records and statements are not in it.",
      actions: [download],
    }),
    bar, card("Entries", place, { flush: true }), h("div.row", more));
}

function wantedOf(filters) {
  return Object.fromEntries(Object.entries(filters)
    .map(([name, control]) => [name, control.value.trim()]).filter(([, value]) => value));
}

function logTable(body) {
  return h("div.scroll-x", { tabindex: 0, role: "region", "aria-label": "table of entries" }, h("table",
    h("thead", h("tr", ["When", "User", "Action", "Outcome", "Resource", "From"].map((text) =>
      h("th", { scope: "col" }, text)))), body));
}

function entryRow(entry) {
  return h("tr",
    h("td.nowrap", { title: entry.at }, moment(entry.at)),
    h("td", entry.user ?? "–", entry.api_key_id ? h("span.muted", " by API key") : null),
    h("td", h("code", entry.action)),
    h("td", h("span.badge", { class: TONES[entry.outcome] },
      entry.status ? `${entry.outcome} (${entry.status})` : entry.outcome)),
    h("td", h("code.break", entry.resource)),
    h("td", h("code", entry.address)));
}
