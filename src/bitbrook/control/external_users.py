"""Users whom an identity provider vouches for: which one of ours a checked token stands for.

A subject that is known stands for its user, whatever their address has become. One that is not is
found by an address that the provider has verified; else by an invite; else, if so set, it becomes a
new user of the organisation that a claim or the settings name. Who was deactivated or left stays
out. Groups are looked at whenever a token is new. Knows nothing of HTTP.
"""

import hashlib

from msgspec.structs import replace

from bitbrook.auth.oidc_tokens import ExternalClaims, listed
from bitbrook.auth.policy import Role
from bitbrook.auth.random_texts import make_id
from bitbrook.clock import Clock
from bitbrook.control.members import ACTIVE, LEFT, Members
from bitbrook.control.users import Users
from bitbrook.errors import BitbrookError, NotAuthenticated
from bitbrook.settings import Settings
from bitbrook.stores.catalogue_rows import ExternalIdentityRow, InviteRow, UserRow
from bitbrook.telemetry.acts import say_who
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)


class ExternalUsers:
    """Finds, and if so set makes, the users behind a provider's tokens."""

    def __init__(self, members: Members, users: Users, settings: Settings, *, clock: Clock) -> None:
        self._members = members
        self._users = users
        self._settings = settings
        self._admin_groups = frozenset(listed(settings.oidc_admin_groups))
        self._user_groups = frozenset(listed(settings.oidc_user_groups))
        self._clock = clock

    def user_of(self, claims: ExternalClaims) -> UserRow:
        """Return the active user whom a checked token stands for; new ones are made.

        Raises:
            NotAuthenticated: they may not come in; the message says why.
        """
        if self._user_groups and not claims.groups & (self._user_groups | self._admin_groups):
            say_who(None, None, claims.email)
            raise NotAuthenticated("none of your groups may come in here; ask an administrator")
        with self._members.lock:
            user = self._known(claims) or self._new(claims)
            say_who(user.organisation_id, user.id, user.email)
            if user.status != ACTIVE:
                raise NotAuthenticated(
                    f"this user is not active any more ({user.status}); ask an administrator"
                )
            return self._with_role(user, claims)

    def _known(self, claims: ExternalClaims) -> UserRow | None:
        """Return the user of a subject, or of its address, which is then theirs."""
        identity = self._identity(claims)
        user = self._members.external_user(identity.id)
        if user is not None and user.status != LEFT:
            return user
        if user is not None and self._invite(user.email) is None:
            # Who has left comes back when they are invited, not by themselves.
            return user
        found = self._members.user_of_email(self._email(claims))
        if found is not None and found.status == ACTIVE:
            self._members.link(replace(identity, user_id=found.id))
        return found

    def _new(self, claims: ExternalClaims) -> UserRow:
        """Return a new user: an invited one, or one of the organisation for all others."""
        email = self._email(claims)
        identity = self._identity(claims)
        invite = self._invite(email)
        if invite is not None:
            organisation_id, role = invite.organisation_id, Role(invite.role)
        else:
            organisation_id, role = self._organisation_for(claims, email), Role.USER
        user = UserRow(
            id=make_id(),
            organisation_id=organisation_id,
            email=email,
            role=role.value,
            status=ACTIVE,
            password_hash="",
            created_s=self._clock.now_s(),
        )
        say_who(organisation_id, user.id, email)
        if invite is None:
            self._users.check_room(organisation_id)
        self._members.add_user(user, invite, replace(identity, user_id=user.id))
        LOGGER.info("user came by the identity provider", user_id=user.id)
        return user

    def _with_role(self, user: UserRow, claims: ExternalClaims) -> UserRow:
        """Return the user in the role that their groups give, if groups give roles."""
        if not self._admin_groups:
            return user
        role = Role.ADMIN if claims.groups & self._admin_groups else Role.USER
        if role == user.role:
            return user
        try:
            return self._users.set_role(user, role)
        except BitbrookError as error:
            # The last administrator stays one: nobody else could make another.
            LOGGER.warning("role not taken from groups", user_id=user.id, reason=error.message)
            return user

    def _organisation_for(self, claims: ExternalClaims, email: str) -> str:
        say_who(None, None, email)
        if self._settings.oidc_new_users != "create":
            raise NotAuthenticated("nobody has invited this address; ask an administrator")
        name = self._settings.oidc_organisation
        if self._settings.oidc_organisation_claim:
            name = claims.organisation
            if name is None:
                raise NotAuthenticated(
                    "the token does not say which organisation it is for; ask an administrator"
                )
        if name is None:
            return self._members.first_organisation_id
        organisation = self._members.organisation_named(name)
        if organisation is None:
            raise NotAuthenticated("the organisation of this token is unknown here")
        return organisation.id

    def _invite(self, email: str) -> InviteRow | None:
        now_s = self._clock.now_s()
        with self._members.catalogue.reading() as rows:
            open_ = [row for row in rows.all(InviteRow, email=email) if row.expires_s > now_s]
        return max(open_, key=lambda row: row.created_s, default=None)

    def _email(self, claims: ExternalClaims) -> str:
        """Return the address of a token, in the form in which it is kept."""
        if claims.email is None:
            raise NotAuthenticated(
                "the token names no e-mail address and its subject is unknown; "
                "sign in with an ID token of scope email first"
            )
        if not claims.is_email_verified and self._settings.oidc_email_trust != "always":
            say_who(None, None, claims.email)
            raise NotAuthenticated(
                "the identity provider has not verified this e-mail address; verify it there"
            )
        try:
            return self._users.checked_email(claims.email)
        except BitbrookError as error:
            raise NotAuthenticated(f"the token's address cannot be: {error.message}") from None

    def _identity(self, claims: ExternalClaims) -> ExternalIdentityRow:
        name = f"{len(claims.issuer)}:{claims.issuer}{claims.subject}"
        return ExternalIdentityRow(
            id=hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest(),
            user_id="",
            issuer=claims.issuer,
            subject=claims.subject,
            created_s=self._clock.now_s(),
        )
