"""An index of records' rows answers what the rows answer, and never what they answered before.

A set with 600 rows is asked about before there is an index, when one is made and after; then
records change, one after the other, and after each change the answers are those of the new state.
"""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import InRange
from bitbrook.algebra.questions import ExtractRecords, GroupKey, GroupRecords, RowCounts
from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.engine.evaluate import evaluate, forward
from bitbrook.engine.partition import Partition
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

SCHEMA = TableSchema(
    "t",
    "t",
    fields=(FieldSchema("n", FieldType.INT, id=1), FieldSchema("tags", FieldType.SET, id=2)),
)
COUNT, ROWS = 9_000, 600
FILTER = InRange("n", 0, 5_999)


class Table:
    """A partition beside a dictionary of sets; record i has n = i."""

    def __init__(self) -> None:
        random = np.random.default_rng(5)
        self.partition = Partition(SCHEMA, 0)
        self.tags: dict[int, set[int]] = {}
        drawn = [set(random.integers(0, ROWS, 5).tolist()) for _ in range(COUNT)]
        self.write(OperationKind.UPSERT, dict(enumerate(drawn)))

    def write(self, kind: OperationKind, tags: dict[int, set[int]]) -> None:
        columns: dict[str, Any] = {"_id": pa.array(list(tags), pa.uint64())}
        if kind is not OperationKind.DELETE:
            rows = [sorted(each) for each in tags.values()]
            columns["tags"] = pa.array(rows, pa.list_(pa.uint64()))
        if kind is OperationKind.UPSERT:
            columns["n"] = pa.array(list(tags))
        batch = Batch([Operation(kind, pa.RecordBatch.from_pydict(columns))])
        self.partition.apply(self.partition.applied_sequence + 1, batch)
        for id_, rows_of in tags.items():
            match kind:
                case OperationKind.UPSERT:
                    self.tags[id_] = self.tags.get(id_, set()) | rows_of
                case OperationKind.CLEAR:
                    self.tags[id_] = self.tags[id_] - rows_of
                case OperationKind.DELETE:
                    del self.tags[id_]

    def check(self) -> None:
        """Counts by row, with and without a restriction, groups, and the sets of records."""
        expected = Counter(t for i, rows in self.tags.items() if i < 6_000 for t in rows)
        partial = self.ask(RowCounts("tags", FILTER))
        assert dict(zip(partial.rows.tolist(), partial.counts.tolist(), strict=True)) == expected
        some = tuple(range(7, ROWS))
        partial = self.ask(RowCounts("tags", FILTER, rows=some))
        assert partial.counts.sum() == sum(n for t, n in expected.items() if t in some)
        keys = (GroupKey("tags", rows=(3, 4, 5)), GroupKey("n"))
        groups = self.ask(GroupRecords(keys, FILTER))
        assert groups.counts.sum() == expected[3] + expected[4] + expected[5]
        records = self.ask(ExtractRecords(("tags",), FILTER)).records
        shown = dict(zip(*(column.to_pylist() for column in records.columns), strict=True))
        assert shown == {i: sorted(rows) or None for i, rows in self.tags.items() if i < 6_000}

    def ask(self, question: Any) -> Any:
        return evaluate(self.partition, question, Budget())

    @property
    def has_index(self) -> bool:
        """Whether an index is kept that is good."""
        shard = self.partition.shards[0]
        rows = shard.fields[2].rows
        assert rows is not None
        return forward.find_index(shard, rows) is not None


@pytest.fixture
def table() -> Table:
    """A table that was never asked anything."""
    return Table()


def test_every_change_is_seen(table: Table) -> None:
    """Rows added, rows taken away, records gone: at once, with a new index and without."""
    changes: list[tuple[OperationKind, dict[int, set[int]]]] = [
        (OperationKind.UPSERT, {17: {599, 3}, 9_500: {4}}),
        (OperationKind.CLEAR, {17: {3}, 18: table.tags[18]}),
        (OperationKind.DELETE, {17: set(), 5_999: set()}),
        (OperationKind.UPSERT, {17: {4, 70_000}}),
    ]
    for kind, tags in changes:
        for _ in range(3):
            table.check()
        assert table.has_index
        table.write(kind, tags)
        assert not table.has_index
    table.check()


def test_a_shard_that_changes_between_questions_gets_no_index(table: Table) -> None:
    """It would be made for nothing."""
    question = RowCounts("tags", FILTER)
    table.ask(question)
    assert not table.has_index
    table.write(OperationKind.UPSERT, {1: {1}})
    table.ask(question)
    assert not table.has_index
    table.ask(question)
    assert table.has_index


def test_memory_is_bounded(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """No index is kept beyond the limit, and answers are the same."""
    monkeypatch.setattr(forward, "KEPT_BYTES_MAX", 1000)
    for _ in range(3):
        table.check()
        assert not table.has_index
