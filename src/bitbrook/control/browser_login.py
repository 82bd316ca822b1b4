"""Signing in at an identity provider with a browser: authorization code flow, PKCE and nonce.

A sign-in is begun here, carried on at the provider and finished by whoever holds the same cookie;
it ends in a code of ours that is exchanged once, within a minute, for tokens, so that no token ever
stands in an address. Pending sign-ins are in memory, bounded in number and time.
"""

import base64
import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from typing import Generic, NamedTuple, TypeVar

from bitbrook.auth.oidc_provider import Provider
from bitbrook.auth.oidc_tokens import ExternalTokens
from bitbrook.clock import Clock
from bitbrook.control.external_users import ExternalUsers
from bitbrook.errors import NotAuthenticated

PENDING_MAX = 10_000
PENDING_S = 600.0
CODE_S = 60.0

T = TypeVar("T")


class BegunLogin(NamedTuple):
    """Where the browser goes, and the text of the cookie that it comes back with."""

    url: str
    cookie: str


class _Pending(NamedTuple):
    nonce: str
    verifier: str
    redirect_uri: str
    cookie: str


class _Code(NamedTuple):
    user_id: str
    cookie: str


class BrowserLogin:
    """Sign-ins under way."""

    def __init__(
        self, provider: Provider, tokens: ExternalTokens, users: ExternalUsers, *, clock: Clock
    ) -> None:
        self._provider = provider
        self._tokens = tokens
        self._users = users
        self._pending = _Once[_Pending](PENDING_S, clock)
        self._codes = _Once[_Code](CODE_S, clock)

    def begin(self, redirect_uri: str) -> BegunLogin:
        """Return where a browser signs in. `redirect_uri`: where it then comes back to us."""
        state, nonce, cookie = (secrets.token_urlsafe(32) for _ in range(3))
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        url = self._provider.sign_in_url(
            redirect_uri=redirect_uri,
            state=state,
            nonce=nonce,
            challenge=challenge.rstrip(b"=").decode(),
        )
        self._pending.put(state, _Pending(nonce, verifier, redirect_uri, cookie))
        return BegunLogin(url, cookie)

    def finish(self, state: str, code: str, cookie: str) -> str:
        """Return our own code for the user whom the provider's code stands for.

        Raises:
            NotAuthenticated: the sign-in was not begun by this browser, or not lately; the
                provider refuses it; or its user may not come in.
        """
        pending = self._pending.take(state)
        if pending is None or not hmac.compare_digest(pending.cookie.encode(), cookie.encode()):
            raise NotAuthenticated("this sign-in was not begun here, or too long ago; begin anew")
        token = self._provider.exchange(
            code, verifier=pending.verifier, redirect_uri=pending.redirect_uri
        )
        user = self._users.user_of(self._tokens.check(token, nonce=pending.nonce))
        own = secrets.token_urlsafe(32)
        self._codes.put(own, _Code(user.id, cookie))
        return own

    def redeem(self, code: str, cookie: str) -> str:
        """Return the id of the user of one of our codes, which is used up.

        Raises:
            NotAuthenticated: it is unknown, used, too old or another browser's.
        """
        found = self._codes.take(code)
        if found is None or not hmac.compare_digest(found.cookie.encode(), cookie.encode()):
            raise NotAuthenticated("this sign-in is unknown, used or over; begin anew")
        return found.user_id


class _Once(Generic[T]):
    """Things by a random name, each good once and for some time; the oldest make room."""

    def __init__(self, ttl_s: float, clock: Clock) -> None:
        self._ttl_s = ttl_s
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, name: str, thing: T) -> None:
        with self._lock:
            self._kept[name] = (self._clock.monotonic_s(), thing)
            if len(self._kept) > PENDING_MAX:
                self._kept.popitem(last=False)

    def take(self, name: str) -> T | None:
        with self._lock:
            put_s, thing = self._kept.pop(name, (float("-inf"), None))
        return thing if self._clock.monotonic_s() - put_s < self._ttl_s else None
