"""Operations change exactly what they name, and a replay leaves alone what contains them already.

The random comparison with a dictionary is in tests/model; here are the cases with a name: repeated
records, rows out of any shard, keys never met, and fields loaded from a later snapshot.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.engine.partition import Partition
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

FIELDS = (
    FieldSchema("amount", FieldType.INT, id=1),
    FieldSchema("species", FieldType.MUTEX, id=2, is_keyed=True),
    FieldSchema("tags", FieldType.SET, id=3, is_keyed=True),
    FieldSchema("active", FieldType.BOOL, id=4),
)
SCHEMA = TableSchema("t", "things", fields=FIELDS)
KEYED = TableSchema("k", "keyed", is_keyed=True, fields=FIELDS)
UPSERT = OperationKind.UPSERT


def apply(partition: Partition, kind: OperationKind, **columns: Any) -> int:
    arrays = {name.replace("id", "_id"): pa.array(*values) for name, values in columns.items()}
    batch = Batch([Operation(kind, pa.RecordBatch.from_pydict(arrays))])
    (changed,) = partition.apply(partition.applied_sequence + 1, batch)
    return changed


def ids(*values: int) -> tuple[list[int], pa.DataType]:
    return list(values), pa.uint64()


def number(partition: Partition, field_id: int, id_: int) -> int | None:
    field = partition.shards[id_ >> 20].fields[field_id]
    assert field.values is not None
    numbers, present = field.values.get(np.array([id_ & 0xFFFFF], dtype=np.uint32))
    return int(numbers[0]) if present[0] else None


def members(partition: Partition, field_id: int, row: str | int) -> list[int]:
    """Ids of the records that have a row, over all shards."""
    dictionary = partition.dictionaries.get(field_id)
    code = int(dictionary.find_codes([row])[0]) if dictionary else int(row)
    found = []
    for shard in partition.shards.values():
        rows = shard.fields[field_id].rows
        assert rows is not None
        found += [position + (shard.number << 20) for position in rows.row(code) or ()]
    return found


def test_the_last_of_repeated_records_wins() -> None:
    partition = Partition(SCHEMA, 0)
    changed = apply(
        partition,
        UPSERT,
        id=ids(7, 8, 7, 7),
        amount=([1, 2, 3, None],),
        species=(["a", "b", None, "c"],),
        active=([True, False, None, False],),
        tags=([["x"], None, ["y"], ["x", "z"]],),
    )
    assert number(partition, 1, 7) == 3
    assert members(partition, 2, "c") == [7]
    assert members(partition, 2, "a") == []
    assert members(partition, 4, 0) == [7, 8]
    assert members(partition, 4, 1) == []
    assert [members(partition, 3, tag) for tag in "xyz"] == [[7], [7], [7]]
    assert changed == 2 + 2 + 2 + 3


def test_repeating_a_write_changes_nothing() -> None:
    partition = Partition(SCHEMA, 0)
    columns: dict[str, Any] = {
        "id": ids(1, 2**64 - 1, 1 << 20),
        "amount": ([1, 2, 3],),
        "species": (["a", "a", "b"],),
        "tags": ([["x"], ["x", "y"], []],),
    }
    assert apply(partition, UPSERT, **columns) == 3 + 3 + 3
    assert apply(partition, UPSERT, **columns) == 0
    assert set(partition.shards) == {0, 1, 2**44 - 1}


def test_keys_never_met_are_neither_cleared_nor_created() -> None:
    partition = Partition(KEYED, 0)
    apply(partition, UPSERT, id=(["a", "b"],), species=(["x", "y"],))
    assert apply(partition, OperationKind.DELETE, id=(["never", "a"],)) == 1
    cleared = apply(
        partition, OperationKind.CLEAR, id=(["never", "b"],), species=(["y", "unknown"],)
    )
    assert cleared == 0
    assert members(partition, 2, "y") == [1]
    assert partition.keys is not None
    assert len(partition.keys) == 2
    assert len(partition.dictionaries[2]) == 2


def test_a_deleted_key_keeps_its_position() -> None:
    partition = Partition(KEYED, 0)
    apply(partition, UPSERT, id=(["a", "b"],), amount=([1, 2],))
    apply(partition, OperationKind.DELETE, id=(["a"],))
    apply(partition, UPSERT, id=(["c", "a"],), amount=([3, None],))
    assert partition.shards[0].exists.to_array().tolist() == [0, 1, 2]
    assert [number(partition, 1, position) for position in range(3)] == [None, 2, 3]


def test_clearing_takes_the_row_given_and_no_other() -> None:
    partition = Partition(SCHEMA, 0)
    apply(
        partition,
        UPSERT,
        id=ids(1, 2),
        species=(["a", "b"],),
        tags=([["x", "y"], ["x"]],),
        amount=([5, 6],),
        active=([True, True],),
    )
    cleared = apply(
        partition,
        OperationKind.CLEAR,
        id=ids(1, 2, 2, 9 << 20),
        species=(["b", "b", "b", "a"],),
        tags=([["y"], ["z"], ["x"], ["x"]],),
        amount=([0, None, None, 1],),
        active=([False, True, None, None],),
    )
    assert cleared == 1 + 2 + 1 + 1
    assert members(partition, 2, "a") == [1]
    assert members(partition, 3, "x") == [1]
    assert members(partition, 4, 1) == [1]
    assert number(partition, 1, 1) is None
    assert number(partition, 1, 2) == 6
    assert len(partition.shards[0].exists) == 2
    assert set(partition.shards) == {0}


def test_clearing_a_row_takes_it_from_every_shard() -> None:
    partition = Partition(SCHEMA, 0)
    apply(partition, UPSERT, id=ids(1, 2, 5 << 20), species=(["a", "b", "a"],), tags=([["a"]] * 3,))
    assert apply(partition, OperationKind.CLEAR_ROW, species=(["a", "never"],)) == 2
    assert apply(partition, OperationKind.CLEAR_ROW, tags=([["a", "a"]],)) == 3
    assert number(partition, 2, 1) is None
    assert number(partition, 2, 5 << 20) is None
    assert members(partition, 2, "b") == [2]


def test_a_field_that_contains_a_batch_is_left_alone() -> None:
    """As after a checkpoint that wrote one field before and one field after the batch."""
    partition = Partition(SCHEMA, 0)
    apply(partition, UPSERT, id=ids(1), amount=([1],), species=(["a"],))
    shard = partition.shards[0]
    shard.fields[1].loaded_sequence = 3
    shard.loaded_sequence = 2
    apply(partition, OperationKind.DELETE, id=ids(1))
    apply(partition, UPSERT, id=ids(2), amount=([9],), species=(["b"],))
    assert number(partition, 1, 1) == 1
    assert number(partition, 2, 1) is None
    assert number(partition, 1, 2) is None
    assert shard.exists.to_array().tolist() == [1, 2]
    apply(partition, UPSERT, id=ids(2), amount=([9],))
    assert number(partition, 1, 2) == 9
