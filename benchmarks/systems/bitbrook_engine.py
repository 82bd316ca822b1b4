"""bitbrook's engine through its Python API: one process, one log, durable writes."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.systems.base import Answer, Files, directory_bytes
from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import HasRow, InRange, Intersect, Records
from bitbrook.algebra.questions import (
    CountRecords,
    ExtractRecords,
    GroupKey,
    GroupRecords,
    Measure,
    MeasureKind,
    NumberTotals,
    RowCounts,
)
from bitbrook.compute.local import LocalCompute
from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import LocalSnapshots
from bitbrook.stores.sql import open_engine

EVENTS = TableSchema(
    "events",
    "events",
    fields=(
        FieldSchema("species", FieldType.MUTEX, id=1, is_keyed=True),
        FieldSchema("country", FieldType.MUTEX, id=2, is_keyed=True),
        FieldSchema("tags", FieldType.SET, id=3),
        FieldSchema("age", FieldType.INT, id=4),
        FieldSchema("amount", FieldType.DECIMAL, id=5, scale=2),
        FieldSchema("active", FieldType.BOOL, id=6),
        FieldSchema("seen", FieldType.TIMESTAMP, id=7),
    ),
)
PEOPLE = TableSchema(
    "people",
    "people",
    is_keyed=True,
    fields=(
        FieldSchema("country", FieldType.MUTEX, id=1, is_keyed=True),
        FieldSchema("amount", FieldType.DECIMAL, id=2, scale=2),
    ),
)
IRIS = TableSchema(
    "iris",
    "iris",
    fields=(
        FieldSchema("sepallength", FieldType.DECIMAL, id=1, scale=2),
        FieldSchema("sepalwidth", FieldType.DECIMAL, id=2, scale=2),
        FieldSchema("petallength", FieldType.DECIMAL, id=3, scale=2),
        FieldSchema("petalwidth", FieldType.DECIMAL, id=4, scale=2),
        FieldSchema("species", FieldType.MUTEX, id=5, is_keyed=True),
        FieldSchema("seen", FieldType.TIMESTAMP, id=6),
    ),
)
TABLES = (EVENTS, PEOPLE, IRIS)
RECORDS_PER_BATCH = 100_000


class Bitbrook:
    """The tables in a `LocalCompute` over `directory`."""

    name = "bitbrook"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._log = Log(open_engine(f"sqlite:///{directory / 'log.db'}"))
        self._compute = LocalCompute(self._log, LocalSnapshots(directory / "snapshots"))
        for schema in TABLES:
            self._compute.open_table(schema)

    def load(self, files: Files) -> None:
        """Write every record through the log."""
        for schema in TABLES:
            for path in files.get(schema.name, ()):
                for read in pq.ParquetFile(path).iter_batches(RECORDS_PER_BATCH):
                    batch = batch_of(pa.Table.from_batches([read]))
                    self._compute.write(schema.id, batch)

    def settle(self) -> None:
        """Checkpoint: what is not written to goes back to its blocks."""
        self._compute.checkpoint()

    def answer(self, workload: str, literals: dict[str, Any]) -> Answer:
        """Ask the workload's question."""
        if workload == "upsert":
            self._compute.write(EVENTS.id, batch_of(literals["batch"]))
            return []
        return getattr(self, f"_{workload}")(**literals)

    def stored_bytes(self) -> int:
        """Bytes of snapshots and log."""
        return directory_bytes(self._directory)

    def close(self) -> None:
        """Checkpoint and close."""
        self._compute.close()
        self._log.close()

    def _ask(self, question: Any, table: TableSchema = EVENTS) -> Any:
        return self._compute.ask(table.id, question, Budget())

    def _count_and(self, country: str, species: str, **_: Any) -> Answer:
        filters = (_row("country", country), _row("active", True), _row("species", species))
        return [(self._ask(CountRecords(Intersect(filters))).count,)]

    def _top_rows(self, **_: Any) -> Answer:
        partial = self._ask(RowCounts("country"))
        order = np.argsort(-partial.counts, kind="stable")
        return list(zip(partial.rows[order], partial.counts[order].tolist(), strict=True))

    def _group_sum(self, **_: Any) -> Answer:
        keys = (GroupKey("country"), GroupKey("species"))
        groups = self._ask(GroupRecords(keys, measures=(Measure(MeasureKind.SUM, "amount"),)))
        sums = [Decimal(cents) / 100 for cents in groups.measures[0]]
        columns = (*groups.keys, groups.counts.tolist(), sums)
        return sorted(zip(*columns, strict=True))

    def _range_sum(self, low: int, high: int, **_: Any) -> Answer:
        totals = self._ask(NumberTotals("amount", _amounts(low, high), wants_extremes=False))
        return [(totals.count, Decimal(totals.total) / 100)]

    def _range_sum_row(self, low: int, high: int, species: str, **_: Any) -> Answer:
        chosen = Intersect((_amounts(low, high), _row("species", species)))
        totals = self._ask(NumberTotals("amount", chosen, wants_extremes=False))
        return [(totals.count, Decimal(totals.total) / 100)]

    def _keyed_group(self, low: int, high: int, **_: Any) -> Answer:
        measures = (Measure(MeasureKind.SUM, "amount"),)
        question = GroupRecords((GroupKey("country"),), _amounts(low, high), measures=measures)
        groups = self._ask(question, PEOPLE)
        sums = [Decimal(cents) / 100 for cents in groups.measures[0]]
        return sorted(zip(*groups.keys, groups.counts.tolist(), sums, strict=True))

    def _keyed_page(self, country: str, **_: Any) -> Answer:
        question = ExtractRecords(("amount",), _row("country", country), limit=10)
        return _tuples(self._ask(question, PEOPLE).records)

    def _set_group(self, country: str, **_: Any) -> Answer:
        chosen = Intersect((_row("country", country), _row("active", True)))
        partial = self._ask(RowCounts("tags", chosen))
        return list(zip(partial.rows.tolist(), partial.counts.tolist(), strict=True))

    def _select_ten(self, country: str, **_: Any) -> Answer:
        chosen = Intersect((_row("country", country), _row("active", True)))
        return _tuples(self._ask(ExtractRecords(("species", "age"), chosen, limit=10)).records)

    def _point_id(self, id: int, **_: Any) -> Answer:  # noqa: A002 - the literal's name
        question = ExtractRecords(("species", "age"), Records((id,)))
        return [row[1:] for row in _tuples(self._ask(question).records)]

    def _point_key(self, key: str, **_: Any) -> Answer:
        question = ExtractRecords(("country", "amount"), Records((key,)))
        return [row[1:] for row in _tuples(self._ask(question, PEOPLE).records)]


def batch_of(table: pa.Table) -> Batch:
    """Return the records as an upsert: decimals and times as stored integers."""
    records = table.combine_chunks().to_batches()[0]
    names = ["_id" if name in {"id", "key"} else name for name in records.schema.names]
    upsert = pa.RecordBatch.from_arrays([_stored(each) for each in records.columns], names)
    return Batch([Operation(OperationKind.UPSERT, upsert)])


def _stored(column: pa.Array) -> pa.Array:
    if pa.types.is_decimal(column.type):
        return pc.multiply(column, pa.scalar(Decimal(100))).cast(pa.int64())
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.int64())
    return column


def _row(field: str, row: str | bool) -> HasRow:
    return HasRow(field, (row,))


def _amounts(low: int, high: int) -> InRange:
    return InRange("amount", low * 100, high * 100)


def _tuples(records: pa.Table) -> Answer:
    return [tuple(row.values()) for row in records.to_pylist()]
