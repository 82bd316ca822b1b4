"""A selection: which positions of one shard a filter selects.

Held as roaring, as dense words, or as both once it was converted; operations go on in the form that
is at hand and turn one operand into the other's form where they differ. Immutable, and so are the
bitmaps and words inside: rows and vectors lend theirs without a copy. Knows nothing of fields; that
a selection `is_all` (all records of the shard that exist) is told by whoever made it.
"""

from array import array
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from bitbrook.bitmap.word_kernels import (
    PORTABLE_BYTES_MAX,
    SHARD_WORDS,
    Positions,
    Words,
    keep_in_words,
    portable_from_words,
    positions_from_words,
    read_only,
    words_from_portable,
    words_from_positions,
)

SPARSE_COUNT_MAX: Final = 4096
"""Up to this many positions, testing each against words is cheaper than making words of them."""

BITMAP_ADD_MAX: Final = 1024
"""From here on a bitmap is built faster over words than by adding its positions: 690 us fell to
100 for 140,000."""

ITERATED_MAX: Final = 256
"""Of so few positions each is asked for; more come with all others faster."""


class Selection:
    """Positions of a shard. Made by `Selection.of_bitmap`, `of_words`, `of_positions`, `NONE`.

    `is_all`: these are just the shard's existing records. `is_existing`: none is beyond those.
    """

    __slots__ = ("_bitmap", "_count", "_words", "is_all", "is_existing")

    def __init__(
        self,
        bitmap: BitMap | None,
        words: Words | None,
        *,
        is_all: bool = False,
        is_existing: bool = True,
    ) -> None:
        self._bitmap = bitmap
        self._words = words
        self._count: int | None = None
        self.is_all = is_all
        self.is_existing = is_existing

    @classmethod
    def of_bitmap(cls, bitmap: BitMap, *, is_all: bool = False, is_existing: bool = True) -> Self:
        """Return the selection of a bitmap's positions."""
        return cls(bitmap, None, is_all=is_all, is_existing=is_existing)

    @classmethod
    def of_words(cls, words: Words, *, is_existing: bool = True) -> Self:
        """Return the selection of the words' positions (uint64[16384])."""
        assert len(words) == SHARD_WORDS, "words cover a whole shard"
        return cls(None, words, is_existing=is_existing)

    @classmethod
    def of_positions(cls, positions: Positions, *, is_existing: bool = True) -> Self:
        """Return the selection of positions (uint32[n]), in any order."""
        if len(positions) <= BITMAP_ADD_MAX:
            return cls.of_bitmap(BitMap(_as_array(positions)), is_existing=is_existing)
        words = np.zeros(SHARD_WORDS, dtype=np.uint64)
        words_from_positions(read_only(positions), words)
        return cls.of_words(words, is_existing=is_existing)

    def __len__(self) -> int:
        """Return how many positions are selected."""
        if self._count is None:
            if self._bitmap is not None:
                self._count = len(self._bitmap)
            else:
                self._count = count_words(self.words)
        return self._count

    def __bool__(self) -> bool:
        """Return whether any position is selected."""
        if self._bitmap is not None:
            return bool(self._bitmap)
        return len(self) > 0

    @property
    def is_sparse(self) -> bool:
        """Whether the positions are few, so that going to each is cheaper than passing by all."""
        return len(self) <= SPARSE_COUNT_MAX

    @property
    def is_only_dense(self) -> bool:
        """Whether only words are at hand."""
        return self._bitmap is None

    @property
    def bitmap(self) -> BitMap:
        """The positions as roaring."""
        if self._bitmap is None:
            octets = np.empty(PORTABLE_BYTES_MAX, dtype=np.uint8)
            length = portable_from_words(read_only(self.words), octets)
            self._bitmap = BitMap.deserialize(octets[:length].tobytes())
        return self._bitmap

    @property
    def words(self) -> Words:
        """The positions as words (uint64[16384])."""
        if self._words is None:
            assert self._bitmap is not None, "a selection has one form at least"
            words = np.empty(SHARD_WORDS, dtype=np.uint64)
            octets = np.frombuffer(self._bitmap.serialize(), dtype=np.uint8)
            words_from_portable(octets, words)
            self._words = words
        return self._words

    def positions(self) -> Positions:
        """Return the positions (uint32[n]), ascending."""
        # CRoaring decodes a whole bitmap six times faster than a kernel that walks bits.
        return np.frombuffer(self.bitmap.to_array(), dtype=np.uint32)

    def first(self, count: int) -> Positions:
        """Return the first positions (uint32[]), `count` at most, ascending."""
        if self._words is not None:
            out = np.empty(min(count, len(self)), dtype=np.uint32)
            positions_from_words(read_only(self._words), out)
            return out
        if count > ITERATED_MAX or len(self) <= count:
            return self.positions()[:count]
        return np.fromiter(self.bitmap, dtype=np.uint32, count=count)

    def and_count(self, other: "Selection") -> int:
        """Return how many positions both select, without making that selection."""
        if self.is_all and other.is_existing:
            return len(other)
        if other.is_all and self.is_existing:
            return len(self)
        if not self.is_only_dense and not other.is_only_dense:
            return int(self.bitmap.intersection_cardinality(other.bitmap))
        return len(self & other)

    def __and__(self, other: "Selection") -> "Selection":
        """Return the positions in both."""
        if self.is_all and other.is_existing:
            return other
        if other.is_all and self.is_existing:
            return self
        is_existing = self.is_existing or other.is_existing
        if self._bitmap is not None and other._bitmap is not None:
            return Selection.of_bitmap(self._bitmap & other._bitmap, is_existing=is_existing)
        sparse, dense = (self, other) if self._words is None else (other, self)
        if sparse._words is None and sparse.is_sparse:
            positions = sparse.positions()
            kept = np.empty(len(positions) + 1, dtype=np.uint32)
            count = keep_in_words(read_only(positions), read_only(dense.words), kept)
            bitmap = BitMap(_as_array(kept[:count]))
            return Selection.of_bitmap(bitmap, is_existing=is_existing)
        return Selection.of_words(self.words & other.words, is_existing=is_existing)

    def __or__(self, other: "Selection") -> "Selection":
        """Return the positions in either."""
        if (self.is_all and other.is_existing) or not other:
            return self
        if (other.is_all and self.is_existing) or not self:
            return other
        is_existing = self.is_existing and other.is_existing
        if self._bitmap is not None and other._bitmap is not None:
            return Selection.of_bitmap(self._bitmap | other._bitmap, is_existing=is_existing)
        return Selection.of_words(self.words | other.words, is_existing=is_existing)

    def __sub__(self, other: "Selection") -> "Selection":
        """Return the positions in this one and not in the other."""
        if not other or not self:
            return self
        if self._bitmap is not None and other._bitmap is not None:
            return Selection.of_bitmap(self._bitmap - other._bitmap, is_existing=self.is_existing)
        return Selection.of_words(self.words & ~other.words, is_existing=self.is_existing)

    def __xor__(self, other: "Selection") -> "Selection":
        """Return the positions in exactly one."""
        is_existing = self.is_existing and other.is_existing
        if self._bitmap is not None and other._bitmap is not None:
            return Selection.of_bitmap(self._bitmap ^ other._bitmap, is_existing=is_existing)
        return Selection.of_words(self.words ^ other.words, is_existing=is_existing)


NONE: Final = Selection.of_bitmap(BitMap())
"""No position."""


def count_words(words: Words) -> int:
    """Return how many bits are set."""
    counts: npt.NDArray[np.uint8] = np.bitwise_count(words)
    return int(counts.sum(dtype=np.int64))


def _as_array(positions: Positions) -> "array[int]":
    """Return the positions as CRoaring takes them at once."""
    copied = array("I")
    copied.frombytes(positions.tobytes())
    return copied
