"""A table opens without reading its shards, and what it reads late is right or refused.

Parts are touched one by one, by readers at once, by writers and not at all before the next
checkpoint; their blocks are replaced under them, unlinked, and changed byte by byte after opening.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import HasRow
from bitbrook.algebra.questions import CountRecords, NumberTotals, RowCounts
from bitbrook.engine import resting
from bitbrook.engine.batch import TIME_SUFFIX, Batch, Operation, OperationKind
from bitbrook.engine.partition import Partition
from bitbrook.engine.resting import idle_shards
from bitbrook.engine.shard import Shard
from bitbrook.engine.stored import Stored
from bitbrook.engine.table import Table
from bitbrook.errors import Damaged
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.stores.snapshots import FilePiece

SCHEMA = TableSchema(
    "t1",
    "things",
    fields=(
        FieldSchema("amount", FieldType.INT, id=1),
        FieldSchema("species", FieldType.MUTEX, id=2, is_keyed=True),
        FieldSchema("tags", FieldType.SET, id=3, is_keyed=True),
        FieldSchema("active", FieldType.BOOL, id=4),
        FieldSchema("seen", FieldType.TIME, id=5, quantum="YM"),
    ),
)
COUNT = 50_000
FIRST_S = 1_700_000_000
SHARD = 1 << 20
SPECIES = HasRow("species", ("s1",))
QUESTIONS: dict[str, Any] = {
    "exists": CountRecords(),
    "species": CountRecords(SPECIES),
    "tags": RowCounts("tags"),
    "amount": NumberTotals("amount"),
    "amount of species": NumberTotals("amount", SPECIES),
    "active": RowCounts("active"),
    "seen": RowCounts("seen"),
}


@pytest.fixture
def stored(home: Any, batch_of: Any) -> Any:
    """A home that was stopped with two shards of 25,000 records in its snapshot and no log."""
    table = home.open(SCHEMA)
    numbers = range(COUNT)
    columns: dict[str, Any] = {
        "_id": [number % 2 * SHARD + number for number in numbers],
        "amount": [number % 1_000 for number in numbers],
        "species": [f"s{number % 3}" for number in numbers],
        "tags": [[f"t{number % 7}", f"u{number % 500}"] for number in numbers],
        "active": [number % 4 == 0 for number in numbers],
        "seen": [[number % 5] for number in numbers],
    }
    (operation,) = batch_of(columns, schema=SCHEMA).operations
    times_s = pa.array([FIRST_S + number * 86 for number in numbers], pa.int64())
    records = operation.records.append_column("seen" + TIME_SUFFIX, times_s)
    table.submit({0: Batch([Operation(OperationKind.UPSERT, records)])}).result(10)
    table.checkpoint()
    home.stop()
    return home


def answers(table: Table) -> dict[str, Any]:
    """What the table answers to every question, comparable."""
    return {name: _plain(table.evaluate(each, Budget())[0]) for name, each in QUESTIONS.items()}


def _plain(partial: Any) -> Any:
    values = {field.name: getattr(partial, field.name) for field in fields(partial)}
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()}


def untouched(table: Table) -> set[str]:
    """The parts of the first shard that still lie in its block."""
    shard = table._partitions[0].shards[0]
    parts = dict(shard.forms.as_they_are())
    for field_id, field in shard.fields.items():
        for name, part in {**field.forms.as_they_are(), **field.views.as_they_are()}.items():
            parts[f"{SCHEMA.fields[field_id - 1].name} {name}"] = part
    return {name for name, part in parts.items() if isinstance(part, Stored)}


def shard_block(home: Any) -> Path:
    (path,) = (home.directory / "snapshots" / "t1.0").glob("shard-0-*")
    assert isinstance(path, Path)
    return path


def test_only_what_is_asked_for_is_read(stored: Any) -> None:
    table = stored.start().open(SCHEMA)
    everything = untouched(table)
    assert {"exists", "amount values", "species rows", "species values", "seen 2023"} <= everything
    statistics = table.statistics()
    assert statistics.record_count == COUNT
    assert untouched(table) == everything - {"active rows"}
    table.evaluate(CountRecords(SPECIES), Budget())
    assert "species rows" not in untouched(table)
    assert {"amount values", "tags rows", "seen 2023"} <= untouched(table)
    table.evaluate(NumberTotals("amount"), Budget())
    assert "amount values" not in untouched(table)


def test_answers_are_those_of_before(stored: Any) -> None:
    """Asked one by one in different orders, each time of a table that was opened anew."""
    expected = answers(stored.start().open(SCHEMA))
    assert expected["exists"]["count"] == COUNT
    assert expected["amount"]["total"] == sum(number % 1_000 for number in range(COUNT))
    for name in QUESTIONS:
        stored.stop()
        table = stored.start().open(SCHEMA)
        assert _plain(table.evaluate(QUESTIONS[name], Budget())[0]) == expected[name]
        assert answers(table) == expected


def test_readers_touch_parts_together(stored: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight threads ask everything at once of a table just opened; each part is read once."""
    expected = answers(stored.start().open(SCHEMA))
    reads: list[object] = []
    read = FilePiece.read

    def counting(piece: FilePiece) -> memoryview:
        reads.append(piece)
        return read(piece)

    for _ in range(5):
        stored.stop()
        table = stored.start().open(SCHEMA)
        reads.clear()
        with monkeypatch.context() as patch, ThreadPoolExecutor(8) as pool:
            patch.setattr(FilePiece, "read", counting)
            found = list(pool.map(answers, [table] * 8))
        assert found == [expected] * 8
        assert len(reads) == len(set(reads))


