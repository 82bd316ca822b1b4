"""Rows turned round give each record its rows, and counting reads those of the records asked for.

Compared with loops over dictionaries, for few records and many, records without rows and records
with hundreds, at both ends of the shard.
"""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from bitbrook.bitmap.member_kernels import count_members, count_rows_in_words, turn_round
from bitbrook.bitmap.word_kernels import (
    SHARD_WIDTH,
    SHARD_WORDS,
    read_only,
    words_from_positions,
)

ROWS = 700


def drawn(seed: int, kind: Any) -> tuple[dict[int, set[int]], Any, Any, Any, Any]:
    """Rows by position, the same flat (positions, bounds, codes), and turned round."""
    random = np.random.default_rng(seed)
    by_row: dict[int, set[int]] = {
        row: set(random.integers(0, 3000, random.integers(1, 90)).tolist()) for row in range(ROWS)
    }
    for row in range(0, ROWS, 2):
        by_row[row] |= {0, SHARD_WIDTH - 1}
    codes = np.arange(ROWS, dtype=np.int64)
    bounds = np.append(0, np.cumsum([len(by_row[row]) for row in range(ROWS)]))
    flat = [position for row in range(ROWS) for position in sorted(by_row[row])]
    positions = np.array(flat, dtype=np.uint32)
    starts, members = np.zeros(SHARD_WIDTH + 1, np.int32), np.empty(len(flat), dtype=kind)
    turn_round(read_only(positions), bounds, codes, starts, members)
    return by_row, positions, bounds, starts, members


@pytest.mark.parametrize("asked", [0, 1, 31, 32, 33, 64, 95, 1000])
@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
def test_counting(kind: Any, asked: int) -> None:
    """The pipeline that reads ahead begins and ends within the positions asked for."""
    by_row, flat, bounds, starts, members = drawn(asked, kind)
    random = np.random.default_rng(asked)
    some = random.choice(3500, asked, replace=False).tolist()
    positions = np.array(sorted({*some, SHARD_WIDTH - 1} if asked > 1 else some), dtype=np.uint32)
    expected = Counter({row: len(each & set(positions.tolist())) for row, each in by_row.items()})
    counts = np.zeros(ROWS, dtype=np.uint32)
    count_members(read_only(starts), read_only(members), read_only(positions), counts)
    assert dict(enumerate(counts.tolist())) == dict(expected)
    words = np.zeros(SHARD_WORDS, dtype=np.uint64)
    words_from_positions(read_only(positions), words)
    found = np.zeros(ROWS, dtype=np.int64)
    count_rows_in_words(read_only(flat), bounds, read_only(words), found)
    assert found.tolist() == counts.tolist()


@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
def test_turning_round(kind: Any) -> None:
    """Each record's rows ascend and are all of them."""
    by_row, _, _, starts, members = drawn(1, kind)
    for position in [0, 1, 2, 77, 2999, 3000, SHARD_WIDTH - 1]:
        held = members[starts[position] : starts[position + 1]].tolist()
        assert held == [row for row, each in by_row.items() if position in each]
