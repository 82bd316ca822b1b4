"""Tokens of an identity provider: checked by its keys, for us, in time, or not taken at all.

Only signatures by public keys are taken: no `none`, no secret shared by both sides. Knows nothing
of users.
"""

import base64
import binascii
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError

from bitbrook.auth.oidc_provider import Provider
from bitbrook.clock import SYSTEM_CLOCK, Clock
from bitbrook.errors import NotAuthenticated
from bitbrook.settings import Settings

ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
LEEWAY_S = 30
TOKEN_CHARACTERS_MAX = 16_384

_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt", "id+jwt"})


class ExternalClaims(msgspec.Struct, frozen=True):
    """What a checked token says. `email`: None if it names none. `groups`: of the claim set."""

    issuer: str
    subject: str
    expires_s: float
    email: str | None
    is_email_verified: bool
    groups: frozenset[str]
    organisation: str | None


class ExternalTokens:
    """Checks the tokens of a provider."""

    def __init__(
        self, provider: Provider, settings: Settings, *, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._provider = provider
        self._audiences = {provider.client_id, *listed(settings.oidc_audiences)}
        self._groups_claim = settings.oidc_groups_claim
        self._organisation_claim = settings.oidc_organisation_claim
        self._clock = clock

    def is_theirs(self, token: str) -> bool:
        """Whether a token says, not checked, that it is the provider's."""
        return self._part(token, 1).get("iss") == self._provider.issuer

    def check(self, token: str, *, nonce: str | None = None) -> ExternalClaims:
        """Return what a token says. May ask the provider for its keys.

        `nonce`: what a browser's sign-in was begun with; then only ID tokens for us are taken.

        Raises:
            NotAuthenticated: it is malformed, expired, for somebody else or not the provider's.
            Overloaded: the provider's keys are needed and it cannot be reached.
        """
        header = self._part(token, 0)
        key_id = header.get("kid")
        if (
            len(token) > TOKEN_CHARACTERS_MAX
            or header.get("alg") not in ALGORITHMS
            or not isinstance(key_id, str | None)
            or str(header.get("typ", "JWT")).lower() not in _TYPES
        ):
            raise _refusal("it is malformed or not signed as it must be")
        claims = self._signed(token, key_id)
        self._check_claims(claims, nonce)
        return self._read(claims)

    def check_time(self, claims: ExternalClaims) -> None:
        """Return if a token's time is not over, else raise `NotAuthenticated`."""
        if claims.expires_s + LEEWAY_S <= self._clock.now_s():
            raise _refusal("it has expired")

    def _signed(self, token: str, key_id: str | None) -> dict[str, Any]:
        for has_missed in (False, True):
            for key in self._provider.keys(key_id, has_missed=has_missed).keys:
                if key_id is None or key.kid == key_id:
                    try:
                        return jwt.decode(token, key, list(ALGORITHMS)).claims
                    except (JoseError, ValueError):
                        continue
        raise _refusal("none of the identity provider's keys has signed it")

    def _check_claims(self, claims: dict[str, Any], nonce: str | None) -> None:
        now_s = self._clock.now_s()
        if claims.get("iss") != self._provider.issuer:
            raise _refusal("its issuer is another one")
        audience = claims.get("aud")
        audiences = set(audience if isinstance(audience, list) else [audience])
        wanted = self._audiences if nonce is None else {self._provider.client_id}
        if not wanted & audiences:
            raise _refusal("it is for another audience")
        party = claims.get("azp")
        if nonce is not None and party not in {None, self._provider.client_id}:
            raise _refusal("it is for another client")
        if not _is_moment(claims.get("exp")) or claims["exp"] + LEEWAY_S <= now_s:
            raise _refusal("it has expired")
        for name in ("nbf", "iat"):
            moment = claims.get(name)
            if moment is not None and not (_is_moment(moment) and moment - LEEWAY_S <= now_s):
                raise _refusal("its time has not come")
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise _refusal("it names no subject")
        if nonce is not None and claims.get("nonce") != nonce:
            raise _refusal("it is not the answer to this sign-in")

    def _read(self, claims: dict[str, Any]) -> ExternalClaims:
        email = claims.get("email")
        organisation = (
            _claim(claims, self._organisation_claim) if self._organisation_claim else None
        )
        groups = _claim(claims, self._groups_claim)
        found = groups if isinstance(groups, list) else [groups]
        return ExternalClaims(
            issuer=claims["iss"],
            subject=claims["sub"],
            expires_s=float(claims["exp"]),
            email=email if isinstance(email, str) and email else None,
            is_email_verified=claims.get("email_verified") in {True, "true"},
            groups=frozenset(each for each in found if isinstance(each, str)),
            organisation=organisation if isinstance(organisation, str) else None,
        )

    @staticmethod
    def _part(token: str, index: int) -> dict[str, Any]:
        """Return one of the first two parts of a token; empty if it cannot be read."""
        parts = token.split(".")
        if len(parts) != 3 or len(token) > TOKEN_CHARACTERS_MAX:
            return {}
        try:
            padded = parts[index] + "=" * (-len(parts[index]) % 4)
            return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=dict[str, Any])
        except (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError):
            return {}


def listed(text: str | None) -> list[str]:
    """Return what a setting lists, parted by commas."""
    return [part for each in (text or "").split(",") if (part := each.strip())]


def _claim(claims: dict[str, Any], name: str) -> Any:
    """Return a claim by its name, or by a path of names parted by dots."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for step in name.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _is_moment(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refusal(reason: str) -> NotAuthenticated:
    return NotAuthenticated(f"the identity provider's token is not taken: {reason}")
