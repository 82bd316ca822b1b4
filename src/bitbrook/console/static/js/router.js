/**
 * From the address after `#` to a page. One page is shown at a time; what it began (streams, timers,
 * calls) ends with its signal when the next one comes.
 */

import { fill, h } from "./dom.js";
import { failure } from "./parts/states.js";

const SLOW_MS = 150;

/**
 * @typedef {object} Context
 * @property {Record<string, string>} params parts of the path
 * @property {URLSearchParams} query what stands after `?`
 * @property {AbortSignal} signal aborted when the page is left
 * @property {any} user who is signed in
 * @typedef {{path: string, title: string, render: (context: Context) => Promise<Element> | Element,
 *   wide?: boolean, admin?: boolean}} Route
 */

/** @type {AbortController | null} */
let current = null;

/**
 * Go to an address of the console, such as `/s/abc`.
 * @param {string} address
 */
export function go(address) {
  if (location.hash === `#${address}`) window.dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = address;
}

/** Show the present page anew. */
export const reload = () => go(location.hash.slice(1));

/**
 * Show in `main` whichever route the address names, now and whenever it changes, until `signal`.
 * @param {Route[]} routes
 * @param {HTMLElement} main
 * @param {any} user
 * @param {AbortSignal} signal
 * @param {(path: string) => void} whenShown
 */
export function follow(routes, main, user, signal, whenShown) {
  const show = () => void showPage(routes, main, user, whenShown);
  window.addEventListener("hashchange", show, { signal });
  signal.addEventListener("abort", () => current?.abort());
  show();
}

async function showPage(routes, main, user, whenShown) {
  current?.abort();
  const controller = new AbortController();
  current = controller;
  // What an earlier page asked is not to be answered on another one.
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  const [path, search] = (location.hash.slice(1) || "/").split("?");
  const [route, params] = find(routes, path);
  document.title = `${route.title} · bitbrook`;
  whenShown(path);
  const waiting = setTimeout(() => fill(main, skeleton()), SLOW_MS);
  let page;
  try {
    const { signal } = controller;
    page = await route.render({ params, query: new URLSearchParams(search), signal, user });
  } catch (error) {
    page = failure(error, reload);
  }
  clearTimeout(waiting);
  if (controller.signal.aborted) return;
  main.classList.toggle("wide", Boolean(route.wide));
  fill(main, page);
  window.scrollTo(0, 0);
  // Whoever reads by ear hears that a page came; whoever types goes on from its top.
  if (document.activeElement === document.body || !main.contains(document.activeElement)) {
    main.focus({ preventScroll: true });
  }
}

/** @returns {[Route, Record<string, string>]} */
function find(routes, path) {
  for (const route of routes) {
    const params = match(route.path, path);
    if (params) return [route, params];
  }
  return [{ path: "", title: "Not found", render: notFound }, {}];
}

function match(pattern, path) {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return null;
  /** @type {Record<string, string>} */
  const params = {};
  for (const [index, each] of wanted.entries()) {
    if (each.startsWith(":")) params[each.slice(1)] = decodeURIComponent(given[index]);
    else if (each !== given[index]) return null;
  }
  return params;
}

function notFound() {
  return failure(new Error("there is no such page"), () => go("/"), "Go to the overview");
}

function skeleton() {
  return h("div.skeleton", { "aria-busy": "true", "aria-label": "loading", role: "status" },
    h("i"), h("i"), h("i"));
}
