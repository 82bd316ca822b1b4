/**
 * The guided start: one button that does what the quickstart does, step by step and in sight, and
 * opens a query on what it made. It creates only through the public API, as a person would.
 */

import { h } from "../dom.js";
import { empty, refusal } from "../parts/states.js";
import * as resources from "../resources.js";
import { go } from "../router.js";

const RECORDS = new URL("../../iris.csv", import.meta.url);
const NAMES = { deployment: "flowers", table: "iris_table", source: "iris_streaming_source" };
const POLL_MS = 150;
const POLLS_MAX = 200;

export const IRIS_SCHEMA = {
  id_field: "id",
  allow_missing_fields: false,
  definition: [
    { name: "id", path: ["id"], type: "id" },
    ...["sepallength", "sepalwidth", "petallength", "petalwidth"].map((name) =>
      ({ name, path: [name], type: "decimal", config: { Scale: 2 } })),
    { name: "species", path: ["species"], type: "string", config: { Mutex: true } },
  ],
};

export const FIRST_QUERY = `select species, count(*) as flowers, avg(sepallength) as mean_sepal_length
from iris_table
group by species
order by flowers desc`;

/** @param {() => void} createEmpty what the other button does */
export function guidedStart(createEmpty) {
  const place = h("div.card");
  const begin = h("button.primary", { onclick: () => run(place) }, "Start with the iris records");
  place.append(empty("Nothing runs here yet",
    "Make a deployment, a table and a source, stream 150 flowers into it and ask them something: "
    + "one click, four steps, a few seconds. Everything can be deleted again.",
    begin, h("button", { onclick: createEmpty }, "Create an empty deployment")));
  return place;
}

async function run(place) {
  const made = {};
  /** @type {[string, () => Promise<any>][]} */
  const steps = [
    ["Create the deployment “flowers”", async () => {
      made.deployment = await resources.createDeployment(NAMES.deployment, "8GB");
      await until(() => resources.deployment(made.deployment.id));
    }],
    ["Create the table “iris_table”", () => resources.createTable(made.deployment.id,
      { name: NAMES.table, description: "150 iris flowers (R. A. Fisher, 1936)" })],
    ["Open the source “iris_streaming_source”", async () => {
      made.source = await resources.createSource({
        name: NAMES.source,
        sink_details: { deployment_id: made.deployment.id, table: NAMES.table },
        schema: IRIS_SCHEMA,
      });
      await until(() => resources.source(made.source.id));
    }],
    ["Stream 150 records into it", async () => {
      const answer = await resources.sendRecords(made.source.id, await irisRecords());
      if (answer.error_count) throw new Error(`${answer.error_count} records were refused`);
    }],
  ];
  const items = steps.map(([text]) => h("li", text));
  const problem = h("div");
  place.replaceChildren(h("div.empty", h("h2", "Setting up"),
    h("ol.steps", { "aria-live": "polite" }, items), problem));
  for (const [index, [, work]] of steps.entries()) {
    items[index].className = "doing";
    try {
      await work();
    } catch (error) {
      items[index].className = "failed";
      problem.append(refusal(error));
      return;
    }
    items[index].className = "done";
  }
  go(`/query?d=${made.deployment.id}&run=1&q=${encodeURIComponent(FIRST_QUERY)}`);
}

/** Return what is shown once it runs. */
async function until(show) {
  for (let poll = 0; poll < POLLS_MAX; poll += 1) {
    const shown = await show();
    if (shown.status === "RUNNING") return shown;
    if (shown.status === "FAILED") throw new Error(shown.failure_reason ?? "it failed");
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
  }
  throw new Error("it is still being created; look at the overview in a moment");
}

async function irisRecords() {
  const text = await (await fetch(RECORDS)).text();
  const [head, ...lines] = text.trim().split(/\r?\n/);
  const names = head.split(",");
  return lines.map((line, index) => {
    const values = line.split(",");
    return {
      value: {
        id: String(index + 1),
        ...Object.fromEntries(names.map((name, column) => [name, values[column]])),
      },
    };
  });
}
