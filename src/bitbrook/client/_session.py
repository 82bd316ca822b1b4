"""Who calls, kept current: signs in when first needed, and renews tokens before they expire.

A refresh token is good once and its reuse ends the session, so it is forgotten before it is sent
and whoever runs `renew` holds the link's lock. Where a session cannot be continued and the password
is known, another one begins.
"""

import time

import msgspec

from bitbrook.client._configuration import ApiKey, Credentials, Password, Token
from bitbrook.client._exceptions import ConnectionFailed, NotAuthenticated
from bitbrook.client._exchange import Retries, ask, exchange
from bitbrook.client._steps import Authorisation, Call, Flow

# Tokens are renewed so long before they expire, or so large a part of their life.
_MARGIN_S_MAX = 60.0
_MARGIN_PART = 0.25


class _Issued(msgspec.Struct):
    IdToken: str
    RefreshToken: str | None = None
    ExpiresIn: float = 3600.0


class _SignedIn(msgspec.Struct):
    AuthenticationResult: _Issued


class Session:
    """The credentials of one client, and the tokens they got."""

    def __init__(self, credentials: Credentials, retries: Retries) -> None:
        self._credentials = credentials
        self._retries = retries
        self._refresh_token: str | None = None
        self._renew_at_s = float("inf")
        self._authorisation: Authorisation | None = None
        match credentials:
            case ApiKey(text):
                self._authorisation = Authorisation({"x-api-key": text})
            case Token(text):
                self._authorisation = Authorisation({"authorization": f"Bearer {text}"})
            case Password():
                pass

    def current(self, refused: Authorisation | None) -> Authorisation | None:
        """Return what to call with, None if it has to be renewed first."""
        found = self._authorisation
        if found is None or found is refused:
            return None
        if found.can_renew and time.monotonic() >= self._renew_at_s:
            return None
        return found

    def renew(self) -> Flow[Authorisation]:
        """Return new credentials: of the same session or, where that fails, of a new one."""
        token, self._refresh_token = self._refresh_token, None
        if token is not None:
            try:
                return (yield from self._continue(token))
            except (NotAuthenticated, ConnectionFailed):
                # Ended, or used up by an answer that was lost: the password still helps.
                pass
        credentials = self._credentials
        assert isinstance(credentials, Password), "only a password gives what can be renewed"
        body = {"USERNAME": credentials.email, "PASSWORD": credentials.password}
        # A session too many does no harm, so that signing in may be repeated.
        return (yield from self._get_tokens(body, is_idempotent=True))

    def end(self) -> Flow[None]:
        """End the session at the server, if there is one; the next call begins another."""
        token, self._refresh_token = self._refresh_token, None
        if token is not None:
            self._authorisation = None
            body = msgspec.json.encode({"refresh_token": token})
            call = Call("POST", "/v1/sign-out", body, is_idempotent=True, is_authorised=False)
            yield from exchange(call, self._retries)

    def _continue(self, token: str) -> Flow[Authorisation]:
        body = {"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": {"REFRESH_TOKEN": token}}
        return (yield from self._get_tokens(body, is_idempotent=False))

    def _get_tokens(self, body: object, *, is_idempotent: bool) -> Flow[Authorisation]:
        call = Call(
            "POST",
            "/",
            msgspec.json.encode(body),
            is_idempotent=is_idempotent,
            is_authorised=False,
        )
        asked_s = time.monotonic()
        answer = yield from ask(call, _SignedIn, self._retries)
        issued = answer.AuthenticationResult
        margin_s = min(_MARGIN_S_MAX, issued.ExpiresIn * _MARGIN_PART)
        self._renew_at_s = asked_s + issued.ExpiresIn - margin_s
        self._refresh_token = issued.RefreshToken
        headers = {"authorization": f"Bearer {issued.IdToken}"}
        authorisation = self._authorisation = Authorisation(headers, can_renew=True)
        return authorisation
