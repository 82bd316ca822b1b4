"""Tokens of the identity provider that are sent with requests, and whose they are.

A token is learnt once, which may ask the provider for its keys and the catalogue for its user, and
remembered for as long as it is good: then asking who it is costs a look. Bounded in number.
"""

import threading
from typing import NamedTuple

from bitbrook.auth.oidc_tokens import ExternalClaims, ExternalTokens
from bitbrook.control.external_users import ExternalUsers

REMEMBERED_MAX = 10_000


class _Learnt(NamedTuple):
    user_id: str
    claims: ExternalClaims


class ExternalBearers:
    """The provider's tokens that were seen."""

    def __init__(self, tokens: ExternalTokens, users: ExternalUsers) -> None:
        self._tokens = tokens
        self._users = users
        self._learnt: dict[str, _Learnt] = {}
        self._lock = threading.Lock()

    def is_new(self, token: str) -> bool:
        """Whether a token says that it is the provider's and was not learnt yet."""
        return token not in self._learnt and self._tokens.is_theirs(token)

    def learn(self, token: str) -> None:
        """Check a token and find its user, who is made if need be. May take a while.

        Raises:
            NotAuthenticated: it is not good, or its user may not come in.
            Overloaded: the provider's keys are needed and it cannot be reached.
        """
        claims = self._tokens.check(token)
        user = self._users.user_of(claims)
        with self._lock:
            if len(self._learnt) >= REMEMBERED_MAX:
                self._learnt.pop(next(iter(self._learnt)))
            self._learnt[token] = _Learnt(user.id, claims)

    def user_id_of(self, token: str) -> str | None:
        """Return whose token it is, None if it was not learnt.

        Raises:
            NotAuthenticated: its time is over.
        """
        learnt = self._learnt.get(token)
        if learnt is None:
            return None
        self._tokens.check_time(learnt.claims)
        return learnt.user_id
