/** API keys: what programs use instead of a password. */

import { fill, h } from "../dom.js";
import { moment } from "../format.js";
import { confirm, openDialog } from "../parts/dialog.js";
import { field, form, select } from "../parts/form.js";
import { card, codeBlock, pageHead } from "../parts/small.js";
import { empty } from "../parts/states.js";
import { complain, tell } from "../parts/toast.js";
import * as resources from "../resources.js";

const SCOPES = [
  ["query", "ask: see and query"], ["endpoint", "call endpoints, nothing else"],
  ["ingest", "send records"], ["admin", "everything its user may"],
];

/** @param {import("../router.js").Context} context */
export async function apiKeysPage({ user }) {
  const place = h("div");
  async function show() {
    const [keys, users] = await Promise.all([
      resources.apiKeys(), user.role === "admin" ? resources.users() : [user],
    ]);
    const emails = new Map(users.map((each) => [each.id, each.email]));
    fill(place, keys.length ? keysTable(keys, emails, show) : empty("No API keys",
      "A program signs its calls with a key. Give it only the scope that it needs, and bind it to "
      + "one deployment or source."));
  }
  await show();
  return h("div.page",
    pageHead({
      title: "API keys",
      lead: "What programs use instead of a password, sent as X-API-Key.",
      actions: [h("button.primary", { onclick: () => newKey(show) }, "New API key")],
    }),
    card("Keys", place, { flush: true }));
}

function keysTable(keys, emails, show) {
  const heads = ["Name", "Begins with", "Scopes", "Bound to", "User", "Created", ""];
  return h("div.scroll-x", { tabindex: 0, role: "region", "aria-label": "table of API keys" }, h("table",
    h("thead", h("tr", heads.map((text) =>
      h("th", { scope: "col" }, text || h("span.visually-hidden", "Actions"))))),
    h("tbody", keys.map((key) => h("tr",
      h("td.strong", key.name), h("td", h("code", `${key.prefix}…`)),
      h("td", h("div.row", key.scopes.map((each) => h("span.badge.plain", each)))),
      h("td", key.bound_to ? `${key.bound_to.kind} ${key.bound_to.id}` : "–"),
      h("td", emails.get(key.user_id) ?? key.user_id),
      h("td.nowrap", moment(key.created_at)),
      h("td", h("button.small.danger", {
        "aria-label": `revoke ${key.name}`, onclick: () => revoke(key, show),
      }, "Revoke")))))));
}

function revoke(key, show) {
  confirm({
    title: "Revoke API key",
    text: `Whatever uses “${key.name}” is refused from its next call on.`,
    action: "Revoke",
    act: async () => {
      await resources.revokeApiKey(key.id);
      tell(`“${key.name}” is revoked.`);
      await show();
    },
  });
}

async function newKey(show) {
  let deployments = [];
  let sources = [];
  let endpoints = [];
  try {
    [deployments, sources, endpoints] = await Promise.all([
      resources.deployments(), resources.sources(), resources.endpoints(),
    ]);
  } catch (error) {
    complain(error);
  }
  const name = h("input", { name: "name", required: true, autocomplete: "off", maxlength: 230 });
  const boxes = SCOPES.map(([scope, text]) => h("label.check", h("input", {
    type: "checkbox", name: "scope", value: scope, checked: scope === "query",
  }), h("span", h("strong", scope), h("span.muted", ` – ${text}`))));
  const bound = select({ name: "bound" }, [["", "everything in the organisation"],
    ...deployments.map((each) => choice(`deployment_id ${each.id}`, `deployment ${each.name}`)),
    ...sources.map((each) => choice(`source_id ${each.id}`, `source ${each.name}`)),
    ...endpoints.map((each) => choice(`endpoints ${each.name}`, `endpoint ${each.name}`))]);
  const close = openDialog("New API key", form({
    fields: [field("Name", name, "what uses it, such as “sensor gateway”"),
      h("fieldset", h("legend.strong", "Scopes"), boxes),
      field("Good for", bound)],
    submit: "Create API key",
    send: async (node) => {
      const scopes = [...node.querySelectorAll("[name=scope]:checked")].map((each) =>
        /** @type {HTMLInputElement} */ (each).value);
      const body = { name: name.value, scopes };
      const [key, id] = bound.value.split(" ");
      if (key === "endpoints") Object.assign(body, { endpoints: [id], scopes: ["endpoint"] });
      else if (key) body[key] = id;
      const made = await resources.createApiKey(body);
      close();
      await show();
      openDialog("API key created", h("div.stack",
        h("p", "Copy it now: it is shown only this once."), codeBlock(made.key, "the API key")));
    },
  }));
}

/** @returns {[string, string]} */
function choice(value, text) {
  return [value, text];
}
