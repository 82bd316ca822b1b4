/** One source: what it takes this second, how to send to it, and what it could not take. */

import { liveChart } from "../charts/live_chart.js";
import { fill, h, say } from "../dom.js";
import { editor } from "../editor/editor.js";
import { ago, count, moment, rate } from "../format.js";
import * as live from "../live.js";
import { confirmByName } from "../parts/dialog.js";
import { badge, card, codeBlock, copyable, pageHead, tabs } from "../parts/small.js";
import { empty, refusal } from "../parts/states.js";
import { complain, tell } from "../parts/toast.js";
import { busy } from "../query/download.js";
import * as resources from "../resources.js";
import { go } from "../router.js";
import { exampleRecord, schemaText } from "../schema/types.js";

const ERRORS_SHOWN = 100;

/** @param {import("../router.js").Context} context */
export async function sourcePage({ params, signal }) {
  const source = await resources.source(params.source);
  const { deployment_id: deployment, table } = source.sink_details;
  const status = h("span", badge(source.status));
  const pause = h("button");
  const errors = h("div");
  const example = exampleRecord(source.schema);
  followSource(source, signal, status, pause, errors);
  return h("div.page",
    pageHead({
      title: [source.name, status],
      lead: ["Feeds ", h("a", { href: `#/d/${deployment}/t/${table}` }, table),
        `, created ${moment(source.created_at)} by ${source.created_by}`],
      crumbs: [["/sources", "Sources"]],
      actions: [
        h("a.button.primary", { href: queryAddress(deployment, table) }, "Query"), pause,
        h("button.danger", { onclick: () => deleteSource(source) }, "Delete"),
      ],
    }),
    source.failure_reason ? refusal(new Error(source.failure_reason)) : null,
    figures(source, signal),
    h("div.columns",
      card("Coming in", liveChart(signal, (each) => each.id === source.id),
        { note: "over the last two minutes" }),
      card("Send records", sendBox(source, example), { note: "by hand, to see what happens" })),
    card("Send from a program", programs(source, example)),
    card("Errors", errors, { flush: true, note: "the last records that could not be stored" }),
    card("Schema", codeBlock(schemaText(source.schema), "the schema")));
}

function followSource(source, signal, status, pause, errors) {
  let shown = source.status;
  let known = -1;
  const showPause = () => fill(pause, shown === "PAUSED" ? "Resume" : "Pause");
  pause.addEventListener("click", () => busy(pause, async () => {
    const call = shown === "PAUSED" ? resources.resumeSource : resources.pauseSource;
    shown = (await call(source.id)).status;
    fill(status, badge(shown));
    showPause();
  }));
  showPause();
  live.watch(signal, ({ sources }) => {
    const now = sources.find((each) => each.id === source.id);
    if (!now) return;
    if (now.status !== shown) {
      shown = now.status;
      fill(status, badge(shown));
      showPause();
    }
    if (now.errors !== known) void showErrors(errors, source.id);
    known = now.errors;
  });
}

function figures(source, signal) {
  const shown = {
    rate: h("dd", "–"), errorRate: h("dd", "–"), records: h("dd", "–"), errors: h("dd", "–"),
  };
  live.watch(signal, ({ sources }) => {
    const now = sources.find((each) => each.id === source.id);
    if (!now) return;
    const of = (key) => (each) => (each.id === source.id ? each[key] : 0);
    say(shown.rate, rate(live.rateNow(of("records"))));
    say(shown.errorRate, rate(live.rateNow(of("errors"))));
    say(shown.records, count(now.records));
    say(shown.errors, count(now.errors));
  });
  return h("dl.figures",
    h("div.figure", h("dt", "Records/s"), shown.rate),
    h("div.figure", h("dt", "Errors/s"), shown.errorRate),
    h("div.figure", h("dt", "Records since the start"), shown.records),
    h("div.figure", h("dt", "Errors since the start"), shown.errors));
}

