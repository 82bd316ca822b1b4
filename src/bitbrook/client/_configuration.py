"""Where the server is and who calls, from arguments or from the environment.

Credentials that are given leave those of the environment alone: they are never mixed. A secret is
never shown by `repr`.
"""

import os
from collections.abc import Mapping

import httpx
import msgspec

from bitbrook.client._exceptions import ConfigurationError

DEFAULT_URL = "http://127.0.0.1:8000"

_ASK = "give one of email and password, token, or api_key"


class Password(msgspec.Struct, frozen=True):
    """An e-mail address and its password: signs in, and again when it has to."""

    email: str
    password: str

    def __repr__(self) -> str:
        return f"Password(email={self.email!r})"


class Token(msgspec.Struct, frozen=True):
    """A token that somebody else got; it is used until it expires."""

    text: str

    def __repr__(self) -> str:
        return "Token()"


class ApiKey(msgspec.Struct, frozen=True):
    """An API key."""

    text: str

    def __repr__(self) -> str:
        return "ApiKey()"


Credentials = Password | Token | ApiKey


def find_url(url: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """Return the server's address, without a slash at its end.

    Raises:
        ConfigurationError: it is no http or https address.
    """
    found = url or environment.get("BITBROOK_URL") or DEFAULT_URL
    try:
        parsed = httpx.URL(found)
    except httpx.InvalidURL as fault:
        raise ConfigurationError(f"{found!r} is not a URL: {fault}") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ConfigurationError(f"{found!r} is not a URL; give one such as {DEFAULT_URL}")
    if parsed.query or parsed.fragment:
        raise ConfigurationError(f"{found!r} has a query or a fragment; leave them out")
    if parsed.userinfo:
        raise ConfigurationError("the URL holds credentials; " + _ASK)
    return found.rstrip("/")


def find_credentials(
    email: str | None,
    password: str | None,
    token: str | None,
    api_key: str | None,
    environment: Mapping[str, str] = os.environ,
) -> Credentials:
    """Return the credentials given or, if none is, those of the environment.

    Of several in the environment an API key goes before a token and a token before a password. An
    e-mail address without a password takes the password of the environment.

    Raises:
        ConfigurationError: there are none, several were given, or half of a pair is missing.
    """
    given = (email or password, token, api_key)
    if sum(each is not None for each in given) > 1:
        raise ConfigurationError(f"several kinds of credentials; {_ASK}")
    if all(each is None for each in given):
        api_key = environment.get("BITBROOK_API_KEY") or None
        token = environment.get("BITBROOK_TOKEN") or None
        email = environment.get("BITBROOK_EMAIL") or None
    if api_key is not None:
        return ApiKey(_checked("api_key", api_key))
    if token is not None:
        return Token(_checked("token", token))
    if email is None:
        if password is not None:
            raise ConfigurationError("a password without email; give both")
        raise ConfigurationError(
            f"no credentials; {_ASK}, or set BITBROOK_EMAIL and BITBROOK_PASSWORD, BITBROOK_TOKEN "
            "or BITBROOK_API_KEY"
        )
    password = password or environment.get("BITBROOK_PASSWORD")
    if not password:
        raise ConfigurationError(f"no password for {email}; give it or set BITBROOK_PASSWORD")
    return Password(email, password)


def _checked(name: str, secret: str) -> str:
    secret = secret.strip()
    if not secret or not secret.isascii() or not secret.isprintable():
        raise ConfigurationError(f"{name} is empty or has characters that no {name} has")
    return secret
