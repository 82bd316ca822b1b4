/** The page of whoever is not signed in. */

import { h } from "../dom.js";
import { field, form } from "../parts/form.js";
import { gate } from "../parts/gate.js";
import { refusal } from "../parts/states.js";
import * as resources from "../resources.js";
import * as session from "../session.js";

/**
 * @param {() => Promise<void>} whenSignedIn
 * @param {string} fault why an earlier try went wrong, "" if none did
 */
export async function signInPage(whenSignedIn, fault) {
  const options = await resources.signInOptions().catch(() => ({ password: true }));
  const email = h("input", {
    type: "email", name: "email", autocomplete: "username", required: true, spellcheck: "false",
  });
  const password = h("input", {
    type: "password", name: "password", autocomplete: "current-password", required: true,
  });
  return gate(
    { title: "Sign in", heading: "Sign in", lead: "to your organisation on this server" },
    fault ? refusal(new Error(fault)) : null,
    options.oidc ? h("a.button", { href: options.oidc.login }, `Sign in with ${options.oidc.name}`)
      : null,
    form({
      fields: [field("E-mail address", email), field("Password", password)],
      submit: "Sign in",
      send: async () => {
        await session.signIn(email.value.trim(), password.value);
        await whenSignedIn();
      },
    }),
    h("p.muted.small-text", "The server’s first start printed the administrator’s password. ",
      h("a", { href: "/docs" }, "Browse the API")));
}
