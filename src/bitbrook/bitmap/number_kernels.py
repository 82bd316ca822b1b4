"""Kernels over a dense vector of numbers and the words of a selection: ranges, sums, extremes.

A vector may end before its shard does; words always cover the shard. Absent numbers are zero in the
vector, but every kernel reads only what the words name, except `words_in_range`, which tests every
slot. 64 neighbouring slots are taken at once by vector instructions: 1 M numbers of 32 bits take
60 us to compare, and to sum what the memory needs to give them, 100 to 130 us.
"""

from typing import Final

import numpy as np

from bitbrook.bitmap.lanes import sum_lanes
from bitbrook.bitmap.word_kernels import compiled

NARROW_SPAN_MAX: Final = 1 << 26
"""Of distances below, 64 add up in 32 bits, which takes half as long as in 64."""


@compiled
def words_in_range(numbers, low, span, words):  # type: ignore[no-untyped-def]
    """Write which slots hold a number in [low, low + span], all of one unsigned type.

    Signed numbers come in reinterpreted as unsigned ones of their width: what lies below `low`
    wraps round to something greater than any span. Bits beyond the vector become zero.
    """
    whole = len(numbers) >> 6
    for i in range(whole):
        word = np.uint64(0)
        for bit in range(64):
            is_in = numbers.dtype.type(numbers[i * 64 + bit] - low) <= span
            word |= np.uint64(is_in) << np.uint64(bit)
        words[i] = word
    words[whole:] = 0
    for slot in range(whole * 64, len(numbers)):
        is_in = numbers.dtype.type(numbers[slot] - low) <= span
        words[whole] |= np.uint64(is_in) << np.uint64(slot & 63)


@compiled
def sum_in_range(numbers, low, span, is_narrow, words):  # type: ignore[no-untyped-def]
    """Return the sum (int64) of `number - low` of the selected numbers in a range, and how many.

    `numbers`, `low`, `span`: as `words_in_range` takes them; `is_narrow`: the span is less than
    NARROW_SPAN_MAX. The caller knows that the sum fits. One pass where finding the words and then
    adding up would be two, which counts once a vector is larger than the caches.
    """
    total = np.uint64(0)
    count = np.uint64(0)
    whole = len(numbers) >> 6
    if is_narrow:
        for i in range(whole):
            added, more = sum_lanes(numbers, i * 64, low, span, words[i], True)  # noqa: FBT003
            total += added
            count += more
    else:
        for i in range(whole):
            added, more = sum_lanes(numbers, i * 64, low, span, words[i], False)  # noqa: FBT003
            total += added
            count += more
    for slot in range(whole * 64, len(numbers)):
        distance = numbers.dtype.type(numbers[slot] - low)
        is_selected = (words[slot >> 6] >> np.uint64(slot & 63)) & np.uint64(1) != 0
        if is_selected and distance <= span:
            total += np.uint64(distance)
            count += np.uint64(1)
    return np.int64(total), np.int64(count)


@compiled
def halves_in_words(numbers, words):  # type: ignore[no-untyped-def]
    """Return the sums of the upper (signed) and lower 32 bits of the int64 numbers selected.

    Each fits: a shard has 2^20 slots. The whole sum, upper * 2^32 + lower, may not.
    """
    upper = np.int64(0)
    lower = np.int64(0)
    for slot in range(len(numbers)):
        mask = -np.int64((words[slot >> 6] >> np.uint64(slot & 63)) & np.uint64(1))
        upper += (numbers[slot] >> 32) & mask
        lower += numbers[slot] & np.int64(0xFFFFFFFF) & mask
    return upper, lower


@compiled
def extremes_in_words(numbers, words):  # type: ignore[no-untyped-def]
    """Return the least and greatest (int64) of the numbers selected.

    Of none: the greatest and the least int64.
    """
    least = np.int64(9223372036854775807)
    greatest = np.int64(-9223372036854775808)
    whole = len(numbers) >> 6
    for i in range(whole):
        word = words[i]
        if word == 0:
            continue
        for bit in range(64):
            is_in = (word >> np.uint64(bit)) & np.uint64(1) != 0
            number = np.int64(numbers[i * 64 + bit])
            least = min(least, number if is_in else np.int64(9223372036854775807))
            greatest = max(greatest, number if is_in else np.int64(-9223372036854775808))
    for slot in range(whole * 64, len(numbers)):
        if (words[slot >> 6] >> np.uint64(slot & 63)) & np.uint64(1) != 0:
            least = min(least, np.int64(numbers[slot]))
            greatest = max(greatest, np.int64(numbers[slot]))
    return least, greatest
