"""The rows of one field in one shard: row code -> roaring bitmap of the positions that have it.

A row lives in a slot; slots are handed out as codes come and keep a row that was emptied. `counts`
is kept beside the bitmaps, so that counting all rows never touches one. Rows that were read from a
snapshot are bytes of its block until they are first asked for, and until one is written to its
bytes stay what it holds: its bitmap may be let go again, and a checkpoint copies the bytes.
Invariant: a slot's count is the size of its bitmap, whichever form that is in.

Knows nothing of what codes mean. Readers may share it; a writer is alone (the table's lock).

Stored: how many rows (8 bytes), then of each row, by ascending code, its code, its count and the
size of its bytes (uint32 each, three columns), then the bitmaps in CRoaring's portable format.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from bitbrook.bitmap.row_kernels import POSITION_BITS
from bitbrook.bitmap.row_words import COUNT_MIN, KeptWords, RowWords
from bitbrook.bitmap.thawed import LEDGER
from bitbrook.bitmap.word_kernels import SHARD_WORDS, read_only, words_from_portable

Codes = npt.NDArray[np.uint32]
Positions = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.int64]
Scalar = TypeVar("Scalar", bound=np.generic)

POSITION_MASK = (1 << POSITION_BITS) - 1
LENGTH_BYTES = 8

SCATTERED_MAX = 4
"""Up to this many positions of a row are removed one by one; a bitmap of them would cost more."""

RUNS_COUNT_MIN = 4096
"""Rows of at least this many positions are stored in runs where that is shorter."""

ROW_BYTES = 110
"""Measured bytes of a row's BitMap object beside its containers."""

CONTAINER_BYTES = 80
"""Measured bytes of a container beside what it contains."""

SLOT_BYTES = 100
"""Bytes that a row's entries in the dictionary and the list of slots take."""


class TakenRows(NamedTuple):
    """Rows as they are stored: codes, how many positions each has, and the bytes of its bitmap."""

    codes: list[int]
    counts: list[int]
    bodies: list[bytes | memoryview]


def encode_rows(taken: Sequence[TakenRows]) -> bytes:
    """Return rows, each taken once, as `Rows.from_bytes` takes them."""
    codes = np.array([code for each in taken for code in each.codes], dtype="<u4")
    counts = np.array([count for each in taken for count in each.counts], dtype="<u4")
    bodies = [body for each in taken for body in each.bodies]
    sizes = np.fromiter(map(len, bodies), dtype="<u4", count=len(bodies))
    order = np.argsort(codes)
    head = [column[order].tobytes() for column in (codes, counts, sizes)]
    ordered = [bodies[place] for place in order.tolist()]
    return b"".join([len(codes).to_bytes(LENGTH_BYTES, "little"), *head, *ordered])


