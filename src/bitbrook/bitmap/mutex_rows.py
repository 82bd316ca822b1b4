"""The rows of a field that gives a position at most one: moves are noted, and made later.

A write that sets ten thousand scattered bits touches as many containers, one by one; the same
moves, gathered and ordered by row, take a fraction of it, and few rows are asked for between two
writes. So a write only appends its moves. A row that is asked for makes those that concern it. Once
there are many, a round makes them all, a few rows with each write, so that no write takes long.

Invariant: what a row holds is its bitmap and those moves that lie beyond its `_made`. Readers never
change a bitmap that has made all moves, so one that was lent stays as it is.

Measured on 2^20 positions and 200 rows: 0.32 us a scattered move where setting bits at once took
0.8 (10,000 rows: 1.5 instead of 5); the longest write of 1,000 moves took 4 ms (11).
"""

import itertools
import threading

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from bitbrook.bitmap.row_kernels import NO_ROW, POSITION_BITS, moves_of_row, net_moves
from bitbrook.bitmap.row_words import KeptWords
from bitbrook.bitmap.rows import POSITION_MASK, Codes, Counts, Positions, Rows

MOVES_MAX = 1 << 15
"""Moves that wait before a round begins. More would take less time each, and 12 bytes each."""

MOVES_PER_ROUND = MOVES_MAX // 4
"""A round ends before so many more moves have come."""

MOVES_MIN = 1 << 10
"""Moves that there is room for at first."""

ROWS_ASKED_MAX = 64
"""Rows that make their own moves after a write; if more are asked for, a round makes all.

To look through all moves for those of one row takes a two-hundredth of making them all.
"""

# Shards that are written to alike shall not all make their moves in the same batch: of the numbers
# n * 0.618... modulo 1, any few in a row lie far from each other.
_GOLDEN_RATIO = 0.6180339887498949
_turns = itertools.count()
_scratch = threading.local()


class _Round:
    """The first `stop` moves, made row by row: `left` and `entered` of one row after the other.

    Kept in few objects whatever the rows, since Python's collector looks at each.
    """

    def __init__(self, moves: npt.NDArray[np.uint32]) -> None:
        positions, before, after = moves
        self.stop = len(positions)
        net = net_moves(positions, before, after, _scratch_positions())
        net.sort()
        self._positions = (net & np.uint64(POSITION_MASK)).astype(np.uint32).data
        row_bits = np.uint64(POSITION_BITS + 1)
        rows = net >> row_bits
        is_first = np.ones(len(rows), dtype=np.bool_)
        np.not_equal(rows[1:], rows[:-1], out=is_first[1:])
        starts = np.flatnonzero(is_first)
        codes = rows[starts]
        entered = (codes << row_bits) | np.uint64(1 << POSITION_BITS)
        self._codes = codes.tolist()
        self._starts = starts.tolist()
        self._middles = np.searchsorted(net, entered).tolist()
        self._stops = [*self._starts[1:], len(net)]
        self.rows_count = len(codes)

    @property
    def has_ended(self) -> bool:
        """Whether there is no further row."""
        return not self._codes

    def next_row(self) -> tuple[int, memoryview, memoryview]:
        """Return the code of the next row and the positions that left and that entered it."""
        start, middle, stop = self._starts.pop(), self._middles.pop(), self._stops.pop()
        return self._codes.pop(), self._positions[start:middle], self._positions[middle:stop]


