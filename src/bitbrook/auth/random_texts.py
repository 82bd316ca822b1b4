"""Random texts: ids, and secrets that let their bearer in (API keys, refresh tokens, invites).

Secrets carry 256 random bits, so their SHA-256 digest is all that needs to be kept to know them
again: it tells nothing of them, and unlike a password nobody can try them all.
"""

import hashlib
import secrets
from typing import NamedTuple

API_KEY_MARK = "bb_"
PREFIX_CHARACTERS = 11


class SecretText(NamedTuple):
    """A new secret: `text` for its bearer, `digest` for the catalogue, `prefix` to know it by."""

    text: str
    digest: str
    prefix: str


def make_secret(mark: str = "") -> SecretText:
    """Return a new secret whose text begins with `mark`."""
    text = mark + secrets.token_urlsafe(32)
    return SecretText(text, digest_of(text), text[:PREFIX_CHARACTERS])


def digest_of(text: str) -> str:
    """Return what is kept of a secret: 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def make_id() -> str:
    """Return a new id: 96 random bits, fit for a URL, not beginning with a dash."""
    return secrets.token_hex(12)