class Rows:
    """Row codes and the positions that have them; every position lies below 2^20."""

    def __init__(self) -> None:
        self._slots: dict[int, int] = {}
        self._codes = np.empty(0, dtype=np.uint32)
        self._counts = np.empty(0, dtype=np.int64)
        self._bitmaps: list[BitMap | None] = []
        self._words: RowWords | None = None
        self._ascending: npt.NDArray[np.int64] | None = None
        # The first slots are those of stored rows, whose bytes are [bounds[slot], bounds[slot+1]);
        # 1 where these are still what the row holds.
        self._is_clean = bytearray()
        self._clean_count = 0
        self._stored = memoryview(b"")
        self._stored_bounds = np.zeros(1, dtype=np.int64)

    def add(self, codes: Codes, positions: Positions) -> int:
        """Give each position (uint32[n]) the row of its code (uint32[n]); return the new bits."""
        row_codes, bounds, ordered = _by_row(codes, positions)
        slots, sizes = self._slots_of(row_codes), []
        for slot, (start, stop) in zip(slots, itertools.pairwise(bounds), strict=True):
            bitmap = self._for_writing(slot)
            bitmap.update(ordered[start:stop])
            sizes.append(len(bitmap))
        return self._count_again(slots, sizes)

    def remove(self, codes: Codes, positions: Positions) -> int:
        """Take the rows (uint32[n]) from the positions (uint32[n]); return the bits removed."""
        slots, sizes = [], []
        row_codes, bounds, ordered = _by_row(codes, positions)
        for code, (start, stop) in zip(row_codes, itertools.pairwise(bounds), strict=True):
            slot = self._slots.get(code)
            if slot is None:
                continue
            bitmap = self._for_writing(slot)
            if stop - start <= SCATTERED_MAX:
                for position in ordered[start:stop]:
                    bitmap.discard(position)
            else:
                bitmap.difference_update(BitMap(ordered[start:stop]))
            slots.append(slot)
            sizes.append(len(bitmap))
        return -self._count_again(slots, sizes)

    def remove_positions(self, positions: BitMap) -> int:
        """Take every row from these positions; return the bits removed."""
        slots, sizes = [], []
        for slot in np.flatnonzero(self._counts[: len(self._bitmaps)]).tolist():
            bitmap = self._bitmaps[slot]
            if bitmap is None:
                bitmap = self._thaw(slot)
            if bitmap.intersect(positions):
                bitmap = self._for_writing(slot)
                bitmap.difference_update(positions)
                slots.append(slot)
                sizes.append(len(bitmap))
        return -self._count_again(slots, sizes)

    def clear_row(self, code: int) -> BitMap:
        """Take the row from every position; return the positions that had it."""
        slot = self._slots.get(code)
        if slot is None:
            return BitMap()
        cleared = self._for_writing(slot)
        self._bitmaps[slot] = BitMap()
        self._counts[slot] = 0
        return cleared

    def row(self, code: int) -> BitMap | None:
        """Return the positions that have the row, None if there are none.

        The bitmap is lent: the caller never changes it, and lets go of it with the table's lock.
        """
        slot = self._slots.get(code)
        if slot is None:
            return None
        bitmap = self._bitmaps[slot]
        if bitmap is None:
            bitmap = self._thaw(slot)
        elif self._clean_count:
            # Whether this very row is one of the stored ones would cost more to find out.
            LEDGER.hits += 1
        return bitmap or None

    def words(self, code: int) -> KeptWords | None:
        """Return the words of a large row that is asked for again and again, else None.

        They are lent as `row` lends a bitmap.
        """
        slot = self._slots.get(code)
        if slot is None:
            return None
        kept = None if self._words is None else self._words.find(slot)
        if kept is not None or self._counts[slot] < COUNT_MIN:
            return kept
        if self._words is None:
            self._words = RowWords()
        if not self._words.is_due(slot):
            return None
        bitmap = self._bitmaps[slot]
        body = self._stored_bytes(slot) if bitmap is None else bitmap.serialize()
        words = np.empty(SHARD_WORDS, dtype=np.uint64)
        words_from_portable(read_only(np.frombuffer(body, dtype=np.uint8)), words)
        return self._words.keep(slot, words)

    def codes(self) -> Codes:
        """Return the codes of the rows that have a position, ascending."""
        return self.counts()[0]

    def counts(self) -> tuple[Codes, Counts]:
        """Return the codes of the rows that have a position, ascending, and their sizes."""
        ascending = self._ascending
        if ascending is None:
            ascending = self._ascending = np.argsort(self._codes[: len(self._bitmaps)])
        codes, counts = self._codes[ascending], self._counts[ascending]
        is_there = counts > 0
        return (codes, counts) if is_there.all() else (codes[is_there], counts[is_there])

    @property
    def size_bytes(self) -> int:
        """Bytes of memory held, close to what the allocator gave for them."""
        kept = [bitmap for bitmap in self._bitmaps if bitmap is not None]
        slots_bytes = self._codes.nbytes + self._counts.nbytes + SLOT_BYTES * len(self._bitmaps)
        return sum(map(_size_bytes, kept)) + self._stored.nbytes + slots_bytes

    def to_bytes(self) -> bytes:
        """Return the rows that have a position, as `from_bytes` takes them."""
        return encode_rows([self.take(0, len(self._bitmaps))[0]])

    def take(self, first: int, slots_max: int, bytes_max: int = 1 << 62) -> tuple[TakenRows, int]:
        """Return the stored forms of the rows in the slots from `first` on, and where to go on.

        So many slots, and no further after so many bytes. At the end, go on is beyond all slots.
        """
        stop, taken_bytes = first, 0
        codes, counts, bodies = [], [], []
        last = min(first + slots_max, len(self._bitmaps))
        while stop < last and taken_bytes < bytes_max:
            count = int(self._counts[stop])
            if count:
                body = self._stored_form(stop)
                taken_bytes += len(body)
                codes.append(int(self._codes[stop]))
                counts.append(count)
                bodies.append(body)
            stop += 1
        return TakenRows(codes, counts, bodies), stop

    @property
    def slots_count(self) -> int:
        """How many slots there are, those of empty rows included."""
        return len(self._bitmaps)

    @classmethod
    def from_bytes(cls, body: memoryview) -> Self:
        """Return the rows of `to_bytes`. They hold on to `body`, which nobody may change."""
        count = int.from_bytes(body[:LENGTH_BYTES], "little")
        columns = np.frombuffer(body, dtype="<u4", offset=LENGTH_BYTES, count=3 * count)
        codes, counts, sizes = columns.reshape(3, count)
        rows = cls()
        rows._codes, rows._counts = codes.astype(np.uint32), counts.astype(np.int64)
        rows._slots = dict(zip(codes.tolist(), range(count), strict=True))
        rows._bitmaps = [None] * count
        rows._is_clean, rows._clean_count = bytearray(b"\1") * count, count
        rows._stored = body[LENGTH_BYTES + columns.nbytes :]
        rows._stored_bounds = np.zeros(count + 1, dtype=np.int64)
        np.cumsum(sizes, out=rows._stored_bounds[1:])
        assert rows._stored_bounds[-1] == len(rows._stored), "the rows fill their bytes"
        return rows

    def _slots_of(self, codes: list[int]) -> list[int]:
        """Return the slot of each code; codes not met before get the next ones."""
        slots = [self._slots.get(code, -1) for code in codes]
        if -1 not in slots:
            return slots
        first = len(self._bitmaps)
        new_codes = [code for code, slot in zip(codes, slots, strict=True) if slot < 0]
        count = first + len(new_codes)
        if count > len(self._codes):
            capacity = max(count, 2 * len(self._codes))
            self._codes = _grown(self._codes, capacity)
            self._counts = _grown(self._counts, capacity)
        self._codes[first:count] = new_codes
        self._bitmaps += [BitMap() for _ in new_codes]
        self._slots.update(zip(new_codes, range(first, count), strict=True))
        self._ascending = None
        return [self._slots[code] for code in codes]

    def refreeze(self) -> None:
        """Let go of the bitmaps that were only read. The ledger calls it, which has locked."""
        for slot in itertools.compress(range(len(self._is_clean)), self._is_clean):
            self._bitmaps[slot] = None

    def _thaw(self, slot: int) -> BitMap:
        """Return a stored row's bitmap, for reading, and keep it."""
        with LEDGER.lock:
            bitmap = self._bitmaps[slot]
            if bitmap is None:
                body = bytes(self._stored_bytes(slot))
                bitmap = self._bitmaps[slot] = BitMap.deserialize(body)
                LEDGER.note(self, len(body) + ROW_BYTES)
                LEDGER.misses += 1
            return bitmap

    def _for_writing(self, slot: int) -> BitMap:
        """Return a row's bitmap, which is what the row holds from now on."""
        if self._words is not None:
            self._words.drop(slot)
        bitmap = self._bitmaps[slot]
        if slot >= len(self._is_clean) or not self._is_clean[slot]:
            assert bitmap is not None, "a row that was written to stays"
            return bitmap
        with LEDGER.lock:
            bitmap = self._bitmaps[slot]
            if bitmap is None:
                bitmap = self._bitmaps[slot] = BitMap.deserialize(bytes(self._stored_bytes(slot)))
            self._is_clean[slot] = 0
            self._clean_count -= 1
            if self._clean_count == 0:
                self._stored = memoryview(b"")
            return bitmap

    def _stored_bytes(self, slot: int) -> memoryview:
        return self._stored[self._stored_bounds[slot] : self._stored_bounds[slot + 1]]

    def _stored_form(self, slot: int) -> bytes | memoryview:
        if slot < len(self._is_clean) and self._is_clean[slot]:
            return self._stored_bytes(slot)
        bitmap = self._bitmaps[slot]
        assert bitmap is not None, "a row that was written to stays"
        if self._counts[slot] >= RUNS_COUNT_MIN:
            # In a copy: readers share the bitmap while a checkpoint stores it.
            bitmap = bitmap.copy()
            bitmap.run_optimize()
        body: bytes = bitmap.serialize()
        return body

    def _count_again(self, slots: list[int], sizes: list[int]) -> int:
        """Take over the new sizes of these slots; return by how much they grew."""
        changed = np.array(slots, dtype=np.int64)
        counts = np.array(sizes, dtype=np.int64)
        grown = int(counts.sum() - self._counts[changed].sum())
        self._counts[changed] = counts
        return grown