class MutexRows(Rows):
    """Row codes and the positions that have them, of each position at most one."""

    def __init__(self) -> None:
        super().__init__()
        # Positions, codes before and codes after, with room for more.
        self._moves = np.empty((3, 0), dtype=np.uint32)
        self._moves_count = 0
        self._moves_max = _next_moves_max()
        # How many moves have been counted in, and by row code made; none where it is not listed.
        self._counted = 0
        self._made: dict[int, int] = {}
        self._rows_asked = 0
        self._round: _Round | None = None
        # Readers make moves too, one of them at a time.
        self._making = threading.RLock()

    def move(self, positions: Positions, before: Codes, after: Codes) -> None:
        """Move distinct positions (uint32[n]) from the rows they have to others.

        `before` must be the row that the position has; NO_ROW in either stands for none.
        """
        stop = self._moves_count + len(positions)
        if stop > self._moves.shape[1]:
            most = MOVES_MAX + MOVES_PER_ROUND
            capacity = max(stop, min(4 * self._moves.shape[1], most), MOVES_MIN)
            room = np.empty((3, capacity), dtype=np.uint32)
            room[:, : self._moves_count] = self._moves[:, : self._moves_count]
            self._moves = room
        for kept, added in zip(self._moves, (positions, before, after), strict=True):
            kept[self._moves_count : stop] = added
        self._moves_count = stop
        self._rows_asked = 0
        if self._round is None and stop >= self._moves_max:
            self._round = _Round(self._moves[:, :stop])
        if self._round is not None:
            share = len(positions) / MOVES_PER_ROUND
            self._continue_round(self._round, 1 + int(share * self._round.rows_count))

    def add(self, codes: Codes, positions: Positions) -> int:
        """Give each position, none of which has a row, the row of its code; return the new bits."""
        self._make_all()
        return super().add(codes, positions)

    def remove(self, codes: Codes, positions: Positions) -> int:
        """Take the rows (uint32[n]) from the positions (uint32[n]); return the bits removed."""
        self._make_all()
        return super().remove(codes, positions)

    def remove_positions(self, positions: BitMap) -> int:
        """Take every row from these positions; return the bits removed."""
        self._make_all()
        return super().remove_positions(positions)

    def clear_row(self, code: int) -> BitMap:
        """Take the row from every position; return the positions that had it."""
        self._make_all()
        return super().clear_row(code)

    def row(self, code: int) -> BitMap | None:
        """Return the positions that have the row, lent as by `Rows.row`; None if there are none."""
        if self._moves_count and self._made.get(code, 0) < self._moves_count:
            with self._making:
                self._make_for_row(code)
        return super().row(code)

    def words(self, code: int) -> KeptWords | None:
        """Return the words of a large row that is asked for again and again, else None."""
        if self._moves_count and self._made.get(code, 0) < self._moves_count:
            with self._making:
                self._make_for_row(code)
        return super().words(code)

    def counts(self) -> tuple[Codes, Counts]:
        """Return the codes of the rows that have a position, ascending, and their sizes."""
        with self._making:
            self._count_moves()
            return super().counts()

    @property
    def size_bytes(self) -> int:
        """Bytes of memory held, close to what the allocator gave for them."""
        with self._making:
            return super().size_bytes + self._moves.nbytes

    def to_bytes(self) -> bytes:
        """Return the rows that have a position, as `from_bytes` takes them."""
        with self._making:
            self._make_all()
            return super().to_bytes()

    def _make_for_row(self, code: int) -> None:
        """Make the moves that concern one row."""
        start, stop = self._made.get(code, 0), self._moves_count
        if start == stop:
            return
        self._rows_asked += 1
        if self._rows_asked > ROWS_ASKED_MAX:
            self._make_all()
            return
        positions, before, after = self._moves[:, start:stop]
        left, entered = moves_of_row(positions, before, after, np.uint32(code))
        if len(entered) or len(left):
            bitmap = self._bitmap_of(code)
            if len(left):
                bitmap.difference_update(BitMap(left.data))
            bitmap.update(entered.data)
        self._made[code] = stop

    def _make_all(self) -> None:
        """Make all moves that wait."""
        if self._moves_count:
            # It takes the place of a round that has not ended.
            round_of_all = _Round(self._moves[:, : self._moves_count])
            self._continue_round(round_of_all, round_of_all.rows_count)

    def _continue_round(self, round_: _Round, rows_count: int) -> None:
        """Make the moves of so many more rows; end the round after the last one."""
        for _ in range(rows_count):
            if round_.has_ended:
                break
            code, left, entered = round_.next_row()
            if self._made.get(code, 0) >= round_.stop:
                continue
            bitmap = self._bitmap_of(code)
            if left:
                bitmap.difference_update(BitMap(left))
            bitmap.update(entered)
            self._made[code] = round_.stop
        if not round_.has_ended:
            return
        self._count_moves()
        # A copy, so that the memory of the moves is let go.
        self._moves = self._moves[:, round_.stop : self._moves_count].copy()
        self._moves_count -= round_.stop
        self._made = {
            code: made - round_.stop for code, made in self._made.items() if made > round_.stop
        }
        self._counted = self._moves_count
        self._round, self._moves_max = None, _next_moves_max()

    def _count_moves(self) -> None:
        """Take the moves into the counts that are not in them yet."""
        if self._counted == self._moves_count:
            return
        _, before, after = self._moves[:, self._counted : self._moves_count]
        for codes, sign in ((before, -1), (after, 1)):
            distinct, counts = np.unique(codes[codes != NO_ROW], return_counts=True)
            slots = self._slots_of(distinct.tolist())
            self._counts[slots] += sign * counts
        self._counted = self._moves_count

    def _bitmap_of(self, code: int) -> BitMap:
        """Return the bitmap of a row, for writing; new if it had none."""
        (slot,) = self._slots_of([code])
        return self._for_writing(slot)


def _next_moves_max() -> int:
    return int(MOVES_MAX * (1 + next(_turns) * _GOLDEN_RATIO % 1) / 2)


def _scratch_positions() -> npt.NDArray[np.uint32]:
    """Return an array with a slot for every position, of any content, of this thread's own."""
    found: npt.NDArray[np.uint32] | None = getattr(_scratch, "positions", None)
    if found is None:
        found = _scratch.positions = np.empty(1 << POSITION_BITS, dtype=np.uint32)
    return found
