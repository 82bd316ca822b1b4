"""What cubes tell is what counting tells, whatever was written between two questions.

Questions of every kind that cubes are for, and of kinds they are not for, are answered with cubes
made at once and without any, on a partition of two shards that is written to in between: new rows,
rows that move, values that go, records that go, fields that nothing was written to. And cubes are
made when they have been paid for, kept until their shard changes, and bounded in memory.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.model.naive import plain_groups
from tests.unit.engine.evaluate.conftest import SCHEMA, Crowd

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import (
    All,
    Expression,
    HasRow,
    HasValue,
    InRange,
    Intersect,
    Not,
)
from bitbrook.algebra.questions import CountRecords, GroupKey, GroupRecords, Question, RowCounts
from bitbrook.bitmap.thawed import Ledger
from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.engine.evaluate import cubes, evaluate
from bitbrook.engine.partition import Partition

SETOSA, COUNTRY = HasRow("species", ("setosa",)), HasRow("country", ("country-07",))
SEVERAL = HasRow("country", ("country-01", "country-02", "nowhere"))
LATER = HasRow("country", ("country-new",))
ACTIVE = HasRow("active", (True,))

CONDITIONS: list[Expression] = [
    All(),
    SETOSA,
    SEVERAL,
    HasValue("country"),
    Intersect((SETOSA, COUNTRY)),
    Intersect((SETOSA, ACTIVE, SEVERAL)),
    Intersect((Intersect((SEVERAL, COUNTRY)), ACTIVE)),
    Intersect((SEVERAL, HasRow("country", ("country-02",)), SETOSA)),
    Intersect((HasValue("species"), LATER)),
    Intersect((SETOSA, HasRow("species", ("virginica",)), ACTIVE)),
    Intersect((SETOSA, HasRow("country", ("nowhere",)))),
    Intersect((SETOSA, Not(ACTIVE))),
    Intersect((SETOSA, InRange("age", 100, 7_000))),
]
QUESTIONS: list[Question] = [
    question
    for condition in CONDITIONS
    for question in (
        CountRecords(condition),
        RowCounts("country", condition),
        RowCounts("country", condition, most=3),
        RowCounts("active", condition),
        RowCounts("country", condition, rows=("country-07", "country-new")),
        RowCounts("colours", condition),
        GroupRecords((GroupKey("species"), GroupKey("active")), condition),
        GroupRecords((GroupKey("country"), GroupKey("species")), condition),
        GroupRecords(
            (GroupKey("active"), GroupKey("country", ("country-01", "country-07"))), condition
        ),
        GroupRecords((GroupKey("species"), GroupKey("active", includes_null=True)), condition),
        GroupRecords(
            (GroupKey("country", includes_null=True), GroupKey("active", includes_null=True)),
            condition,
        ),
        GroupRecords((GroupKey("species"), GroupKey("species")), condition),
    )
]


def answer(partition: Partition, question: Question) -> Any:
    """What a partition answers, as plain values in an order of their own."""
    partial: Any = evaluate(partition, question, Budget())
    match question:
        case CountRecords():
            return partial.count
        case RowCounts(most=most):
            found = sorted(zip(partial.counts.tolist(), partial.rows.tolist(), strict=True))
            # Those that are not among the first may be told or not.
            return found if most is None else [count for count, _ in found[-most:]]
        case _:
            return plain_groups(partial)


def check(partition: Partition) -> None:
    """Every question is answered with cubes as it is without."""
    for question in QUESTIONS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cubes, "CELLS_MAX", 0)
            expected = answer(partition, question)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cubes, "PAID", 0.0)
            assert answer(partition, question) == expected, question
            assert answer(partition, question) == expected, question


def records(ids: list[int], **columns: Any) -> pa.RecordBatch:
    types = {"species": pa.string(), "country": pa.string(), "active": pa.bool_()}
    arrays = {name: pa.array(values, types[name]) for name, values in columns.items()}
    return pa.RecordBatch.from_pydict({"_id": pa.array(ids, pa.uint64()), **arrays})


@pytest.fixture
def partition() -> Partition:
    """Two shards with some hundred records, a part of which lacks each value."""
    partition = Partition(SCHEMA, 0)
    random = np.random.default_rng(7)
    ids = list(range((1 << 20) - 300, (1 << 20) + 300))
    drawn = random.integers(0, 10, (3, len(ids))).tolist()
    columns = {
        "species": [("setosa", "versicolor", "virginica", None)[n % 4] for n in drawn[0]],
        "country": [f"country-{n:02d}" if n else None for n in drawn[1]],
        "active": [None if n == 0 else n > 4 for n in drawn[2]],
    }
    upsert = Operation(OperationKind.UPSERT, records(ids, **columns))
    partition.apply(1, Batch([upsert]))
    return partition


def test_cubes_tell_what_counting_tells_of_a_partition_that_changes(partition: Partition) -> None:
    check(partition)
    first = (1 << 20) - 300
    changes = [
        Operation(OperationKind.UPSERT, records([first, first + 1], country=["country-new"] * 2)),
        Operation(OperationKind.UPSERT, records([1 << 20], species=["setosa"], active=[True])),
        Operation(OperationKind.DELETE, records([first + 2, (1 << 20) + 5])),
        Operation(OperationKind.UPSERT, records([3 << 20], country=["country-07"])),
        Operation(OperationKind.REPLACE, records([first + 3], active=[False])),
    ]
    for number, change in enumerate(changes):
        partition.apply(2 + number, Batch([change]))
        check(partition)


def test_a_large_partition_is_told_alike(crowd: Crowd) -> None:
    before = cubes.LEDGER.hits
    check(crowd.partition)
    assert cubes.LEDGER.hits > before


def test_a_cube_is_made_once_questions_have_paid_for_it(partition: Partition) -> None:
    question = RowCounts("country", SETOSA)
    hits = cubes.LEDGER.hits
    enough = round(cubes.PAID / cubes.ROWS_COST)
    for _ in range(enough):
        answer(partition, question)
    assert cubes.LEDGER.hits == hits
    # One question makes the cubes of both shards, and later ones read them.
    answer(partition, question)
    answer(partition, question)
    assert cubes.LEDGER.hits == hits + 2
    # A batch for one shard leaves the other's.
    change = Operation(OperationKind.UPSERT, records([(1 << 20) - 300], species=["setosa"]))
    partition.apply(2, Batch([change]))
    answer(partition, question)
    assert cubes.LEDGER.hits == hits + 3
    # A question of fewer fields than a cube has reads it too.
    wide = Intersect((SETOSA, ACTIVE, COUNTRY))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cubes, "PAID", 0.0)
        answer(partition, CountRecords(wide))
    misses = cubes.LEDGER.misses
    answer(partition, CountRecords(Intersect((ACTIVE, COUNTRY))))
    assert cubes.LEDGER.misses == misses


def test_cubes_are_let_go_when_they_are_too_many(
    partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(1_000)
    monkeypatch.setattr(cubes, "LEDGER", ledger)
    monkeypatch.setattr(cubes, "PAID", 0.0)
    check(partition)
    assert 0 < ledger.held_bytes <= 1_000


def test_fields_of_too_many_combinations_have_no_cube(
    partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cubes, "PAID", 0.0)
    monkeypatch.setattr(cubes, "CELLS_MAX", 10)
    hits, misses = cubes.LEDGER.hits, cubes.LEDGER.misses
    answer(partition, RowCounts("country", SETOSA))
    assert (cubes.LEDGER.hits, cubes.LEDGER.misses) == (hits, misses)