def _by_row(codes: Codes, positions: Positions) -> tuple[list[int], list[int], memoryview]:
    """Return the distinct codes and positions ordered by code; each row's lie between two bounds.

    The positions (uint32) are in a form that CRoaring takes at once.
    """
    if len(codes) == 0:
        return [], [0], memoryview(b"")
    if bool(np.all(codes == codes[0])):
        only = np.ascontiguousarray(positions, dtype=np.uint32)
        return [int(codes[0])], [0, len(codes)], only.data
    # One integer a pair sorts several times faster than an argsort of the codes.
    pairs = (codes.astype(np.uint64) << np.uint64(POSITION_BITS)) | positions
    pairs.sort()
    ordered_codes = (pairs >> np.uint64(POSITION_BITS)).astype(np.uint32)
    ordered = (pairs & np.uint64(POSITION_MASK)).astype(np.uint32)
    starts = np.flatnonzero(ordered_codes[1:] != ordered_codes[:-1]) + 1
    row_codes = [int(ordered_codes[0]), *ordered_codes[starts].tolist()]
    return row_codes, [0, *starts.tolist(), len(codes)], ordered.data


def _grown(array: npt.NDArray[Scalar], capacity: int) -> npt.NDArray[Scalar]:
    grown = np.zeros(capacity, dtype=array.dtype)
    grown[: len(array)] = array
    return grown


def _size_bytes(bitmap: BitMap) -> int:
    statistics = bitmap.get_statistics()
    return (
        ROW_BYTES
        + CONTAINER_BYTES * int(statistics["n_containers"])
        + int(statistics["n_bytes_array_containers"])
        + int(statistics["n_bytes_run_containers"])
        + int(statistics["n_bytes_bitset_containers"])
    )
