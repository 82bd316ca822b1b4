/** One table: its fields with what they hold and weigh, a sample of its records, and ways out. */

import { fill, h } from "../dom.js";
import { bytes, count, moment } from "../format.js";
import { grid } from "../grid/grid.js";
import { confirmByName } from "../parts/dialog.js";
import { card, meter, pageHead } from "../parts/small.js";
import { empty, refusal } from "../parts/states.js";
import { tell } from "../parts/toast.js";
import { busy, saveAs } from "../query/download.js";
import { parseExactly } from "../query/exact_json.js";
import { tableOfSql } from "../query/results.js";
import { typeText } from "../query/side.js";
import * as resources from "../resources.js";
import { go } from "../router.js";
import { keysText } from "./deployment.js";

const SAMPLE_ROWS = 20;
const NUMBERS = new Set(["int", "decimal", "timestamp"]);
const EXPORTS = [["NDJSON", "ndjson"], ["CSV", "csv"], ["Parquet", "parquet"], ["Arrow", "arrow"]];

/** @param {import("../router.js").Context} context */
export async function tablePage({ params }) {
  const { deployment: id, table: name } = params;
  const [deployment, table] = await Promise.all([
    resources.deployment(id), resources.table(id, name),
  ]);
  const sample = h("div");
  void showSample(sample, id, name);
  const select = `select * from ${quoted(name)} limit 100`;
  return h("div.page",
    pageHead({
      title: table.name,
      lead: table.description || `Created ${moment(table.created_at)}`,
      crumbs: [["/", "Overview"], [`/d/${id}`, deployment.name]],
      actions: [
        h("a.button.primary", {
          href: `#/query?d=${id}&run=1&q=${encodeURIComponent(select)}`,
        }, "Query"),
        h("a.button", { href: `#/new-source?d=${id}&t=${name}` }, "New source"),
        h("button.danger", { onclick: () => deleteTable(id, table) }, "Delete"),
      ],
    }),
    h("dl.figures",
      h("div.figure", h("dt", "Records"), h("dd", count(table.record_count))),
      h("div.figure", h("dt", "Record ids"), h("dd", keysText(table))),
      h("div.figure", h("dt", "Memory"), h("dd", bytes(table.size_bytes))),
      h("div.figure", h("dt", "Stored in snapshots"), h("dd", bytes(table.stored_bytes)))),
    fieldsCard(table),
    card("Sample", sample, {
      flush: true, note: `the first ${SAMPLE_ROWS} records`, actions: [exportButtons(id, name)],
    }));
}

function fieldsCard(table) {
  if (!table.fields.length) {
    return card("Fields", empty("No fields yet", "They come with the first source, or by ALTER "
      + "TABLE in SQL."), { flush: true });
  }
  const largest = Math.max(...table.fields.map((field) => field.size_bytes), 1);
  return card("Fields", h("div.scroll-x", { tabindex: 0, role: "region", "aria-label": "table of fields" },
    h("table", h("thead", h("tr",
      h("th", { scope: "col" }, "Name"), h("th", { scope: "col" }, "Type"),
      h("th", { scope: "col" }, "Options"), h("th.number", { scope: "col" }, "Different rows"),
      h("th", { scope: "col" }, "Storage"))),
    h("tbody", table.fields.map((field) => h("tr",
      h("td.strong", field.name), h("td", typeText(field)),
      h("td.muted", optionsText(field)),
      h("td.number", NUMBERS.has(field.type) ? "–" : count(field.rows)),
      h("td", h("div.memory", meter(field.size_bytes, largest, `storage of ${field.name}`,
        { warns: false }),
        h("span.small-text", bytes(field.size_bytes))))))))), {
    flush: true, note: "rows are the different values of set-like fields",
  });
}

function optionsText({ type, options }) {
  const parts = [];
  if (type === "int" && options.min > -(2 ** 63)) parts.push(`min ${count(options.min)}`);
  if (type === "int" && options.max < 2 ** 63 - 1) parts.push(`max ${count(options.max)}`);
  if (type === "timestamp") parts.push(`unit ${options.timeUnit}`);
  if (options.timeQuantum) parts.push(`quantum ${options.timeQuantum}`);
  if (options.ttl) parts.push(`kept ${options.ttl}`);
  return parts.join(", ") || "–";
}

async function showSample(place, id, name) {
  try {
    const statement = `select * from ${quoted(name)} limit ${SAMPLE_ROWS}`;
    const response = await resources.ask(id, "sql", statement);
    const table = tableOfSql(parseExactly(await response.text()));
    fill(place, table.rows.length ? grid(table).node
      : empty("No records yet", "Send some to a source of this table, or INSERT INTO it."));
  } catch (error) {
    fill(place, h("div.card-body", refusal(error)));
  }
}

function exportButtons(id, name) {
  return h("span.row", h("span.muted.small-text", "Export all"), EXPORTS.map(([title, form]) =>
    h("button.small", {
      type: "button", "aria-label": `export as ${title}`,
      onclick: (event) => busy(event.currentTarget, async () => {
        const response = await resources.exportTable(id, name, form);
        saveAs(await response.blob(), `${name}.${form}`);
        tell(`Saved ${name}.${form}.`);
      }),
    }, title)));
}

function quoted(name) {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name}"`;
}

function deleteTable(id, table) {
  confirmByName({
    title: "Delete table",
    text: "The table and every record in it will be gone. Sources that feed it have to be deleted "
      + "first.",
    name: table.name,
    action: "Delete table",
    act: async () => {
      await resources.deleteTable(id, table.name);
      tell(`Table “${table.name}” is being deleted.`);
      go(`/d/${id}`);
    },
  });
}
