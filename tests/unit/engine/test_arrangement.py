"""Each shard gets the last value given of each of its records, by ascending position.

Tried against a dictionary, with repeated records, nulls among the repetitions, numbers in order and
not, and numbers so far apart that number and index do not fit one integer.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.engine.arrangement import Arrangement
from bitbrook.engine.columns import SingleColumn

NUMBERS = st.integers(0, 12) | st.sampled_from([2**20 - 1, 2**20, 2**40, 2**64 - 1])
RECORDS = st.lists(st.tuples(NUMBERS, st.none() | st.integers(-(2**63), 2**63 - 1)), max_size=40)


def column_of(values: list[int | None], *, may_lack: bool) -> SingleColumn:
    """The values as a column."""
    numbers = np.array([value or 0 for value in values], dtype=np.int64)
    is_given = np.array([value is not None for value in values], dtype=np.bool_)
    return SingleColumn(numbers, is_given if may_lack else None)


@given(RECORDS, st.booleans(), st.booleans())
def test_each_shard_gets_the_last_values(
    records: list[tuple[int, int | None]], is_sorted: bool, may_lack: bool
) -> None:
    if is_sorted:
        records = sorted(dict(records).items())
    if not may_lack:
        records = [(number, value or 0) for number, value in records]
    arranged = Arrangement(np.array([number for number, _ in records], dtype=np.uint64))
    everywhere = [
        (number, position) for number, held in arranged.shards() for position in held.tolist()
    ]
    ordered = sorted(number for number, _ in records)
    assert everywhere == [(number >> 20, number & 0xFFFFF) for number in ordered]

    parts = arranged.parts_of(column_of([value for _, value in records], may_lack=may_lack))
    found = {
        (part.shard_number << 20) + position: value
        for part in parts
        for position, value in zip(part.positions.tolist(), part.numbers.tolist(), strict=True)
    }
    assert found == {number: value for number, value in records if value is not None}
    assert all(len(part.positions) for part in parts)
    assert all((np.diff(part.positions.astype(np.int64)) > 0).all() for part in parts)
