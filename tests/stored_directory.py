"""A data directory with tables of every type of field, written in this process without HTTP."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.questions import CountRecords, ExtractRecords, RowCounts
from bitbrook.control.service import Service
from bitbrook.engine.batch import ID_COLUMN, TIME_SUFFIX, Batch, Operation, OperationKind
from bitbrook.schema.field_types import FieldSchema, FieldType
from bitbrook.settings import Settings

EMAIL, PASSWORD = "ada@example.org", "correct horse"
DAY_S = 86_400
FIRST_S = 1_700_000_000
FIELDS = (
    FieldSchema("tags", FieldType.SET, is_keyed=True),
    FieldSchema("codes", FieldType.SET),
    FieldSchema("species", FieldType.MUTEX, is_keyed=True),
    FieldSchema("good", FieldType.BOOL),
    FieldSchema("amount", FieldType.INT),
    FieldSchema("price", FieldType.DECIMAL, scale=2),
    FieldSchema("at", FieldType.TIMESTAMP),
    FieldSchema("seen", FieldType.TIME, is_keyed=True, quantum="YMDH"),
    FieldSchema("place", FieldType.VECTOR, dimensions=3),
)


def settings_of(directory: Path, **others: Any) -> Settings:
    """The settings of a server on a directory."""
    return Settings(data=directory, admin_email=EMAIL, admin_password=PASSWORD, **others)


class StoredDirectory:
    """A data directory that is open; `write` adds a batch to a table, `close` ends in order."""

    def __init__(self, directory: Path, **others: Any) -> None:
        self.service = Service.open(settings_of(directory, **others))
        tokens = self.service.identity.sign_in(EMAIL, PASSWORD)
        self.caller = self.service.identity.authenticate(tokens.id)

    def create_table(
        self, name: str, *, is_keyed: bool, fields: tuple[FieldSchema, ...] = FIELDS
    ) -> str:
        """The id of a new table in the deployment `iris`, which is made if need be."""
        deployments = self.service.deployments
        if not deployments.list(self.caller):
            deployments.create(self.caller, "iris", "8GB")
            self.service.lifecycle.settle()
        (deployment,) = deployments.list(self.caller)
        made = self.service.tables.create(
            self.caller, deployment.id, name, is_keyed=is_keyed, fields=fields
        )
        return made.schema.id

    def write(self, table_id: str, records: dict[str, pa.Array]) -> None:
        """Upsert records."""
        batch = pa.RecordBatch.from_pydict(records)
        operation = Operation(OperationKind.UPSERT, batch)
        self.service._compute.write(table_id, Batch([operation]))

    def delete(self, table_id: str, ids: pa.Array) -> None:
        """Delete records."""
        batch = pa.RecordBatch.from_pydict({ID_COLUMN: ids})
        operation = Operation(OperationKind.DELETE, batch)
        self.service._compute.write(table_id, Batch([operation]))

    def close(self) -> None:
        """Stop in order: everything is checkpointed."""
        self.service.close()

    def abandon(self) -> None:
        """End without a checkpoint, so that the log keeps what it has."""
        for table in self.service._compute._tables.values():
            table.checkpoint = lambda: None
        self.service.close()


def records_of(
    number: int, count: int, *, is_keyed: bool, ids_max: int = 3 << 20
) -> dict[str, Any]:
    """The columns of a batch of records, some of whose values are missing."""
    chance = np.random.default_rng(number)
    ids = chance.choice(ids_max, count, replace=False)

    def some(values: Any, kind: pa.DataType) -> pa.Array:
        return pa.array(values, type=kind, mask=chance.random(count) < 0.3)

    def lists(values: list[list[Any]], kind: pa.DataType) -> pa.Array:
        return pa.array([each or None for each in values], type=pa.list_(kind))

    picks = chance.integers(0, 6, (count, 3))
    sizes = chance.integers(0, 4, count)
    times = FIRST_S + chance.integers(0, 400 * 24, count) * 3_600
    vectors = [
        None if chance.random() < 0.3 else chance.random(3).astype(np.float32).tolist()
        for _ in range(count)
    ]
    return {
        ID_COLUMN: (
            pa.array([f"record {i}" for i in ids]) if is_keyed else pa.array(ids, pa.uint64())
        ),
        "tags": lists(
            [[f"tag {p}" for p in row[:size]] for row, size in zip(picks, sizes, strict=True)],
            pa.string(),
        ),
        "codes": lists(
            [(row[:size] * 1000).tolist() for row, size in zip(picks, sizes, strict=True)],
            pa.uint64(),
        ),
        "species": some([f"species {p}" for p in picks[:, 0]], pa.string()),
        "good": some(picks[:, 1] > 2, pa.bool_()),
        "amount": some(chance.integers(-(2**40), 2**40, count), pa.int64()),
        "price": some(chance.integers(-10_000, 10_000, count), pa.int64()),
        "at": some(times, pa.int64()),
        "seen": lists([[f"user {p}"] for p in picks[:, 2]], pa.string()),
        "seen" + TIME_SUFFIX: some(times, pa.int64()),
        "place": pa.array(vectors, type=pa.list_(pa.float32(), 3)),
    }


def contents_of(directory: Path, **others: Any) -> dict[str, Any]:
    """Everything that the tables of a directory answer: records by id, and what periods hold."""
    stored = StoredDirectory(directory, **others)
    compute = stored.service._compute
    found: dict[str, Any] = {}
    try:
        for entry in stored.service.tables._registry.tables():
            schema = entry.schema
            names = tuple(field.name for field in schema.fields)
            extracted = compute.ask(schema.id, ExtractRecords(names), Budget())
            found[schema.name] = {
                "count": compute.ask(schema.id, CountRecords(), Budget()).count,
                "records": {record[ID_COLUMN]: record for record in extracted.records.to_pylist()},
                "periods": {
                    (field.name, day): _row_counts(compute, schema.id, field.name, day)
                    for field in schema.fields
                    if field.quantum
                    for day in range(0, 420, 35)
                },
            }
    finally:
        stored.close()
    return found


def _row_counts(compute: Any, table_id: str, field: str, day: int) -> dict[Any, int]:
    start_s = FIRST_S + day * DAY_S
    asked = RowCounts(field, from_s=start_s, to_s=start_s + 35 * DAY_S + 7 * 3_600)
    partial = compute.ask(table_id, asked, Budget())
    return dict(zip(np.asarray(partial.rows).tolist(), partial.counts.tolist(), strict=True))
