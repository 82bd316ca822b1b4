"""Passwords are known again, others are not, and nobody's password costs what somebody's does.

Tried with near misses, over-long passwords, damaged hashes and many checks at once.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from bitbrook.auth.passwords import hash_password, is_password, make_password
from bitbrook.errors import InvalidValue


def test_a_password_is_known_again_and_others_are_not() -> None:
    hashed = hash_password("correct horse ä")
    assert hashed.startswith("$argon2id$")
    assert "horse" not in hashed
    assert is_password(hashed, "correct horse ä")
    for other in ("correct horse", "", "correct horse a", "x" * 100_000):
        assert not is_password(hashed, other)


def test_the_same_password_has_two_hashes() -> None:
    assert hash_password("correct horse") != hash_password("correct horse")


def test_nobody_has_a_password() -> None:
    assert not is_password(None, "anything")
    assert not is_password(None, "")


def test_a_damaged_hash_lets_nobody_in() -> None:
    assert not is_password("$argon2id$broken", "anything")


@pytest.mark.parametrize("length", [0, 7, 1_025])
def test_lengths_are_bounded(length: int) -> None:
    with pytest.raises(InvalidValue, match=f"{length} characters"):
        hash_password("x" * length)


def test_many_at_once() -> None:
    hashed = hash_password("correct horse")
    with ThreadPoolExecutor(8) as threads:
        checks = list(
            threads.map(lambda i: is_password(hashed, "correct horse" + "!" * (i % 2)), range(8))
        )
    assert checks == [True, False] * 4


def test_made_passwords_differ_and_can_be_used() -> None:
    made = {make_password() for _ in range(100)}
    assert len(made) == 100
    assert is_password(hash_password(min(made)), min(made))