function sendBox(source, example) {
  const input = editor({
    label: "records as JSON", language: "json", id: "records",
    text: JSON.stringify([{ value: example }], null, 2),
  });
  input.node.classList.add("boxed");
  const outcome = h("div", { role: "status" });
  const send = h("button.primary", { type: "button", onclick: () => busy(send, run) }, "Send");
  async function run() {
    fill(outcome);
    try {
      const answer = await resources.sendRecords(source.id, recordsIn(input.text));
      fill(outcome, outcomes(answer));
    } catch (error) {
      fill(outcome, refusal(error));
    }
  }
  return h("div.stack", input.node, h("div.row", send,
    h("span.muted.small-text", "a list of {\"value\": …}, or records alone")), outcome);
}

/** Return what is sent: records in their wrapping, whether they were written with it or not. */
function recordsIn(text) {
  let given;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new Error(`this is not JSON: ${error.message}`, { cause: error });
  }
  const list = Array.isArray(given) ? given : given?.records ?? [given];
  return list.map((each) => (isWrapped(each) ? each : { value: each }));
}

function isWrapped(record) {
  return record !== null && typeof record === "object" && Object.keys(record).length === 1
    && typeof record.value === "object";
}

function outcomes({ success_count: stored, error_count: failed, records }) {
  const faults = [...records.entries()].filter(([, each]) => each.status === "error");
  return h("div.notice", { class: failed ? "bad" : "good" }, h("div",
    h("strong", `${count(stored)} stored, ${count(failed)} refused`),
    faults.length ? h("ul", faults.slice(0, 10).map(([at, each]) =>
      h("li", `record ${at + 1}: ${each.error_message} (${each.error_code})`))) : null));
}

function programs(source, example) {
  const record = JSON.stringify({ records: [{ value: example }] });
  const curl = `curl -X POST ${source.endpoint} \\
  -H "X-API-Key: $BITBROOK_API_KEY" \\
  -d '${record.replaceAll("'", "'\\''")}'`;
  const python = `from bitbrook.client import Client

# The API key comes from the environment: BITBROOK_API_KEY.
with (
    Client("${new URL(source.endpoint).origin}") as client,
    client.sources.writer("${source.id}") as writer,
):
    writer.write(${pythonText(example)})`;
  const all = tabs("language", [
    { name: "curl", title: "curl", panel: codeBlock(curl, "the curl command") },
    { name: "python", title: "Python", panel: codeBlock(python, "the Python program") },
  ]);
  return h("div.stack",
    h("div.row.spread", h("strong", "Streaming endpoint"), copyable(source.endpoint, "the endpoint")),
    all.bar, all.panels,
    h("p.muted.small-text", "Programs use an ", h("a", { href: "#/keys" }, "API key"),
      " with the scope ingest, which can be bound to this source."));
}

/** Return a value as Python writes it. */
function pythonText(value) {
  if (Array.isArray(value)) return `[${value.map(pythonText).join(", ")}]`;
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value).map(([key, each]) =>
    `${JSON.stringify(key)}: ${pythonText(each)}`);
  return `{${members.join(", ")}}`;
}

async function showErrors(place, id) {
  try {
    const errors = await resources.sourceErrors(id);
    if (!errors.length) {
      fill(place, empty("No errors", "Every record that came could be stored."));
      return;
    }
    fill(place, h("div.scroll-x", { tabindex: 0, role: "region", "aria-label": "table of errors" }, h("table",
      h("thead", h("tr", ["When", "Code", "What", "Record"].map((text) =>
        h("th", { scope: "col" }, text)))),
      h("tbody", errors.slice(0, ERRORS_SHOWN).map((each) => h("tr",
        h("td.nowrap", { title: each.at }, ago(each.at)),
        h("td", h("span.badge.bad", each.code)), h("td", each.message),
        h("td", h("code.break", each.excerpt))))))));
  } catch (error) {
    if (error.status !== 404) complain(error);
  }
}

function queryAddress(deployment, table) {
  const statement = `select * from ${table} limit 100`;
  return `#/query?d=${deployment}&run=1&q=${encodeURIComponent(statement)}`;
}

function deleteSource(source) {
  confirmByName({
    title: "Delete source",
    text: "The source and its endpoint will be gone; what it stored stays in the table.",
    name: source.name,
    action: "Delete source",
    act: async () => {
      await resources.deleteSource(source.id);
      tell(`Source “${source.name}” is being deleted.`);
      go("/sources");
    },
  });
}
