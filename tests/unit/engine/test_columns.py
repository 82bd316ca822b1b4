"""Columns become stored numbers, codes and pairs, and entries are parted by shard in order.

Tried with nulls, slices, unknown rows, empty lists, and shard numbers far apart and close together.
"""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.engine.columns import (
    check_columns,
    part_by_shard,
    translate_members,
    translate_single,
)
from bitbrook.engine.dictionary import RowDictionary
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

SHARDS = st.integers(0, 4) | st.sampled_from([2**16 + 1, 2**20, 2**44 - 1])


@given(st.lists(SHARDS))
def test_parts_are_the_entries_of_each_shard_in_order(shards: list[int]) -> None:
    numbers = np.array(shards, dtype=np.uint64)
    entries = np.arange(len(shards))
    parts = [(number, entries[index].tolist()) for number, index in part_by_shard(numbers)]
    assert parts == [
        (number, [entry for entry, shard in enumerate(shards) if shard == number])
        for number in sorted(set(shards))
    ]


def test_numbers_and_nulls() -> None:
    field = FieldSchema("amount", FieldType.INT)
    column = translate_single(field, pa.array([9, 5, None, -7]).slice(1), None, "create")
    assert column.numbers.tolist() == [5, 0, -7]
    assert column.is_given is not None
    assert column.is_given.tolist() == [True, False, True]
    without = translate_single(field, pa.array([1, 2]), None, "create")
    assert without.is_given is None


def test_bools_are_codes() -> None:
    field = FieldSchema("active", FieldType.BOOL)
    column = translate_single(field, pa.array([True, None, False]), None, "create")
    assert column.numbers.tolist() == [1, 0, 0]


def test_a_mutex_may_know_its_row_or_not() -> None:
    field = FieldSchema("species", FieldType.MUTEX, is_keyed=True)
    dictionary = RowDictionary(is_keyed=True)
    created = translate_single(field, pa.array(["a", None, "b"]), dictionary, "create")
    assert created.numbers[[0, 2]].tolist() == [0, 1]
    dropped = translate_single(field, pa.array(["b", "new", None]), dictionary, "drop")
    assert dropped.is_given is not None
    assert dropped.is_given.tolist() == [True, False, False]
    assert dropped.numbers[0] == 1
    assert len(dictionary) == 2


def test_members_are_pairs() -> None:
    dictionary = RowDictionary(is_keyed=True)
    lists = pa.array([["x"], ["a", "b"], None, [], ["a"]], pa.list_(pa.string())).slice(1)
    times = pa.array([0, 5, None, 7, None], pa.int64()).slice(1)
    members = translate_members(lists, times, dictionary, "create")
    assert members.records.tolist() == [0, 0, 3]
    assert members.codes.tolist() == [0, 1, 0]
    assert members.times_s is not None
    assert members.has_time is not None
    assert members.has_time.tolist() == [True, True, False]
    assert members.times_s[:2].tolist() == [5, 5]
    known = translate_members(pa.array([["b", "new"]]), None, dictionary, "drop")
    assert known.codes.tolist() == [1]
    assert len(dictionary) == 2


SCHEMA = TableSchema(
    "t",
    "things",
    fields=(
        FieldSchema("amount", FieldType.INT, id=1),
        FieldSchema("tags", FieldType.SET, id=2, is_keyed=True),
        FieldSchema("visits", FieldType.TIME, id=3, quantum="Y"),
    ),
)
IDS = pa.array([1, 2], pa.uint64())
WRONG_COLUMNS = [
    {"amount": pa.array([1])},
    {"_id": pa.array([1, 2])},
    {"_id": pa.array([1, None], pa.uint64())},
    {"_id": IDS, "amount": pa.array([1.0, 2.0])},
    {"_id": IDS, "tags": pa.array([["a"], [None]])},
    {"_id": IDS, "tags": pa.array(["a", "b"])},
    {"_id": IDS, "amount@time": pa.array([1, 2])},
    {"_id": IDS, "visits@time": pa.array([1.0, 2.0])},
]


@pytest.mark.parametrize("columns", WRONG_COLUMNS)
def test_wrong_columns_are_caught_before_they_are_logged(columns: dict[str, pa.Array]) -> None:
    records = pa.RecordBatch.from_pydict(columns)
    with pytest.raises(AssertionError):
        check_columns(Batch([Operation(OperationKind.UPSERT, records)]), SCHEMA)


def test_right_columns_pass() -> None:
    columns = {
        "_id": IDS,
        "amount": pa.array([1, None]),
        "tags": pa.array([["a"], None]),
        "visits": pa.array([[1], []], pa.list_(pa.uint64())),
        "visits@time": pa.array([5, None]),
    }
    records = pa.RecordBatch.from_pydict(columns)
    check_columns(Batch([Operation(OperationKind.REPLACE, records)]), SCHEMA)
    rows = pa.RecordBatch.from_pydict({"tags": pa.array([["a"]])})
    check_columns(Batch([Operation(OperationKind.CLEAR_ROW, rows)]), SCHEMA)
