"""Record keys get the positions 0, 1, 2... in the order they come, and keep them.

Tried with repeated and unknown keys, any text, and a second table built from the first one's tail.
"""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.engine.keys import RecordKeys


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9)))
def test_keys_and_positions_translate_both_ways(keys: list[str]) -> None:
    record_keys = RecordKeys()
    positions = record_keys.positions_of(pa.array(keys, type=pa.string()))
    expected = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    assert positions.dtype == np.int64
    assert positions.tolist() == [expected[key] for key in keys]
    assert record_keys.find_positions(keys).tolist() == positions.tolist()
    assert record_keys.keys_at(positions).tolist() == keys


def test_looking_creates_nothing() -> None:
    record_keys = RecordKeys()
    assert record_keys.find_positions(["a"]).tolist() == [-1]
    assert record_keys.find_positions(pa.array(["a", "b"])).tolist() == [-1, -1]
    assert len(record_keys) == 0


def test_a_tail_rebuilds_the_keys() -> None:
    first, second = RecordKeys(), RecordKeys()
    first.positions_of(pa.array(["a", "b", ""]))
    second.extend(*first.tail(0))
    assert second.find_positions(["", "b", "a"]).tolist() == [2, 1, 0]
    assert second.positions_of(pa.array(["c"])).tolist() == [3]
