"""A table shows batches wholly or not at all, and goes on, closes and disappears cleanly.

Readers race writers over two partitions, fields change while batches are on their way, a batch
breaks half-way through, another process takes over the log, tables are closed and dropped.
"""

import threading
from typing import Any

import numpy as np
import pytest

from bitbrook.compute.routing import split_batch
from bitbrook.engine.batch import Batch, OperationKind, encode_batch
from bitbrook.engine.partition import Partition
from bitbrook.engine.table import Table
from bitbrook.engine.upkeep import UpkeepPolicy
from bitbrook.errors import Damaged, Fenced, Stopping, TableNotFound
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.stores.log import LogEntry

AMOUNT = FieldSchema("amount", FieldType.INT, id=1)
SPECIES = FieldSchema("species", FieldType.MUTEX, id=2, is_keyed=True)
WIDE = TableSchema("w", "wide", fields=(AMOUNT, SPECIES), partition_count=2)


def amounts(partition: Partition) -> set[int]:
    """Every amount a partition holds."""
    found: set[int] = set()
    for shard in partition.shards.values():
        field = shard.fields[1]
        assert field.values is not None
        positions = np.array(shard.exists.to_array(), dtype=np.uint32)
        found |= set(field.values.get(positions)[0].tolist())
    return found


def test_a_batch_is_seen_wholly_over_all_partitions(home: Any, batch_of: Any) -> None:
    """Each batch gives one amount to records all over; a reader must never see two amounts."""
    table = home.open(WIDE)
    ids = [number << 20 for number in range(8)] + [5, 6]

    def batch(amount: int) -> dict[int, Batch]:
        columns = {"_id": ids, "amount": [amount] * len(ids)}
        return split_batch(batch_of(columns, schema=WIDE), WIDE)

    assert len(batch(0)) == 2
    table.submit(batch(0)).result(10)
    is_done = threading.Event()
    seen: list[set[int]] = []

    def read() -> None:
        while not is_done.is_set():
            with table._reading():
                seen.append(set().union(*(amounts(part) for part in table._partitions)))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for amount in range(1, 20):
        assert table.submit(batch(amount)).result(10).counts == [len(ids)]
        with table._reading():
            assert amounts(table._partitions[0]) == {amount}
    is_done.set()
    for reader in readers:
        reader.join()
    assert all(len(each) == 1 for each in seen)


def test_several_operations_are_one_batch(home: Any, batch_of: Any) -> None:
    table = home.open()
    operations = [
        *batch_of({"_id": [1, 2], "amount": [1, 2]}).operations,
        *batch_of({"_id": [2]}, OperationKind.DELETE).operations,
        *batch_of({"_id": [1, 3], "species": ["a", "a"]}).operations,
    ]
    assert table.submit({0: Batch(operations)}).result(10).counts == [2, 1, 2]
    assert table.statistics().record_count == 2


def test_an_empty_batch_changes_nothing(home: Any, batch_of: Any) -> None:
    table = home.open()
    assert table.submit({}).result(10).counts == []
    assert table.submit({0: batch_of({"_id": [], "amount": [], "tags": []})}).result(10).counts == [
        0
    ]
    assert table.statistics().record_count == 0


def test_a_batch_on_its_way_meets_changed_fields(home: Any, batch_of: Any) -> None:
    """A batch encoded before `amount` became another field's name must not reach that field."""
    table = home.open()
    again = FieldSchema("amount", FieldType.SET, id=9, is_keyed=True)
    schema = TableSchema("t1", "things", fields=(again, SPECIES))
    with table._lock.reading():
        future = table.submit({0: batch_of({"_id": [1], "amount": [7], "species": ["a"]})})
        altering = threading.Thread(target=table.alter, args=(schema,))
        altering.start()
        while not table._lock._waiting_writers:
            pass
    altering.join()
    future.result(10)
    shard = table._partitions[0].shards[0]
    assert 9 not in shard.fields
    statistics = table.statistics()
    assert [(field.name, field.rows) for field in statistics.fields] == [
        ("amount", 0),
        ("species", 1),
    ]


def test_a_torn_batch_closes_the_table_and_a_restart_heals_it(
    home: Any, batch_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = home.open()
    table.submit({0: batch_of({"_id": [1], "amount": [1]})}).result(10)

    def break_half_way(self: Partition, sequence: int, batch: Batch) -> list[int]:
        self.shards[0].exists.add(99)
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Partition, "apply", break_half_way)
        with pytest.raises(Damaged, match=r"MemoryError.*rebuilt"):
            table.submit({0: batch_of({"_id": [2], "amount": [2]})}).result(10)
    for refused in (
        lambda: table.submit({0: batch_of({"_id": [3], "amount": [3]})}),
        table.statistics,
        table.checkpoint,
    ):
        with pytest.raises(Damaged, match="rebuilt"):
            refused()
    table.close()
    assert home.log.manifests(["t1.0"]) == {}
    home.stop()
    home.start()
    assert amounts(home.open()._partitions[0]) == {1, 2}


