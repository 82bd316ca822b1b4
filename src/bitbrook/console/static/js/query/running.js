/** One statement under way: its time, its end, and the way to cancel it. */

import { Refusal } from "../http.js";
import * as resources from "../resources.js";
import { parseExactly } from "./exact_json.js";

const TICK_MS = 100;

/**
 * Run a statement.
 * @param {object} asked
 * @param {string} asked.deployment
 * @param {"sql" | "pql"} asked.language
 * @param {string} asked.statement
 * @param {AbortSignal} signal cancels it: the server sees its client go and ends it
 * @param {(elapsedMs: number) => void} whenTicking
 * @returns {Promise<import("./answer_view.js").Answered>}
 */
export async function run({ deployment, language, statement }, signal, whenTicking) {
  const began = performance.now();
  const timer = setInterval(() => whenTicking(performance.now() - began), TICK_MS);
  try {
    const response = await resources.ask(deployment, language, statement, { signal });
    const text = await response.text();
    const body = parseExactly(text);
    if (body.error) throw new Refusal(400, body);
    const elapsedMs = performance.now() - began;
    return { deployment, language, statement, body, elapsedMs, sizeBytes: text.length };
  } finally {
    clearInterval(timer);
  }
}

/**
 * Return where in the statement an error is, if it says so.
 * @param {string} message
 * @returns {[number, number] | null} line and column, both from 1
 */
export function placeOfFault(message) {
  const found = /^\[(\d+):(\d+)\]/.exec(message) ?? /\(line (\d+), column (\d+)\)/.exec(message);
  return found ? [Number(found[1]), Number(found[2])] : null;
}