def test_writes_to_untouched_parts(stored: Any, batch_of: Any) -> None:
    """What is written to mapped memory is seen, checkpointed, and never reaches the old block."""
    table = stored.start().open(SCHEMA)
    before = shard_block(stored).read_bytes()
    columns = {"_id": [0, SHARD + 1], "amount": [5_000, 6_000], "species": ["s1", "new"]}
    table.submit({0: batch_of(columns, schema=SCHEMA)}).result(10)
    table.submit({0: batch_of({"_id": [2]}, OperationKind.DELETE, SCHEMA)}).result(10)
    assert shard_block(stored).read_bytes() == before
    expected = answers(table)
    assert expected["exists"]["count"] == COUNT - 1
    table.checkpoint()
    assert answers(table) == expected
    stored.stop()
    assert answers(stored.start().open(SCHEMA)) == expected


def test_untouched_parts_go_from_block_to_block(stored: Any, batch_of: Any) -> None:
    """A checkpoint copies them without attaching; then they lie in the new block, the old is gone.

    So often that parts untouched since the first block are read from the last one.
    """
    table = stored.start().open(SCHEMA)
    for number in range(4):
        path = shard_block(stored)
        columns = {"_id": [0], "amount": [number]}
        table.submit({0: batch_of(columns, schema=SCHEMA)}).result(10)
        table.checkpoint()
        assert not path.exists()
        assert {"species rows", "species values", "tags rows", "seen 2023"} <= untouched(table)
    expected = answers(table)
    assert expected["amount"]["total"] == sum(n % 1_000 for n in range(COUNT)) + 3
    stored.stop()
    assert answers(stored.start().open(SCHEMA)) == expected


def test_questions_while_blocks_are_replaced(stored: Any, batch_of: Any) -> None:
    """Readers open every part for the first time while checkpoints replace the blocks."""
    expected = answers(stored.start().open(SCHEMA))
    for _ in range(5):
        stored.stop()
        table = stored.start().open(SCHEMA)
        is_done = threading.Event()

        def replace(table: Table = table, is_done: threading.Event = is_done) -> None:
            while not is_done.is_set():
                columns = {"_id": [0, SHARD + 1], "amount": [1, 1]}
                table.submit({0: batch_of(columns, schema=SCHEMA)}).result(10)
                table.checkpoint()

        replacing = threading.Thread(target=replace)
        replacing.start()
        with ThreadPoolExecutor(3) as pool:
            found = list(pool.map(answers, [table] * 3))
        is_done.set()
        replacing.join()
        for each in found:
            assert {**each, "amount": 0, "amount of species": 0} == {
                **expected,
                "amount": 0,
                "amount of species": 0,
            }


