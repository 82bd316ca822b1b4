/** The page that creates a source: where to, under which name, and what its records hold. */

import { h } from "../dom.js";
import { field, form, select } from "../parts/form.js";
import { card, pageHead } from "../parts/small.js";
import { empty } from "../parts/states.js";
import * as resources from "../resources.js";
import { go } from "../router.js";
import { schemaEditor } from "../schema/schema_editor.js";

const NEW = "";
const BEGINNING = {
  id_field: "id",
  allow_missing_fields: true,
  definition: [
    { name: "id", path: ["id"], type: "id" },
    { name: "name", path: ["name"], type: "string", config: { Mutex: true } },
  ],
};

/** @param {import("../router.js").Context} context */
export async function newSourcePage({ query }) {
  const deployments = (await resources.deployments()).filter((each) => each.status === "RUNNING");
  const head = pageHead({
    title: "New source",
    lead: "Describe what a record holds; the table gains the fields.",
    crumbs: [["/sources", "Sources"]],
  });
  if (!deployments.length) {
    return h("div.page", head, h("div.card", empty("No deployment is running",
      "A source feeds a table of a deployment. Create one first.",
      h("a.button.primary", { href: "#/" }, "Go to the overview"))));
  }
  const known = deployments.find((each) => each.id === query.get("d"));
  const deployment = select({ name: "deployment_id" },
    deployments.map((each) => [each.id, each.name]), known?.id);
  const table = h("select", { name: "table" });
  const newName = h("input", {
    name: "new_table", autocomplete: "off", spellcheck: "false", pattern: "[a-z][a-z0-9_\\-]*",
    required: true,
  });
  const newField = field("Name of the new table", newName,
    "begins with a letter; lower-case letters, digits, - and _");
  const name = h("input", { name: "name", required: true, autocomplete: "off", maxlength: 230 });
  const schema = schemaEditor(BEGINNING, () => ({
    deployment_id: deployment.value, ...(table.value === NEW ? {} : { table: table.value }),
  }));

  function showNew() {
    newField.hidden = table.value !== NEW;
    newName.disabled = newField.hidden;
    void schema.check();
  }

  async function showTables() {
    const tables = await resources.tables(deployment.value);
    table.replaceChildren(...tables.map((each) => h("option", {
      value: each.name, selected: each.name === query.get("t"),
    }, each.name)), h("option", { value: NEW }, "a new table…"));
    showNew();
  }

  deployment.addEventListener("change", () => void showTables());
  table.addEventListener("change", showNew);
  await showTables();
  return h("div.page", head, form({
    fields: [
      card("Where to", h("div.columns", field("Deployment", deployment), field("Table", table),
        newField, field("Name of the source", name))),
      card("What a record holds", schema.node),
    ],
    submit: "Create source",
    send: async () => {
      const made = schema.schema();
      const target = table.value || newName.value;
      if (table.value === NEW) await resources.createTable(deployment.value, { name: target });
      const source = await resources.createSource({
        name: name.value,
        sink_details: { deployment_id: deployment.value, table: target },
        schema: made,
      }).catch(async (error) => {
        // What was made for it goes with it, or a second try would find the name taken.
        if (table.value === NEW) await resources.deleteTable(deployment.value, target);
        throw error;
      });
      go(`/s/${source.id}`);
    },
  }));
}
