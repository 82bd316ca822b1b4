/** What the keyboard does everywhere: `g` and a letter, `?`, and a palette of places to go. */

import { fill, h, newId } from "./dom.js";
import { openDialog } from "./parts/dialog.js";
import * as resources from "./resources.js";
import { go } from "./router.js";

const GO_WITHIN_MS = 1_200;

/**
 * Listen until `signal`.
 * @param {{path: string, key: string}[]} places
 * @param {AbortSignal} signal
 * @param {() => void} openPalette
 */
export function listenForShortcuts(places, signal, openPalette) {
  let goSince = 0;
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const place = places.find((each) => each.key === event.key);
    if (event.timeStamp - goSince < GO_WITHIN_MS && place) go(place.path);
    else if (event.key === "?") showShortcuts();
    goSince = event.key === "g" ? event.timeStamp : -Infinity;
  }, { signal });
}

/** Show what the keyboard does. */
export function showShortcuts() {
  /** @type {[string[], string][]} */
  const keys = [
    [["g", "o"], "overview"], [["g", "s"], "sources"], [["g", "q"], "query"],
    [["g", "e"], "endpoints"],
    [["g", "k"], "API keys"], [["g", "u"], "users (administrators)"],
    [["g", "l"], "audit log (administrators)"], [["Ctrl", "K"], "go anywhere by name"],
    [["Ctrl", "Enter"], "run the statement"], [["Ctrl", "Space"], "complete what is being typed"],
    [["Esc"], "cancel the statement that runs; close what is open"],
    [["?"], "this list"],
  ];
  openDialog("Keyboard shortcuts", h("dl.shortcuts", keys.map(([pressed, text]) => [
    h("dt", pressed.map((key) => h("kbd", key))), h("dd", text),
  ])));
}

/**
 * Show a list of everywhere one can go, narrowed by what is typed.
 * @param {{path: string, title: string}[]} places
 */
export function commandPalette(places) {
  const id = newId("palette");
  const list = h("ul", { id, role: "listbox", "aria-label": "places" });
  const input = h("input", {
    placeholder: "Go to a page, deployment, table or source", role: "combobox",
    "aria-label": "go to", "aria-controls": id, "aria-expanded": "true", autocomplete: "off",
    "aria-autocomplete": "list",
  });
  const node = h("dialog.palette", { "aria-label": "go to" }, input, list);
  /** @type {{title: string, kind: string, path: string}[]} */
  let known = [
    ...places.map((place) => ({ title: place.title, kind: "page", path: place.path })),
    { title: "Account", kind: "page", path: "/account" },
    { title: "New source", kind: "page", path: "/new-source" },
  ];
  let found = known;
  let at = 0;
  const choose = (entry) => { node.close(); if (entry) go(entry.path); };
  function show() {
    const words = input.value.toLowerCase().split(/\s+/);
    found = known.filter((each) =>
      words.every((word) => `${each.title} ${each.kind}`.toLowerCase().includes(word)));
    at = Math.min(at, Math.max(found.length - 1, 0));
    fill(list, found.map((each, index) => h("li", {
      id: `${id}-${index}`, role: "option", "aria-selected": String(index === at),
      onclick: () => choose(each),
    }, h("span", each.title), h("span", each.kind))));
    if (found.length) input.setAttribute("aria-activedescendant", `${id}-${at}`);
    list.children[at]?.scrollIntoView({ block: "nearest" });
  }
  input.addEventListener("input", () => { at = 0; show(); });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      at = (at + step + found.length) % (found.length || 1);
      show();
    } else if (event.key === "Enter") choose(found[at]);
  });
  node.addEventListener("close", () => node.remove());
  node.addEventListener("click", (event) => { if (event.target === node) node.close(); });
  document.body.append(node);
  node.showModal();
  show();
  void things().then((more) => { known = [...known, ...more]; show(); });
}

async function things() {
  try {
    const [deployments, sources] = await Promise.all([
      resources.deployments(), resources.sources(),
    ]);
    const tables = await Promise.all(deployments.map(async (deployment) =>
      (await resources.tables(deployment.id)).map((table) => ({
        title: table.name, kind: `table of ${deployment.name}`,
        path: `/d/${deployment.id}/t/${table.name}`,
      }))));
    return [
      ...deployments.map((each) => ({ title: each.name, kind: "deployment", path: `/d/${each.id}` })),
      ...tables.flat(),
      ...sources.map((each) => ({ title: each.name, kind: "source", path: `/s/${each.id}` })),
    ];
  } catch {
    return [];
  }
}

function isTyping(target) {
  return target instanceof HTMLElement
    && (target.matches("input, textarea, select") || target.isContentEditable);
}
