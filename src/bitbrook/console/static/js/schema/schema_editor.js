/**
 * A source's schema, edited as rows or as JSON, checked by the server as one types: the faults that
 * it names are those that creating the source would name.
 */

import { fill, h } from "../dom.js";
import { editor } from "../editor/editor.js";
import { openDialog } from "../parts/dialog.js";
import { form } from "../parts/form.js";
import { tabs } from "../parts/small.js";
import { typeText } from "../query/side.js";
import * as resources from "../resources.js";
import { inferSchema } from "./infer.js";
import { schemaRows } from "./rows.js";
import { schemaText } from "./types.js";

const CHECK_AFTER_MS = 250;

/**
 * @param {import("./types.js").Schema} schema
 * @param {() => {deployment_id: string, table?: string} | null} target what it is for
 */
export function schemaEditor(schema, target) {
  let current = schema;
  /** @type {AbortController | null} */
  let checking = null;
  let timer = 0;
  let isBroken = false;
  const verdict = h("div", { role: "status", class: "verdict" });
  const rows = schemaRows((changed) => { current = changed; checkSoon(); });
  const json = editor({
    label: "schema as JSON", language: "json", id: "schema-json",
    whenChanged: () => takeJson(),
  });
  json.node.classList.add("boxed");
  const all = tabs("form of the schema", [
    { name: "fields", title: "Fields", panel: h("div", rows.node) },
    { name: "json", title: "JSON", panel: h("div", json.node) },
  ], (name) => {
    if (name === "json") showJson();
    else if (!isBroken) rows.show(current);
  });
  let isShowing = false;

  function showJson() {
    isShowing = true;
    json.text = schemaText(cleaned(current));
    isShowing = false;
  }

  function takeJson() {
    if (isShowing) return;
    try {
      const given = JSON.parse(json.text);
      if (given === null || typeof given !== "object" || !Array.isArray(given.definition)) {
        throw new Error("a schema is an object with a list “definition”");
      }
      current = given;
      isBroken = false;
      checkSoon();
    } catch (error) {
      isBroken = true;
      checking?.abort();
      clearTimeout(timer);
      fill(verdict, faults([`not a schema: ${error.message}`]));
    }
  }

  function checkSoon() {
    clearTimeout(timer);
    timer = window.setTimeout(check, CHECK_AFTER_MS);
  }

  async function check() {
    checking?.abort();
    const place = target();
    if (!place) return;
    checking = new AbortController();
    const { signal } = checking;
    try {
      const found = await resources.checkSchema({ schema: cleaned(current), ...place }, signal);
      if (!signal.aborted) fill(verdict, found.faults.length ? faults(found.faults) : good(found));
    } catch (error) {
      if (!signal.aborted) fill(verdict, faults([error.message]));
    }
  }

  function take(given) {
    current = given;
    isBroken = false;
    rows.show(current);
    if (all.chosen() === "json") showJson();
    void check();
  }

  rows.show(current);
  void check();
  return {
    node: h("div.stack",
      h("div.row.spread", all.bar, h("button.small", {
        type: "button", onclick: () => pasteRecord(take),
      }, "Paste a JSON record, get a schema")),
      all.panels, verdict),
    check,
    take,
    /** The schema; throws if what was typed is none. */
    schema: () => {
      if (isBroken) throw new Error("the JSON of the schema is broken; mend it first");
      return cleaned(current);
    },
  };
}

/** Without what is undefined or empty, as it is sent. */
function cleaned(schema) {
  return JSON.parse(JSON.stringify(schema));
}

function faults(list) {
  return h("div.notice.bad", h("div", h("strong", list.length > 1 ? `${list.length} faults`
    : "One fault"), h("ul", list.map((each) => h("li", each)))));
}

function good({ fields, keys }) {
  return h("div.notice.good", h("div", h("strong", "This can be created."),
    h("p", `Records have ${keys ? "string keys" : "integer ids"}. The table has `,
      fields.map((field, at) => [at ? ", " : "", h("code", field.name), ` (${typeText(field)})`]),
      fields.length ? "." : "no fields besides.")));
}

function pasteRecord(take) {
  const input = editor({
    label: "a JSON record", language: "json", id: "pasted-record",
    text: "{\"id\": 1, \"species\": \"setosa\", \"petal\": {\"length\": 1.4, \"width\": 0.2}}",
  });
  input.node.classList.add("boxed");
  const close = openDialog("Paste a JSON record", form({
    fields: [h("p.muted", "One record as your program sends it. Objects in it become paths."),
      input.node],
    submit: "Get a schema",
    send: async () => {
      const schema = inferSchema(input.text);
      close();
      take(schema);
    },
  }), "wide");
  input.input.select();
}
