"""An OpenID Connect provider over HTTP: what it says of itself, its keys, and codes for tokens.

Keys are fetched when first needed, again when they are old, and when a token names one that is not
there: that is how a provider rotates its keys. Fetches are a while apart, whatever tokens say, and
old keys go on to be used while the provider cannot be reached. Answers are bounded, redirections
are not followed, and only this machine may be asked without TLS. Knows nothing of users.
"""

import threading
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bitbrook.clock import SYSTEM_CLOCK, Clock
from bitbrook.errors import InvalidValue, NotAuthenticated, Overloaded
from bitbrook.settings import Settings
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

DISCOVERY_PATH = "/.well-known/openid-configuration"
TIMEOUT_S = 5.0
ANSWER_BYTES_MAX = 1 << 20
KEYS_MAX = 100

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Metadata(msgspec.Struct, frozen=True):
    """What a provider says of itself, as far as it is needed."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class _TokenAnswer(msgspec.Struct):
    """What a code is exchanged for."""

    id_token: str


class Provider:
    """The provider that the settings name."""

    def __init__(self, settings: Settings, *, clock: Clock = SYSTEM_CLOCK) -> None:
        """Take the settings; nothing is fetched yet.

        Raises:
            InvalidValue: the issuer is no URL that may be asked, or there is no client id.
        """
        if not settings.oidc_issuer or not settings.oidc_client_id:
            raise InvalidValue(
                "oidc_issuer and oidc_client_id go together; give both", field="oidc_client_id"
            )
        self.issuer = settings.oidc_issuer
        self.client_id = settings.oidc_client_id
        _check_url(self.issuer, "oidc_issuer")
        self._client_secret = settings.oidc_client_secret
        self._scopes = settings.oidc_scopes
        self._keys_age_s = settings.oidc_keys_age_s
        self._refetch_s = settings.oidc_refetch_s
        self._clock = clock
        self._lock = threading.Lock()
        self._metadata: Metadata | None = None
        self._keys: KeySet | None = None
        self._fetched_s = float("-inf")
        self._tried_s = float("-inf")

    def keys(self, key_id: str | None, *, has_missed: bool = False) -> KeySet:
        """Return the provider's keys; fetched anew if they are old, or none has this id.

        `has_missed`: none of them has made a signature, so there may be others.

        Raises:
            Overloaded: there are none yet and the provider cannot be reached or understood.
        """
        with self._lock:
            now_s = self._clock.monotonic_s()
            is_old = now_s - self._fetched_s >= self._keys_age_s
            is_unknown = key_id is not None and not _has_key(self._keys, key_id)
            if (is_old or is_unknown or has_missed) and now_s - self._tried_s >= self._refetch_s:
                self._tried_s = now_s
                self._refetch(now_s)
            if self._keys is None:
                raise Overloaded(
                    "the identity provider cannot be reached; try again later",
                    retry_after_s=max(1, round(self._refetch_s)),
                )
            return self._keys

    def sign_in_url(self, *, redirect_uri: str, state: str, nonce: str, challenge: str) -> str:
        """Return where a browser goes to sign in (authorization code flow, PKCE with S256).

        Raises:
            Overloaded: the provider cannot be reached.
        """
        endpoint = self._said().authorization_endpoint
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self.client_id,
                "redirect_uri": redirect_uri,
                "scope": self._scopes,
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"

    def exchange(self, code: str, *, verifier: str, redirect_uri: str) -> str:
        """Return the ID token that a code from the browser stands for, not checked yet.

        Raises:
            NotAuthenticated: the provider refuses the code.
            Overloaded: it cannot be reached.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "client_id": self.client_id,
        }
        if self._client_secret:
            form["client_secret"] = self._client_secret
        try:
            answer = _call("POST", self._said().token_endpoint, form)
            return msgspec.json.decode(answer, type=_TokenAnswer).id_token
        except httpx.HTTPStatusError as error:
            if error.response.status_code >= 500:
                raise _unreachable() from error
            raise NotAuthenticated(
                "the identity provider refuses this sign-in; begin it again"
            ) from None
        except (httpx.HTTPError, msgspec.MsgspecError, ValueError) as error:
            raise _unreachable() from error

    def _said(self) -> Metadata:
        with self._lock:
            if self._metadata is None:
                try:
                    self._metadata = self._discover()
                except (httpx.HTTPError, msgspec.MsgspecError, ValueError) as error:
                    LOGGER.warning("identity provider cannot be used", reason=_reason(error))
                    raise _unreachable() from error
            return self._metadata

    def _refetch(self, now_s: float) -> None:
        """Fetch what the provider says of itself and its keys; what fails leaves the old ones."""
        try:
            metadata = self._discover()
            found = msgspec.json.decode(_call("GET", metadata.jwks_uri), type=dict[str, Any])
            self._keys = _signing_keys(found)
            self._metadata = metadata
            self._fetched_s = now_s
        except (httpx.HTTPError, msgspec.MsgspecError, JoseError, ValueError) as error:
            LOGGER.warning("identity provider cannot be used", reason=_reason(error))

    def _discover(self) -> Metadata:
        answer = _call("GET", self.issuer.rstrip("/") + DISCOVERY_PATH)
        metadata = msgspec.json.decode(answer, type=Metadata)
        if metadata.issuer != self.issuer:
            raise ValueError(f"it says that its issuer is {metadata.issuer[:200]!r}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            _check_url(getattr(metadata, name), name)
        return metadata


def _call(method: str, url: str, form: dict[str, str] | None = None) -> bytes:
    """Return the body of an answer; bounded in time and size."""
    found = bytearray()
    with (
        httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as client,
        client.stream(method, url, data=form, headers={"accept": "application/json"}) as answer,
    ):
        for piece in answer.iter_bytes():
            found += piece
            if len(found) > ANSWER_BYTES_MAX:
                raise ValueError(f"its answer is longer than {ANSWER_BYTES_MAX:,} bytes")
        if answer.status_code != 200:
            answer.raise_for_status()
            raise ValueError(f"it answers {answer.status_code}")
    return bytes(found)


def _signing_keys(found: dict[str, Any]) -> KeySet:
    """Return the public keys of a key set that signatures are made with; others are left out."""
    listed = found.get("keys")
    if not isinstance(listed, list) or len(listed) > KEYS_MAX:
        raise ValueError("its keys are no list of a sensible length")
    usable = [
        key
        for key in listed
        if isinstance(key, dict)
        and key.get("kty") in {"RSA", "EC", "OKP"}
        and key.get("use", "sig") == "sig"
    ]
    return KeySet.import_key_set({"keys": usable})


def _has_key(keys: KeySet | None, key_id: str) -> bool:
    return keys is not None and any(key.kid == key_id for key in keys.keys)


def _check_url(url: str, name: str) -> None:
    parts = urlsplit(url)
    is_local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or is_local):
        raise InvalidValue(f"{name} {url[:200]!r} cannot be; give an https URL", field=name)


def _unreachable() -> Overloaded:
    return Overloaded("the identity provider cannot be reached; try again later", retry_after_s=5)


def _reason(error: Exception) -> str:
    # Of a failed call only its kind: a URL or a body may hold a code or a secret.
    return str(error) if isinstance(error, ValueError) else type(error).__name__
