"""Users, API keys and ended sessions in memory, and every change of them in the catalogue first.

What is in memory is what is true, as long as one server has the catalogue (where several have, see
`control.sharing`): a user who is deactivated here is refused by the very next request, and
authenticating asks no database. Knows nothing of rights.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from msgspec.structs import replace

from bitbrook.clock import Clock
from bitbrook.stores.catalogue import Catalogue, Transaction
from bitbrook.stores.catalogue_rows import (
    ApiKeyRow,
    ExternalIdentityRow,
    InviteRow,
    OrganisationRow,
    PasswordResetRow,
    SessionRow,
    UserRow,
)

ACTIVE = "active"
LEFT = "left"
TIDY_EVERY_S = 3_600.0


class Members:
    """Who there is. `lock` and `look` as those of a registry."""

    def __init__(self, catalogue: Catalogue, *, token_ttl_s: int, clock: Clock) -> None:
        self.catalogue = catalogue
        self.lock: AbstractContextManager[Any] = threading.RLock()
        self.look: Callable[[], None] = lambda: None
        self._clock = clock
        self._token_ttl_s = token_ttl_s
        self._tidied_s = 0.0
        self.read()

    def read(self) -> None:
        """Read everybody of the catalogue, in place of who is in memory."""
        with self.catalogue.reading() as rows:
            self._users = {row.id: row for row in rows.all(UserRow)}
            self._api_keys = {row.digest: row for row in rows.all(ApiKeyRow)}
            ended = rows.sessions_ended_since(self._clock.now_s() - self._token_ttl_s)
            self._organisations = {row.id: row for row in rows.all(OrganisationRow)}
        self._ended_s = {row.id: row.ended_s or 0.0 for row in ended}
        self._by_email = {row.email: row.id for row in self._users.values() if row.status != LEFT}

    @property
    def has_organisations(self) -> bool:
        """Whether anybody is here."""
        return bool(self._organisations)

    @property
    def first_organisation_id(self) -> str:
        """The organisation that the first start created: its operator's."""
        first = min(self._organisations.values(), key=lambda row: (row.created_s, row.id))
        return first.id

    def organisation_ids(self) -> list[str]:
        """Return every organisation's id."""
        return list(self._organisations)

    def organisation_named(self, name: str) -> OrganisationRow | None:
        """Return the organisation of a name, if there is exactly one."""
        found = [row for row in list(self._organisations.values()) if row.name == name]
        return found[0] if len(found) == 1 else None

    def user(self, user_id: str) -> UserRow | None:
        """Return the user of an id, whatever their status."""
        found = self._users.get(user_id)
        if found is None:
            self.look()
            found = self._users.get(user_id)
        return found

    def user_of_email(self, email: str) -> UserRow | None:
        """Return the user who has an address, unless they left."""
        user_id = self._by_email.get(email)
        if user_id is None:
            self.look()
            user_id = self._by_email.get(email)
        return None if user_id is None else self._users[user_id]

    def users_of(self, organisation_id: str) -> list[UserRow]:
        """Return an organisation's users, by address."""
        found = [
            row for row in list(self._users.values()) if row.organisation_id == organisation_id
        ]
        return sorted(found, key=lambda row: (row.email, row.created_s))

    def api_key(self, digest: str) -> ApiKeyRow | None:
        """Return the API key of a digest."""
        found = self._api_keys.get(digest)
        if found is None:
            self.look()
            found = self._api_keys.get(digest)
        return found

    def api_keys_of(self, organisation_id: str) -> list[ApiKeyRow]:
        """Return an organisation's API keys, oldest first."""
        keys = [
            key for key in list(self._api_keys.values()) if key.organisation_id == organisation_id
        ]
        return sorted(keys, key=lambda key: (key.created_s, key.id))

    def has_ended(self, session_id: str) -> bool:
        """Whether a session, of which good tokens may be about, was ended before its time."""
        return session_id in self._ended_s

    def add_organisation(self, organisation: OrganisationRow, admin: UserRow) -> None:
        """Add an organisation with its administrator."""
        self._change(lambda rows: rows.insert(organisation, admin))
        self._organisations[organisation.id] = organisation
        self._note(admin)

    def add_user(
        self,
        user: UserRow,
        invite: InviteRow | None,
        external: ExternalIdentityRow | None = None,
    ) -> bool:
        """Add a user, in exchange for their invite if they have one; return whether it was there.

        `external`: who at the identity provider they are.
        """
        with self.lock:
            with self.catalogue.changing() as rows:
                if invite is not None and not rows.delete(InviteRow, id=invite.id):
                    return False
                rows.insert(user)
                if external is not None:
                    _link(rows, external)
            self._note(user)
        return True

    def external_user(self, identity_id: str) -> UserRow | None:
        """Return the user whom an identity provider's subject stands for."""
        with self.catalogue.reading() as rows:
            found = rows.find(ExternalIdentityRow, id=identity_id)
        return None if found is None else self._users[found.user_id]

    def link(self, external: ExternalIdentityRow) -> None:
        """Note whom an identity provider's subject stands for."""
        self._change(lambda rows: _link(rows, external))

    def change_user(
        self, user: UserRow, *, ends_sessions: bool = False, but: str | None = None
    ) -> None:
        """Replace a user's row and, if asked, end their sessions but one."""
        with self.lock:
            with self.catalogue.changing() as rows:
                rows.update(user)
                ended = self._end_sessions(rows, user.id, but=but) if ends_sessions else []
            self._note(user)
            self._ended_s.update((row.id, row.ended_s or 0.0) for row in ended)

    def reset_password(self, user: UserRow, reset: PasswordResetRow) -> bool:
        """Replace a user's row in exchange for their reset, and end their sessions.

        Returns whether the reset was still there.
        """
        with self.lock:
            with self.catalogue.changing() as rows:
                if not rows.delete(PasswordResetRow, id=reset.id):
                    return False
                rows.update(user)
                ended = self._end_sessions(rows, user.id, but=None)
            self._note(user)
            self._ended_s.update((row.id, row.ended_s or 0.0) for row in ended)
        return True

    def add_session(self, session: SessionRow) -> None:
        """Add a session; now and then those whose time is over are forgotten."""
        now_s = self._clock.now_s()
        is_due = now_s - self._tidied_s >= TIDY_EVERY_S
        with self.lock:
            with self.catalogue.changing() as rows:
                rows.insert(session)
                if is_due:
                    # An ended session is known until none of its tokens can be good any more.
                    rows.delete_expired(SessionRow, now_s - self._token_ttl_s)
                    rows.delete_expired(InviteRow, now_s)
                    rows.delete_expired(PasswordResetRow, now_s)
            if is_due:
                self._tidied_s = now_s
                horizon_s = now_s - self._token_ttl_s
                self._ended_s = {sid: s for sid, s in self._ended_s.items() if s >= horizon_s}

    def end_session(self, session: SessionRow) -> None:
        """End a session before its time, its tokens included."""
        ended = replace(session, ended_s=self._clock.now_s())
        self._change(lambda rows: rows.update(ended))
        self._ended_s[ended.id] = self._clock.now_s()

    def add_api_key(self, api_key: ApiKeyRow) -> None:
        """Add an API key."""
        self._change(lambda rows: rows.insert(api_key))
        self._api_keys[api_key.digest] = api_key

    def remove_api_key(self, api_key: ApiKeyRow) -> None:
        """Remove an API key."""
        self._change(lambda rows: rows.delete(ApiKeyRow, id=api_key.id))
        self._api_keys.pop(api_key.digest, None)

    def _change(self, change: Callable[[Transaction], object]) -> None:
        with self.lock, self.catalogue.changing() as rows:
            change(rows)

    def _note(self, user: UserRow) -> None:
        self._users[user.id] = user
        if user.status != LEFT:
            self._by_email[user.email] = user.id
        elif self._by_email.get(user.email) == user.id:
            del self._by_email[user.email]

    def _end_sessions(
        self, rows: Transaction, user_id: str, *, but: str | None
    ) -> list[SessionRow]:
        now_s = self._clock.now_s()
        ended = [
            replace(row, ended_s=now_s)
            for row in rows.all(SessionRow, user_id=user_id, ended_s=None)
            if row.id != but
        ]
        for row in ended:
            rows.update(row)
        return ended


def normalised_email(email: str) -> str:
    """Return an address in the form in which it is kept and compared."""
    return email.strip().lower()


def _link(rows: Transaction, external: ExternalIdentityRow) -> None:
    if not rows.update(external):
        rows.insert(external)
