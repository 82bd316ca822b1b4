/** Users and invites of the organisation, for administrators. */

import { fill, h } from "../dom.js";
import { ago, moment } from "../format.js";
import { confirm, confirmByName, openDialog } from "../parts/dialog.js";
import { field, form, select } from "../parts/form.js";
import { badge, card, copyable, pageHead } from "../parts/small.js";
import { empty } from "../parts/states.js";
import { complain, tell } from "../parts/toast.js";
import * as resources from "../resources.js";

const ROLES = ["user", "admin"];

/** @param {import("../router.js").Context} context */
export async function usersPage({ user: me }) {
  const users = h("div");
  const invites = h("div");
  async function show() {
    const [people, open] = await Promise.all([resources.users(), resources.invites()]);
    fill(users, usersTable(people, me, act));
    fill(invites, open.length ? invitesTable(open, act) : empty("No open invites",
      "An invite is a link; whoever has it chooses a password and becomes a user."));
  }
  async function act(work, text) {
    try {
      await work();
      tell(text);
      await show();
    } catch (error) {
      complain(error);
    }
  }
  await show();
  return h("div.page",
    pageHead({
      title: "Users",
      lead: "Who may sign in to this organisation, and as what.",
      actions: [h("button.primary", { onclick: () => newInvite(show) }, "Invite")],
    }),
    card("Users", users, { flush: true }), card("Open invites", invites, { flush: true }));
}

function usersTable(people, me, act) {
  return h("div.scroll-x", { tabindex: 0, role: "region", "aria-label": "table of users" }, h("table",
    h("thead", h("tr", ["E-mail address", "Role", "Status", "Since", ""].map((text) =>
      h("th", { scope: "col" }, text || h("span.visually-hidden", "Actions"))))),
    h("tbody", people.map((person) => h("tr",
      h("td.strong", person.email, person.id === me.id ? h("span.muted", " (you)") : null),
      h("td", person.status === "left" ? person.role : roleChoice(person, act)),
      h("td", badge(person.status)),
      h("td.nowrap", { title: person.created_at }, moment(person.created_at)),
      h("td", actionsFor(person, me, act)))))));
}

function roleChoice(person, act) {
  return select({
    "aria-label": `role of ${person.email}`,
    onchange: (event) => act(() => resources.changeRole(person.id, event.target.value),
      `${person.email} is now ${event.target.value}.`),
  }, ROLES, person.role);
}

function actionsFor(person, me, act) {
  if (person.status === "left" || person.id === me.id) return null;
  const isActive = person.status === "active";
  return h("div.row",
    h("button.small", {
      "aria-label": `${isActive ? "deactivate" : "activate"} ${person.email}`,
      onclick: () => act(
        () => (isActive ? resources.deactivateUser : resources.activateUser)(person.id),
        `${person.email} ${isActive ? "is shut out" : "may sign in again"}.`),
    }, isActive ? "Deactivate" : "Activate"),
    isActive ? h("button.small", {
      "aria-label": `reset the password of ${person.email}`, onclick: () => resetPassword(person),
    }, "Reset password") : null,
    h("button.small.danger", {
      "aria-label": `remove ${person.email}`,
      onclick: () => confirmByName({
        title: "Remove user",
        text: "They leave the organisation for good; their API keys stop working.",
        name: person.email, action: "Remove user",
        act: () => act(() => resources.removeUser(person.id), `${person.email} has left.`),
      }),
    }, "Remove"));
}

function resetPassword(person) {
  confirm({
    title: "Reset password",
    text: `Make a link with which ${person.email} sets a new password.`,
    action: "Make a link",
    act: async () => {
      const reset = await resources.beginPasswordReset(person.id);
      showLink("Reset link", `Send this link to ${person.email}; it is shown only now.`, reset.link);
    },
  });
}

function invitesTable(open, act) {
  return h("div.scroll-x", { tabindex: 0, role: "region", "aria-label": "table of invites" }, h("table",
    h("thead", h("tr", ["E-mail address", "Role", "Expires", ""].map((text) =>
      h("th", { scope: "col" }, text || h("span.visually-hidden", "Actions"))))),
    h("tbody", open.map((each) => h("tr", h("td.strong", each.email), h("td", each.role),
      h("td.nowrap", { title: each.expires_at }, ago(each.expires_at)),
      h("td", h("button.small.danger", {
        "aria-label": `revoke the invite of ${each.email}`,
        onclick: () => confirm({
          title: "Revoke invite", text: `The link sent to ${each.email} will be worth nothing.`,
          action: "Revoke",
          act: () => act(() => resources.revokeInvite(each.id), "The invite is revoked."),
        }),
      }, "Revoke")))))));
}

function newInvite(whenDone) {
  const email = h("input", { name: "email", type: "email", required: true, autocomplete: "off" });
  const role = select({ name: "role" }, ROLES);
  const close = openDialog("Invite somebody", form({
    fields: [field("E-mail address", email), field("Role", role,
      "a user works with deployments, tables, sources and queries; an admin manages users too")],
    submit: "Make an invite",
    send: async () => {
      const made = await resources.invite(email.value.trim(), role.value);
      close();
      await whenDone();
      showLink("Invite made", `Send this link to ${made.email}; it is shown only now.`, made.link);
    },
  }));
}

function showLink(title, text, link) {
  openDialog(title, h("div.stack", h("p", text), h("div.notice", copyable(link, "the link"))));
}
