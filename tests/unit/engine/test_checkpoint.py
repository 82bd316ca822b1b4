"""A checkpoint writes what changed and nothing else, and fails without losing anything.

Checked by the names and sizes of blocks between checkpoints, by disks that fail at each block, and
by a restart after every stage at which a crash could fall.
"""

import itertools
import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from pyroaring import BitMap

from bitbrook.engine import shard_block
from bitbrook.engine import table as table_module
from bitbrook.engine.batch import TIME_SUFFIX, Batch, Operation, OperationKind
from bitbrook.engine.manifest import decode_manifest
from bitbrook.engine.table import Table
from bitbrook.errors import Damaged, Overloaded
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.stores.snapshots import Block

SHARD = 1 << 20
KIND_SHARES = [0.5, 0.15, 0.15, 0.1, 0.1]


def amounts(table: Table, ids: Sequence[int]) -> list[int | None]:
    """The stored amounts of records, None where there is none."""
    found: list[int | None] = []
    for id_ in ids:
        shard = table._partitions[0].shards.get(id_ >> 20)
        field = shard.fields.get(1) if shard else None
        if field is None or field.values is None:
            found.append(None)
            continue
        numbers, present = field.values.get(np.array([id_ % SHARD], dtype=np.uint32))
        found.append(int(numbers[0]) if present[0] else None)
    return found


def test_only_changed_shards_are_written(home: Any, batch_of: Any) -> None:
    table = home.open()
    ids = [0, SHARD, 2 * SHARD]
    table.submit({0: batch_of({"_id": ids, "amount": [1, 2, 3]})}).result(10)
    table.checkpoint()
    before = home.snapshots.names("t1.0")
    table.submit({0: batch_of({"_id": [SHARD], "amount": [20]})}).result(10)
    table.checkpoint()
    after = home.snapshots.names("t1.0")
    assert len(before) == len(after) == 3
    (written,) = after - before
    assert written.startswith("shard-1-")


def test_nothing_is_written_when_nothing_changed(home: Any, batch_of: Any) -> None:
    table = home.open()
    table.checkpoint()
    assert home.snapshots.names("t1.0") == set()
    assert home.log.manifests(["t1.0"]) == {}
    table.submit({0: batch_of({"_id": [1], "species": ["a"]})}).result(10)
    table.checkpoint()
    names = home.snapshots.names("t1.0")
    table.checkpoint()
    assert home.snapshots.names("t1.0") == names


def test_the_log_is_trimmed(home: Any, batch_of: Any) -> None:
    table = home.open()
    for number in range(5):
        table.submit({0: batch_of({"_id": [number], "amount": [number]})}).result(10)
    table.checkpoint()
    assert home.log.extents(["t1.0"]) == {}
    table.submit({0: batch_of({"_id": [9], "amount": [9]})}).result(10)
    assert home.log.extents(["t1.0"])["t1.0"].first == 6
    assert decode_manifest(home.log.manifests(["t1.0"])["t1.0"], "t1.0").sequence == 5


def test_dictionaries_grow_by_their_tails(home: Any, batch_of: Any) -> None:
    """Each row is written a number of times that grows with the logarithm of the blocks."""
    table = home.open()
    written: list[Block] = []
    write = home.snapshots.write

    def counting(partition: str, name: str, body: Any) -> Block:
        block: Block = write(partition, name, body)
        if name.startswith("rows-2"):
            written.append(block)
        return block

    home.snapshots.write = counting
    for number in range(64):
        rows = [f"species {number}.{i}" for i in range(100)]
        table.submit({0: batch_of({"_id": range(100), "species": rows})}).result(10)
        table.checkpoint()
        assert sum(name.startswith("rows-2") for name in home.snapshots.names("t1.0")) <= 7
    size_bytes = sum(len(f"species {n}.{i}") + 4 for n in range(64) for i in range(100))
    assert sum(block.size_bytes for block in written) < 7 * size_bytes
    home.stop()
    home.start()
    dictionary = home.open()._partitions[0].dictionaries[2]
    assert len(dictionary) == 6_400
    assert dictionary.rows_at(np.array([0, 6_399])).tolist() == ["species 0.0", "species 63.99"]


