/** Beside the editor: the live schema, saved queries, and the history, each one click from use. */

import { fill, h } from "../dom.js";
import { ago, count, duration } from "../format.js";
import { confirm } from "../parts/dialog.js";
import { glyph } from "../parts/glyphs.js";
import { badge, tabs } from "../parts/small.js";
import { empty } from "../parts/states.js";
import { complain, tell } from "../parts/toast.js";
import * as resources from "../resources.js";

const CUT_AT = 1_000;

/**
 * @typedef {object} Actions
 * @property {(text: string) => void} insert at the caret
 * @property {(entry: {language: string, statement: string, deployment_id?: string}) => void} open
 * @property {(entry: {language: string, statement: string, deployment_id?: string}) => void} replay
 * @property {() => string} deployment the present one
 * @property {() => string} userId
 * @param {Actions} actions
 */
export function side(actions) {
  const schema = h("div.panel.tree");
  const saved = h("div.panel");
  const history = h("div.panel");
  const all = tabs("beside the editor", [
    { name: "schema", title: "Schema", panel: schema },
    { name: "saved", title: "Saved", panel: saved },
    { name: "history", title: "History", panel: history },
  ], (name) => {
    if (name === "saved") void showSaved(saved, actions);
    if (name === "history") void showHistory(history, actions);
  });
  return {
    node: h("aside.query-side", { "aria-label": "schema, saved queries and history" },
      all.bar, h("div.card", all.panels)),
    showSchema: (tables) => fill(schema, schemaTree(tables, actions)),
    showSaved: () => all.choose("saved"),
    /** Show the history anew if it is in sight. */
    refresh: () => { if (all.chosen() === "history") void showHistory(history, actions); },
  };
}

function schemaTree(tables, { insert }) {
  if (!tables.length) {
    return empty("No tables", "This deployment has no table yet. Create one with a source or "
      + "with CREATE TABLE.");
  }
  return h("ul", tables.map((table) => h("li", h("details", { open: tables.length < 4 },
    h("summary", h("span.name", table.name), h("span.type", count(table.record_count))),
    h("ul", [{ name: "_id", type: table.options.keys ? "string" : "id" }, ...table.fields].map(
      (field) => h("li", h("button", {
        type: "button", "aria-label": `insert ${field.name}`, onclick: () => insert(field.name),
      }, h("span.name", field.name), h("span.type", typeText(field))))))))));
}

/** @param {any} field of a table, in a word or two */
export function typeText(field) {
  const options = field.options ?? {};
  if (field.type === "decimal") return `decimal(${options.scale ?? 0})`;
  if (field.type === "vector") return `vector(${options.dimensions})`;
  if (field.type === "time") return `time ${options.timeQuantum}`;
  return options.keys ? `${field.type}, keyed` : field.type;
}

async function showSaved(place, actions) {
  try {
    const saved = await resources.savedQueries();
    if (!saved.length) {
      fill(place, empty("Nothing saved", "Write a statement and press Save to keep it here."));
      return;
    }
    fill(place, h("ul.list", saved.map((entry) => h("li.statement",
      h("div.row.spread", h("strong", entry.name), h("span.row",
        entry.is_shared ? h("span.badge.plain", "shared") : null,
        h("span.badge.plain", entry.language))),
      h("code", entry.statement),
      h("div.row", openButtons(entry, actions), entry.user_id === actions.userId()
        ? [shareButton(entry, place, actions), removeButton(entry, place, actions)] : null)))));
  } catch (error) {
    complain(error);
  }
}

function shareButton(entry, place, actions) {
  return h("button.small", {
    type: "button",
    onclick: async () => {
      try {
        await resources.changeSavedQuery(entry.id, { is_shared: !entry.is_shared });
        await showSaved(place, actions);
      } catch (error) {
        complain(error);
      }
    },
  }, entry.is_shared ? "Stop sharing" : "Share");
}

function removeButton(entry, place, actions) {
  return h("button.small.danger.icon", {
    type: "button", "aria-label": `delete ${entry.name}`,
    onclick: () => confirm({
      title: "Delete saved query", text: `“${entry.name}” will be gone.`, action: "Delete",
      act: async () => {
        await resources.deleteSavedQuery(entry.id);
        tell(`“${entry.name}” is deleted.`);
        await showSaved(place, actions);
      },
    }),
  }, glyph("bin"));
}

async function showHistory(place, actions) {
  const deployment = actions.deployment();
  if (!deployment) return;
  try {
    const past = await resources.pastQueries(deployment);
    if (!past.length) {
      fill(place, empty("No history", "Statements of this deployment appear here once they ran."));
      return;
    }
    fill(place, h("ul.list", past.map((entry) => h("li.statement",
      h("div.row", badge(entry.status), h("span.badge.plain", entry.language),
        h("span.nowrap", duration(entry.duration_us)), h("span", { title: entry.started_at },
          ago(entry.started_at))),
      h("code", entry.statement),
      entry.error ? h("p.small-text", entry.error) : null,
      isCut(entry) ? h("p.small-text.muted", "The end was not kept: only its first 1,000 characters.")
        : h("div.row", openButtons(entry, actions))))));
  } catch (error) {
    complain(error);
  }
}

function openButtons(entry, { open, replay }) {
  return [
    h("button.small", { type: "button", onclick: () => open(entry) }, "Open"),
    h("button.small", { type: "button", onclick: () => replay(entry) }, "Run again"),
  ];
}

function isCut(entry) {
  return entry.statement.length >= CUT_AT && entry.statement.endsWith("…");
}
