/** Publishing the statement of the editor as an endpoint, or as another version of one. */

import { h } from "../dom.js";
import { openDialog } from "../parts/dialog.js";
import { field, form, select } from "../parts/form.js";
import { complain, tell } from "../parts/toast.js";
import * as resources from "../resources.js";

const TYPES = ["string", "int", "decimal", "bool", "timestamp"]
  .flatMap((each) => [each, `list(${each})`]);

/**
 * Ask for what a statement lacks to be an endpoint, and publish it.
 * @param {{deployment: string, language: string}} state
 * @param {string} statement
 */
export async function publishDialog(state, statement) {
  if (!statement.trim()) {
    complain(new Error("there is no statement to publish yet"));
    return;
  }
  const known = new Map();
  try {
    for (const each of await resources.endpoints()) known.set(each.name, each);
  } catch (error) {
    complain(error);
  }
  const name = h("input", {
    name: "name", required: true, maxlength: 100, autocomplete: "off",
    pattern: "[a-z][a-z0-9_\\-]*",
  });
  const description = h("input", { name: "description", autocomplete: "off" });
  const isLive = h("input", { type: "checkbox", name: "is_live", checked: true });
  const rows = parameterNames(statement).map((each) => parameterRow(each));
  const close = openDialog("Publish as an endpoint", form({
    fields: [
      field("Name", name, "as in /v1/endpoints/<name>; the name of one adds a version to it"),
      field("Description", description, "what it answers"),
      ...rows.map((each) => each.node),
      h("label.check", isLive, "Callers get this version from now on (tag live)"),
    ],
    submit: "Publish",
    send: async () => {
      const version = {
        language: state.language, statement, parameters: rows.map((each) => each.read()),
        tag: isLive.checked ? "live" : null,
      };
      const made = known.has(name.value)
        ? await resources.publishVersion(name.value, version)
        : await resources.publishEndpoint({
          ...version, name: name.value, description: description.value,
          deployment_id: state.deployment,
        });
      close();
      tell(`“${made.name}” has version ${made.versions.at(-1).version}.`);
      location.hash = `#/e/${made.name}`;
    },
  }));
}

/** @param {string} statement @returns {string[]} the names after $, outside of quotes and comments */
export function parameterNames(statement) {
  const plain = statement.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\//g, " ");
  return [...new Set([...plain.matchAll(/\$([a-z_][a-z0-9_]*)/g)].map((each) => each[1]))];
}

function parameterRow(name) {
  const type = select({ name: `type_${name}` }, TYPES, "string");
  const standard = h("input", { name: `default_${name}`, autocomplete: "off" });
  const node = h("fieldset", h("legend.strong", `$${name}`),
    field("Type", type), field("Default", standard, "left empty, a call has to give it"));
  const read = () => {
    const declared = { name, type: type.value };
    return standard.value === "" ? declared
      : { ...declared, default: valueOf(standard.value, type.value) };
  };
  return { node, read };
}

function valueOf(text, type) {
  if (type.startsWith("list(")) {
    return text.split(",").map((each) => valueOf(each.trim(), type.slice(5, -1)));
  }
  if (type === "int" && /^[+-]?\d{1,15}$/.test(text)) return Number(text);
  if (type === "bool" && /^(true|false)$/.test(text)) return text === "true";
  return text;
}
