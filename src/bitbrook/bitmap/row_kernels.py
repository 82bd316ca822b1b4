"""The loops over moves: entries (position, row code before, row code after) in the order they came.

`NO_ROW` stands for no row, before or after. Positions lie below 2^20. Of several moves of a
position the last one tells where it is now. They run without Python's interpreter lock.
"""

import numba
import numpy as np

NO_ROW = np.uint32(2**32 - 1)
"""No code: a partition numbers fewer rows than that."""

POSITION_BITS = 20
WORDS_COUNT = 1 << (POSITION_BITS - 6)

_compiled = numba.njit(nogil=True, cache=True, boundscheck=False)


def warm() -> None:
    """Load every specialisation, compiling those that no run before has left on disk."""
    moves = np.zeros(1, dtype=np.uint32)
    moves_of_row(moves, moves, moves, np.uint32(0))
    net_moves(moves, moves, moves, np.empty(1, dtype=np.uint32))


@_compiled
def moves_of_row(positions, before, after, code):  # type: ignore[no-untyped-def]
    """Return the positions (uint32[]) that left the row for good, and those that are in it now."""
    left = np.empty(len(positions), dtype=np.uint32)
    entered = np.empty(len(positions), dtype=np.uint32)
    seen = np.zeros(WORDS_COUNT, dtype=np.uint64)
    left_count, entered_count = 0, 0
    # From the last move on: the last one of a position that concerns the row decides.
    for i in range(len(positions) - 1, -1, -1):
        if after[i] != code and before[i] != code:
            continue
        position = positions[i]
        bit = np.uint64(1) << np.uint64(position & np.uint32(63))
        if seen[position >> np.uint32(6)] & bit != 0:
            continue
        seen[position >> np.uint32(6)] |= bit
        if after[i] == code:
            entered[entered_count] = position
            entered_count += 1
        else:
            left[left_count] = position
            left_count += 1
    return left[:left_count], entered[:entered_count]


@_compiled
def net_moves(positions, before, after, scratch):  # type: ignore[no-untyped-def]
    """Return what the moves come to, as integers (uint64[]) that sort by row, then by what it is.

    Each is code << 21 | has_entered << 20 | position, and may be there twice. `scratch`: uint32,
    longer than the highest position, of any content.
    """
    for i in range(len(positions)):
        scratch[positions[i]] = after[i]
    net = np.empty(2 * len(positions), dtype=np.uint64)
    count = 0
    for i in range(len(positions)):
        position = np.uint64(positions[i])
        now = scratch[positions[i]]
        if before[i] != now and before[i] != NO_ROW:
            net[count] = np.uint64(before[i]) << np.uint64(POSITION_BITS + 1) | position
            count += 1
        if after[i] != NO_ROW:
            has_entered = np.uint64(after[i] == now)
            row = np.uint64(after[i]) << np.uint64(1) | has_entered
            net[count] = row << np.uint64(POSITION_BITS) | position
            count += 1
    return net[:count]
