"""Passwords set anew for who forgot them: an administrator gives a link that is good once.

The old password is good until the link is used; then every session of the user ends. A link is as
good as the password: it is shown once and kept as a digest. Knows nothing of mail.
"""

from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from bitbrook.auth.passwords import hash_password
from bitbrook.auth.policy import Caller, Right
from bitbrook.auth.random_texts import digest_of, make_id, make_secret
from bitbrook.clock import Clock
from bitbrook.control.members import ACTIVE, Members
from bitbrook.errors import Conflict, NotFound
from bitbrook.settings import Settings
from bitbrook.stores.catalogue_rows import PasswordResetRow
from bitbrook.telemetry.acts import say_who


class PasswordReset(msgspec.Struct, frozen=True):
    """A way to set a new password. `token`: shown only here."""

    user_id: str
    email: str
    expires_at: datetime
    token: str

    def __repr__(self) -> str:
        return f"PasswordReset(user_id={self.user_id!r})"


class PasswordResets:
    """The resets of all organisations' users."""

    def __init__(self, members: Members, settings: Settings, *, clock: Clock) -> None:
        self._members = members
        self._ttl_s = settings.password_reset_ttl_s
        self._clock = clock

    def begin(self, caller: Caller, user_id: str) -> PasswordReset:
        """Return a way for a user to set a new password; earlier ones are void. Needs ADMIN.

        Raises:
            NotFound: the organisation has no user of that id.
            Conflict: the user is not active.
        """
        caller.require(Right.ADMIN)
        user = self._members.user(user_id)
        if user is None or user.organisation_id != caller.organisation_id:
            raise NotFound(f"there is no user {user_id!r}")
        if user.status != ACTIVE:
            raise Conflict(f"{user.email} is {user.status}; activate or invite them first")
        secret = make_secret()
        now_s = self._clock.now_s()
        row = PasswordResetRow(
            id=make_id(),
            user_id=user.id,
            token_digest=secret.digest,
            created_s=now_s,
            expires_s=now_s + self._ttl_s,
        )
        with self._members.catalogue.changing() as rows:
            rows.delete(PasswordResetRow, user_id=user.id)
            rows.insert(row)
        expires_at = datetime.fromtimestamp(row.expires_s, UTC)
        return PasswordReset(user.id, user.email, expires_at, secret.text)

    def finish(self, token: str, password: str) -> None:
        """Set the password of the user whom a reset is for, and end their sessions.

        Raises:
            NotFound: the reset is unknown, used or expired, or its user is not active any more.
            InvalidValue: the password is too short or too long.
        """
        unknown = NotFound("the reset is unknown, used or expired; ask for another one")
        with self._members.catalogue.reading() as rows:
            reset = rows.find(PasswordResetRow, token_digest=digest_of(token))
        if reset is None or reset.expires_s <= self._clock.now_s():
            raise unknown
        password_hash = hash_password(password)
        with self._members.lock:
            user = self._members.user(reset.user_id)
            if user is None or user.status != ACTIVE:
                raise unknown
            say_who(user.organisation_id, user.id, user.email)
            changed = replace(user, password_hash=password_hash)
            if not self._members.reset_password(changed, reset):
                raise unknown
