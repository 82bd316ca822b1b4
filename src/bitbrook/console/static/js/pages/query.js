/** The query page: a statement, its answer, and what helps to write the next one. */

import { fill, h } from "../dom.js";
import { completer } from "../editor/complete.js";
import { editor } from "../editor/editor.js";
import { NOTHING_CALLABLE } from "../editor/words.js";
import { duration } from "../format.js";
import { openDialog } from "../parts/dialog.js";
import { field, form, select } from "../parts/form.js";
import { glyph } from "../parts/glyphs.js";
import { pageHead, segments } from "../parts/small.js";
import { empty, refusal } from "../parts/states.js";
import { complain, tell } from "../parts/toast.js";
import { answerView } from "../query/answer_view.js";
import { publishDialog } from "../query/publish.js";
import { placeOfFault, run } from "../query/running.js";
import { side } from "../query/side.js";
import * as resources from "../resources.js";

const DRAFT_KEY = "bitbrook.draft";

/** @param {import("../router.js").Context} context */
export async function queryPage({ query, signal, user }) {
  const deployments = (await resources.deployments()).filter((each) => each.status === "RUNNING");
  if (!deployments.length) {
    return h("div.page", pageHead({ title: "Query" }), h("div.card", empty("Nothing to ask yet",
      "Statements run against a deployment, and none is running.",
      h("a.button.primary", { href: "#/" }, "Go to the overview"))));
  }
  const callables = await resources.languages().catch(() => NOTHING_CALLABLE);
  const draft = takeDraft(query);
  const known = deployments.some((each) => each.id === draft.deployment);
  const state = {
    deployment: known ? draft.deployment : deployments[0].id,
    language: draft.language,
    /** @type {any[]} */
    tables: [],
    /** @type {AbortController | null} */
    running: null,
  };
  const view = build(state, deployments, draft, user, callables);
  signal.addEventListener("abort", () => {
    state.running?.abort();
    keepDraft({ ...state, statement: view.editor.text });
  });
  await view.chooseDeployment(state.deployment);
  if (query.get("run")) {
    history.replaceState(null, "", "#/query");
    queueMicrotask(view.runNow);
  }
  return view.node;
}

