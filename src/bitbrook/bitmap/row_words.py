"""The words of large rows, kept for as long as nobody writes to them.

To count what large rows have in common takes as long as memory needs to give their words, if they
are at hand; CRoaring makes a bitmap of the first two before it counts, and holds the interpreter's
lock meanwhile. A row's words are made when it is asked for the second time since it was written to,
so that rows which change with every batch do not pay for it. They may be let go at any time.

Knows rows by their slot alone. Whoever writes to one says so.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from bitbrook.algebra.memory import machine_bytes
from bitbrook.bitmap.thawed import Ledger
from bitbrook.bitmap.word_kernels import Words, count_each, count_in_all

COUNT_MIN: Final = 1 << 14
"""Positions of a row from which on its words are worth their 128 KiB: four times what roaring takes
for as many, and read in less time than that."""

SHARE: Final = 32
"""So small a part of the machine's memory may hold words of rows."""


BUFFER_WORDS: Final = 64


class KeptWords(NamedTuple):
    """A row's words (uint64[16384]), which never change, and where in memory they begin."""

    words: Words
    address: int


def count_common(shards: Sequence[Sequence[KeptWords]]) -> int:
    """Return how many positions have all of several rows, added up over shards.

    Each shard gives the words of as many rows.
    """
    if not shards:
        return 0
    addresses = np.array([[row.address for row in rows] for rows in shards], dtype=np.uint64)
    return int(count_in_all(addresses, np.empty(BUFFER_WORDS, dtype=np.uint64)))


def count_each_of(
    shards: Sequence[Sequence[KeptWords | None]],
    selected: Sequence[Words],
    counts: npt.NDArray[np.int64],
) -> None:
    """Add to `counts` (by row) how many selected positions have each row, over all shards.

    Each shard gives the words of every row, None for one that is not counted there, and those of
    what is selected (uint64[16384]).
    """
    addresses = np.array(
        [[0 if row is None else row.address for row in rows] for rows in shards], dtype=np.uint64
    )
    words = np.array([each.ctypes.data for each in selected], dtype=np.uint64)
    count_each(addresses, words, counts)


class RowWords:
    """Words by slot, of the rows of one field in one shard."""

    __slots__ = ("__weakref__", "_asked", "_kept")

    def __init__(self) -> None:
        self._kept: dict[int, KeptWords] = {}
        self._asked: set[int] = set()

    def find(self, slot: int) -> KeptWords | None:
        """Return the words of a row if they are kept."""
        kept = self._kept.get(slot)
        if kept is not None:
            LEDGER.hits += 1
        return kept

    def is_due(self, slot: int) -> bool:
        """Return whether the row was asked for before, since it was written to.

        It is asked of rows whose words would be kept and are not.
        """
        LEDGER.misses += 1
        was_asked = slot in self._asked
        self._asked.add(slot)
        return was_asked

    def keep(self, slot: int, words: Words) -> KeptWords:
        """Keep the words of a row, which nobody changes any more."""
        kept = KeptWords(words, words.ctypes.data)
        with LEDGER.lock:
            self._kept[slot] = kept
            LEDGER.note(self, words.nbytes)
        return kept

    def drop(self, slot: int) -> None:
        """Let go of a row's words: it is about to be written to."""
        self._asked.discard(slot)
        if slot in self._kept:
            with LEDGER.lock:
                gone = self._kept.pop(slot, None)
                if gone is not None:
                    LEDGER.note(self, -gone.words.nbytes)

    def refreeze(self) -> None:
        """Let go of all words. The ledger calls it, which has locked."""
        self._kept = {}


LEDGER: Final = Ledger(machine_bytes() // SHARE)
"""Of the process's words, not of its thawed rows."""
