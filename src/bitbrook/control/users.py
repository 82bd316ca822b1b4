"""Users and invites of an organisation.

A change of a user counts from the next request on. An organisation always keeps one administrator
who can sign in. Knows nothing of tokens.
"""

import enum
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from bitbrook.auth.passwords import hash_password, is_password
from bitbrook.auth.policy import Caller, Right, Role
from bitbrook.auth.random_texts import digest_of, make_id, make_secret
from bitbrook.clock import Clock
from bitbrook.control.members import Members, normalised_email
from bitbrook.errors import Conflict, InvalidValue, NotAllowed, NotFound, QuotaExceeded
from bitbrook.settings import Settings
from bitbrook.stores.catalogue_rows import InviteRow, OrganisationRow, UserRow
from bitbrook.telemetry.acts import say_who

EMAIL_CHARACTERS_MAX = 254


class UserStatus(enum.StrEnum):
    """Whether a user can sign in."""

    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    LEFT = "left"


class User(msgspec.Struct, frozen=True):
    """A person of an organisation."""

    id: str
    email: str
    role: Role
    status: UserStatus
    created_at: datetime


class Invite(msgspec.Struct, frozen=True):
    """A way in for somebody new. `token`: only in the answer to `invite`, for the link."""

    id: str
    email: str
    role: Role
    created_at: datetime
    expires_at: datetime
    token: str | None = None

    def __repr__(self) -> str:
        return f"Invite(id={self.id!r}, email={self.email!r})"


