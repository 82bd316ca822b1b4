"""A table that is followed answers as its owner does after every write, and leaves no trace.

The owner trims its log, replaces blocks and removes the former ones at once, alters the table and
drops it, between any two questions and during them. Some parts are asked for after each step and
others only in the end, when the block that they were in has long gone.
"""

import random
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import HasRow
from bitbrook.algebra.questions import CountRecords, NumberTotals, RowCounts
from bitbrook.compute.merge import merge_partials
from bitbrook.engine.batch import OperationKind
from bitbrook.engine.followed_table import FollowedTable
from bitbrook.engine.stored import Stored
from bitbrook.engine.table import Table
from bitbrook.errors import Damaged, TableNotFound, TimedOut
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.stores.following import Following
from bitbrook.stores.ownership import Ownership
from bitbrook.stores.sql import open_engine

SCHEMA = TableSchema(
    "t1",
    "things",
    fields=(
        FieldSchema("amount", FieldType.INT, id=1),
        FieldSchema("species", FieldType.MUTEX, id=2, is_keyed=True),
        FieldSchema("tags", FieldType.SET, id=3, is_keyed=True),
    ),
    partition_count=2,
)
SHARD = 1 << 20
QUESTIONS: dict[str, Any] = {
    "exists": CountRecords(),
    "species": CountRecords(HasRow("species", ("s1",))),
    "rows of species": RowCounts("species"),
    "tags": RowCounts("tags"),
    "amount": NumberTotals("amount", HasRow("tags", ("t1",))),
}


class Followed:
    """A table in a home, and what follows it."""

    def __init__(self, home: Any, batch_of: Any) -> None:
        self.home, self._batch_of = home, batch_of
        engine = open_engine(f"sqlite:///{home.directory}/log.db")
        self.ownership = Ownership(engine)
        self.following = Following(engine)
        self.define(SCHEMA)
        self.table: Table = home.open(SCHEMA)
        self.followed = self.follow()
        self.close = engine.dispose

    def follow(self) -> FollowedTable:
        return FollowedTable(
            "t1",
            (0, 1),
            log=self.home.log,
            snapshots=self.home.snapshots,
            following=self.following,
        )

    def define(self, schema: TableSchema) -> None:
        self.schema = schema
        self.ownership.store_table("t1", "d", msgspec.msgpack.encode(schema))

    def write(self, columns: dict[str, list[Any]], **options: Any) -> None:
        """Write records; those of odd ids are in partition 1."""
        parts = {}
        for number in (0, 1):
            kept = [at for at, id_ in enumerate(columns["_id"]) if id_ % 2 == number]
            chosen = {name: [values[at] for at in kept] for name, values in columns.items()}
            parts[number] = self._batch_of(chosen, schema=self.schema, **options)
        self.table.submit(parts).result(10)

    def answer(self, question: Any) -> Any:
        shown = self.followed.answer(question, Budget.starting_now(), (0, 1))
        assert shown.sequences == self.table.sequences
        return merge_partials(question, shown.partials)

    def check(self, *names: str) -> None:
        """Both answer the same to these questions, or to all."""
        for name in names or QUESTIONS:
            question = QUESTIONS[name]
            expected = merge_partials(question, self.table.evaluate(question, Budget()))
            assert told(self.answer(question)) == told(expected), name


def told(partial: Any) -> str:
    return repr(partial)


@pytest.fixture
def pair(home: Any, batch_of: Any) -> Any:
    """An empty table and who follows it."""
    pair = Followed(home, batch_of)
    yield pair
    pair.close()


def records(ids: list[int], chance: random.Random) -> dict[str, list[Any]]:
    return {
        "_id": ids,
        "amount": [chance.randrange(1_000) for _ in ids],
        "species": [f"s{chance.randrange(5)}" for _ in ids],
        "tags": [[f"t{chance.randrange(4)}", f"t{chance.randrange(300)}"] for _ in ids],
    }