function build(state, deployments, draft, user, callables) {
  const answer = h("div.answer", { "aria-live": "polite" }, empty("Ask something",
    "Write SQL or PQL above and press Ctrl+Enter. Names are completed from the live schema."));
  const status = h("span.status", { role: "status" });
  const runButton = h("button.primary", { type: "button", onclick: runNow }, glyph("play"), "Run",
    h("span.visually-hidden", "(Ctrl+Enter)"));
  const cancelButton = h("button", { type: "button", hidden: true, onclick: cancel },
    glyph("stop"), "Cancel");
  const input = editor({
    label: "statement", language: state.language, text: draft.statement, id: "statement",
    complete: completer(() => state.tables, callables),
  });
  const languages = segments("language", [["sql", "SQL"], ["pql", "PQL"]], state.language, speak);
  const chooser = select({ "aria-label": "deployment", onchange: () => chooseDeployment(chooser.value) },
    deployments.map((each) => [each.id, each.name]), state.deployment);
  const beside = side({
    insert: (text) => input.insert(text),
    open,
    replay: (entry) => { open(entry); void runNow(); },
    deployment: () => state.deployment,
    userId: () => user.id,
  });

  function speak(language) {
    state.language = language;
    input.speak(language);
    const choice = languages.querySelector(`[value=${language}]`);
    choice.checked = true;
  }

  async function chooseDeployment(id) {
    state.deployment = id;
    chooser.value = id;
    await refreshSchema();
    beside.refresh();
  }

  async function refreshSchema() {
    state.tables = await resources.tables(state.deployment).catch(() => []);
    beside.showSchema(state.tables);
  }

  /** @param {{language: string, statement: string, deployment_id?: string}} entry */
  function open({ language, statement, deployment_id: deployment }) {
    speak(language);
    input.text = statement;
    input.input.focus();
    if (deployment && deployment !== state.deployment
      && deployments.some((each) => each.id === deployment)) void chooseDeployment(deployment);
  }

  async function runNow() {
    const statement = input.text.trim();
    if (!statement) {
      fill(answer, empty("Nothing to run", "Write a statement first."));
      return;
    }
    state.running?.abort();
    const controller = new AbortController();
    state.running = controller;
    setRunning(true);
    try {
      const asked = { deployment: state.deployment, language: state.language, statement: input.text };
      const answered = await run(asked, controller.signal, (ms) =>
        fill(status, `running for ${(ms / 1_000).toFixed(1)} s`));
      fill(answer, answerView(answered));
      fill(status, `answered in ${duration(answered.elapsedMs * 1_000)}`);
    } catch (error) {
      if (state.running === controller) showFailure(error, controller.signal.aborted);
    }
    if (state.running !== controller) return;
    state.running = null;
    setRunning(false);
    beside.refresh();
    if (/\b(create|alter|drop|insert|copy|bulk|replace|delete)\b/i.test(statement)
      || state.language === "pql") void refreshSchema();
  }

  function showFailure(error, isCancelled) {
    if (isCancelled) {
      fill(answer, h("div.card", empty("Cancelled", "The server has stopped working on it.")));
      fill(status, "cancelled");
      return;
    }
    fill(answer, h("div.card", h("div.card-body", refusal(error))));
    fill(status, "failed");
    const place = placeOfFault(error.message);
    if (place) input.markFault(...place);
  }

  function cancel() {
    state.running?.abort();
    input.input.focus();
  }

  function setRunning(isRunning) {
    runButton.disabled = isRunning;
    cancelButton.hidden = !isRunning;
    answer.setAttribute("aria-busy", String(isRunning));
  }

  input.node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void runNow();
    } else if (event.key === "Escape" && state.running) cancel();
  });

  const bar = h("div.query-bar", runButton, cancelButton, languages, chooser,
    h("button", { type: "button", onclick: () => saveDialog(state, input.text, beside) }, "Save"),
    h("button", { type: "button", onclick: () => publishDialog(state, input.text) }, "Publish"),
    status);
  const node = h("div.page", h("h1.visually-hidden", "Query"), h("div.query",
    h("div.stack", h("section.card", { "aria-label": "editor" }, bar, input.node), answer),
    beside.node));
  return { node, editor: input, runNow, chooseDeployment };
}

function saveDialog(state, statement, beside) {
  if (!statement.trim()) {
    complain(new Error("there is no statement to save yet"));
    return;
  }
  const name = h("input", { name: "name", required: true, maxlength: 230, autocomplete: "off" });
  const isShared = h("input", { type: "checkbox", name: "is_shared" });
  const close = openDialog("Save query", form({
    fields: [field("Name", name),
      h("label.check", isShared, "Share it with everybody in the organisation")],
    submit: "Save query",
    send: async () => {
      await resources.saveQuery({
        name: name.value, language: state.language, statement, deployment_id: state.deployment,
        is_shared: isShared.checked,
      });
      close();
      tell(`“${name.value}” is saved.`);
      beside.showSaved();
    },
  }));
}

/** Return what to begin with: what the address says, or what was being written in this tab. */
function takeDraft(query) {
  const kept = JSON.parse(sessionStorage.getItem(DRAFT_KEY) ?? "{}");
  return {
    deployment: query.get("d") ?? kept.deployment,
    language: query.get("l") ?? (query.has("q") ? "sql" : kept.language ?? "sql"),
    statement: query.get("q") ?? kept.statement ?? "",
  };
}

function keepDraft({ deployment, language, statement }) {
  sessionStorage.setItem(DRAFT_KEY, JSON.stringify({ deployment, language, statement }));
}
