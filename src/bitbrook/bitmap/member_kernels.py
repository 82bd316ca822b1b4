"""Kernels over sets: rows laid end to end, and the same turned round into records' rows.

Rows come flat: row i has the positions `positions[bounds[i]:bounds[i + 1]]`. A forward index has
the rows of the record at position p in `members[starts[p]:starts[p + 1]]`.
"""

import numpy as np

from bitbrook.bitmap.word_kernels import SHARD_WIDTH, compiled


@compiled
def count_rows_in_words(positions, bounds, words, counts):  # type: ignore[no-untyped-def]
    """Write how many of each flat row's positions are selected."""
    for row in range(len(counts)):
        count = np.uint64(0)
        for i in range(bounds[row], bounds[row + 1]):
            position = positions[i]
            count += (words[position >> 6] >> np.uint64(position & 63)) & np.uint64(1)
        counts[row] = count


@compiled
def turn_round(positions, bounds, codes, starts, members):  # type: ignore[no-untyped-def]
    """Write the forward index of flat rows, each record's in the order of the rows.

    A counting sort by position. `starts`: int32[2^20 + 1], zero; `members`: of any unsigned type.
    """
    for position in positions:
        starts[position + 1] += 1
    for position in range(SHARD_WIDTH):
        starts[position + 1] += starts[position]
    for row in range(len(codes)):
        for i in range(bounds[row], bounds[row + 1]):
            position = positions[i]
            members[starts[position]] = codes[row]
            starts[position] += 1
    # Every start has moved to the next one's place.
    for position in range(SHARD_WIDTH, 0, -1):
        starts[position] = starts[position - 1]
    starts[0] = 0


@compiled
def count_members(starts, members, positions, counts):  # type: ignore[no-untyped-def]
    """Count the rows of the records at positions (uint32[], read-only) by code."""
    for position in positions:
        for i in range(starts[position], starts[position + 1]):
            counts[members[i]] += 1
