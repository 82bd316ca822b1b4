"""A shard's values of one field, dense by position, in the narrowest integers that hold them.

The vector is as long as the highest position that ever had a value needs, with room to grow, and is
copied into wider integers when a number does not fit. Invariant: `present` has a bit exactly where
a value is stored; the slot of an absent record is zero, so sums need no mask.

Knows nothing of rows, keys or disk. Readers may share it; a writer is alone (the table's lock).

Stored: type, length, count, low, high (little-endian integers of 8 bytes, in 64), the words of
`present`, the numbers.
"""

import struct
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from bitbrook.bitmap import value_kernels
from bitbrook.bitmap.value_kernels import (
    CODE_TYPES,
    NUMBER_TYPES,
    Moves,
    Numbers,
    Positions,
    Vector,
    Words,
    as_numbers,
    as_positions,
)

POSITIONS_MAX = 1 << 20
WORD_BITS = 64
LIMITS = {
    np.dtype(vector_type): (int(np.iinfo(vector_type).min), int(np.iinfo(vector_type).max))
    for vector_type in value_kernels.VECTOR_TYPES
}
HEADER = struct.Struct("<5q24x")


class Values:
    """At most one number a position. Row codes (`is_code`) are never negative and below 2^32."""

    def __init__(self, *, is_code: bool = False) -> None:
        self._vector: Vector = np.zeros(0, dtype=np.uint8 if is_code else np.int8)
        self._words: Words = np.zeros(0, dtype=np.uint64)
        self._length = 0
        self._count = 0
        self._low, self._high = 0, -1

    @property
    def numbers(self) -> Vector:
        """The values by position, 0 where there is none; a view that callers never write to.

        As long as the highest position that ever had a value needs; positions beyond have none.
        """
        return self._vector[: self._length]

    @property
    def present(self) -> Words:
        """A bit for each of `numbers`: bit i % 64 of word i // 64. No bit beyond them is set."""
        return self._words[: -(-self._length // WORD_BITS)]

    @property
    def count(self) -> int:
        """How many positions have a value."""
        return self._count

    @property
    def is_full(self) -> bool:
        """Whether each of `numbers` is the value of a record: `present` need not be read."""
        return self._count == self._length

    @property
    def is_code(self) -> bool:
        """Whether the numbers are row codes, in unsigned integers."""
        return self._vector.dtype.kind == "u"

    @property
    def low(self) -> int:
        """No value is less than this; removals may have left it too low. 0 without a value."""
        return self._low

    @property
    def high(self) -> int:
        """No value is more than this; removals may have left it too high. -1 without a value."""
        return self._high

    @property
    def size_bytes(self) -> int:
        """Bytes of memory held, room to grow included."""
        return self._vector.nbytes + self._words.nbytes

    def get(self, positions: Positions) -> tuple[Numbers, npt.NDArray[np.bool_]]:
        """Return the numbers at these positions (int64[n], 0 for none) and whether there is one."""
        numbers = np.empty(len(positions), dtype=np.int64)
        is_present = np.empty(len(positions), dtype=np.bool_)
        value_kernels.get(self._vector, self._words, as_positions(positions), numbers, is_present)
        return numbers, is_present

    def put(self, positions: Positions, numbers: Numbers) -> int:
        """Store numbers (int64[n]) at distinct positions (uint32[n]); return how many changed."""
        if len(positions) == 0:
            return 0
        positions, numbers = as_positions(positions), as_numbers(numbers)
        top, low, high = value_kernels.extent_of(positions, numbers)
        self._make_room(top + 1, low, high)
        changed, added = value_kernels.put(self._vector, self._words, positions, numbers)
        self._count += added
        return int(changed)

    def exchange(self, positions: Positions, codes: Numbers) -> Moves:
        """Store row codes (int64[n]) at distinct positions (uint32[n]).

        Returns of those that changed (three uint32[]) position, code before and code after, as
        `MutexRows.move` takes them; where there was none before, that is `NO_ROW`.
        """
        room = np.empty((3, len(positions)), dtype=np.uint32)
        moves = (room[0], room[1], room[2])
        if len(positions) == 0:
            return moves
        positions, codes = as_positions(positions), as_numbers(codes)
        top, low, high = value_kernels.extent_of(positions, codes)
        self._make_room(top + 1, low, high)
        changed, added = value_kernels.exchange(self._vector, self._words, positions, codes, moves)
        self._count += added
        moved, before, after = moves
        return moved[:changed], before[:changed], after[:changed]

    def remove(self, positions: Positions) -> int:
        """Empty these positions (uint32[n]); return how many had a value."""
        removed = int(value_kernels.remove(self._vector, self._words, as_positions(positions)))
        self._count -= removed
        if self._count == 0:
            self._low, self._high = 0, -1
        return removed

    def present_bitmap(self) -> BitMap:
        """Return the positions that have a value."""
        bits = np.unpackbits(self.present.view(np.uint8), bitorder="little")
        return BitMap(np.flatnonzero(bits).astype(np.uint32).data)

    def to_bytes(self) -> memoryview:
        """Return everything as `from_bytes` takes it."""
        type_number = value_kernels.VECTOR_TYPES.index(self._vector.dtype.type)
        words_stop = HEADER.size + self.present.nbytes
        body = np.empty(words_stop + self.numbers.nbytes, dtype=np.uint8)
        HEADER.pack_into(
            body.data, 0, type_number, self._length, self._count, self._low, self._high
        )
        # Array to array: without the interpreter lock, which megabytes would hold for long.
        body[HEADER.size : words_stop] = self.present.view(np.uint8)
        body[words_stop:] = self.numbers.view(np.uint8)
        return body.data

    @classmethod
    def from_bytes(cls, body: memoryview) -> Self:
        """Return the values of `to_bytes`, in the memory of `body` if that may be written to."""
        type_number, length, count, low, high = HEADER.unpack_from(body)
        words_count = -(-length // WORD_BITS)
        words_stop = HEADER.size + 8 * words_count
        if body.readonly:
            body = memoryview(bytearray(body))
        values = cls()
        values._words = np.frombuffer(body[HEADER.size : words_stop], dtype="<u8")
        values._vector = np.frombuffer(
            body[words_stop:], dtype=value_kernels.VECTOR_TYPES[type_number]
        )
        assert len(values._vector) == length, "the numbers fill their bytes"
        values._length, values._count = length, count
        values._low, values._high = low, high
        return values

    def _make_room(self, length: int, low: int, high: int) -> None:
        """Make the vector long enough, and its integers wide enough, for what is to be put."""
        if self._high >= self._low:
            if length <= self._length and self._low <= low and high <= self._high:
                return
            low, high = min(low, self._low), max(high, self._high)
        self._low, self._high = low, high
        vector_type = self._vector.dtype
        least, greatest = LIMITS[vector_type]
        if low < least or high > greatest:
            vector_type = np.dtype(_narrowest(low, high, is_code=self.is_code))
        self._length = max(self._length, length)
        capacity = len(self._vector)
        if length > capacity:
            assert length <= POSITIONS_MAX, "a position lies below 2^20"
            words_count = -(-max(length, 2 * capacity) // WORD_BITS)
            capacity = min(words_count * WORD_BITS, POSITIONS_MAX)
        if capacity > len(self._vector) or vector_type != self._vector.dtype:
            vector: Vector = np.zeros(capacity, dtype=vector_type)
            vector[: len(self._vector)] = self._vector
            self._vector = vector
        words_count = -(-capacity // WORD_BITS)
        if words_count > len(self._words):
            words = np.zeros(words_count, dtype=np.uint64)
            words[: len(self._words)] = self._words
            self._words = words


def _narrowest(low: int, high: int, *, is_code: bool) -> type[np.integer[Any]]:
    """Return the smallest type that holds both."""
    for vector_type in CODE_TYPES if is_code else NUMBER_TYPES:
        least, greatest = LIMITS[np.dtype(vector_type)]
        if least <= low and high <= greatest:
            return vector_type
    raise AssertionError(f"{low} to {high} fit no vector of values (is_code={is_code})")
