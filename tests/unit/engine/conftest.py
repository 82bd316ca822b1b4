"""A table's home in a temporary directory, and small batches for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bitbrook.engine.batch import (
    ID_COLUMN,
    Batch,
    Operation,
    OperationKind,
    column_type,
    id_type,
)
from bitbrook.engine.table import Table
from bitbrook.engine.upkeep import UpkeepPolicy
from bitbrook.engine.writer import Writer
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import LocalSnapshots
from bitbrook.stores.sql import open_engine

SCHEMA = TableSchema(
    "t1",
    "things",
    fields=(
        FieldSchema("amount", FieldType.INT, id=1),
        FieldSchema("species", FieldType.MUTEX, id=2, is_keyed=True),
        FieldSchema("tags", FieldType.SET, id=3, is_keyed=True),
    ),
)


class Home:
    """A directory with a log and snapshots; `start` and `stop` stand for a process."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.snapshots = LocalSnapshots(directory / "snapshots")

    def start(self, **limits: Any) -> "Home":
        self.log = Log(open_engine(f"sqlite:///{self.directory}/log.db"))
        self.writer = Writer(self.log, **limits)
        return self

    def stop(self) -> None:
        self.writer.close()
        self.log.close()

    def open(self, schema: TableSchema = SCHEMA) -> Table:
        return Table.open(schema, log=self.log, snapshots=self.snapshots, writer=self.writer)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A running home whose checkpoints happen only when they are asked for."""
    policy = UpkeepPolicy(log_bytes=1 << 40, checkpoint_age_s=1e9)
    home = Home(tmp_path).start(upkeep_policy=policy)
    yield home
    home.stop()


def _batch_of(
    columns: dict[str, list[Any]],
    kind: OperationKind = OperationKind.UPSERT,
    schema: TableSchema = SCHEMA,
) -> Batch:
    types = {field.name: column_type(field) for field in schema.fields}
    types[ID_COLUMN] = id_type(schema)
    arrays = {name: pa.array(values, type=types[name]) for name, values in columns.items()}
    return Batch([Operation(kind, pa.RecordBatch.from_pydict(arrays))])


@pytest.fixture
def batch_of() -> Any:
    """Columns by name -> a batch of one operation."""
    return _batch_of
