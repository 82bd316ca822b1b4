"""A key signs until the next one comes and checks until its last token is over; then it is gone.

Turns the clock over rotations by age, over the end of tokens, and over restarts in between; forgets
keys at once where they are revoked.
"""

from typing import Any

import pytest

from bitbrook.control.signing_keys import GRACE_S, rotate_keys
from bitbrook.errors import NotAuthenticated
from bitbrook.settings import Settings

AGE_S = Settings().signing_key_age_s
TTL_S = Settings().token_ttl_s


def key_ids(home: Any) -> set[str]:
    return {key["kid"] for key in home.service.identity.jwks()["keys"]}


def sign_in(home: Any) -> str:
    tokens = home.service.identity.sign_in("ada@example.org", "correct horse")
    return str(tokens.id)


def test_by_age_with_overlap(home: Any) -> None:
    home.restart()
    first = sign_in(home)
    [old] = key_ids(home)
    home.clock.turn(AGE_S)
    before_rotation = first
    second = sign_in(home)
    assert len(key_ids(home)) == 2
    # The first has expired by its own time; a token of just before the rotation has not.
    with pytest.raises(NotAuthenticated, match="expired"):
        home.service.identity.authenticate(before_rotation)
    assert home.service.identity.authenticate(second).email == "ada@example.org"
    home.restart()
    assert old in key_ids(home)
    assert home.service.identity.authenticate(second).email == "ada@example.org"
    home.clock.turn(TTL_S + GRACE_S + 1)
    home.restart()
    assert old not in key_ids(home)
    assert len(key_ids(home)) == 1


def test_a_token_outlives_the_rotation_of_its_key(home: Any) -> None:
    home.clock.turn(AGE_S - 10)
    home.restart()
    token = sign_in(home)
    [old] = key_ids(home)
    home.clock.turn(10 + GRACE_S)
    sign_in(home)
    assert old in key_ids(home)
    home.clock.turn(TTL_S - 10 - GRACE_S - 1)
    assert home.service.identity.authenticate(token).email == "ada@example.org"
    home.restart()
    assert home.service.identity.authenticate(token).email == "ada@example.org"


def test_revoked_keys_check_nothing(home: Any) -> None:
    token = sign_in(home)
    assert home.service.identity.authenticate(token)
    catalogue = home.service.audit._catalogue
    rotate_keys(catalogue, home.clock.now_s(), token_ttl_s=TTL_S, revokes=True)
    # Until it is told to look, the server goes by what it has.
    assert home.service.identity.authenticate(token)
    home.service.signing_keys.reload()
    with pytest.raises(NotAuthenticated, match="not one of this server"):
        home.service.identity.authenticate(token)
    assert home.service.identity.authenticate(sign_in(home))
