/** The page behind an invite's link: choose a password, become a user. */

import { choosePassword, gate } from "../parts/gate.js";
import * as resources from "../resources.js";
import * as session from "../session.js";

/**
 * @param {string} token
 * @param {() => Promise<void>} whenDone
 */
export function invitePage(token, whenDone) {
  return gate(
    {
      title: "Accept your invite", heading: "You are invited",
      lead: "Choose a password to join.",
    },
    choosePassword("Join", async (password) => {
      const user = await resources.acceptInvite(token, password);
      await session.signIn(user.email, password);
      history.replaceState(null, "", "#/");
      await whenDone();
    }));
}
