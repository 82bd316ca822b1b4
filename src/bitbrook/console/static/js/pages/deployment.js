/** One deployment: its state as it changes, its tables and sources, and its end. */

import { fill, h, say } from "../dom.js";
import { bytes, count, gibibytes, moment, rate } from "../format.js";
import * as live from "../live.js";
import { confirmByName, openDialog } from "../parts/dialog.js";
import { field, form, select } from "../parts/form.js";
import { badge, card, copyable, meter, pageHead } from "../parts/small.js";
import { empty } from "../parts/states.js";
import { tell } from "../parts/toast.js";
import * as resources from "../resources.js";
import { go } from "../router.js";
import { sourcesCard } from "./sources.js";

/** @param {import("../router.js").Context} context */
export async function deploymentPage({ params, signal }) {
  const id = params.deployment;
  const [deployment, tables, sources] = await Promise.all([
    resources.deployment(id), resources.tables(id), sourcesCard(id, signal),
  ]);
  const status = h("span", badge(deployment.status));
  const remove = h("button.danger", { onclick: () => deleteDeployment(deployment) }, "Delete");
  const tablesPlace = h("div");
  const showTables = (shown) => fill(tablesPlace, tablesCard(id, shown));
  showTables(tables);
  follow(deployment, tables, signal, { status, showTables });
  return h("div.page",
    pageHead({
      title: [deployment.name, status],
      lead: `Shape ${deployment.deployment_options.shape}, created ${moment(deployment.created_at)} `
        + `by ${deployment.created_by}`,
      crumbs: [["/", "Overview"]],
      actions: [h("a.button.primary", { href: `#/query?d=${id}` }, "Query"), remove],
    }),
    figures(id, signal),
    h("div.card", h("div.card-body.row.spread", h("span", h("strong", "Endpoint of statements "),
      h("span.muted", "POST")), copyable(deployment.endpoint, "the endpoint"))),
    tablesPlace,
    sources);
}

/** Show each change of state; when the deployment is gone, so is its page. */
function follow(deployment, tables, signal, { status, showTables }) {
  let shown = deployment.status;
  let known = tables.length;
  live.watch(signal, (figures) => {
    const now = figures.deployments.find((each) => each.id === deployment.id);
    if (!now) {
      if (new Date(figures.at) > new Date(deployment.created_at) && shown === "DELETING") {
        tell(`Deployment “${deployment.name}” is gone.`);
        go("/");
      }
      return;
    }
    if (now.status !== shown) fill(status, badge(now.status));
    shown = now.status;
    if (now.table_count !== known) {
      known = now.table_count;
      void resources.tables(deployment.id).then(showTables, () => {});
    }
  });
}

function figures(id, signal) {
  const records = h("dd", "–");
  const incoming = h("dd", "–");
  const memory = h("dd", "–");
  live.watch(signal, ({ deployments }) => {
    const now = deployments.find((each) => each.id === id);
    if (!now) return;
    say(records, count(now.record_count));
    say(incoming, rate(live.rateNow((source) =>
      (source.deployment_id === id ? source.records : 0))));
    fill(memory, bytes(now.memory_bytes), h("small", ` of ${gibibytes(now.memory_bytes_max)}`),
      meter(now.memory_bytes, now.memory_bytes_max, "memory"));
  });
  return h("dl.figures", h("div.figure", h("dt", "Records"), records),
    h("div.figure", h("dt", "Records/s coming in"), incoming),
    h("div.figure", h("dt", "Memory of tables"), memory));
}

function tablesCard(id, tables) {
  const add = () => newTable(id);
  if (!tables.length) {
    return card("Tables", empty("No table yet", "A table holds records; its fields come with its "
      + "first source, or by CREATE TABLE.", h("button", { onclick: add }, "New table")), { flush: true });
  }
  return card("Tables", h("div.scroll-x", { tabindex: 0, role: "region", "aria-label": "table of tables" },
    h("table", h("thead", h("tr", h("th", { scope: "col" }, "Name"),
      h("th", { scope: "col" }, "Record ids"), h("th.number", { scope: "col" }, "Fields"),
      h("th.number", { scope: "col" }, "Records"), h("th.number", { scope: "col" }, "Memory"),
      h("th.number", { scope: "col" }, "Stored"))),
    h("tbody", tables.map((table) => h("tr",
      h("td", h("a.strong", { href: `#/d/${id}/t/${table.name}` }, table.name)),
      h("td", keysText(table)), h("td.number", count(table.fields.length)),
      h("td.number", count(table.record_count)), h("td.number", bytes(table.size_bytes)),
      h("td.number", bytes(table.stored_bytes))))))), {
    flush: true, actions: [h("button.small", { onclick: add }, "New table")],
  });
}

/** @param {any} table what identifies its records, in words */
export function keysText(table) {
  if (table.options.keys === undefined) return "not decided yet";
  return table.options.keys ? "string keys" : "integers";
}

function newTable(id) {
  const name = h("input", {
    name: "name", required: true, autocomplete: "off", spellcheck: "false",
    pattern: "[a-z][a-z0-9_\\-]*",
  });
  const description = h("input", { name: "description", autocomplete: "off" });
  const keys = select({ name: "keys" }, [
    ["", "the first source decides"], ["false", "integers"], ["true", "string keys"],
  ]);
  const close = openDialog("New table", form({
    fields: [field("Name", name, "begins with a letter; lower-case letters, digits, - and _"),
      field("Description", description), field("Record ids", keys)],
    submit: "Create table",
    send: async () => {
      const body = { name: name.value, description: description.value };
      if (keys.value) Object.assign(body, { options: { keys: keys.value === "true" } });
      await resources.createTable(id, body);
      close();
      go(`/d/${id}/t/${name.value}`);
    },
  }));
}

function deleteDeployment(deployment) {
  confirmByName({
    title: "Delete deployment",
    text: "The deployment and its endpoint will be gone. Its tables and sources have to be deleted "
      + "first.",
    name: deployment.name,
    action: "Delete deployment",
    act: async () => {
      await resources.deleteDeployment(deployment.id);
      tell(`Deployment “${deployment.name}” is being deleted.`);
      go("/");
    },
  });
}