def test_a_table_whose_log_was_continued_elsewhere_stops(home: Any, batch_of: Any) -> None:
    table = home.open()
    home.log.append([LogEntry("t1.0", 1, b"of another process")])
    with pytest.raises(Fenced):
        table.submit({0: batch_of({"_id": [1], "amount": [1]})}).result(10)
    with pytest.raises(Fenced):
        table.statistics()


def test_closing_finishes_checkpoints_and_refuses(home: Any, batch_of: Any) -> None:
    table = home.open()
    futures = [
        table.submit({0: batch_of({"_id": [number], "amount": [number]})}) for number in range(20)
    ]
    table.close()
    assert [future.result(0).counts for future in futures] == [[1]] * 20
    assert home.log.extents(["t1.0"]) == {}
    with pytest.raises(Stopping):
        table.submit({0: batch_of({"_id": [1], "amount": [1]})})
    with pytest.raises(Stopping):
        table.statistics()
    assert home.open().statistics().record_count == 20


def test_dropping_leaves_nothing(home: Any, batch_of: Any) -> None:
    table, other = home.open(WIDE), home.open()
    for amount in range(3):
        columns = {"_id": [0, 1 << 20, 2 << 20], "amount": [amount] * 3}
        table.submit(split_batch(batch_of(columns, schema=WIDE), WIDE)).result(10)
        table.checkpoint()
    other.submit({0: batch_of({"_id": [1], "amount": [1]})}).result(10)
    table.drop()
    names = ["w.0", "w.1"]
    assert home.log.extents(names) == home.log.manifests(names) == {}
    assert not any(home.snapshots.names(name) for name in names)
    with pytest.raises(TableNotFound):
        table.statistics()
    assert other.statistics().record_count == 1


def test_the_policy_decides_on_checkpoints(home: Any, batch_of: Any) -> None:
    table = home.open()
    at_once = UpkeepPolicy(log_bytes=1, checkpoint_age_s=1e9)
    when_old = UpkeepPolicy(log_bytes=1 << 40, checkpoint_age_s=0)
    never = UpkeepPolicy(log_bytes=1 << 40, checkpoint_age_s=1e9)
    assert not any(table.needs_checkpoint(policy) for policy in (at_once, when_old, never))
    table.submit({0: batch_of({"_id": [1], "amount": [1]})}).result(10)
    assert table.needs_checkpoint(at_once)
    assert table.needs_checkpoint(when_old)
    assert not table.needs_checkpoint(never)
    table.checkpoint()
    assert not any(table.needs_checkpoint(policy) for policy in (at_once, when_old, never))


def test_checkpoints_happen_in_the_background(home: Any, batch_of: Any) -> None:
    home.stop()
    home.start(upkeep_policy=UpkeepPolicy(log_bytes=1, poll_s=0.01))
    table = home.open()
    table.submit({0: batch_of({"_id": [1], "amount": [1]})}).result(10)
    waited = threading.Event()
    for _ in range(500):
        if home.log.manifests(["t1.0"]) and not home.log.extents(["t1.0"]):
            break
        waited.wait(0.01)
    else:
        pytest.fail("no checkpoint within five seconds")


def test_statistics(home: Any, batch_of: Any) -> None:
    table: Table = home.open(WIDE)
    columns = {
        "_id": [1, 2, 1 << 20, 2 << 20],
        "amount": [1, 2, 3, None],
        "species": ["a", "b", "a", "c"],
    }
    table.submit(split_batch(batch_of(columns, schema=WIDE), WIDE)).result(10)
    statistics = table.statistics()
    assert statistics.record_count == 4
    assert statistics.stored_bytes == 0
    assert [(f.name, f.type, f.rows) for f in statistics.fields] == [
        ("amount", FieldType.INT, 0),
        ("species", FieldType.MUTEX, 3),
    ]
    assert statistics.memory_bytes >= sum(field.memory_bytes for field in statistics.fields)
    table.checkpoint()
    assert table.statistics().stored_bytes > 0


def test_some_partitions_of_a_table(home: Any, batch_of: Any) -> None:
    """Each process holds one partition: none touches another's, and together they are the table."""
    columns = {"_id": [number << 20 for number in range(8)], "amount": [1] * 8}
    parts = split_batch(batch_of(columns, schema=WIDE), WIDE)
    held = {
        number: Table.open(
            WIDE, log=home.log, snapshots=home.snapshots, writer=home.writer, numbers=[number]
        )
        for number in parts
    }
    for number, part in parts.items():
        body = encode_batch(part, WIDE)
        written = held[number].submit_encoded({number: body}).result(10)
        assert written.sequences == {number: 1}
        assert held[number].numbers == [number]
        assert held[number].sequences == {number: 1}
    counts = [table.statistics().record_count for table in held.values()]
    assert sum(counts) == 8
    assert 0 not in counts
    for table in held.values():
        table.close()
    assert home.open(WIDE).statistics().record_count == 8
