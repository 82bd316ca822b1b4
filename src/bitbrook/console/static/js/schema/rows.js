/** A schema's fields as rows to edit: name, path, type, and the options of that type. */

import { fill, h } from "../dom.js";
import { select } from "../parts/form.js";
import { glyph } from "../parts/glyphs.js";
import { OPTIONS, TYPES } from "./types.js";

/**
 * Return rows over a schema; each change makes a new one.
 * @param {(schema: import("./types.js").Schema) => void} whenChanged
 */
export function schemaRows(whenChanged) {
  const node = h("div.stack");
  /** @type {import("./types.js").Schema} */
  let schema = { definition: [] };

  const change = (changes) => { schema = { ...schema, ...changes }; whenChanged(schema); };
  const changeField = (at, changes) => change({
    definition: schema.definition.map((each, index) => (index === at ? { ...each, ...changes } : each)),
  });

  function show() {
    const names = schema.definition.map((each) => each.name);
    const keys = schema.primary_key_fields ?? [];
    const identity = schema.id_field ?? (keys.length === 1 ? keys[0] : "");
    fill(node,
      h("div.row", h("label.row", "Records are identified by ",
        keys.length > 1 ? h("code", keys.join(" + ")) : select({
          onchange: (event) => change({ id_field: event.target.value, primary_key_fields: undefined }),
        }, [["", "choose a field"], ...names.map((each) =>
          /** @type {[string, string]} */ ([each, each]))], identity)),
      h("label.check", h("input", {
        type: "checkbox", checked: Boolean(schema.allow_missing_fields),
        onchange: (event) => change({ allow_missing_fields: event.target.checked }),
      }), "records may lack fields")),
      h("div.schema-rows",
        h("div.schema-row.schema-head", { "aria-hidden": "true" }, h("span", "Name"),
          h("span", "Path in the record"), h("span", "Type"), h("span", "Options"), h("span")),
        schema.definition.map((definition, at) => rowOf(definition, at))),
      h("div", h("button.small", { type: "button", onclick: add }, glyph("plus"), "Add field")));
  }

  function rowOf(definition, at) {
    const label = definition.name || `field ${at + 1}`;
    return h("div.schema-row", { role: "group", "aria-label": label },
      h("input", {
        value: definition.name, "aria-label": `name of ${label}`, placeholder: "name",
        spellcheck: "false", autocomplete: "off",
        oninput: (event) => rename(at, event.target.value),
      }),
      h("input", {
        value: (definition.path ?? []).join("."), "aria-label": `path of ${label}`,
        placeholder: definition.name || "the name", spellcheck: "false", autocomplete: "off",
        oninput: (event) => changeField(at, { path: pathOf(event.target.value) }),
      }),
      select({
        "aria-label": `type of ${label}`,
        onchange: (event) => {
          changeField(at, { type: event.target.value, config: undefined });
          show();
        },
      }, Object.keys(TYPES), definition.type),
      h("div.options", (TYPES[definition.type]?.options ?? []).map((option) =>
        optionControl(option, definition, at))),
      h("button.plain.icon.small", {
        type: "button", "aria-label": `remove ${label}`, onclick: () => remove(at),
      }, glyph("bin")));
  }

  function optionControl(option, definition, at) {
    const kind = OPTIONS[option];
    const value = definition.config?.[option];
    const set = (given) => {
      const config = { ...definition.config };
      if (given === "" || given === false || given === null) delete config[option];
      else config[option] = given;
      const known = schema.definition[at];
      definition = { ...known, config: Object.keys(config).length ? config : undefined };
      changeField(at, { config: definition.config });
    };
    if (kind === "flag") {
      return h("label.check", h("input", {
        type: "checkbox", checked: value === true, onchange: (event) => set(event.target.checked),
      }), "one value only");
    }
    const label = `${option} of ${definition.name}`;
    if (Array.isArray(kind)) {
      return select({ "aria-label": label, onchange: (event) => set(event.target.value) },
        [["", option], ...kind.map((each) => /** @type {[string, string]} */ ([each, `${option} ${each}`]))],
        value);
    }
    return h("input", {
      "aria-label": label, placeholder: option, value: value ?? "", autocomplete: "off",
      inputmode: kind === "number" ? "numeric" : "text",
      oninput: (event) => {
        const text = event.target.value.trim();
        set(kind === "number" && /^-?\d{1,15}$/.test(text) ? Number(text) : text);
      },
    });
  }

  function rename(at, name) {
    const before = schema.definition[at].name;
    const identity = schema.id_field === before ? { id_field: name } : {};
    schema = { ...schema, ...identity };
    changeField(at, { name });
    const choice = node.querySelector("select");
    for (const option of choice?.options ?? []) {
      if (option.value === before) [option.value, option.text] = [name, name];
    }
  }

  function add() {
    change({ definition: [...schema.definition, { name: "", type: "string" }] });
    show();
    const rows = node.querySelectorAll(".schema-row:not(.schema-head)");
    rows[rows.length - 1].querySelector("input").focus();
  }

  function remove(at) {
    change({ definition: schema.definition.filter((_, index) => index !== at) });
    show();
  }

  return { node, show: (given) => { schema = given; show(); } };
}

function pathOf(text) {
  const keys = text.split(".").map((each) => each.trim()).filter(Boolean);
  return keys.length ? keys : undefined;
}
