"""A record's partition never changes, and a split batch holds exactly what the whole one held.

The hashes are pinned to known values, because stored records are found by them for ever; random
batches are split and put together again.
"""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.compute.routing import partitions_of, split_batch
from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.schema.field_types import TableSchema

PINNED_IDS = [535, 535, 465, 861, 381]
PINNED_KEYS = [8, 583, 980, 131]


def test_the_partitions_of_known_records_are_pinned() -> None:
    ids = pa.array([0, 2**20 - 1, 2**20, 2**40, 2**64 - 1], pa.uint64())
    assert partitions_of(ids, 1000).tolist() == PINNED_IDS
    keys = pa.array(["", "a", "b", "iris-é"])
    assert partitions_of(keys, 1000).tolist() == PINNED_KEYS
    assert partitions_of(pa.array(["x", *keys.to_pylist()]).slice(1), 1000).tolist() == PINNED_KEYS


def test_a_shard_stays_in_one_partition() -> None:
    ids = pa.array(np.arange(5 << 20, 6 << 20, 4097, dtype=np.uint64))
    assert len(set(partitions_of(ids, 64).tolist())) == 1


def test_keys_spread_evenly() -> None:
    counts = np.bincount(
        partitions_of(pa.array([f"user-{i}" for i in range(16_000)]), 16).astype(np.int64)
    )
    assert len(counts) == 16
    assert counts.min() > 850
    assert counts.max() < 1150


@given(
    st.lists(
        st.tuples(
            st.sampled_from([OperationKind.UPSERT, OperationKind.DELETE]),
            st.lists(st.text(max_size=3), max_size=6),
        ),
        max_size=4,
    ),
    st.integers(1, 5),
)
def test_parts_put_together_are_the_batch(
    operations: list[tuple[OperationKind, list[str]]], partition_count: int
) -> None:
    schema = TableSchema("t1", "t", is_keyed=True, partition_count=partition_count)
    batch = Batch(
        [
            Operation(kind, pa.record_batch({"_id": pa.array(keys, pa.string())}))
            for kind, keys in operations
        ]
    )
    parts = split_batch(batch, schema)
    for index, (kind, keys) in enumerate(operations):
        pieces = [part.operations[index] for part in parts.values()]
        assert all(piece.kind is kind for piece in pieces)
        put_together = [key for piece in pieces for key in piece.records["_id"].to_pylist()]
        assert sorted(put_together) == sorted(keys)
        for number, part in parts.items():
            piece = part.operations[index].records["_id"]
            assert set(partitions_of(piece, partition_count).tolist()) <= {number}
    assert all(len(part.operations) == len(operations) for part in parts.values())


def test_clearing_a_row_goes_to_every_partition() -> None:
    schema = TableSchema("t1", "t", partition_count=3)
    operation = Operation(
        OperationKind.CLEAR_ROW, pa.record_batch({"f": pa.array([[7]], pa.list_(pa.uint64()))})
    )
    parts = split_batch(Batch([operation]), schema)
    assert sorted(parts) == [0, 1, 2]
