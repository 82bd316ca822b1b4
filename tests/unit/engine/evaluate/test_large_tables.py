"""What is kept beside rows and keys to answer large tables fast is never out of date.

Counts of what rows have in common are asked three times, since words of rows are made on the way,
and again after every change. The first records by key are asked for while keys are added in no
order, records are deleted and filters select from nothing to everything. The largest rows of a
field are asked for under filters that select of each alike, and of the small ones only.
"""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import All, Expression, HasRow, InRange, Intersect
from bitbrook.algebra.questions import CountRecords, NumberTotals, RecordIds, RowCounts
from bitbrook.bitmap import rows
from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.engine.evaluate import choosing, evaluate, key_order, top_rows
from bitbrook.engine.partition import Partition
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

FIELDS = (
    FieldSchema("kind", FieldType.MUTEX, id=1),
    FieldSchema("on", FieldType.BOOL, id=2),
    FieldSchema("tags", FieldType.SET, id=3),
    FieldSchema("n", FieldType.INT, id=4),
    FieldSchema("zipf", FieldType.MUTEX, id=5),
    FieldSchema("c", FieldType.INT, id=6),
)
KINDS, TAGS, ZIPF = 3, 4, 60
"""Rows of the fields; the rows of `zipf` differ in size, and `c` is the row once more."""

FIRST_ID = (1 << 20) - 3_000


class Table:
    """A partition beside a dictionary of records."""

    def __init__(self, *, is_keyed: bool, seed: int) -> None:
        self.partition = Partition(TableSchema("t", "t", is_keyed=is_keyed, fields=FIELDS), 0)
        self.records: dict[Any, dict[str, Any]] = {}
        self.random = np.random.default_rng(seed)

    def upsert(self, ids: list[Any]) -> None:
        """Write records, whose sets grow."""
        count = len(ids)
        drawn = {
            "kind": self.random.integers(0, KINDS, count).tolist(),
            "on": (self.random.random(count) < 0.5).tolist(),
            "tags": [self.random.integers(0, TAGS, 2).tolist() for _ in ids],
            "n": self.random.integers(-50, 1000, count).tolist(),
            "zipf": (ZIPF * self.random.random(count) ** 3).astype(int).tolist(),
        }
        drawn["c"] = drawn["zipf"]
        id_type = pa.string() if self.partition.schema.is_keyed else pa.uint64()
        columns = {
            "_id": pa.array(ids, id_type),
            "kind": pa.array(drawn["kind"], pa.uint64()),
            "on": pa.array(drawn["on"]),
            "tags": pa.array(drawn["tags"], pa.list_(pa.uint64())),
            "n": pa.array(drawn["n"], pa.int64()),
            "zipf": pa.array(drawn["zipf"], pa.uint64()),
            "c": pa.array(drawn["c"], pa.int64()),
        }
        self.apply(OperationKind.UPSERT, columns)
        for i, id_ in enumerate(ids):
            known = self.records.get(id_, {"tags": set()})
            tags = known["tags"] | set(drawn["tags"][i])
            self.records[id_] = {name: drawn[name][i] for name in drawn} | {"tags": tags}

    def delete(self, ids: list[Any]) -> None:
        """Delete records."""
        id_type = pa.string() if self.partition.schema.is_keyed else pa.uint64()
        self.apply(OperationKind.DELETE, {"_id": pa.array(ids, id_type)})
        for id_ in ids:
            self.records.pop(id_, None)

    def ask(self, question: Any) -> Any:
        """Ask the partition."""
        return evaluate(self.partition, question, Budget())

    def some_ids(self, count: int) -> list[Any]:
        """Draw records that exist."""
        return self.random.choice(np.array([*self.records], object), count, replace=False).tolist()

    def apply(self, kind: OperationKind, columns: dict[str, pa.Array]) -> None:
        """Apply one operation to the partition alone."""
        batch = Batch([Operation(kind, pa.RecordBatch.from_pydict(columns))])
        self.partition.apply(self.partition.applied_sequence + 1, batch)


def matches(record: dict[str, Any], kind: int, tag: int) -> bool:
    """Whether a record has all three rows."""
    return record["kind"] == kind and record["on"] and tag in record["tags"]


