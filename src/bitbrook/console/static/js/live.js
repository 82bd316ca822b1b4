/**
 * Live figures: one stream of server-sent events for the whole console, while somebody looks.
 *
 * EventSource sends no Authorization header and a token does not belong in a path, so the stream is
 * read with fetch. Invariant: `history` holds the last moments in order, the newest last.
 */

import { send } from "./http.js";

const HISTORY_MAX = 180;
const RETRY_MS = [500, 1_000, 2_000, 5_000];
const RATE_OVER_MS = 4_000;

/**
 * @typedef {{id: string, name: string, status: string, shape: string, memory_bytes: number,
 *   memory_bytes_max: number, record_count: number, table_count: number}} DeploymentFigures
 * @typedef {{id: string, name: string, status: string, deployment_id: string, table: string,
 *   records: number, requests: number, errors: number}} SourceFigures
 * @typedef {{at: string, deployments: DeploymentFigures[], sources: SourceFigures[]}} Figures
 */

/** @type {Figures[]} */
let history = [];
/** @type {Set<(figures: Figures) => void>} */
const watchers = new Set();
/** @type {AbortController | null} */
let stream = null;

/** Begin to listen, until `stop`. */
export function start() {
  document.addEventListener("visibilitychange", follow);
  follow();
}

/** Stop listening and forget what was heard. */
export function stop() {
  document.removeEventListener("visibilitychange", follow);
  stream?.abort();
  stream = null;
  history = [];
}

/**
 * Call a watcher with the newest figures, now if there are any and whenever there are newer ones.
 * @param {AbortSignal} signal ends it
 * @param {(figures: Figures) => void} watcher
 */
export function watch(signal, watcher) {
  watchers.add(watcher);
  signal.addEventListener("abort", () => watchers.delete(watcher));
  const newest = history.at(-1);
  if (newest) watcher(newest);
}

/**
 * Return what came in a second at each of the last moments, oldest first.
 * @param {(source: SourceFigures) => number} amount what counts of a source
 * @returns {{at: number, value: number}[]}
 */
export function ratesOverTime(amount) {
  return history.slice(1).map((later, index) => {
    const earlier = history[index];
    return { at: timeOf(later), value: rateBetween(earlier, later, amount) };
  });
}

/**
 * Return what came in a second over the last moments.
 * @param {(source: SourceFigures) => number} amount
 */
export function rateNow(amount) {
  const newest = history.at(-1);
  if (!newest) return 0;
  const earlier = history.find((each) => timeOf(newest) - timeOf(each) <= RATE_OVER_MS);
  return earlier && earlier !== newest ? rateBetween(earlier, newest, amount) : 0;
}

function rateBetween(earlier, later, amount) {
  const before = new Map(earlier.sources.map((each) => [each.id, amount(each)]));
  let sum = 0;
  // A source that is new counts from nothing; one that is gone, or whose server started anew, not.
  for (const source of later.sources) {
    sum += Math.max(0, amount(source) - (before.get(source.id) ?? 0));
  }
  return sum / ((timeOf(later) - timeOf(earlier)) / 1_000 || 1);
}

function timeOf(figures) {
  return new Date(figures.at).getTime();
}

function follow() {
  if (document.hidden) {
    stream?.abort();
    stream = null;
  } else if (!stream) {
    stream = new AbortController();
    void listen(stream.signal);
  }
}

async function listen(signal) {
  let failures = 0;
  while (!signal.aborted) {
    try {
      const response = await send("/v1/live", { accept: "text/event-stream", signal });
      for await (const figures of events(response.body)) {
        if (signal.aborted) return;
        failures = 0;
        note(figures);
      }
    } catch (error) {
      if (signal.aborted || error.status === 401) return;
    }
    await pause(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)], signal);
    failures += 1;
  }
}

function note(figures) {
  const last = history.at(-1);
  if (last && timeOf(figures) <= timeOf(last)) return;
  history = [...history, figures].slice(-HISTORY_MAX);
  for (const watcher of watchers) watcher(figures);
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const data = block.split("\n").filter((line) => line.startsWith("data: "));
      if (data.length) yield JSON.parse(data.map((line) => line.slice(6)).join("\n"));
    }
  }
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(undefined); });
  });
}
