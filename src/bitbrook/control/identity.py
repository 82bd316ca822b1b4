"""Signing in, and who a token or an API key speaks for.

A session lives from a sign-in until its refresh tokens run out or it is ended. Each refresh token
is good once; one that comes a second time was copied, so it ends its session, its access tokens
included. Who is refused for a wrong password learns nothing of whether there is such a user.
"""

import hmac
from typing import Any

import msgspec
from msgspec.structs import replace

from bitbrook.auth.passwords import is_password
from bitbrook.auth.policy import Binding, BoundKind, Caller, Role, Scope, rights_of
from bitbrook.auth.random_texts import digest_of, make_id, make_secret
from bitbrook.auth.throttle import SignInThrottle
from bitbrook.auth.tokens import TokenUse
from bitbrook.clock import Clock
from bitbrook.control.external_bearers import ExternalBearers
from bitbrook.control.members import ACTIVE, Members, normalised_email
from bitbrook.control.signing_keys import SigningKeys
from bitbrook.errors import NotAuthenticated
from bitbrook.settings import Settings
from bitbrook.stores.catalogue_rows import ApiKeyRow, SessionRow, UserRow
from bitbrook.telemetry.acts import say_who
from bitbrook.telemetry.logs import get_logger
from bitbrook.telemetry.metrics import count_sign_in

LOGGER = get_logger(__name__)

REFUSED = "Incorrect username or password."
NO_REFRESH = "the refresh token is unknown, used or expired; sign in again"


class Tokens(msgspec.Struct, frozen=True):
    """What a sign-in gives. `refresh`: good once; `Identity.refresh` answers with its successor."""

    access: str
    id: str
    refresh: str
    expires_in_s: int

    def __repr__(self) -> str:
        return f"Tokens(expires_in_s={self.expires_in_s})"