@pytest.mark.parametrize("failing_block", range(4))
def test_a_full_disk_changes_nothing(home: Any, batch_of: Any, failing_block: int) -> None:
    """Two shards, a dictionary and another: the write of each of the four blocks fails once."""
    table = home.open()
    table.submit({0: batch_of({"_id": [1, SHARD + 1], "amount": [1, 2]})}).result(10)
    table.checkpoint()
    names = home.snapshots.names("t1.0")
    columns = {"_id": [1, SHARD + 1], "amount": [3, 4], "species": ["a", "b"], "tags": [["x"]] * 2}
    table.submit({0: batch_of(columns)}).result(10)
    write, count = home.snapshots.write, itertools.count()

    def failing(partition: str, name: str, body: Any) -> Block:
        if next(count) == failing_block:
            raise OSError(28, "No space left on device")
        block: Block = write(partition, name, body)
        return block

    home.snapshots.write = failing
    with pytest.raises(Overloaded, match="No space left"):
        table.checkpoint()
    assert home.snapshots.names("t1.0") == names
    assert table.failure is None
    home.snapshots.write = write
    table.submit({0: batch_of({"_id": [1], "amount": [5]})}).result(10)
    home.stop()
    home.start()
    table = home.open()
    assert amounts(table, [1, SHARD + 1]) == [5, 4]
    table.checkpoint()
    home.stop()
    home.start()
    assert amounts(home.open(), [1, SHARD + 1]) == [5, 4]


