"""Kernels that make the cube of a shard: how many of its positions have each combination of codes.

A position's cell is the mixed-radix number of its codes, each one higher than the row code, so that
0 stands for no row. Knows nothing of fields.
"""

import numpy as np

from bitbrook.bitmap.word_kernels import compiled

APART_CELLS_MAX = 2048
"""Cells whose counts (uint32) fit 32 KiB four times over."""


@compiled
def refine_cells(numbers, present, radix, cells):  # type: ignore[no-untyped-def]
    """Make of each position's cell (uint32) `cell * radix + code`.

    `numbers` are row codes of any unsigned type, 0 where bit p of the words `present` is not set,
    as `Values` keeps them; positions beyond them have none.
    """
    for i in range(len(present)):
        word = present[i]
        start = i * 64
        for bit in range(min(64, len(numbers) - start)):
            has_row = np.uint32((word >> np.uint64(bit)) & np.uint64(1))
            code = np.uint32(numbers[start + bit]) + has_row
            cells[start + bit] = cells[start + bit] * radix + code
    for position in range(len(numbers), len(cells)):
        cells[position] *= radix


@compiled
def count_cells(cells, counts):  # type: ignore[no-untyped-def]
    """Add to `counts` (uint32) how many positions are of each cell (uint32[n]).

    Neighbours are often of one cell, and to count on where the last count has only just been put
    waits for it: so four tables take turns where they fit the nearest cache.
    """
    size = len(counts)
    if size > APART_CELLS_MAX:
        for position in range(len(cells)):
            counts[cells[position]] += np.uint32(1)
        return
    apart = np.zeros(4 * size, dtype=np.uint32)
    whole = len(cells) & ~3
    for position in range(0, whole, 4):
        apart[cells[position]] += np.uint32(1)
        apart[size + cells[position + 1]] += np.uint32(1)
        apart[2 * size + cells[position + 2]] += np.uint32(1)
        apart[3 * size + cells[position + 3]] += np.uint32(1)
    for position in range(whole, len(cells)):
        apart[cells[position]] += np.uint32(1)
    for place in range(len(apart)):
        counts[place % size] += apart[place]
