"""A negative number removes its row, and of several records of one id the last word counts.

Tried with the order of records turned round, other records and rows in between, extremes, and two
such fields at once.
"""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.engine.batch import OperationKind
from bitbrook.sources.signed_rows import added_rows, removed_rows


def rows_of(signed: list[int | None]) -> pa.Int64Array:
    return pa.array(signed, pa.int64())


@given(
    st.lists(st.tuples(st.integers(0, 2), st.none() | st.integers(-2, 2)), min_size=1, max_size=9)
)
def test_the_last_word_counts(records: list[tuple[int, int | None]]) -> None:
    """Adding all, then removing what is left to remove, is what one by one would give."""
    expected: set[tuple[int, int]] = set()
    for record, number in records:
        if number is not None:
            pair = (record, abs(number))
            expected = expected | {pair} if number >= 0 else expected - {pair}
    ids = pa.array([record for record, _ in records], pa.uint64())
    signed = rows_of([number for _, number in records])
    held = set(_pairs(ids, added_rows(signed)))
    removed = removed_rows(ids, signed)
    assert held - set(_pairs(ids, removed) if removed is not None else []) == expected
    if removed is not None:
        assert removed.null_count < len(removed)


def _pairs(ids: pa.Array, lists: pa.ListArray) -> list[tuple[int, int]]:
    columns = zip(ids.to_pylist(), lists.to_pylist(), strict=True)
    return [(record, row) for record, rows in columns for row in rows or []]


def test_extremes() -> None:
    signed = rows_of([2**63 - 1, -(2**63), None, 0])
    assert added_rows(signed).to_pylist() == [[2**63 - 1], None, None, [0]]
    removed = removed_rows(pa.array(["a", "b", "c", "d"]), signed)
    assert removed is not None
    assert removed.to_pylist() == [None, [2**63], None, None]


def test_nothing_is_removed_where_nothing_is_negative() -> None:
    ids = pa.array([1, 1], pa.uint64())
    assert removed_rows(ids, rows_of([3, None])) is None
    assert removed_rows(ids, rows_of([-3, 3])) is None


def test_removals_are_an_operation_after_the_upsert(source_of: Callable[..., Any]) -> None:
    fields = [{"name": name, "type": "signedIntBoolKey"} for name in "ab"]
    source = source_of(*fields, allow_missing_fields=True)
    batch, outcomes, _ = source.decode_values(
        {"id": 1, "a": 5, "b": -1}, {"id": 2, "a": 5}, {"id": 1, "a": -5}, {"id": 3, "b": 1}
    )
    assert outcomes.errors == ()
    upsert, clear = batch.operations
    assert (upsert.kind, clear.kind) == (OperationKind.UPSERT, OperationKind.CLEAR)
    assert upsert.records.to_pylist() == [
        {"_id": 1, "a": [5], "b": None},
        {"_id": 2, "a": [5], "b": None},
        {"_id": 1, "a": None, "b": None},
        {"_id": 3, "a": None, "b": [1]},
    ]
    assert clear.records.to_pylist() == [
        {"_id": 1, "a": None, "b": [1]},
        {"_id": 1, "a": [5], "b": None},
    ]


def test_a_record_that_only_removes_is_a_record(source_of: Callable[..., Any]) -> None:
    source = source_of({"name": "a", "type": "signedIntBoolKey"})
    batch, *_ = source.decode_values({"id": 9, "a": -7})
    assert [op.records.to_pylist() for op in batch.operations] == [
        [{"_id": 9, "a": None}],
        [{"_id": 9, "a": [7]}],
    ]
