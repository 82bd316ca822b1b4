/** One endpoint: call it with values, copy the call, and choose which version is called. */

import { fill, h } from "../dom.js";
import { duration, moment } from "../format.js";
import { grid } from "../grid/grid.js";
import { confirmByName, openDialog } from "../parts/dialog.js";
import { field, form, select } from "../parts/form.js";
import { card, codeBlock, pageHead } from "../parts/small.js";
import { empty } from "../parts/states.js";
import { complain, tell } from "../parts/toast.js";
import { parseExactly } from "../query/exact_json.js";
import { tableOfPql, tableOfSql } from "../query/results.js";
import * as resources from "../resources.js";

const HINTS = {
  string: "text", int: "a whole number", decimal: "a number", bool: "true or false",
  timestamp: "a time such as 2026-01-31T12:00:00Z",
};

/** @param {import("../router.js").Context} context */
export async function endpointPage({ params, signal }) {
  const page = h("div.page");
  async function show() {
    const endpoint = await resources.endpoint(params.endpoint);
    const called = endpoint.versions.find((each) => each.version === endpoint.called_version);
    fill(page,
      pageHead({
        title: endpoint.name,
        lead: endpoint.description || "A statement that programs call by this name.",
        crumbs: [["/endpoints", "Endpoints"]],
        actions: [
          h("a.button", { href: editAddress(endpoint, called) }, "Edit in the query page"),
          h("button.danger", { onclick: () => remove(endpoint) }, "Delete"),
        ],
      }),
      callCard(endpoint, called, signal),
      card("Statement", codeBlock(called.statement, "the statement")),
      card("Versions", versionsTable(endpoint, show), { flush: true }));
  }
  await show();
  return page;
}

function editAddress(endpoint, called) {
  const query = new URLSearchParams({
    d: endpoint.deployment_id, l: called.language, q: called.statement,
  });
  return `#/query?${query}`;
}

function callCard(endpoint, called, signal) {
  const answer = h("div", { "aria-live": "polite" });
  const curl = h("div");
  const controls = called.parameters.map((each) => [each, control(each)]);
  const address = () => addressOf(endpoint, controls);
  const showCurl = () => fill(curl, codeBlock(
    `curl '${location.origin}${address()}' -H "X-API-Key: $KEY"`, "the curl command"));
  const node = form({
    fields: controls.map(([each, input]) => field(each.name, input, hintOf(each))),
    submit: "Call",
    also: [h("a.button", {
      href: `/v1/endpoints/${encodeURIComponent(endpoint.name)}/openapi.json`,
      onclick: (event) => { event.preventDefault(); void showDocument(endpoint); },
    }, "OpenAPI")],
    send: async () => {
      const began = performance.now();
      const response = await resources.callEndpoint(address(), signal);
      const body = parseExactly(await response.text());
      const elapsed = duration((performance.now() - began) * 1_000);
      const note = response.headers.get("x-cache") === "hit" ? "known, nothing had changed" : "asked";
      fill(answer, answerTables(called.language, body, `${elapsed}, ${note}`));
    },
  });
  node.addEventListener("input", showCurl);
  showCurl();
  return card("Call", h("div.stack", node, curl, answer));
}

function answerTables(language, body, note) {
  const tables = language === "sql" ? [tableOfSql(body)] : body.results.map(tableOfPql);
  if (!tables.length) return empty("Done", "There was nothing to answer.");
  return h("div.stack", tables.map((table) => {
    const shown = grid(table);
    return h("section", { "aria-label": "answer" }, shown.node,
      h("div.grid-foot", h("span", `${shown.note} · ${note}`)));
  }));
}

function control(parameter) {
  const { name, type, enum: choices, default: standard } = parameter;
  const required = parameter.required !== false && standard === undefined;
  if (type.startsWith("list(")) {
    return h("textarea", { name, rows: 3, required, value: (standard ?? []).join("\n") });
  }
  const chosen = standard === undefined || standard === null ? "" : String(standard);
  const offered = choices?.map(String) ?? (type === "bool" ? ["true", "false"] : null);
  if (offered) return select({ name, required }, required ? offered : ["", ...offered], chosen);
  return h("input", {
    name, required, value: chosen, autocomplete: "off",
    inputmode: type === "int" || type === "decimal" ? "decimal" : "text",
  });
}

function hintOf({ type, description, min, max }) {
  const kind = type.startsWith("list(") ? `one ${type.slice(5, -1)} a line` : HINTS[type];
  const low = min === undefined ? "" : `, from ${min}`;
  const high = max === undefined ? "" : `, to ${max}`;
  return `${description ? `${description} · ` : ""}${kind}${low}${high}`;
}

function addressOf(endpoint, controls) {
  const query = new URLSearchParams();
  for (const [parameter, input] of controls) {
    const texts = parameter.type.startsWith("list(") ? input.value.split("\n") : [input.value];
    for (const text of texts) if (text !== "") query.append(parameter.name, text);
  }
  const ending = query.size ? `?${query}` : "";
  return `/v1/endpoints/${encodeURIComponent(endpoint.name)}${ending}`;
}

async function showDocument(endpoint) {
  try {
    const address = `/v1/endpoints/${encodeURIComponent(endpoint.name)}/openapi.json`;
    const response = await resources.callEndpoint(address, undefined);
    const text = JSON.stringify(await response.json(), null, 2);
    openDialog("OpenAPI", codeBlock(text, "the OpenAPI document"), "wide");
  } catch (error) {
    complain(error);
  }
}

function versionsTable(endpoint, show) {
  const heads = ["Version", "Tags", "Language", "Published", "By", ""];
  const versions = [...endpoint.versions].reverse();
  return h("div.scroll-x", { tabindex: 0, role: "region", "aria-label": "table of versions" },
    h("table",
      h("thead", h("tr", heads.map((text) =>
        h("th", { scope: "col" }, text || h("span.visually-hidden", "Actions"))))),
      h("tbody", versions.map((each) => versionRow(endpoint, each, show)))));
}

function versionRow(endpoint, version, show) {
  const tags = Object.entries(endpoint.tags).filter(([, number]) => number === version.version);
  const isCalled = version.version === endpoint.called_version;
  return h("tr",
    h("td.strong", `${version.version}`, isCalled ? " (called)" : ""),
    h("td", h("div.row", tags.map(([tag]) => h("span.badge.plain", tag)))),
    h("td", version.language), h("td.nowrap", moment(version.created_at)),
    h("td", version.created_by),
    h("td", h("button.small", {
      "aria-label": `tag version ${version.version}`,
      onclick: () => tagDialog(endpoint, version, show),
    }, "Tag")));
}

function tagDialog(endpoint, version, show) {
  const tag = h("input", { name: "tag", required: true, value: "live", autocomplete: "off" });
  const close = openDialog(`Tag version ${version.version}`, form({
    fields: [field("Tag", tag, "a word that means this version from now on; live is what is called")],
    submit: "Tag version",
    send: async () => {
      await resources.tagEndpoint(endpoint.name, tag.value, version.version);
      close();
      tell(`“${tag.value}” means version ${version.version}.`);
      await show();
    },
  }));
}

function remove(endpoint) {
  confirmByName({
    title: "Delete endpoint", text: "Whoever calls it is answered that there is no such endpoint.",
    name: endpoint.name, action: "Delete endpoint",
    act: async () => {
      await resources.deleteEndpoint(endpoint.name);
      tell(`“${endpoint.name}” is deleted.`);
      location.hash = "#/endpoints";
    },
  });
}
