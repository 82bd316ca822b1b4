"""A shard's vectors of one field, packed into a matrix of float32 without a gap.

Which record a line is of stands beside it, since records may be few and far between and vectors are
long. Invariant: lines 0 to `count` are of distinct positions, and `slots` leads from each position
to its line and from no other to any.

Knows nothing of fields, keys or disk. Readers may share it; a writer is alone (the table's lock).

Stored: length of a vector, count (little-endian integers of 8 bytes, in 64), positions (uint32,
padded to 64 bytes), the lines.
"""

import struct
from typing import Self

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from bitbrook.bitmap import vector_kernels
from bitbrook.bitmap.selection import NONE, Selection
from bitbrook.bitmap.value_kernels import as_positions
from bitbrook.bitmap.vector_kernels import NO_SLOT, Matrix, Positions, Slots, as_matrix
from bitbrook.bitmap.word_kernels import read_only

POSITIONS_MAX = 1 << 20
HEADER = struct.Struct("<2q48x")
ALIGNMENT = 64
GROWTH = 1.5

Ranks = npt.NDArray[np.int64]


class Vectors:
    """At most one vector of `length` numbers a position."""

    def __init__(self, length: int) -> None:
        self._matrix: Matrix = np.zeros((0, length), dtype=np.float32)
        self._positions: Positions = np.zeros(0, dtype=np.uint32)
        self._slots: Slots = np.zeros(0, dtype=np.int32)
        self._count = 0

    @property
    def length(self) -> int:
        """How many numbers a vector has."""
        length: int = self._matrix.shape[1]
        return length

    @property
    def count(self) -> int:
        """How many positions have a vector."""
        return self._count

    @property
    def size_bytes(self) -> int:
        """Bytes of memory held, room to grow included."""
        return self._matrix.nbytes + self._positions.nbytes + self._slots.nbytes

    def present(self) -> Selection:
        """Return the positions that have a vector."""
        return Selection.of_positions(self._positions[: self._count]) if self._count else NONE

    def present_bitmap(self) -> BitMap:
        """Return the positions that have a vector."""
        return BitMap(np.ascontiguousarray(self._positions[: self._count]).data)

    def get(self, positions: Positions) -> tuple[Matrix, npt.NDArray[np.bool_]]:
        """Return the vectors at these positions (float32[n, length]) and whether there is one.

        Where there is none, the line is of zeros.
        """
        slots = self._find(positions)
        is_present = slots != NO_SLOT
        found = np.zeros((len(positions), self.length), dtype=np.float32)
        found[is_present] = self._matrix[slots[is_present]]
        return found, is_present

    def put(self, positions: Positions, vectors: Matrix) -> int:
        """Store vectors at distinct positions (uint32[n]); return how many changed."""
        if len(positions) == 0:
            return 0
        positions = as_positions(positions)
        added = int(np.count_nonzero(self._find(positions) == NO_SLOT))
        self._make_room(int(positions.max()) + 1, self._count + added)
        self._count, changed = vector_kernels.put(
            self._matrix,
            (self._positions, self._slots),
            self._count,
            positions,
            as_matrix(vectors),
        )
        return int(changed)

    def remove(self, positions: Positions) -> int:
        """Empty these positions (uint32[n]); return how many had a vector."""
        before = self._count
        self._count = vector_kernels.remove(
            self._matrix, (self._positions, self._slots), before, as_positions(positions)
        )
        return before - self._count

    def rank(
        self, query: Matrix, metric: int, selection: Selection | None = None
    ) -> tuple[Positions, Ranks, npt.NDArray[np.bool_]]:
        """Return how far from `query` (float32[length]) the selected positions with a vector are.

        As positions (uint32[n], in no order), distances in billionths (int64[n], those beyond 64
        bits all alike), and whether there is such a distance (bool[n]).
        """
        slots = np.arange(self._count, dtype=np.int32)
        if selection is not None and selection.is_sparse:
            slots = self._find(selection.positions())
            slots = slots[slots != NO_SLOT]
        elif selection is not None:
            positions = read_only(self._positions[: self._count])
            words = read_only(selection.words)
            slots = slots[: vector_kernels.find_in_words(positions, words, slots)]
        ranks, is_defined = np.empty(len(slots), np.int64), np.empty(len(slots), np.bool_)
        found = (ranks, is_defined)
        vector_kernels.rank(read_only(self._matrix), slots, as_matrix(query), metric, found)
        return self._positions[slots], ranks, is_defined

    def to_bytes(self) -> memoryview:
        """Return everything as `from_bytes` takes it."""
        count = self._count
        start = HEADER.size + _aligned(4 * count)
        lines = self._matrix[:count].reshape(-1)
        body = np.zeros(start + lines.nbytes, dtype=np.uint8)
        HEADER.pack_into(body.data, 0, self.length, count)
        # Array to array: without the interpreter lock, which megabytes would hold for long.
        body[HEADER.size : HEADER.size + 4 * count] = self._positions[:count].view(np.uint8)
        body[start:] = lines.view(np.uint8)
        return body.data

    @classmethod
    def from_bytes(cls, body: memoryview) -> Self:
        """Return the vectors of `to_bytes`, in the memory of `body` if that may be written to."""
        length, count = HEADER.unpack_from(body)
        if body.readonly:
            body = memoryview(bytearray(body))
        start = HEADER.size + _aligned(4 * count)
        vectors = cls(length)
        vectors._positions = np.frombuffer(body[HEADER.size : HEADER.size + 4 * count], dtype="<u4")
        vectors._matrix = np.frombuffer(body[start:], dtype="<f4").reshape(count, length)
        vectors._count = count
        top = int(vectors._positions.max(initial=0)) + 1 if count else 0
        vectors._slots = np.full(top, NO_SLOT, dtype=np.int32)
        vectors._slots[vectors._positions] = np.arange(count, dtype=np.int32)
        return vectors

    def _find(self, positions: Positions) -> Slots:
        found = np.empty(len(positions), dtype=np.int32)
        vector_kernels.find(self._slots, as_positions(positions), found)
        return found

    def _make_room(self, top: int, needed: int) -> None:
        assert top <= POSITIONS_MAX, "a position lies below 2^20"
        if top > len(self._slots):
            room = min(POSITIONS_MAX, max(top, 2 * len(self._slots)))
            slots = np.full(room, NO_SLOT, dtype=np.int32)
            slots[: len(self._slots)] = self._slots
            self._slots = slots
        if needed > len(self._matrix):
            capacity = min(POSITIONS_MAX, max(needed, int(GROWTH * len(self._matrix))))
            matrix = np.zeros((capacity, self.length), dtype=np.float32)
            matrix[: self._count] = self._matrix[: self._count]
            positions = np.zeros(capacity, dtype=np.uint32)
            positions[: self._count] = self._positions[: self._count]
            self._matrix, self._positions = matrix, positions


def _aligned(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT) * ALIGNMENT