@pytest.mark.parametrize("seed", range(3))
def test_rows_in_common(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted and summed over two shards, with and without words."""
    monkeypatch.setattr(rows, "COUNT_MIN", 100)
    table = Table(is_keyed=False, seed=seed)
    table.upsert(list(range(FIRST_ID, FIRST_ID + 6_000)))
    for turn in range(8):
        for kind, tag in [(0, 0), (1, 3), (2, 1)]:
            of_rows = (HasRow("kind", (kind,)), HasRow("on", (True,)), HasRow("tags", (tag,)))
            found = [r["n"] for r in table.records.values() if matches(r, kind, tag)]
            for _ in range(3):
                assert table.ask(CountRecords(Intersect(of_rows))).count == len(found)
                in_range = Intersect((*of_rows, InRange("n", 0, 700)))
                totals = table.ask(NumberTotals("n", in_range, wants_extremes=False))
                chosen = [n for n in found if 0 <= n <= 700]
                assert (totals.count, totals.total) == (len(chosen), sum(chosen))
        if turn % 2:
            table.delete(table.some_ids(50))
        else:
            first = int(table.random.integers(FIRST_ID, FIRST_ID + 5_900))
            table.upsert(list(range(first, first + 100)))


@pytest.mark.parametrize("seed", range(3))
def test_first_keys(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of all records, of many, of few and of none."""
    monkeypatch.setattr(choosing, "HEAD_PAYS_FROM", 100)
    monkeypatch.setattr(choosing, "HEAD_COUNT", 200)
    monkeypatch.setattr(key_order, "HEAD_COUNT", 200)
    monkeypatch.setattr(key_order, "KEYS_PER_STEP", 700)
    table = Table(is_keyed=True, seed=seed)
    filters: list[tuple[Expression, Any]] = [
        (All(), lambda _: True),
        (HasRow("kind", (1,)), lambda r: r["kind"] == 1),
        (InRange("n", 990, 1000), lambda r: r["n"] >= 990),
        (HasRow("tags", (99,)), lambda _: False),
    ]
    for turn in range(6):
        new = table.random.integers(0, 10**6, 1_000)
        table.upsert([f"k{number}" for number in dict.fromkeys(new.tolist())])
        if turn:
            table.delete([*sorted(table.records)[:20], *table.some_ids(100)])
        for expression, is_selected in filters:
            keys = sorted(key for key, r in table.records.items() if is_selected(r))
            for limit, offset in [(10, 0), (1, 5), (150, 40), (1_000, 0)]:
                found = table.ask(RecordIds(expression, limit=limit, offset=offset))
                assert found.ids.tolist() == keys[offset : offset + limit]


def test_numbers_all_gone() -> None:
    """A vector whose numbers have been removed, while records stay, adds up to nothing."""
    table = Table(is_keyed=False, seed=0)
    ids = list(range(20_000))
    table.upsert(ids)
    columns = {"_id": pa.array(ids, pa.uint64()), "kind": pa.array([0] * len(ids), pa.uint64())}
    table.apply(OperationKind.REPLACE, columns)
    for expression in (All(), HasRow("kind", (0,)), InRange("n", 0, 700)):
        for wants_extremes in (True, False):
            question = NumberTotals("n", expression, wants_extremes=wants_extremes)
            totals = table.ask(question)
            assert (totals.count, totals.total, totals.least) == (0, 0, None)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("slack", [1, 100])
def test_largest_rows(seed: int, slack: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first rows under filters that know the field and that do not, between writes."""
    monkeypatch.setattr(rows, "COUNT_MIN", 100)
    monkeypatch.setattr(top_rows, "ROW_NS", 0)
    monkeypatch.setattr(top_rows, "SLACK", slack)
    table = Table(is_keyed=False, seed=seed)
    table.upsert(list(range(FIRST_ID, FIRST_ID + 6_000)))
    for turn in range(6):
        filters = {
            "on": (HasRow("on", (True,)), lambda record: record["on"]),
            "n": (InRange("n", 60, 90), lambda record: 60 <= record["n"] <= 90),
            "c": (InRange("c", 30, 39), lambda record: 30 <= record["c"] <= 39),
        }
        for expression, is_selected in filters.values():
            found = Counter(r["zipf"] for r in table.records.values() if is_selected(r))
            ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
            for most in (1, 3, 10):
                for _ in range(3):
                    partial = table.ask(RowCounts("zipf", expression, most=most))
                    pairs = zip(partial.rows.tolist(), partial.counts.tolist(), strict=True)
                    answered = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))
                    assert answered[:most] == ranked[:most]
        if turn % 2:
            table.delete(table.some_ids(50))
        else:
            first = int(table.random.integers(FIRST_ID, FIRST_ID + 5_900))
            table.upsert(list(range(first, first + 100)))
