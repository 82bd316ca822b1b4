"""Both forms of an index give of each record just its rows, ascending, and count them alike.

Compared with dictionaries, over records with none, with one, with exactly as many rows as there are
slots, with one more, and with hundreds, at both ends of the shard; asked for in any choice of them.
"""

import itertools
from collections import Counter

import numpy as np
import pytest

from bitbrook.bitmap.member_kernels import IN_SLOTS, MORE, SLOTS
from bitbrook.bitmap.word_kernels import SHARD_WIDTH
from bitbrook.engine.evaluate import forward_index
from bitbrook.engine.evaluate.forward_index import FlatRows, Slots, Spans, make_index

ROWS = 900
SIZES = (0, 1, IN_SLOTS - 1, IN_SLOTS, IN_SLOTS + 1, SLOTS - 1, SLOTS, SLOTS + 1, 2 * SLOTS, 400)


def drawn(seed: int, highest: int) -> tuple[dict[int, list[int]], FlatRows]:
    """Sorted rows by position, and the same as flat rows; `highest` is one of the rows."""
    random = np.random.default_rng(seed)
    positions = [0, 1, *random.choice(SHARD_WIDTH, 300, replace=False).tolist(), SHARD_WIDTH - 1]
    sizes = [SIZES[place % len(SIZES)] for place in range(len(positions))]
    held = {
        position: sorted(random.choice(ROWS, size, replace=False).tolist())
        for position, size in zip(positions, sizes, strict=True)
    }
    held[5] = [3, highest]
    by_row: dict[int, list[int]] = {}
    for position in sorted(held):
        for row in held[position]:
            by_row.setdefault(row, []).append(position)
    codes = sorted(by_row)
    bounds = np.append(0, np.cumsum([len(by_row[code]) for code in codes]))
    flat = np.array([each for code in codes for each in by_row[code]], dtype=np.uint32)
    return held, FlatRows(np.array(codes, dtype=np.int64), bounds, flat)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("highest", "share", "form"),
    [(MORE - 1, 1.0, Slots), (MORE, 1.0, Spans), (1 << 20, 1.0, Spans), (ROWS, 0.0, Spans)],
)
def test_rows_of_records(
    seed: int,
    highest: int,
    share: float,
    form: type[Slots] | type[Spans],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows of up to 16 bits go into slots, unless too many records have too many of them."""
    monkeypatch.setattr(forward_index, "MEMBERS_MIN", 0)
    monkeypatch.setattr(forward_index, "LONG_SHARE_MAX", share)
    held, flat = drawn(seed, highest)
    index = make_index(flat)
    assert type(index) is form
    random = np.random.default_rng(seed)
    for count in (0, 1, 2, 40, len(held)):
        asked = sorted(random.choice(list(held), count, replace=False).tolist())
        positions = np.array(asked, dtype=np.uint32)
        starts, codes = index.members_at(positions)
        of_each = [codes[a:b].tolist() for a, b in itertools.pairwise(starts)]
        assert of_each == [held[position] for position in asked]
        counts = np.zeros(highest + ROWS, dtype=np.uint32)
        index.count(positions, counts)
        expected = Counter(row for position in asked for row in held[position])
        found = np.flatnonzero(counts)
        assert dict(zip(found.tolist(), counts[found].tolist(), strict=True)) == expected


def test_few_members_stay_in_spans() -> None:
    """Slots of a whole shard would take far more memory than they have."""
    _, flat = drawn(1, ROWS)
    assert isinstance(make_index(flat), Spans)