@pytest.mark.parametrize("seed", range(6))
def test_it_answers_as_the_owner_does(pair: Followed, seed: int) -> None:
    """Writes of all kinds to several shards, checkpoints, upkeep and questions in any order."""
    chance = random.Random(seed)
    for _ in range(60):
        match chance.randrange(8):
            case 0:
                pair.table.checkpoint()
            case 1:
                pair.followed.tend(Budget())
            case 2:
                pair.check(chance.choice([*QUESTIONS]))
            case 3:
                ids = [chance.randrange(4) * SHARD + chance.randrange(300) for _ in range(20)]
                pair.write({"_id": ids}, kind=OperationKind.DELETE)
            case 4:
                ids = [chance.randrange(300) for _ in range(10)]
                pair.write({"_id": ids, "species": ["s1"] * len(ids)}, kind=OperationKind.CLEAR)
            case 5:
                ids = [chance.randrange(4) * SHARD + chance.randrange(300) for _ in range(20)]
                pair.write({"_id": ids, "amount": [chance.randrange(50) for _ in ids]})
            case _:
                first = chance.randrange(4) * SHARD + chance.randrange(300)
                pair.write(records(list(range(first, first + 50)), chance))
    pair.check()


@pytest.mark.parametrize("is_tended", [False, True])
def test_what_was_never_read_is_found_where_it_is_now(pair: Followed, is_tended: bool) -> None:
    """A part lies in a block that was replaced and removed before the part was asked for."""
    chance = random.Random(1)
    pair.write(records(list(range(1_000)), chance))
    pair.table.checkpoint()
    before = {path.name for path in Path(pair.home.directory, "snapshots").rglob("shard-*")}
    for at in range(3):
        pair.write({"_id": [at, at + 1], "species": ["s1", "s2"]})
        pair.check("exists")
        pair.table.checkpoint()
        if is_tended:
            assert pair.followed.tend(Budget())
    now = {path.name for path in Path(pair.home.directory, "snapshots").rglob("shard-*")}
    assert before.isdisjoint(now)
    opened = [each.partition for each in pair.followed._open.values()]
    pair.check()
    # Who moved in time need not read anew.
    is_same = [each.partition for each in pair.followed._open.values()] == opened
    assert is_same == is_tended


def test_shards_that_were_left_alone_are_let_go(pair: Followed) -> None:
    """Their parts lie in their blocks again, and are right when they are asked for."""
    chance = random.Random(2)
    pair.followed.tend(Budget())
    pair.write(records(list(range(100)), chance))
    for at in range(3):
        pair.write(records([SHARD + at, SHARD + 1 + at], chance))
        pair.followed.catch_up(Budget())
        pair.table.checkpoint()
        pair.followed.tend(Budget())
    parts = [
        part
        for opened in pair.followed._open.values()
        for field in opened.partition.shards[0].fields.values()
        for part in field.forms.as_they_are().values()
    ]
    assert parts
    assert all(isinstance(part, Stored) for part in parts)
    pair.check()


def test_a_log_that_was_trimmed_is_not_missed(pair: Followed) -> None:
    """What came since the last question is in the snapshot only, or in both."""
    chance = random.Random(3)
    pair.check()
    for at in range(4):
        for _ in range(3):
            pair.write(records(list(range(50 * at, 50 * at + 50)), chance))
        pair.table.checkpoint()
        if at % 2:
            pair.write(records([7, 8], chance))
        pair.check()


