/** The page behind the link of a password reset. */

import { choosePassword, gate } from "../parts/gate.js";
import { tell } from "../parts/toast.js";
import * as resources from "../resources.js";

/**
 * @param {string} token
 * @param {() => Promise<void>} whenDone
 */
export function passwordResetPage(token, whenDone) {
  return gate(
    { title: "New password", heading: "Set a new password", lead: "Your other sessions end." },
    choosePassword("Set password", async (password) => {
      await resources.resetPassword(token, password);
      tell("Your password is set; sign in with it.");
      await whenDone();
    }));
}
