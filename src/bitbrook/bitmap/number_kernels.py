"""Kernels over a dense vector of numbers and the words of a selection: ranges, sums, extremes.

A vector may end before its shard does; words always cover the shard. Absent numbers are zero in the
vector, but every kernel reads only what the words name, except `words_in_range`, which tests every
slot. The loops are written so that the compiler turns 64 neighbouring slots into vector
instructions: 1 M numbers take 60 us to compare and 130 us to sum, whatever their width.
"""

import numpy as np

from bitbrook.bitmap.word_kernels import compiled, popcount


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
def sum_in_words(numbers, words):  # type: ignore[no-untyped-def]
    """Return the sum (int64) of the numbers selected; the caller knows that it fits."""
    total = np.int64(0)
    whole = len(numbers) >> 6
    for i in range(whole):
        word = words[i]
        if word == 0:
            continue
        for bit in range(64):
            mask = -np.int64((word >> np.uint64(bit)) & np.uint64(1))
            total += np.int64(numbers[i * 64 + bit]) & mask
    for slot in range(whole * 64, len(numbers)):
        mask = -np.int64((words[slot >> 6] >> np.uint64(slot & 63)) & np.uint64(1))
        total += np.int64(numbers[slot]) & mask
    return total


@compiled
def sum_in_range(numbers, unsigned, low, span, words):  # type: ignore[no-untyped-def]
    """Return sum and count of the selected numbers in a range; the caller knows that they fit.

    `unsigned`, `low`, `span`: as `words_in_range` takes them. One pass where that and
    `sum_in_words` would be two, which counts once a vector is larger than the caches.
    """
    total = np.int64(0)
    count = np.int64(0)
    whole = len(numbers) >> 6
    for i in range(whole):
        word = np.uint64(0)
        for bit in range(64):
            is_in = unsigned.dtype.type(unsigned[i * 64 + bit] - low) <= span
            word |= np.uint64(is_in) << np.uint64(bit)
        word &= words[i]
        if word == 0:
            continue
        count += popcount(word)
        for bit in range(64):
            mask = -np.int64((word >> np.uint64(bit)) & np.uint64(1))
            total += np.int64(numbers[i * 64 + bit]) & mask
    for slot in range(whole * 64, len(numbers)):
        is_selected = (words[slot >> 6] >> np.uint64(slot & 63)) & np.uint64(1) != 0
        if is_selected and unsigned.dtype.type(unsigned[slot] - low) <= span:
            total += np.int64(numbers[slot])
            count += 1
    return total, count


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
