"""A token is taken if this server signed it and its time is not over, and never otherwise.

Tried with every single-character change of a token, tokens without or with another signature (the
public key used as an HMAC secret included), foreign keys, random text, and a clock that is turned.
"""

import base64
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from bitbrook.auth.tokens import TokenSigner, TokenUse, make_signing_key
from bitbrook.clock import Clock
from bitbrook.errors import NotAuthenticated

KEY = make_signing_key(1.0)
OTHER_KEY = make_signing_key(2.0)


class TurnedClock(Clock):
    now = 1_700_000_000.0

    def now_s(self) -> float:
        return self.now


def signer(*keys: Any, clock: Clock | None = None) -> TokenSigner:
    return TokenSigner(keys or (KEY,), ttl_s=3_600, clock=clock or TurnedClock())


def token_of(tokens: TokenSigner, use: TokenUse = TokenUse.ID) -> str:
    return tokens.issue(use, user_id="u1", email="ada@example.org", session_id="s1")


def test_a_token_says_who_and_until_when() -> None:
    tokens = signer()
    for use in TokenUse:
        claims = tokens.check(token_of(tokens, use))
        assert (claims.sub, claims.sid, claims.email) == ("u1", "s1", "ada@example.org")
        assert claims.token_use is use
        assert claims.exp - claims.iat == 3_600


def test_a_token_ends_at_its_time_also_when_it_was_checked_before() -> None:
    clock = TurnedClock()
    tokens = signer(clock=clock)
    token = token_of(tokens)
    clock.now += 3_599
    tokens.check(token)
    clock.now += 1
    for _ in range(2):
        with pytest.raises(NotAuthenticated, match="expired"):
            tokens.check(token)


def test_no_changed_token_is_taken() -> None:
    tokens = signer()
    token = token_of(tokens)
    for at in range(0, len(token), 7):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(NotAuthenticated):
            tokens.check(changed)


def test_other_algorithms_are_refused() -> None:
    tokens = signer()
    header, payload, _ = token_of(tokens).split(".")

    def encoded(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    kid = json.loads(base64.urlsafe_b64decode(header + "=="))["kid"]
    with pytest.raises(NotAuthenticated):
        tokens.check(f"{encoded({'alg': 'none', 'kid': kid})}.{payload}.")
    public_pem = RSAKey.import_key(KEY.private_key).as_pem(private=False)
    signed = f"{encoded({'alg': 'HS256', 'kid': kid})}.{payload}"
    signature = hmac.digest(public_pem, signed.encode(), "sha256")
    confused = f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
    with pytest.raises(NotAuthenticated):
        tokens.check(confused)


def test_a_foreign_key_signs_nothing_for_us_even_under_our_key_id() -> None:
    foreign = signer(OTHER_KEY)
    with pytest.raises(NotAuthenticated):
        signer().check(token_of(foreign))
    private = RSAKey.import_key(OTHER_KEY.private_key, {"kid": KEY.id})
    claims = {
        "iss": "bitbrook", "sub": "u1", "sid": "s", "jti": "j", "email": "e@x", "token_use": "id",
        "iat": 1, "exp": 2**40,
    }  # fmt: skip
    forged = jwt.encode({"alg": "RS256", "kid": KEY.id}, claims, private)
    with pytest.raises(NotAuthenticated):
        signer().check(forged)
    honest = jwt.encode({"alg": "RS256", "kid": KEY.id}, claims, RSAKey.import_key(KEY.private_key))
    assert signer().check(honest).sub == "u1"
    for wrong in ({"iss": "somebody"}, {"exp": "soon"}, {"token_use": "refresh"}):
        odd = jwt.encode(
            {"alg": "RS256", "kid": KEY.id}, claims | wrong, RSAKey.import_key(KEY.private_key)
        )
        with pytest.raises(NotAuthenticated):
            signer().check(odd)


def test_older_keys_stay_good_and_the_newest_signs() -> None:
    before = signer(KEY)
    after = signer(KEY, OTHER_KEY)
    assert after.check(token_of(before)).sub == "u1"
    with pytest.raises(NotAuthenticated):
        before.check(token_of(after))


@given(st.one_of(st.text(), st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*", fullmatch=True)))
def test_random_text_is_no_token(text: str) -> None:
    with pytest.raises(NotAuthenticated):
        SIGNER.check(text)


SIGNER = signer()


def test_the_published_keys_check_tokens_and_are_public() -> None:
    tokens = signer(KEY, OTHER_KEY)
    published = json.loads(json.dumps(tokens.jwks()))
    assert len(published["keys"]) == 2
    for key in published["keys"]:
        assert {"kid", "kty", "n", "e", "alg", "use"} <= set(key)
        assert not {"d", "p", "q", "dp", "dq", "qi"} & set(key)
    decoded = jwt.decode(token_of(tokens), KeySet.import_key_set(published), ["RS256"])
    assert decoded.claims["sub"] == "u1"
