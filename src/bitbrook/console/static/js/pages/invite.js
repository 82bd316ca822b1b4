/** The page behind an invite's link: choose a password, become a user. */

import { h } from "../dom.js";
import { field, form } from "../parts/form.js";
import * as resources from "../resources.js";
import * as session from "../session.js";
import { brand } from "../shell.js";

/**
 * @param {string} token
 * @param {() => Promise<void>} whenDone
 */
export function invitePage(token, whenDone) {
  const password = h("input", {
    type: "password", name: "password", autocomplete: "new-password", required: true,
  });
  document.title = "Accept your invite · bitbrook";
  return h("main.gate", h("div.gate-card",
    brand(),
    h("div", h("h1", "You are invited"), h("p.lead", "Choose a password to join.")),
    form({
      fields: [field("New password", password)],
      submit: "Join",
      send: async () => {
        const user = await resources.acceptInvite(token, password.value);
        await session.signIn(user.email, password.value);
        history.replaceState(null, "", "#/");
        await whenDone();
      },
    })));
}