class Identity:
    """Sign-ins, tokens and API keys.

    `bearers`: tokens of the identity provider, if there is one.
    """

    def __init__(
        self, members: Members, keys: SigningKeys, settings: Settings, *, clock: Clock
    ) -> None:
        self.bearers: ExternalBearers | None = None
        self._members = members
        self._keys = keys
        self._signer = keys.signer
        self._refresh_ttl_s = settings.refresh_ttl_s
        self._throttle = SignInThrottle(clock)
        self._clock = clock

    def sign_in(self, email: str, password: str) -> Tokens:
        """Return the tokens of a new session.

        Raises:
            NotAuthenticated: wrong password or no such user, which cannot be told apart; or the
                password is right and the user is deactivated.
            QuotaExceeded: too many failed sign-ins for this address; says when to try again.
        """
        email = normalised_email(email)
        user = self._members.user_of_email(email)
        if user is None:
            say_who(None, None, email)
        else:
            say_who(user.organisation_id, user.id, email)
        self._throttle.begin(email)
        if not is_password(user.password_hash if user else None, password) or user is None:
            count_sign_in(is_good=False)
            raise NotAuthenticated(REFUSED)
        self._throttle.succeed(email)
        return self.open_session(user.id)

    def open_session(self, user_id: str) -> Tokens:
        """Return the tokens of a new session of a user who has shown who they are.

        Raises:
            NotAuthenticated: the user is deactivated.
        """
        secret = make_secret()
        now_s = self._clock.now_s()
        session = SessionRow(
            id=make_id(),
            user_id=user_id,
            refresh_id=make_id(),
            refresh_digest=secret.digest,
            created_s=now_s,
            expires_s=now_s + self._refresh_ttl_s,
        )
        with self._members.lock:
            user = self._active_user(user_id)
            say_who(user.organisation_id, user.id, user.email)
            self._members.add_session(session)
        count_sign_in(is_good=True)
        LOGGER.info("signed in", user_id=user.id, session_id=session.id)
        return self._tokens(user, session, secret.text)

    def refresh(self, refresh_token: str) -> Tokens:
        """Return new tokens for a session; the refresh token given is used up.

        Raises:
            NotAuthenticated: it is unknown, expired or used before (which ends the session).
        """
        with self._members.lock:
            session, is_current = self._session_of(refresh_token)
            if session is None or session.expires_s <= self._clock.now_s():
                raise NotAuthenticated(NO_REFRESH)
            user = self._active_user(session.user_id)
            say_who(user.organisation_id, user.id, user.email)
            if session.ended_s is not None:
                raise NotAuthenticated(NO_REFRESH)
            if not is_current:
                self._members.end_session(session)
                LOGGER.warning("used refresh token came again", session_id=session.id)
                raise NotAuthenticated(NO_REFRESH)
            secret = make_secret()
            with self._members.catalogue.changing() as rows:
                rows.update(replace(session, refresh_digest=secret.digest))
        return self._tokens(user, session, secret.text)

    def sign_out(self, refresh_token: str) -> None:
        """End the session of a refresh token, its access tokens included; unknown ones are fine."""
        with self._members.lock:
            session, _ = self._session_of(refresh_token)
            if session is not None and session.ended_s is None:
                user = self._members.user(session.user_id)
                if user is not None:
                    say_who(user.organisation_id, user.id, user.email)
                self._members.end_session(session)

    def authenticate(self, bearer_token: str) -> Caller:
        """Return whom an access or ID token speaks for. Costs a dictionary look-up when repeated.

        Raises:
            NotAuthenticated: malformed, expired, foreign, of an ended session or of a user who is
                deactivated (the message says which of the last two).
        """
        external_id = None if self.bearers is None else self.bearers.user_id_of(bearer_token)
        if external_id is not None:
            user = self._active_user(external_id)
            role = Role(user.role)
            return Caller(user.organisation_id, user.id, user.email, role, rights_of(role))
        claims = self._signer.check(bearer_token)
        user = self._active_user(claims.sub)
        if self._members.has_ended(claims.sid):
            raise NotAuthenticated("the session of this token has ended; sign in again")
        role = Role(user.role)
        return Caller(
            user.organisation_id, user.id, user.email, role, rights_of(role), session_id=claims.sid
        )

    def authenticate_key(self, api_key: str) -> Caller:
        """Return whom an API key speaks for.

        Raises:
            NotAuthenticated: unknown, revoked, or of a user who is deactivated.
        """
        row = self._members.api_key(digest_of(api_key))
        if row is None:
            raise NotAuthenticated("the API key is unknown or was revoked; create another one")
        user = self._active_user(row.user_id)
        role = Role(user.role)
        return Caller(
            user.organisation_id,
            user.id,
            user.email,
            role,
            rights_of(role, scopes_of(row)),
            bound_to=binding_of(row),
            api_key_id=row.id,
        )

    def jwks(self) -> dict[str, Any]:
        """Return the public keys that tokens are signed with, as a JSON Web Key Set."""
        return self._signer.jwks()

    def _active_user(self, user_id: str) -> UserRow:
        user = self._members.user(user_id)
        if user is None or user.status != ACTIVE:
            status = "gone" if user is None else user.status
            if user is not None:
                say_who(user.organisation_id, user.id, user.email)
            raise NotAuthenticated(
                f"this user is not active any more ({status}); ask an administrator"
            )
        return user

    def _session_of(self, refresh_token: str) -> tuple[SessionRow | None, bool]:
        """Return a refresh token's session, and whether the token is its current one."""
        refresh_id, _, secret = refresh_token.partition(".")
        with self._members.catalogue.reading() as rows:
            session = rows.find(SessionRow, refresh_id=refresh_id)
        if session is None:
            return None, False
        return session, hmac.compare_digest(session.refresh_digest, digest_of(secret))

    def _tokens(self, user: UserRow, session: SessionRow, secret: str) -> Tokens:
        self._keys.rotate_if_due()
        access, identity = (
            self._signer.issue(use, user_id=user.id, email=user.email, session_id=session.id)
            for use in (TokenUse.ACCESS, TokenUse.ID)
        )
        refresh = f"{session.refresh_id}.{secret}"
        return Tokens(access, identity, refresh, self._signer.ttl_s)


def scopes_of(row: ApiKeyRow) -> frozenset[Scope]:
    """Return what an API key is for."""
    return frozenset(Scope(scope) for scope in row.scopes.split())


def binding_of(row: ApiKeyRow) -> Binding | None:
    """Return what an API key is bound to."""
    if row.bound_kind is None or row.bound_id is None:
        return None
    first, *others = row.bound_id.split()
    return Binding(BoundKind(row.bound_kind), first, tuple(others))
