"""Passwords are known again, others are not, and nobody's password costs what somebody's does.

Tried with near misses, over-long passwords, damaged hashes and many checks at once.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import Type, extract_parameters

from bitbrook.auth import passwords
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


def test_nobody_takes_the_work_of_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    # Time cannot be tested; that the same is done can: one hash of the same parameters, always.
    somebodys = hash_password("correct horse")
    real, seen = passwords._HASHER, list[str]()
    for password_hash in (somebodys, None, ""):
        for password in ("correct horse", "wrong", "", "x" * 5_000):
            seen.clear()
            with monkeypatch.context() as patched:
                patched.setattr(passwords, "_HASHER", _Through(real, seen))
                is_right = is_password(password_hash, password)
            assert is_right is (password_hash == somebodys and password == "correct horse")
            assert len(seen) == 1
            assert extract_parameters(seen[0]) == extract_parameters(somebodys)


class _Through:
    """A hasher that notes and passes on."""

    def __init__(self, real: object, seen: list[str]) -> None:
        self._real = real
        self._seen = seen

    def verify(self, password_hash: str, password: str) -> bool:
        self._seen.append(password_hash)
        return bool(self._real.verify(password_hash, password))  # type: ignore[attr-defined]


def test_the_parameters_are_those_that_are_documented() -> None:
    parameters = extract_parameters(hash_password("correct horse"))
    assert parameters.type is Type.ID
    assert parameters.memory_cost == 64 << 10
    assert (parameters.time_cost, parameters.parallelism) == (3, 4)
    assert (parameters.salt_len, parameters.hash_len) == (16, 32)
