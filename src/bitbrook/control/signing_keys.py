"""The keys that tokens are signed with, one after another.

A new key signs from the moment that it is there; the one before still checks until the last of its
tokens has expired, and is then forgotten. Keys lie in the catalogue, so that every start has them;
whoever changes them there from outside tells the server to look again.
"""

import itertools
import threading

from bitbrook.auth.tokens import TokenSigner, make_signing_key
from bitbrook.clock import Clock
from bitbrook.settings import Settings
from bitbrook.stores.catalogue import Catalogue, Transaction
from bitbrook.stores.catalogue_rows import SigningKeyRow
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

GRACE_S = 300.0
"""Seconds that a key is kept longer than its tokens: clocks differ, and a change takes a moment."""


class SigningKeys:
    """The keys of one server. `signer` makes and checks tokens with them."""

    def __init__(self, catalogue: Catalogue, settings: Settings, *, clock: Clock) -> None:
        self._catalogue = catalogue
        self._ttl_s = settings.token_ttl_s
        self._age_s = settings.signing_key_age_s
        self._clock = clock
        self._lock = threading.Lock()
        now_s = clock.now_s()
        with catalogue.changing() as rows:
            kept = keys_in_use(rows, now_s, token_ttl_s=self._ttl_s)
            if not kept:
                kept = [make_signing_key(now_s)]
                rows.insert(*kept)
        self._kept = kept
        self._newest_s = max(row.created_s for row in kept)
        self.signer = TokenSigner(kept, ttl_s=self._ttl_s, clock=clock)

    def rotate_if_due(self) -> None:
        """Begin with a new key if the newest one is old enough. Called before a token is made."""
        if self._clock.now_s() - self._newest_s >= self._age_s:
            with self._lock:
                if self._clock.now_s() - self._newest_s >= self._age_s:
                    rotate_keys(self._catalogue, self._clock.now_s(), token_ttl_s=self._ttl_s)
                    self._take_over()

    def reload(self) -> None:
        """Take the keys as they are in the catalogue now."""
        with self._lock:
            self._take_over()

    def _take_over(self) -> None:
        with self._catalogue.reading() as rows:
            kept = rows.all(SigningKeyRow)
        if kept == self._kept:
            return
        self._kept = kept
        self._newest_s = max(row.created_s for row in kept)
        self.signer.take_keys(kept)
        LOGGER.info("signing keys taken over", count=len(kept))


def rotate_keys(
    catalogue: Catalogue, now_s: float, *, token_ttl_s: int, revokes: bool = False
) -> SigningKeyRow:
    """Return a new key, which signs once the server has looked.

    `revokes`: forget all others at once, so that every token of theirs is refused.
    """
    key = make_signing_key(now_s)
    with catalogue.changing() as rows:
        if revokes:
            for row in rows.all(SigningKeyRow):
                rows.delete(SigningKeyRow, id=row.id)
        rows.insert(key)
        keys_in_use(rows, now_s, token_ttl_s=token_ttl_s)
    return key


def keys_in_use(rows: Transaction, now_s: float, *, token_ttl_s: int) -> list[SigningKeyRow]:
    """Return the newest key and those whose tokens may still be good; forget the others."""
    newest_first = sorted(rows.all(SigningKeyRow), key=lambda row: row.created_s, reverse=True)
    kept = newest_first[:1]
    for successor, row in itertools.pairwise(newest_first):
        # It has signed until its successor came.
        if successor.created_s + token_ttl_s + GRACE_S > now_s:
            kept.append(row)
        else:
            rows.delete(SigningKeyRow, id=row.id)
    return kept