class Users:
    """The users of all organisations, each seen by its own."""

    def __init__(self, members: Members, settings: Settings, *, clock: Clock) -> None:
        self._members = members
        self._invite_ttl_s = settings.invite_ttl_s
        self._users_max = settings.users_max
        self._clock = clock

    def create_organisation(self, name: str, admin_email: str, password: str) -> User:
        """Return the administrator of a new organisation. For whoever runs the server.

        Raises:
            Conflict: the address belongs to a user already.
            InvalidValue: the address or the password cannot be.
        """
        now_s = self._clock.now_s()
        organisation = OrganisationRow(id=make_id(), name=name, created_s=now_s)
        with self._members.lock:
            email = self._free_email(admin_email)
            admin = self._new_user(organisation.id, email, Role.ADMIN, hash_password(password))
            self._members.add_organisation(organisation, admin)
        return _user(admin)

    def me(self, caller: Caller) -> User:
        """Return the user that the caller is."""
        return _user(self._find(caller, caller.user_id))

    def list(self, caller: Caller) -> Sequence[User]:
        """Return the organisation's users, by e-mail address. Needs ADMIN."""
        caller.require(Right.ADMIN)
        return [_user(row) for row in self._members.users_of(caller.organisation_id)]

    def get(self, caller: Caller, user_id: str) -> User:
        """Return one user of the organisation. Needs ADMIN, but for oneself.

        Raises:
            NotFound: the organisation has none of that id.
        """
        if user_id != caller.user_id:
            caller.require(Right.ADMIN)
        return _user(self._find(caller, user_id))

    def deactivate(self, caller: Caller, user_id: str) -> User:
        """Shut a user out at once, tokens and API keys included. Needs ADMIN.

        Raises:
            Conflict: it is the last active administrator.
        """
        return self._set_status(caller, user_id, UserStatus.DEACTIVATED)

    def activate(self, caller: Caller, user_id: str) -> User:
        """Let a deactivated user in again. Needs ADMIN."""
        return self._set_status(caller, user_id, UserStatus.ACTIVE)

    def remove(self, caller: Caller, user_id: str) -> User:
        """Mark a user as having left; their address can be invited anew. Needs ADMIN.

        Raises:
            Conflict: it is the last active administrator.
        """
        return self._set_status(caller, user_id, UserStatus.LEFT)

    def change_role(self, caller: Caller, user_id: str, role: Role) -> User:
        """Give a user another role, at once. Needs ADMIN.

        Raises:
            Conflict: it is the last active administrator.
        """
        caller.require(Right.ADMIN)
        with self._members.lock:
            changed = self.set_role(self._find(caller, user_id), role)
        return _user(changed)

    def set_role(self, row: UserRow, role: Role) -> UserRow:
        """Return a user in another role, for whoever may decide that.

        Raises:
            Conflict: it is the last active administrator.
        """
        with self._members.lock:
            if role is not Role.ADMIN:
                self._check_not_last_admin(row)
            changed = replace(row, role=role.value)
            self._members.change_user(changed)
        return changed

    def change_password(self, caller: Caller, old: str, new: str) -> None:
        """Change the caller's own password and end their other sessions.

        Raises:
            NotAllowed: the old password is wrong, or an API key asks.
            InvalidValue: the new one is too short or too long.
        """
        if caller.api_key_id is not None:
            raise NotAllowed("an API key cannot change a password; sign in with the old one")
        row = self._find(caller, caller.user_id)
        if not is_password(row.password_hash, old):
            raise NotAllowed("the old password is wrong; nothing was changed")
        password_hash = hash_password(new)
        with self._members.lock:
            current = self._find(caller, caller.user_id)
            if current.password_hash != row.password_hash:
                raise NotAllowed("the password was changed meanwhile; nothing was changed now")
            changed = replace(current, password_hash=password_hash)
            self._members.change_user(changed, ends_sessions=True, but=caller.session_id)

    def invite(self, caller: Caller, email: str, role: Role = Role.USER) -> Invite:
        """Return a new invite with its token. Needs ADMIN.

        Raises:
            Conflict: the address belongs to a user already.
            InvalidValue: it is no e-mail address.
            QuotaExceeded: the organisation has as many users and invites as it may.
        """
        caller.require(Right.ADMIN)
        self.check_room(caller.organisation_id)
        secret = make_secret()
        now_s = self._clock.now_s()
        row = InviteRow(
            id=make_id(),
            organisation_id=caller.organisation_id,
            email=self._free_email(email),
            role=role.value,
            token_digest=secret.digest,
            created_s=now_s,
            expires_s=now_s + self._invite_ttl_s,
        )
        with self._members.catalogue.changing() as rows:
            rows.insert(row)
        return _invite(row, secret.text)

    def invites(self, caller: Caller) -> Sequence[Invite]:
        """Return the organisation's invites that can still be accepted. Needs ADMIN."""
        caller.require(Right.ADMIN)
        return [_invite(row) for row in self._open_invites(caller.organisation_id)]

    def check_room(self, organisation_id: str) -> None:
        """Return if an organisation may have one user more.

        Raises:
            QuotaExceeded: it has as many, open invites included, as it may.
        """
        users = [
            row for row in self._members.users_of(organisation_id) if row.status != UserStatus.LEFT
        ]
        count = len(users) + len(self._open_invites(organisation_id))
        if count >= self._users_max:
            raise QuotaExceeded(
                f"the organisation has {count:,} users and open invites and {self._users_max:,} "
                "are allowed; remove some or raise users_max"
            )

    def checked_email(self, email: str) -> str:
        """Return an address in the form in which it is kept.

        Raises:
            InvalidValue: it is no e-mail address.
        """
        email = normalised_email(email)
        name, _, host = email.partition("@")
        is_address = name and host and "@" not in host and not any(map(str.isspace, email))
        if not is_address or len(email) > EMAIL_CHARACTERS_MAX or not email.isprintable():
            raise InvalidValue(f"{email[:80]!r} is no e-mail address", field="email")
        return email

    def revoke_invite(self, caller: Caller, invite_id: str) -> None:
        """Make an invite worthless. Needs ADMIN.

        Raises:
            NotFound: the organisation has none of that id.
        """
        caller.require(Right.ADMIN)
        with self._members.catalogue.changing() as rows:
            if not rows.delete(InviteRow, id=invite_id, organisation_id=caller.organisation_id):
                raise NotFound(f"there is no invite {invite_id!r}")

    def accept_invite(self, token: str, password: str) -> User:
        """Return the new user; nobody need be signed in.

        Raises:
            NotFound: the invite is unknown, used, revoked or expired.
            Conflict: the address was taken meanwhile.
            InvalidValue: the password is too short or too long.
        """
        unknown = NotFound("the invite is unknown, used, revoked or expired; ask for another one")
        with self._members.catalogue.reading() as rows:
            invite = rows.find(InviteRow, token_digest=digest_of(token))
        if invite is None or invite.expires_s <= self._clock.now_s():
            raise unknown
        password_hash = hash_password(password)
        with self._members.lock:
            email = self._free_email(invite.email)
            say_who(invite.organisation_id, None, email)
            user = self._new_user(invite.organisation_id, email, Role(invite.role), password_hash)
            if not self._members.add_user(user, invite):
                raise unknown
        return _user(user)

    def _open_invites(self, organisation_id: str) -> Sequence[InviteRow]:
        """Return the invites that can still be accepted, oldest first."""
        with self._members.catalogue.reading() as rows:
            found = rows.all(InviteRow, organisation_id=organisation_id)
        now_s = self._clock.now_s()
        good = [row for row in found if row.expires_s > now_s]
        return sorted(good, key=lambda row: (row.created_s, row.id))

    def _set_status(self, caller: Caller, user_id: str, status: UserStatus) -> User:
        caller.require(Right.ADMIN)
        with self._members.lock:
            row = self._find(caller, user_id)
            if row.status == UserStatus.LEFT and status is not UserStatus.LEFT:
                raise Conflict(f"{row.email} has left; invite them anew")
            is_out = status is not UserStatus.ACTIVE
            if is_out:
                self._check_not_last_admin(row)
            changed = replace(row, status=status.value)
            self._members.change_user(changed, ends_sessions=is_out)
        return _user(changed)

    def _find(self, caller: Caller, user_id: str) -> UserRow:
        row = self._members.user(user_id)
        if row is None or row.organisation_id != caller.organisation_id:
            raise NotFound(f"there is no user {user_id!r}")
        return row

    def _check_not_last_admin(self, row: UserRow) -> None:
        admins = {
            each.id
            for each in self._members.users_of(row.organisation_id)
            if each.role == Role.ADMIN and each.status == UserStatus.ACTIVE
        }
        if admins == {row.id}:
            raise Conflict(
                f"{row.email} is the last active administrator; make somebody else one first"
            )

    def _free_email(self, email: str) -> str:
        """Return an address in the form in which it is kept, if nobody has it."""
        email = self.checked_email(email)
        if self._members.user_of_email(email) is not None:
            raise Conflict(f"{email} belongs to a user already", field="email")
        return email

    def _new_user(
        self, organisation_id: str, email: str, role: Role, password_hash: str
    ) -> UserRow:
        return UserRow(
            id=make_id(),
            organisation_id=organisation_id,
            email=email,
            role=role.value,
            status=UserStatus.ACTIVE.value,
            password_hash=password_hash,
            created_s=self._clock.now_s(),
        )


def _user(row: UserRow) -> User:
    return User(row.id, row.email, Role(row.role), UserStatus(row.status), _moment(row.created_s))


def _invite(row: InviteRow, token: str | None = None) -> Invite:
    return Invite(
        row.id, row.email, Role(row.role), _moment(row.created_s), _moment(row.expires_s), token
    )


def _moment(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
