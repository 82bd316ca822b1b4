"""The loops over a vector of values and its presence bits: read, write and empty slots.

Each takes the vector in whatever integer type it has (a specialisation a type, kept on disk) and
the asked positions and numbers read-only, as `as_kernels_take_them` gives them, so that no caller
brings about another specialisation. They run without Python's interpreter lock.
"""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from bitbrook.bitmap.row_kernels import NO_ROW

Words = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.uint32]
Numbers = npt.NDArray[np.int64]
Moves = tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32], npt.NDArray[np.uint32]]
Vector = npt.NDArray[np.integer[Any]]

NUMBER_TYPES = (np.int8, np.int16, np.int32, np.int64)
CODE_TYPES = (np.uint8, np.uint16, np.uint32)
VECTOR_TYPES = (*NUMBER_TYPES, *CODE_TYPES)

_compiled = numba.njit(nogil=True, cache=True, boundscheck=False)


def warm() -> None:
    """Load every specialisation, compiling those that no run before has left on disk."""
    positions = as_positions(np.array([0], dtype=np.uint32))
    numbers = as_numbers(np.array([1], dtype=np.int64))
    old, is_present = np.empty(1, dtype=np.int64), np.empty(1, dtype=np.bool_)
    extent_of(positions, numbers)
    for vector_type in VECTOR_TYPES:
        vector, words = np.zeros(64, dtype=vector_type), np.zeros(1, dtype=np.uint64)
        put(vector, words, positions, numbers)
        get(vector, words, positions, old, is_present)
        remove(vector, words, positions)
        if vector_type in CODE_TYPES:
            moves = np.empty((3, 1), dtype=np.uint32)
            exchange(vector, words, positions, numbers, (moves[0], moves[1], moves[2]))


def as_positions(positions: npt.NDArray[Any]) -> Positions:
    """Return the positions as every kernel takes them: uint32, contiguous, read-only."""
    taken = np.ascontiguousarray(positions, dtype=np.uint32).view()
    taken.flags.writeable = False
    return taken


def as_numbers(numbers: npt.NDArray[Any]) -> Numbers:
    """Return the numbers as every kernel takes them: int64, contiguous, read-only."""
    taken = np.ascontiguousarray(numbers, dtype=np.int64).view()
    taken.flags.writeable = False
    return taken


@_compiled
def extent_of(positions, numbers):  # type: ignore[no-untyped-def]
    """Return the highest position, the lowest and the highest number of at least one."""
    top, low, high = positions[0], numbers[0], numbers[0]
    for i in range(1, len(positions)):
        top = max(top, positions[i])
        low = min(low, numbers[i])
        high = max(high, numbers[i])
    return top, low, high


@_compiled
def put(vector, words, positions, numbers):  # type: ignore[no-untyped-def]
    """Store numbers at distinct positions; return how many changed and how many were absent."""
    changed, absent = 0, 0
    for i in range(len(positions)):
        position = positions[i]
        bit = np.uint64(1) << np.uint64(position & np.uint32(63))
        word = words[position >> np.uint32(6)]
        if word & bit == 0:
            words[position >> np.uint32(6)] = word | bit
            absent += 1
            changed += 1
            vector[position] = numbers[i]
        elif vector[position] != numbers[i]:
            changed += 1
            vector[position] = numbers[i]
    return changed, absent


@_compiled
def exchange(vector, words, positions, numbers, moves):  # type: ignore[no-untyped-def]
    """Store row codes at distinct positions; note in `moves` (three uint32[n]) what that changes.

    They get the positions that changed, the codes before (`NO_ROW` for none) and those after.
    Returns how many changed and how many were absent.
    """
    moved, before, after = moves
    changed, absent = 0, 0
    for i in range(len(positions)):
        position = positions[i]
        bit = np.uint64(1) << np.uint64(position & np.uint32(63))
        word = words[position >> np.uint32(6)]
        old = NO_ROW
        if word & bit == 0:
            words[position >> np.uint32(6)] = word | bit
            absent += 1
        else:
            old = np.uint32(vector[position])
            if old == numbers[i]:
                continue
        vector[position] = numbers[i]
        moved[changed], before[changed], after[changed] = position, old, numbers[i]
        changed += 1
    return changed, absent


@_compiled
def get(vector, words, positions, numbers, is_present):  # type: ignore[no-untyped-def]
    """Write to `numbers` and `is_present` what stands at the positions, of any height."""
    for i in range(len(positions)):
        position = positions[i]
        if position >= len(vector):
            numbers[i] = 0
            is_present[i] = False
            continue
        numbers[i] = vector[position]
        word = words[position >> np.uint32(6)]
        is_present[i] = (word >> np.uint64(position & np.uint32(63))) & np.uint64(1) != 0


@_compiled
def remove(vector, words, positions):  # type: ignore[no-untyped-def]
    """Empty the slots of these positions, of any height; return how many were not empty."""
    removed = 0
    for i in range(len(positions)):
        position = positions[i]
        if position >= len(vector):
            continue
        bit = np.uint64(1) << np.uint64(position & np.uint32(63))
        word = words[position >> np.uint32(6)]
        if word & bit != 0:
            words[position >> np.uint32(6)] = word & ~bit
            vector[position] = 0
            removed += 1
    return removed
