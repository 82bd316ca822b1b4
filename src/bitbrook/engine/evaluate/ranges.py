"""Selections by stored number: ranges and lists of values over a dense vector."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bitbrook.bitmap.number_kernels import words_in_range
from bitbrook.bitmap.selection import NONE, Selection
from bitbrook.bitmap.values import Values
from bitbrook.bitmap.word_kernels import SHARD_WIDTH, SHARD_WORDS, Words, read_only
from bitbrook.engine.evaluate.reading import present_in, whole_words
from bitbrook.engine.shard import Shard

SCANS_MAX = 8
"""Up to this many values, a scan for each beats looking every number up in their list."""

TABLE_MAX = 1 << 22
"""Numbers below are looked up in a table of bytes, one read each; a sorted list costs ten times."""

_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def select_range(
    values: Values | None, low: int | None, high: int | None, shard: Shard
) -> Selection:
    """Return the records of a shard whose number lies in [low, high], None for no bound."""
    if values is None:
        return NONE
    bounds = stored_between(values, low, high)
    if bounds is None:
        return NONE
    if bounds == (values.low, values.high):
        return present_in(values, shard)
    return Selection.of_words(words_between(values, *bounds))


def stored_between(values: Values, low: int | None, high: int | None) -> tuple[int, int] | None:
    """Return the bounds within what the vector may hold, None if it holds nothing between them."""
    low = values.low if low is None else max(low, values.low)
    high = values.high if high is None else min(high, values.high)
    return (low, high) if low <= high and values.count else None


def words_between(values: Values, low: int, high: int) -> Words:
    """Return the words of the numbers in [low, high], which lie within what the vector may hold."""
    numbers = as_unsigned(values.numbers)
    kind = numbers.dtype.type
    words = np.empty(SHARD_WORDS, dtype=np.uint64)
    words_in_range(numbers, wrapped(low, kind), kind(high - low), words)
    if not values.is_full:
        words &= whole_words(values.present)
    return words


def select_values(values: Values | None, wanted: Sequence[int]) -> Selection:
    """Return the records whose number is one of those wanted."""
    if values is None or values.count == 0:
        return NONE
    asked = np.fromiter(wanted, dtype=np.int64, count=len(wanted))
    possible = asked[(asked >= values.low) & (asked <= values.high)]
    if len(possible) == 0:
        return NONE
    if len(possible) <= SCANS_MAX:
        first, *others = set(possible.tolist())
        words = words_between(values, first, first)
        for number in others:
            words |= words_between(values, number, number)
        return Selection.of_words(words)
    numbers = values.numbers
    is_wanted = np.zeros(SHARD_WIDTH, dtype=np.bool_)
    if values.low >= 0 and values.high < TABLE_MAX:
        table = np.zeros(values.high + 1, dtype=np.bool_)
        table[possible] = True
        is_wanted[: len(numbers)] = table[numbers]
    else:
        is_wanted[: len(numbers)] = np.isin(numbers, possible.astype(numbers.dtype))
    words = np.packbits(is_wanted, bitorder="little").view(np.uint64)
    return Selection.of_words(words & whole_words(values.present))


def as_unsigned(numbers: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Any]:
    """Return the numbers reinterpreted as unsigned ones of their width, read-only."""
    return read_only(numbers.view(_UNSIGNED[numbers.dtype.itemsize]))


def wrapped(number: int, kind: type[np.integer[Any]]) -> np.integer[Any]:
    """Return a stored number as `as_unsigned` shows it."""
    return kind(number & ((1 << 8 * np.dtype(kind).itemsize) - 1))
