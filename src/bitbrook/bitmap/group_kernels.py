"""Kernels that aggregate by group: a group is a small number, an index into accumulators.

Groups come dense, one a slot of the vector and read through the words of a selection, or as
entries, one a record that counts (a record may count in several groups). Accumulators are int64 and
are added to, so that they run through all shards. Callers know that sums fit. Knows nothing of what
a group means.
"""

from typing import Final

import numpy as np

from bitbrook.bitmap.word_kernels import compiled, trailing_zeros

APART_GROUPS_MAX: Final = 1024
"""Groups whose counts (uint32) fit 16 KiB four times over."""


@compiled
def refine_groups(numbers, base, first, radix, groups):  # type: ignore[no-untyped-def]
    """Make of each slot's group (uint32) `group * radix + first + number - base`.

    `numbers` and `base` are of one unsigned type, reinterpreted if they are signed. Slots that hold
    no number get a group as well, perhaps one beyond all; nobody may select them.
    """
    for slot in range(len(numbers)):
        code = np.uint32(numbers.dtype.type(numbers[slot] - base))
        groups[slot] = np.uint32(groups[slot] * radix + first + code)


@compiled
def refine_groups_at(positions, numbers, base, first, radix, groups):  # type: ignore[no-untyped-def] # noqa: PLR0917
    """Make of each entry's group (uint32) that of `refine_groups` for its position (uint32[n])."""
    for entry in range(len(positions)):
        code = np.uint32(numbers.dtype.type(numbers[positions[entry]] - base))
        groups[entry] = np.uint32(groups[entry] * radix + first + code)


@compiled
def refine_cells(numbers, present, radix, cells):  # type: ignore[no-untyped-def]
    """Make of each slot's cell (uint32), a group that may lack rows, `cell * radix + code`.

    The code is one more than the row code in `numbers` (any unsigned type), and 0 for no row:
    `numbers` are 0 where bit p of the words `present` is not set, as `Values` keeps them, and slots
    beyond them have none.
    """
    for i in range(len(present)):
        word = present[i]
        start = i * 64
        for bit in range(min(64, len(numbers) - start)):
            has_row = np.uint32((word >> np.uint64(bit)) & np.uint64(1))
            code = np.uint32(numbers[start + bit]) + has_row
            cells[start + bit] = cells[start + bit] * radix + code
    for slot in range(len(numbers), len(cells)):
        cells[slot] *= radix


@compiled
def count_in_words(groups, words, counts):  # type: ignore[no-untyped-def]
    """Count the selected slots of each group. `groups`: any unsigned type.

    Neighbours are often of one group, and to count on where the last count has only just been put
    waits for it: so four tables take turns where they fit the nearest cache.
    """
    if len(counts) > APART_GROUPS_MAX:
        for i in range(len(words)):
            word = words[i]
            while word != 0:
                counts[groups[i * 64 + trailing_zeros(word)]] += 1
                word &= word - np.uint64(1)
        return
    size = len(counts)
    apart = np.zeros(4 * size, dtype=np.uint32)
    for i in range(len(words)):
        word = words[i]
        while word != 0:
            apart[np.int64(groups[i * 64 + trailing_zeros(word)])] += np.uint32(1)
            word &= word - np.uint64(1)
            if word == 0:
                break
            apart[size + np.int64(groups[i * 64 + trailing_zeros(word)])] += np.uint32(1)
            word &= word - np.uint64(1)
            if word == 0:
                break
            apart[2 * size + np.int64(groups[i * 64 + trailing_zeros(word)])] += np.uint32(1)
            word &= word - np.uint64(1)
            if word == 0:
                break
            apart[3 * size + np.int64(groups[i * 64 + trailing_zeros(word)])] += np.uint32(1)
            word &= word - np.uint64(1)
    for place in range(len(apart)):
        counts[place % size] += np.int64(apart[place])


@compiled
def total_in_words(groups, numbers, words, counts, sums):  # type: ignore[no-untyped-def]
    """Count the selected slots of each group (uint32) and add up their numbers."""
    for i in range(len(words)):
        word = words[i]
        if word == ~np.uint64(0):
            for bit in range(64):
                group = groups[i * 64 + bit]
                counts[group] += 1
                sums[group] += numbers[i * 64 + bit]
            continue
        while word != 0:
            slot = i * 64 + trailing_zeros(word)
            group = groups[slot]
            counts[group] += 1
            sums[group] += numbers[slot]
            word &= word - np.uint64(1)


@compiled
def extremes_in_words_by_group(groups, numbers, words, counts, least, greatest):  # type: ignore[no-untyped-def] # noqa: PLR0917
    """Count the selected slots of each group (uint32); lower and raise its extremes."""
    for i in range(len(words)):
        word = words[i]
        while word != 0:
            slot = i * 64 + trailing_zeros(word)
            word &= word - np.uint64(1)
            group = groups[slot]
            number = np.int64(numbers[slot])
            counts[group] += 1
            least[group] = min(least[group], number)
            greatest[group] = max(greatest[group], number)


@compiled
def total_entries(groups, numbers, sums):  # type: ignore[no-untyped-def]
    """Add each entry's number (int64) to the sum of its group (int64)."""
    for entry in range(len(groups)):
        sums[groups[entry]] += numbers[entry]


@compiled
def extremes_of_entries(groups, numbers, least, greatest):  # type: ignore[no-untyped-def]
    """Lower and raise the extremes of each entry's group (int64) to its number (int64)."""
    for entry in range(len(groups)):
        group = groups[entry]
        least[group] = min(least[group], numbers[entry])
        greatest[group] = max(greatest[group], numbers[entry])


@compiled
def set_bits(places, words):  # type: ignore[no-untyped-def]
    """Set the bits at places (int64[n])."""
    for place in places:
        words[place >> 6] |= np.uint64(1) << np.uint64(place & 63)


@compiled
def list_bits(words, width, columns, rows):  # type: ignore[no-untyped-def]
    """Write the column and row of each set bit of a table with rows `width` bits long.

    `columns` and `rows` (int64) are as long as there are set bits.
    """
    count = row = start = 0
    for i in range(len(words)):
        word = words[i]
        while word != 0:
            place = i * 64 + trailing_zeros(word)
            word &= word - np.uint64(1)
            while place >= start + width:
                start += width
                row += 1
            columns[count] = place - start
            rows[count] = row
            count += 1


@compiled
def number_keys(keys, known, codes, order, count, out):  # type: ignore[no-untyped-def] # noqa: PLR0917
    """Write the code of each key (int64[n]) to `out`, the next free one for keys not met before.

    `known` and `codes`: an open-addressed table, a power of two long and with room for all; code -1
    marks a free slot. `order[code]` is the key of a code. Returns how many codes there are.
    """
    last = np.uint64(len(known) - 1)
    for i in range(len(keys)):
        key = keys[i]
        spread = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
        slot = (spread ^ (spread >> np.uint64(32))) & last
        while codes[slot] >= 0 and known[slot] != key:
            slot = (slot + np.uint64(1)) & last
        if codes[slot] < 0:
            known[slot] = key
            codes[slot] = count
            order[count] = key
            count += 1
        out[i] = codes[slot]
    return count
