/** All endpoints: statements that programs call by a name. */

import { h } from "../dom.js";
import { moment } from "../format.js";
import { card, pageHead } from "../parts/small.js";
import { empty } from "../parts/states.js";
import * as resources from "../resources.js";

export async function endpointsPage() {
  const [endpoints, deployments] = await Promise.all([
    resources.endpoints(), resources.deployments(),
  ]);
  const names = new Map(deployments.map((each) => [each.id, each.name]));
  return h("div.page",
    pageHead({
      title: "Endpoints",
      lead: "Statements with typed parameters that programs call by a name.",
      actions: [h("a.button.primary", { href: "#/query" }, "Write one")],
    }),
    card("Endpoints", endpoints.length ? endpointsTable(endpoints, names) : empty("No endpoint yet",
      "Write a statement on the query page, with $name where a value is to be given, and press "
      + "Publish.", h("a.button", { href: "#/query" }, "Go to the query page")), { flush: true }));
}

function endpointsTable(endpoints, names) {
  const heads = ["Name", "Called version", "Tags", "Deployment", "Parameters", "Published"];
  return h("div.scroll-x", { tabindex: 0, role: "region", "aria-label": "table of endpoints" },
    h("table",
      h("thead", h("tr", heads.map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", endpoints.map((each) => endpointRow(each, names)))));
}

function endpointRow(endpoint, names) {
  const called = endpoint.versions.find((each) => each.version === endpoint.called_version);
  return h("tr",
    h("td", h("a.strong", { href: `#/e/${endpoint.name}` }, endpoint.name)),
    h("td", `${called.version} of ${endpoint.versions.length}`),
    h("td", h("div.row", Object.entries(endpoint.tags).map(([tag, version]) =>
      h("span.badge.plain", `${tag} ${version}`)))),
    h("td", names.get(endpoint.deployment_id) ?? "gone"),
    h("td", called.parameters.map((each) => each.name).join(", ") || "–"),
    h("td.nowrap", moment(called.created_at)));
}
