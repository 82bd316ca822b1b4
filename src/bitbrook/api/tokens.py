"""Signing in over HTTP: the token call at `/`, in the form of Amazon Cognito's.

Errors of this call have Cognito's form too, since that is what its clients read.
"""

from typing import Any

import msgspec
from litestar import Response, get, post

from bitbrook.api.paths import versioned
from bitbrook.api.permissions import OPEN
from bitbrook.api.workers import on_thread
from bitbrook.control.identity import Tokens
from bitbrook.control.service import Service
from bitbrook.errors import InvalidBody, NotAuthenticated

TAGS = ["tokens"]
_REFRESH_FLOWS = frozenset({"REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"})


class Credentials(msgspec.Struct):
    """Credentials in Cognito's form."""

    USERNAME: str = ""
    PASSWORD: str = ""
    REFRESH_TOKEN: str = ""


class SignIn(msgspec.Struct):
    """Credentials: an e-mail address and a password, or (`REFRESH_TOKEN_AUTH`) a refresh token."""

    USERNAME: str = ""
    PASSWORD: str = ""
    AuthFlow: str = ""
    ClientId: str | None = None
    AuthParameters: Credentials | None = None


class RefreshToken(msgspec.Struct):
    """The refresh token of a session to end."""

    refresh_token: str


class IssuedTokens(msgspec.Struct):
    """The tokens of a session. The order is kept: somebody's script reads up to a comma."""

    AccessToken: str
    ExpiresIn: int
    IdToken: str
    RefreshToken: str
    TokenType: str = "Bearer"


class SignedIn(msgspec.Struct):
    """The answer to a sign-in."""

    AuthenticationResult: IssuedTokens
    ChallengeParameters: dict[str, str] = {}


@post("/", status_code=200, tags=TAGS, opt=OPEN)
@on_thread
def sign_in(data: SignIn, service: Service) -> Response[SignedIn | dict[str, str]]:
    """Sign in, or continue a session with its refresh token."""
    try:
        tokens = _tokens(data, service)
    except NotAuthenticated as refusal:
        return Response(
            {"__type": "NotAuthorizedException", "message": refusal.message}, status_code=401
        )
    except InvalidBody as refusal:
        return Response(
            {"__type": "InvalidParameterException", "message": refusal.message}, status_code=400
        )
    return signed_in(tokens)


@get("/.well-known/jwks.json", tags=TAGS, opt=OPEN)
@on_thread
def list_keys(service: Service) -> dict[str, Any]:
    """Show the public keys that tokens are signed with."""
    return service.identity.jwks()


@post(versioned("/sign-out"), status_code=204, tags=TAGS, opt=OPEN)
@on_thread
def sign_out(data: RefreshToken, service: Service) -> None:
    """End a session, its tokens included."""
    service.identity.sign_out(data.refresh_token)


def signed_in(tokens: Tokens) -> Response[Any]:
    """Return the answer to a sign-in."""
    result = IssuedTokens(tokens.access, tokens.expires_in_s, tokens.id, tokens.refresh)
    return Response(SignedIn(result), headers={"cache-control": "no-store"})


def _tokens(data: SignIn, service: Service) -> Tokens:
    given = data.AuthParameters or Credentials(data.USERNAME, data.PASSWORD)
    if data.AuthFlow in _REFRESH_FLOWS or (given.REFRESH_TOKEN and not given.PASSWORD):
        if not given.REFRESH_TOKEN:
            raise InvalidBody("AuthParameters.REFRESH_TOKEN is missing")
        return service.identity.refresh(given.REFRESH_TOKEN)
    if not given.USERNAME or not given.PASSWORD:
        raise InvalidBody('send {"USERNAME": "<email>", "PASSWORD": "<password>"}')
    return service.identity.sign_in(given.USERNAME, given.PASSWORD)


ROUTES = (sign_in, list_keys, sign_out)