def test_a_failed_publication_keeps_the_former_snapshot(
    home: Any, batch_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = home.open()
    table.submit({0: batch_of({"_id": [1], "amount": [1]})}).result(10)
    table.checkpoint()
    table.submit({0: batch_of({"_id": [1], "amount": [2]})}).result(10)

    def refuse(*_: object, **__: object) -> None:
        raise Overloaded("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(home.log, "publish", refuse)
        with pytest.raises(Overloaded):
            table.checkpoint()
    home.stop()
    home.start()
    table = home.open()
    assert amounts(table, [1]) == [2]
    assert len(home.snapshots.names("t1.0")) == 1, "blocks that no manifest names are gone"


def test_a_crash_before_old_blocks_are_removed_is_harmless(
    home: Any, batch_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = home.open()
    table.submit({0: batch_of({"_id": [1], "amount": [1]})}).result(10)
    table.checkpoint()
    table.submit({0: batch_of({"_id": [1], "amount": [2]})}).result(10)
    with monkeypatch.context() as patch:
        patch.setattr(table_module, "delete_unnamed", lambda *_: None)
        table.checkpoint()
    assert len(home.snapshots.names("t1.0")) == 2
    home.stop()
    home.start()
    table = home.open()
    assert amounts(table, [1]) == [2]
    assert len(home.snapshots.names("t1.0")) == 1


def test_a_failure_to_remove_old_blocks_does_not_bring_them_back(
    home: Any, batch_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = home.open()
    for amount in (1, 2):
        table.submit({0: batch_of({"_id": [1, SHARD], "amount": [amount, amount]})}).result(10)
        with monkeypatch.context() as patch:
            patch.setattr(home.snapshots, "delete", _refuse)
            with pytest.raises(OSError, match="read-only"):
                table.checkpoint()
    table.submit({0: batch_of({"_id": [1], "amount": [3]})}).result(10)
    table.checkpoint()
    home.stop()
    home.start()
    assert amounts(home.open(), [1, SHARD]) == [3, 2]


def _refuse(*_: object) -> None:
    raise OSError(30, "read-only file system")


def test_dropped_fields_leave_the_snapshot(home: Any, batch_of: Any) -> None:
    table = home.open()
    table.submit({0: batch_of({"_id": [1], "species": ["a"], "amount": [7]})}).result(10)
    table.checkpoint()
    kept = FieldSchema("amount", FieldType.INT, id=1)
    schema = TableSchema("t1", "things", fields=(kept,))
    table.alter(schema)
    table.submit({0: batch_of({"_id": [2], "amount": [8]}, schema=schema)}).result(10)
    table.checkpoint()
    assert not any(name.startswith("rows") for name in home.snapshots.names("t1.0"))
    home.stop()
    home.start()
    assert amounts(home.open(schema), [1, 2]) == [7, 8]


@pytest.mark.parametrize("seed", range(6))
def test_writes_between_all_holds_of_the_lock(
    home: Any, batch_of: Any, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Every kind of write, on few records and rows, before each part and each few rows are taken.

    The snapshot then has batches of dozens of moments, in parts torn ones; with the log it must be
    what a table is that took no checkpoint. Without the log's end it must be refused.
    """
    monkeypatch.setattr(shard_block, "SLOTS_PER_HOLD", 3)
    random = np.random.default_rng(seed)
    batches = [_random_batch(random, batch_of) for _ in range(400)]
    table, place = home.open(TORN), itertools.count()

    def write() -> None:
        table.submit({0: batches[next(place)]}).result(10)

    for _ in range(60):
        write()
    reading = table._reading

    def reading_after_a_write() -> Any:
        write()
        return reading()

    for _ in range(3):
        table._reading = reading_after_a_write
        table.checkpoint()
        table._reading = reading
        write()
        expected = _contents(table)
        home.stop()
        table = home.start().open(TORN)
        assert _contents(table) == expected
        reading = table._reading
    written = next(place)
    home.stop()
    plain = home.start().open(msgspec.structs.replace(TORN, id="t2"))
    for batch in batches[:written]:
        plain.submit({0: batch}).result(10)
    assert _contents(plain) == expected
    home.stop()
    with sqlite3.connect(home.directory / "log.db") as connection:
        connection.execute(
            "DELETE FROM log WHERE partition = 't1.0' AND sequence > ?", (written - 6,)
        )
    connection.close()
    with pytest.raises(Damaged, match="snapshot was taken after batch"):
        home.start().open(TORN)


TORN = TableSchema(
    "t1",
    "torn",
    fields=(
        FieldSchema("amount", FieldType.INT, id=1),
        FieldSchema("species", FieldType.MUTEX, id=2, is_keyed=True),
        FieldSchema("tags", FieldType.SET, id=3, is_keyed=True),
        FieldSchema("active", FieldType.BOOL, id=4),
        FieldSchema("seen", FieldType.TIME, id=5, quantum="YM"),
    ),
)


def _random_batch(random: np.random.Generator, batch_of: Any) -> Batch:
    ids = random.integers(0, 12, 4).tolist()
    kinds = list(OperationKind)
    kind = kinds[int(random.choice(len(kinds), p=KIND_SHARES))]
    if kind is OperationKind.DELETE:
        batch: Batch = batch_of({"_id": ids[:1]}, kind, TORN)
        return batch
    columns: dict[str, Any] = {
        "_id": ids,
        "species": [f"s{n}" for n in random.integers(0, 9, 4)],
        "tags": [[f"t{n}" for n in random.integers(0, 30, 3)] for _ in ids],
        "active": [bool(n) for n in random.integers(0, 2, 4)],
        "seen": [[int(n)] for n in random.integers(0, 9, 4)],
    }
    if kind is OperationKind.CLEAR_ROW:
        name = ["species", "tags", "active", "seen"][int(random.integers(4))]
        return batch_of({name: columns[name]}, kind, TORN)  # type: ignore[no-any-return]
    columns["amount"] = random.integers(-9, 9, 4).tolist()
    (operation,) = batch_of(columns, kind, TORN).operations
    months = [1_700_000_000 + 2_600_000 * int(n) for n in random.integers(0, 5, 4)]
    records = operation.records
    if kind is not OperationKind.CLEAR:
        times = pa.array(months, pa.int64())
        records = records.append_column("seen" + TIME_SUFFIX, times)
    return Batch([Operation(kind, records)])


def _contents(table: Table) -> dict[str, Any]:
    """Everything the table holds: of each part, rows by name and their positions."""
    partition = table._partitions[0]
    (shard,) = partition.shards.values()
    held: dict[str, Any] = {"exists": shard.exists.to_array().tolist()}
    for field in TORN.fields:
        part = shard.fields[field.id]
        if part.values is not None:
            numbers, is_present = part.values.get(np.arange(12, dtype=np.uint32))
            if not field.has_rows:
                held[field.name] = np.where(is_present, numbers, -99).tolist()
        dictionary = partition.dictionaries.get(field.id)
        for view, rows in {"": part.rows, **part.views}.items():
            for code in [] if rows is None else rows.codes().tolist():
                name = dictionary.rows_at(np.array([code]))[0] if dictionary else code
                held[f"{field.name} {view} {name}"] = (
                    (rows.row(code) or BitMap()).to_array().tolist()
                )
                if view == "" and part.values is not None:
                    positions = np.flatnonzero(is_present & (numbers == code)).tolist()
                    assert held[f"{field.name} {view} {name}"] == positions, "forms agree"
    return held
