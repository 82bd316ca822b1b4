"""The loops over a matrix of vectors: where they lie, how they change, how far away they are.

A vector lies in a slot, a line of a float32 matrix; `positions` tells whose it is and `slots` finds
it again. Distances are summed in doubles and come as whole billionths, half away from zero, so that
equal distances are equal integers. Run without Python's interpreter lock.
"""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from bitbrook.bitmap.word_kernels import read_only

Matrix = npt.NDArray[np.float32]
Slots = npt.NDArray[np.int32]
Positions = npt.NDArray[np.uint32]

NO_SLOT = -1
COSINE, EUCLIDEAN, DOT = 0, 1, 2
DISTANCE_SCALE = 9
"""Digits after the point of a distance: beyond what the difference of two float32 can tell."""

RANK_LIMIT = 9.2e18
"""Larger ranks are all alike: 64 bits do not hold them."""

_compiled = numba.njit(nogil=True, cache=True, boundscheck=False)
# Sums in any order may use vector instructions.
_summing = numba.njit(
    nogil=True, cache=True, boundscheck=False, fastmath={"reassoc", "contract", "nsz"}
)


def warm() -> None:
    """Load every kernel, compiling those that no run before has left on disk."""
    matrix, positions = np.zeros((1, 1), dtype=np.float32), np.zeros(1, dtype=np.uint32)
    slots, words = np.full(1, NO_SLOT, dtype=np.int32), np.ones(1, dtype=np.uint64)
    vectors, asked = as_matrix(np.ones((1, 1))), read_only(positions.copy())
    put(matrix, (positions, slots), 0, asked, vectors)
    find(slots, asked, slots.copy())
    find_in_words(read_only(positions), read_only(words), slots.copy())
    found = np.empty(1, dtype=np.int64), np.empty(1, dtype=np.bool_)
    for metric in (COSINE, EUCLIDEAN, DOT):
        rank(read_only(matrix), slots, as_matrix(np.ones(1)), metric, found)
    remove(matrix, (positions, slots), 1, asked)


def as_matrix(vectors: npt.NDArray[Any]) -> Matrix:
    """Return vectors as every kernel takes them: float32, contiguous, read-only."""
    taken = np.ascontiguousarray(vectors, dtype=np.float32).view()
    taken.flags.writeable = False
    return taken


@_compiled
def put(matrix, owners, count, positions, vectors):  # type: ignore[no-untyped-def]
    """Store vectors at distinct positions; return how many there are and how many changed.

    `owners`: the position of each slot (uint32[]) and the slot of each position (int32[]).
    """
    positions_of, slots = owners
    changed = 0
    length = matrix.shape[1]
    for i in range(len(positions)):
        slot = slots[positions[i]]
        differs = slot < 0
        if slot < 0:
            slot = count
            slots[positions[i]] = slot
            positions_of[slot] = positions[i]
            count += 1
        for j in range(length):
            if matrix[slot, j] != vectors[i, j]:
                differs = True
                matrix[slot, j] = vectors[i, j]
        if differs:
            changed += 1
    return count, changed


@_compiled
def remove(matrix, owners, count, positions):  # type: ignore[no-untyped-def]
    """Take the vectors at these positions out, the last ones into their slots; return the count."""
    positions_of, slots = owners
    length = matrix.shape[1]
    for i in range(len(positions)):
        if positions[i] >= len(slots) or slots[positions[i]] < 0:
            continue
        slot = slots[positions[i]]
        slots[positions[i]] = -1
        count -= 1
        if slot != count:
            moved = positions_of[count]
            positions_of[slot] = moved
            slots[moved] = slot
            for j in range(length):
                matrix[slot, j] = matrix[count, j]
    return count


@_compiled
def find(slots, positions, found):  # type: ignore[no-untyped-def]
    """Write to `found` (int32[n]) the slots of positions of any height, -1 for none."""
    for i in range(len(positions)):
        found[i] = slots[positions[i]] if positions[i] < len(slots) else -1


@_compiled
def find_in_words(positions_of, words, found):  # type: ignore[no-untyped-def]
    """Write to `found` the slots whose positions the words (uint64[16384]) have; return how many.

    `positions_of`: of the slots in use.
    """
    count = 0
    for slot in range(len(positions_of)):
        position = positions_of[slot]
        word = words[position >> np.uint32(6)]
        if (word >> np.uint64(position & np.uint32(63))) & np.uint64(1) != 0:
            found[count] = slot
            count += 1
    return count


@_summing
def _dot(matrix, slot, query):  # type: ignore[no-untyped-def]
    total = 0.0
    for j in range(len(query)):
        total += np.float64(matrix[slot, j]) * np.float64(query[j])
    return total


@_summing
def _squares(matrix, slot, query):  # type: ignore[no-untyped-def]
    total = 0.0
    for j in range(len(query)):
        difference = np.float64(matrix[slot, j]) - np.float64(query[j])
        total += difference * difference
    return total


@_summing
def _dot_and_square(matrix, slot, query):  # type: ignore[no-untyped-def]
    total, square = 0.0, 0.0
    for j in range(len(query)):
        value = np.float64(matrix[slot, j])
        total += value * np.float64(query[j])
        square += value * value
    return total, square


@_compiled
def rank(matrix, slots, query, metric, found):  # type: ignore[no-untyped-def]
    """Write to `found` (int64[n], bool[n]) how far from `query` (float32[]) vectors in slots are.

    The second is false where there is no such distance: no angle to a vector of zeros.
    """
    ranks, is_defined = found
    norm = 0.0
    for j in range(len(query)):
        norm += np.float64(query[j]) * np.float64(query[j])
    for i in range(len(slots)):
        is_defined[i] = True
        if metric == COSINE:
            dot, square = _dot_and_square(matrix, slots[i], query)
            if square == 0.0 or norm == 0.0:
                is_defined[i] = False
                ranks[i] = 0
                continue
            distance = 1.0 - min(1.0, max(-1.0, dot / (np.sqrt(square) * np.sqrt(norm))))
        elif metric == EUCLIDEAN:
            distance = np.sqrt(_squares(matrix, slots[i], query))
        else:
            distance = _dot(matrix, slots[i], query)
        scaled = abs(distance) * 1e9
        scaled = RANK_LIMIT if scaled > RANK_LIMIT else np.floor(scaled + 0.5)
        ranks[i] = np.int64(scaled) if distance >= 0.0 else -np.int64(scaled)
