/** One's own account: who one is, and a new password. */

import { h } from "../dom.js";
import { field, form } from "../parts/form.js";
import { badge, card, pageHead } from "../parts/small.js";
import { tell } from "../parts/toast.js";
import { moment } from "../format.js";
import * as resources from "../resources.js";

/** @param {import("../router.js").Context} context */
export function accountPage({ user }) {
  const before = h("input", {
    type: "password", name: "old_password", autocomplete: "current-password", required: true,
  });
  const after = h("input", {
    type: "password", name: "new_password", autocomplete: "new-password", required: true,
  });
  return h("div.page", pageHead({ title: "Account", lead: user.email }), h("div.columns",
    card("You", h("dl.stack.tight",
      h("div.row.spread", h("dt.muted", "Role"), h("dd", user.role)),
      h("div.row.spread", h("dt.muted", "Status"), h("dd", badge(user.status))),
      h("div.row.spread", h("dt.muted", "Since"), h("dd", moment(user.created_at))))),
    card("Change your password", form({
      fields: [
        field("Present password", before),
        field("New password", after, "Your other sessions end."),
      ],
      submit: "Change password",
      send: async (node) => {
        await resources.changePassword(before.value, after.value);
        node.reset();
        tell("Your password is changed.");
      },
    }))));
}