def test_a_batch_is_seen_wholly_or_not_at_all(pair: Followed) -> None:
    """Batches over both partitions, checkpoints, upkeep and readers, all at once."""
    is_done = threading.Event()
    faults: list[Any] = []
    written = [0]

    def read() -> None:
        try:
            while not is_done.is_set():
                least = written[0]
                shown = pair.followed.answer(CountRecords(), Budget.starting_now(), (0, 1))
                found = [partial.count for partial in shown.partials]  # type: ignore[union-attr]
                if found[0] != found[1] or sum(found) < least:
                    faults.append((least, found))
        except Exception as error:
            faults.append(error)

    def tend() -> None:
        try:
            while not is_done.wait(0.01):
                pair.followed.tend(Budget())
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=each) for each in (read, read, read, tend)]
    for thread in threads:
        thread.start()
    for at in range(150):
        pair.write({"_id": [2 * at, 2 * at + 1], "amount": [at, at]})
        written[0] = 2 * at + 2
        if at % 10 == 9:
            pair.table.checkpoint()
    is_done.set()
    for thread in threads:
        thread.join()
    assert not faults, faults[:3]
    assert self_count(pair) == 300


def self_count(pair: Followed) -> int:
    return int(pair.answer(CountRecords()).count)


def test_it_is_altered_with_the_table(pair: Followed) -> None:
    """A field comes between two questions, and what has it is trimmed before the second."""
    chance = random.Random(4)
    pair.write(records(list(range(100)), chance))
    pair.check()
    added = FieldSchema("extra", FieldType.INT, id=4)
    altered = msgspec.structs.replace(SCHEMA, fields=(*SCHEMA.fields, added))
    for is_trimmed in (False, True):
        pair.define(altered)
        pair.table.alter(altered)
        pair.write({"_id": list(range(50)), "extra": [7] * 50})
        if is_trimmed:
            pair.table.checkpoint()
        totals = pair.answer(NumberTotals("extra"))
        assert (totals.count, totals.total) == (50, 350)
        pair.check()
        pair.define(SCHEMA)
        pair.table.alter(SCHEMA)
        pair.write(records([1, 2], chance))
        pair.check()
        # A field of the same name is another one.
        again = FieldSchema("extra", FieldType.INT, id=5 + is_trimmed)
        altered = msgspec.structs.replace(SCHEMA, fields=(*SCHEMA.fields, again))
    pair.define(altered)
    assert pair.answer(NumberTotals("extra")).count == 0


def test_a_dropped_table_is_not_answered_for(pair: Followed) -> None:
    pair.write(records([1, 2], random.Random(5)))
    pair.check()
    pair.ownership.forget_table("t1")
    with pytest.raises(TableNotFound):
        pair.answer(CountRecords())


def test_damage_is_told_and_not_guessed_over(pair: Followed) -> None:
    """Every block's bytes are changed: neither reading anew nor the log makes up for it."""
    pair.write(records(list(range(1_000)), random.Random(6)))
    pair.table.checkpoint()
    for path in Path(pair.home.directory, "snapshots").rglob("shard-*"):
        body = bytearray(path.read_bytes())
        for at in range(64, len(body)):
            body[at] ^= 0xFF
        path.write_bytes(body)
    with pytest.raises(Damaged):
        pair.answer(QUESTIONS["tags"])


def test_a_question_has_its_time_while_another_looks(pair: Followed) -> None:
    """Somebody is looking and does not come to an end: whoever waits behind is still bounded."""
    with pair.followed._turn, pytest.raises(TimedOut):
        pair.followed.answer(CountRecords(), Budget.starting_now(0.1), (0, 1))
    assert self_count(pair) == 0


def test_nothing_is_changed(pair: Followed) -> None:
    """Whoever follows writes no entry, no manifest, no block and no epoch."""
    chance = random.Random(7)
    pair.write(records(list(range(100)), chance))
    pair.table.checkpoint()
    pair.write(records(list(range(50, 150)), chance))
    before = trace(pair)
    pair.check()
    assert not pair.followed.tend(Budget())
    pair.followed.expire_views(2e9)
    pair.follow().answer(CountRecords(), Budget(), (0, 1))
    assert trace(pair) == before


def trace(pair: Followed) -> Any:
    names = ["t1.0", "t1.1"]
    log = pair.home.log
    return (
        [entry for name in names for entry in log.read(name, after=0)],
        log.manifests(names),
        [pair.home.snapshots.names(name) for name in names],
        pair.ownership.owners_of("t1"),
    )