def test_shards_left_alone_go_back_to_their_blocks(
    home: Any, batch_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two shards one is written to between checkpoints: the other one is let go, once.

    Answers stay what they are, also when that shard is written to again, and a write that comes
    between the look and the letting go is not lost.
    """
    table = home.open(SCHEMA)
    ids = [*range(1_000), *range(SHARD, SHARD + 1_000)]
    columns: dict[str, Any] = {"_id": ids, "amount": ids, "species": ["s1"] * 2_000}
    table.submit({0: batch_of(columns, schema=SCHEMA)}).result(10)
    table.checkpoint()
    assert untouched(table) == set(), "a shard that was just written stays"
    _write_amount(table, batch_of, SHARD, 1)
    table.checkpoint()
    assert untouched(table) == {"exists", "amount values", "species rows", "species values"}
    expected = answers(table)
    assert expected["amount"]["total"] == sum(ids) - SHARD + 1
    asked = untouched(table)
    assert not asked & {"exists", "amount values", "species rows"}
    _write_amount(table, batch_of, SHARD, 2)
    table.checkpoint()
    assert untouched(table) == asked, "what was only read stays"

    def write_before(partition: Partition, *, since: int) -> list[Shard]:
        idle = idle_shards(partition, since=since)
        assert len(idle) == 1
        _write_amount(table, batch_of, 0, 77)
        return idle

    _write_amount(table, batch_of, 0, 7)
    table.checkpoint()
    _write_amount(table, batch_of, SHARD, 3)
    with monkeypatch.context() as patch:
        patch.setattr(resting, "idle_shards", write_before)
        patch.setattr(table, "_reading", nullcontext)
        table.checkpoint()
    assert table.evaluate(QUESTIONS["amount"], Budget())[0].total == sum(ids) - SHARD + 77 + 3
    table.checkpoint()
    home.stop()
    found = answers(home.start().open(SCHEMA))
    assert found["amount"]["total"] == sum(ids) - SHARD + 77 + 3


def _write_amount(table: Table, batch_of: Any, id_: int, amount: int) -> None:
    table.submit({0: batch_of({"_id": [id_], "amount": [amount]}, schema=SCHEMA)}).result(10)


def test_damage_is_found_late_and_closes_the_table(stored: Any) -> None:
    """Any byte of the block changed after opening: answers stay right until one names the file."""
    path = shard_block(stored)
    good = path.read_bytes()
    expected = answers(stored.start().open(SCHEMA))
    random = np.random.default_rng(11)
    refused = 0
    places = random.integers(64, len(good), 40).tolist()
    for place in places:
        stored.stop()
        path.write_bytes(good)
        table = stored.start().open(SCHEMA)
        changed = bytearray(good)
        changed[place] ^= 1 << int(random.integers(8))
        path.write_bytes(changed)
        with suppress(Damaged):
            for name, question in QUESTIONS.items():
                assert _plain(table.evaluate(question, Budget())[0]) == expected[name]
        if table.failure is not None:
            refused += 1
            with pytest.raises(Damaged, match=path.name):
                table.evaluate(CountRecords(), Budget())
            with pytest.raises(Damaged, match=path.name):
                table.submit({})
    assert refused > len(places) // 2
    stored.stop()
    path.write_bytes(good)
    assert answers(stored.start().open(SCHEMA)) == expected, "a restored file heals it"


@pytest.mark.parametrize("touched_by", ["a batch", "a checkpoint", "a replay"])
def test_damage_that_others_find(stored: Any, batch_of: Any, touched_by: str) -> None:
    """The block's middle is overwritten; whoever touches it names the file, nothing is lost."""
    path = shard_block(stored)
    good = path.read_bytes()
    table = stored.start().open(SCHEMA)
    columns: dict[str, Any] = {"_id": [0], "amount": [9_999]}
    if touched_by == "a checkpoint":
        table.submit({0: batch_of(columns, schema=SCHEMA)}).result(10)
    columns["tags"] = [["t1"]]
    if touched_by == "a replay":
        table.submit({0: batch_of(columns, schema=SCHEMA)}).result(10)
        stored.stop()
    path.write_bytes(good[: len(good) // 3] + bytes(len(good) // 3) + good[-(len(good) // 3) :])
    touch = {
        "a batch": lambda: table.submit({0: batch_of(columns, schema=SCHEMA)}).result(10),
        "a checkpoint": table.checkpoint,
        "a replay": lambda: stored.start().open(SCHEMA),
    }[touched_by]
    with pytest.raises(Damaged, match=path.name):
        touch()
    assert path.exists(), "the snapshot stays as it is"
    stored.stop()
    path.write_bytes(good)
    total = answers(stored.start().open(SCHEMA))["amount"]["total"]
    assert total == sum(number % 1_000 for number in range(COUNT)) + 9_999
