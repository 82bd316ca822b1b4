"""What is stored opens as it was, or is refused with the place named; nothing in between.

A small table is stopped at a point where it has a snapshot and a log; then blocks, manifest and log
entries are changed, removed, exchanged or left over, each alone, and the table is opened again.
"""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from bitbrook.engine import recovery
from bitbrook.engine.batch import OperationKind
from bitbrook.engine.shard_block import ShardPieces
from bitbrook.engine.table import Table
from bitbrook.errors import Damaged
from bitbrook.schema.field_types import TableSchema

NAME = "t1.0"


@pytest.fixture
def stored(home: Any, batch_of: Any) -> Any:
    """A home that was stopped with batches 1 to 3 in its snapshot and 4 to 6 in its log."""
    table = home.open()
    for number in range(1, 7):
        columns = {"_id": [number], "amount": [number], "species": [f"s{number}"]}
        table.submit({0: batch_of(columns)}).result(10)
        if number == 3:
            table.checkpoint()
    home.stop()
    return home


def record_count(table: Table) -> int:
    return table.statistics().record_count


def change_log(home: Any, statement: str) -> None:
    connection = sqlite3.connect(home.directory / "log.db")
    with connection:
        connection.execute(statement)
    connection.close()


def blocks_of(home: Any, kind: str) -> list[Path]:
    return sorted((home.directory / "snapshots" / NAME).glob(f"{kind}-*"))


def test_snapshot_and_log_make_the_table(stored: Any) -> None:
    table = stored.start().open()
    assert record_count(table) == 6
    assert table._partitions[0].applied_sequence == 6


def test_writing_goes_on_after_the_last_sequence(stored: Any, batch_of: Any) -> None:
    table = stored.start().open()
    table.submit({0: batch_of({"_id": [7], "amount": [7]})}).result(10)
    assert stored.log.extents([NAME])[NAME].last == 7


def test_small_batches_that_are_replayed_together_leave_what_each_left(
    home: Any, batch_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Repeated ids, nulls, other columns and other kinds of write between, in runs of a few."""
    table = home.open()
    for number in range(40):
        ids = [number % 7, number % 5, number % 7]
        columns: dict[str, list[Any]] = {"_id": ids, "amount": [number, None, None]}
        if number % 6:
            columns |= {"species": [None, f"s{number % 4}", None], "tags": [[f"t{number}"]] * 3}
        kind = OperationKind.CLEAR if number % 11 == 10 else OperationKind.UPSERT
        kind = OperationKind.DELETE if number == 23 else kind
        columns = {"_id": ids} if number == 23 else columns
        table.submit({0: batch_of(columns, kind)}).result(10)
        if number == 4:
            table.checkpoint()

    def state_of(table: Table) -> list[bytes]:
        partition = table._partitions[0]
        pieces = ShardPieces(partition, partition.shards[0], table._reading)
        return [*map(bytes, pieces), partition.dictionaries[3].tail(0)[0].tobytes()]

    before = state_of(table)
    home.stop()
    monkeypatch.setattr(recovery, "RUN_RECORDS_MAX", 30)
    assert state_of(home.start().open()) == before


def test_a_table_is_rebuilt_from_the_log_alone(home: Any, batch_of: Any) -> None:
    table = home.open()
    table.submit({0: batch_of({"_id": [1, 2], "tags": [["a"], ["b"]]})}).result(10)
    home.stop()
    home.start()
    assert record_count(home.open()) == 2


@pytest.mark.parametrize("kind", ["shard", "rows"])
def test_a_changed_block_is_named(stored: Any, kind: str) -> None:
    path = blocks_of(stored, kind)[0]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(Damaged, match=path.name):
        stored.start().open()


@pytest.mark.parametrize("kind", ["shard", "rows"])
def test_a_missing_block_is_named(stored: Any, kind: str) -> None:
    path = blocks_of(stored, kind)[0]
    path.unlink()
    with pytest.raises(Damaged, match=f"{path.name}: is missing"):
        stored.start().open()


def test_blocks_that_nobody_names_are_removed(stored: Any) -> None:
    directory = stored.directory / "snapshots" / NAME
    (directory / "shard-9-9-abc.unfinished").write_bytes(b"half a block")
    (directory / "shard-9-9-abc").write_bytes(b"a block without a manifest")
    names = stored.snapshots.names(NAME)
    stored.start().open()
    assert stored.snapshots.names(NAME) == {name for name in names if "9-9" not in name}


LOG_CHANGES = [
    ("UPDATE log SET body = zeroblob(length(body)) WHERE sequence = 5", "batch 5.*checksum"),
    ("UPDATE log SET body = x'00' WHERE sequence = 5", "batch 5.*checksum"),
    ("DELETE FROM log WHERE sequence = 5", "lacks batch 5"),
    ("DELETE FROM log WHERE sequence = 4", "begins with batch 5"),
    ("UPDATE snapshot SET manifest = substr(manifest, 1, 40)", "manifest.*checksum"),
    ("UPDATE snapshot SET manifest = x''", "manifest.*checksum"),
    ("DELETE FROM snapshot", "begins with batch 4"),
]


@pytest.mark.parametrize(("statement", "message"), LOG_CHANGES)
def test_a_changed_log_is_refused(stored: Any, statement: str, message: str) -> None:
    change_log(stored, statement)
    with pytest.raises(Damaged, match=f"{message}.*backup"):
        stored.start().open()


def test_a_snapshot_without_manifest_and_log_is_refused(stored: Any) -> None:
    change_log(stored, "DELETE FROM snapshot")
    change_log(stored, "DELETE FROM log")
    with pytest.raises(Damaged, match="no manifest"):
        stored.start().open()


def test_a_log_shorter_than_the_snapshot_is_refused(home: Any, batch_of: Any) -> None:
    """A checkpoint that writes go beside contains later batches than its manifest promises."""
    table = home.open()
    table.submit({0: batch_of({"_id": [1], "amount": [1]})}).result(10)
    reading, calls = table._reading, []

    def reading_after_a_write() -> Any:
        calls.append(None)
        if len(calls) == 3:
            table.submit({0: batch_of({"_id": [2], "amount": [2]})}).result(10)
        return reading()

    table._reading = reading_after_a_write
    table.checkpoint()
    home.stop()
    assert record_count(home.start().open()) == 2
    home.stop()
    change_log(home, "DELETE FROM log")
    with pytest.raises(Damaged, match=r"ends with batch 1.*after batch 2"):
        home.start().open()


def test_another_format_is_refused(stored: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from bitbrook.engine import manifest

    monkeypatch.setattr(manifest, "FORMAT_VERSION", 9)
    with pytest.raises(Damaged, match="format 2 and this is 9"):
        stored.start().open()


def test_a_field_dropped_while_closed_is_left_out(stored: Any) -> None:
    full = stored.start().open()
    schema = TableSchema("t1", "things", fields=full.schema.fields[:1])
    stored.stop()
    table = stored.start().open(schema)
    assert record_count(table) == 6
    assert [field.name for field in table.statistics().fields] == ["amount"]
    assert set(table._partitions[0].shards[0].fields) == {1}


@pytest.mark.parametrize("count", [1, 300])
def test_empty_partitions_cost_little(home: Any, count: int) -> None:
    schema = TableSchema("t2", "many", fields=(), partition_count=count)
    table = home.open(schema)
    table.close()
    assert home.log.manifests([f"t2.{number}" for number in range(count)]) == {}
