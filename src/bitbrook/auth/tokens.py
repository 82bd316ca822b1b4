"""Access and ID tokens: JSON Web Tokens signed with RS256.

RS256 is what the original's tokens (Amazon Cognito's) use, so whoever checks those against a key
set can check these. A token says who its user is and which session it is of, and nothing of what
they may do: that is looked up when it is used. Checked tokens are remembered, since checking a
signature costs more than the rest of a small request. Knows nothing of sessions' or users' states.
"""

import enum
import secrets
import threading
from collections.abc import Sequence
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from bitbrook.clock import SYSTEM_CLOCK, Clock
from bitbrook.errors import NotAuthenticated
from bitbrook.stores.catalogue_rows import SigningKeyRow

ALGORITHM = "RS256"
ISSUER = "bitbrook"
KEY_BITS = 2_048
TOKEN_CHARACTERS_MAX = 8_192
REMEMBERED_MAX = 10_000


class TokenUse(enum.StrEnum):
    """What a token is for; either one is taken as a bearer token."""

    ACCESS = "access"
    ID = "id"


class Claims(msgspec.Struct, frozen=True):
    """What a token says. `sub`: the user's id. `sid`: the session's. Times in Unix seconds."""

    iss: str
    sub: str
    sid: str
    jti: str
    email: str
    token_use: TokenUse
    iat: int
    exp: int


class TokenSigner:
    """Makes and checks tokens with the keys of one server; signs with the newest."""

    def __init__(
        self, rows: Sequence[SigningKeyRow], *, ttl_s: int, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.ttl_s = ttl_s
        self._clock = clock
        self._checked: dict[str, Claims] = {}
        self._lock = threading.Lock()
        self.take_keys(rows)

    def take_keys(self, rows: Sequence[SigningKeyRow]) -> None:
        """Use these keys, and no other, from now on."""
        newest_first = sorted(rows, key=lambda row: row.created_s, reverse=True)
        keys = [
            RSAKey.import_key(row.private_key, {"kid": row.id, "use": "sig", "alg": ALGORITHM})
            for row in newest_first
        ]
        with self._lock:
            self._signing_key = keys[0]
            self._keys = KeySet(list(keys))
            # What an earlier key has signed is asked for again.
            self._checked = {}

    def issue(self, use: TokenUse, *, user_id: str, email: str, session_id: str) -> str:
        """Return a new token."""
        issued_s = int(self._clock.now_s())
        claims = Claims(
            iss=ISSUER,
            sub=user_id,
            sid=session_id,
            jti=secrets.token_urlsafe(8),
            email=email,
            token_use=use,
            iat=issued_s,
            exp=issued_s + self.ttl_s,
        )
        header = {"alg": ALGORITHM, "kid": self._signing_key.kid}
        return jwt.encode(header, msgspec.to_builtins(claims), self._signing_key, [ALGORITHM])

    def check(self, token: str) -> Claims:
        """Return what a token says.

        Raises:
            NotAuthenticated: it is malformed, not signed by us, or expired.
        """
        claims = self._checked.get(token)
        if claims is None:
            claims = self._check_signature(token)
            with self._lock:
                if len(self._checked) >= REMEMBERED_MAX:
                    self._checked.pop(next(iter(self._checked)))
                self._checked[token] = claims
        if claims.exp <= self._clock.now_s():
            raise NotAuthenticated("the token has expired; refresh it or sign in again")
        return claims

    def jwks(self) -> dict[str, Any]:
        """Return the public halves of the keys as a JSON Web Key Set."""
        return dict(self._keys.as_dict(private=False))

    def _check_signature(self, token: str) -> Claims:
        try:
            if len(token) > TOKEN_CHARACTERS_MAX:
                raise ValueError
            checked = jwt.decode(token, self._keys, [ALGORITHM])
            claims = msgspec.convert(checked.claims, Claims)
        except (JoseError, ValueError, msgspec.ValidationError) as error:
            raise NotAuthenticated(
                "the token is malformed or not one of this server; sign in again"
            ) from error
        if claims.iss != ISSUER:
            raise NotAuthenticated("the token is not one of this server; sign in again")
        return claims


def make_signing_key(now_s: float) -> SigningKeyRow:
    """Return a new key to sign tokens with."""
    key = RSAKey.generate_key(KEY_BITS)
    private_key = key.as_pem(private=True).decode()
    return SigningKeyRow(id=secrets.token_urlsafe(8), private_key=private_key, created_s=now_s)
