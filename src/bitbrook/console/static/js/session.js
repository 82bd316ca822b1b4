/**
 * Who is signed in. The ID token lives in this module alone and goes with the page. The refresh
 * token is kept in sessionStorage, so that a reload does not sign out: that ends with the tab,
 * is not shared with other tabs and is never written where the next user of the browser finds it.
 */

const KEY = "bitbrook.refresh";
const EARLY_MS = 60_000;

let idToken = "";
let refreshToken = sessionStorage.getItem(KEY) ?? "";
let expiresAt = 0;
/** @type {Promise<boolean> | null} */
let refreshing = null;
/** @type {() => void} */
let whenLost = () => {};

/**
 * Sign in. Throws an Error with the server's words if it refuses.
 * @param {string} email
 * @param {string} password
 */
export async function signIn(email, password) {
  const answer = await tokenCall({ USERNAME: email, PASSWORD: password });
  if (!answer.ok) throw new Error(answer.body.message ?? "the server refused; try again");
  keep(answer.body.AuthenticationResult);
}

/**
 * Sign in with the code that an identity provider sent the browser back with.
 * @param {string} code
 */
export async function signInByCode(code) {
  const answer = await tokenCall({ code }, "/v1/oidc/tokens");
  if (!answer.ok) throw new Error(answer.body.message ?? "the server refused; try again");
  keep(answer.body.AuthenticationResult);
}

/** Return the ID token, renewed if it is about to expire; "" if nobody is signed in. */
export async function token() {
  if (refreshToken && Date.now() > expiresAt - EARLY_MS) await renew();
  return idToken;
}

/** Return whether the session could be continued with its refresh token. */
export function renew() {
  refreshing ??= continueSession().finally(() => { refreshing = null; });
  return refreshing;
}

/** Whether there is a session to continue. */
export function isKept() {
  return refreshToken !== "";
}

/** End the session here and on the server. */
export async function signOut() {
  const body = JSON.stringify({ refresh_token: refreshToken });
  forget();
  await fetch("/v1/sign-out", { method: "POST", body }).catch(() => null);
}

/** Forget the session and tell whoever listens. */
export function lose() {
  forget();
  whenLost();
}

/** @param {() => void} listener called when a session ends without being asked to */
export function onLost(listener) {
  whenLost = listener;
}

async function continueSession() {
  if (!refreshToken) return false;
  const answer = await tokenCall({
    AuthFlow: "REFRESH_TOKEN_AUTH",
    AuthParameters: { REFRESH_TOKEN: refreshToken },
  });
  if (answer.ok) keep(answer.body.AuthenticationResult);
  else if (answer.status === 401 || answer.status === 400) forget();
  return answer.ok;
}

async function tokenCall(body, path = "/") {
  const response = await fetch(path, { method: "POST", body: JSON.stringify(body) });
  const answer = await response.json().catch(() => ({}));
  return { ok: response.ok, status: response.status, body: answer };
}

function keep(result) {
  idToken = result.IdToken;
  refreshToken = result.RefreshToken;
  expiresAt = Date.now() + result.ExpiresIn * 1_000;
  sessionStorage.setItem(KEY, refreshToken);
}

function forget() {
  idToken = "";
  refreshToken = "";
  expiresAt = 0;
  sessionStorage.removeItem(KEY);
}
