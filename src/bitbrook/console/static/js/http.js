/** Calls of the public API, with the session's token, and errors as the server words them. */

import * as session from "./session.js";

/** What the server refused, in its words. `field` and `details` are there if it named them. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {{error?: any, message?: string, request_id?: string}} body
   */
  constructor(status, body) {
    const error = body.error ?? {};
    const message = typeof error === "string" ? error : error.message;
    super(message ?? body.message ?? `the server answered ${status}`);
    this.status = status;
    this.code = error.code ?? "";
    /** @type {string | undefined} */
    this.field = error.field;
    /** @type {string[]} */
    this.details = error.details ?? [];
    this.requestId = body.request_id ?? "";
  }
}

/**
 * @typedef {object} Options
 * @property {string} [method]
 * @property {any} [body] sent as JSON
 * @property {string} [accept]
 * @property {AbortSignal} [signal]
 */

/**
 * Return the response to a call; throws `Refusal` if the server refuses, `Error` if it is away.
 * @param {string} path
 * @param {Options} [options]
 */
export async function send(path, options = {}) {
  let response = await attempt(path, options);
  if (response.status === 401 && await session.renew()) response = await attempt(path, options);
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  if (response.status === 401) session.lose();
  throw new Refusal(response.status, body);
}

/**
 * Return the JSON that a call answers, null if it answers nothing.
 * @param {string} path
 * @param {Options} [options]
 */
export async function call(path, options = {}) {
  const response = await send(path, options);
  return response.status === 204 ? null : response.json();
}

/** @param {string} path @param {Options} options */
async function attempt(path, { method = "GET", body, accept, signal }) {
  const token = await session.token();
  /** @type {Record<string, string>} */
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (accept) headers.Accept = accept;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, {
      method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error("the server cannot be reached; is it running?", { cause: error });
  }
}
