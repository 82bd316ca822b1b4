/**
 * The beginning: whoever is signed in sees the console; whoever came by a link with a secret after
 * `#` (an invite, a password reset, the way back from an identity provider) sees what it is for.
 */

import { fill } from "./dom.js";
import * as live from "./live.js";
import { invitePage } from "./pages/invite.js";
import { passwordResetPage } from "./pages/password_reset.js";
import { signInPage } from "./pages/sign_in.js";
import * as resources from "./resources.js";
import * as session from "./session.js";
import { shell } from "./shell.js";

const app = /** @type {HTMLElement} */ (document.getElementById("app"));
const ARRIVAL = /^#(invite|password-reset|sign-in-code|sign-in-error)=(.*)$/;
/** @type {AbortController | null} */
let shown = null;

async function begin() {
  shown?.abort();
  live.stop();
  const [, kind, secret] = ARRIVAL.exec(location.hash) ?? [];
  // Once read it is out of the address, where somebody could see it.
  if (kind) history.replaceState(null, "", "#/");
  if (kind === "invite") fill(app, invitePage(secret, begin));
  else if (kind === "password-reset") fill(app, passwordResetPage(secret, begin));
  else await showConsole(kind, secret);
}

async function showConsole(kind, secret) {
  let fault = kind === "sign-in-error" ? decodeURIComponent(secret) : "";
  if (kind === "sign-in-code") {
    await session.signInByCode(secret).catch((error) => { fault = error.message; });
  }
  const user = session.isKept() ? await resources.me().catch(() => null) : null;
  if (!user) {
    fill(app, await signInPage(begin, fault));
    app.querySelector("input")?.focus();
    return;
  }
  shown = new AbortController();
  live.start();
  fill(app, shell(user, shown.signal, leave));
}

async function leave() {
  await session.signOut();
  history.replaceState(null, "", "#/");
  await begin();
}

session.onLost(() => void begin());
window.addEventListener("hashchange", () => {
  if (ARRIVAL.test(location.hash)) void begin();
});
void begin();
