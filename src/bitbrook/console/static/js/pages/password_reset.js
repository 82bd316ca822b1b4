/** The page behind the link of a password reset. */

import { h } from "../dom.js";
import { field, form } from "../parts/form.js";
import { tell } from "../parts/toast.js";
import * as resources from "../resources.js";
import { brand } from "../shell.js";

/**
 * @param {string} token
 * @param {() => Promise<void>} whenDone
 */
export function passwordResetPage(token, whenDone) {
  const password = h("input", {
    type: "password", name: "password", autocomplete: "new-password", required: true,
  });
  document.title = "New password · bitbrook";
  return h("main.gate", h("div.gate-card",
    brand(),
    h("div", h("h1", "Set a new password"), h("p.lead", "Your other sessions end.")),
    form({
      fields: [field("New password", password)],
      submit: "Set password",
      send: async () => {
        await resources.resetPassword(token, password.value);
        tell("Your password is set; sign in with it.");
        await whenDone();
      },
    })));
}
