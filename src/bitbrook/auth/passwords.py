"""Passwords: Argon2id hashes, and checks that take as long for nobody as for somebody.

Hashing takes 64 MiB, three passes on four lanes, tens of milliseconds, by design (RFC 9106, second
recommended option), so only a few run at a time and the others wait. The parameters stand here
and not in a library's default; a hash carries its own, so that older ones stay good.
"""

import secrets
import threading

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from bitbrook.errors import InvalidValue

PASSWORD_CHARACTERS_MIN = 8
PASSWORD_CHARACTERS_MAX = 1_024
HASHES_AT_A_TIME = 2

TIME_COST = 3
MEMORY_COST_KIB = 64 << 10
PARALLELISM = 4
HASH_BYTES = 32
SALT_BYTES = 16

_HASHER = PasswordHasher(
    time_cost=TIME_COST,
    memory_cost=MEMORY_COST_KIB,
    parallelism=PARALLELISM,
    hash_len=HASH_BYTES,
    salt_len=SALT_BYTES,
    type=Type.ID,
)
_TURN = threading.BoundedSemaphore(HASHES_AT_A_TIME)
_NOBODYS_HASH = _HASHER.hash(secrets.token_hex())


def hash_password(password: str) -> str:
    """Return the encoded Argon2id hash of a password.

    Raises:
        InvalidValue: it is too short or too long.
    """
    if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
        raise InvalidValue(
            f"the password has {len(password)} characters; choose one of "
            f"{PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX:,}",
            field="password",
        )
    with _TURN:
        return _HASHER.hash(password)


def is_password(password_hash: str | None, password: str) -> bool:
    """Whether a password is the one of this hash.

    Without a hash (there is no such user, or one who signs in elsewhere) it is not, after the same
    time: what is done is the same.
    """
    if len(password) > PASSWORD_CHARACTERS_MAX:
        password = ""
    with _TURN:
        try:
            is_match = _HASHER.verify(password_hash or _NOBODYS_HASH, password)
        except (VerificationError, InvalidHashError):
            return False
    return is_match and bool(password_hash)


def make_password() -> str:
    """Return a new password that nobody guesses: 96 random bits in 16 characters."""
    return secrets.token_urlsafe(12)
