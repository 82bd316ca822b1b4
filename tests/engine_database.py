"""A database over a real engine in this process, for the tests of both languages."""

from pathlib import Path

import msgspec
import pyarrow as pa

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.partials import AnyPartial
from bitbrook.algebra.questions import Question
from bitbrook.compute.local import LocalCompute
from bitbrook.engine.batch import Batch
from bitbrook.errors import Conflict, NotFound, TableNotFound
from bitbrook.query.database import BulkPlaces, DatabaseEntry, StatementEntry
from bitbrook.query.sql.service_tables import ServiceTable, service_schema
from bitbrook.schema.field_types import FieldSchema, TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import LocalSnapshots
from bitbrook.stores.sql import open_engine


class EngineDatabase:
    """Tables over `LocalCompute`, with a catalogue that is a dictionary."""

    def __init__(self, directory: Path, *, partition_count: int) -> None:
        self._log = Log(open_engine(f"sqlite:///{directory}/log.db"))
        self._compute = LocalCompute(self._log, LocalSnapshots(directory / "snapshots"))
        self._partition_count = partition_count
        self._tables: dict[str, TableSchema] = {}
        self._views: dict[str, str] = {}
        self._last_field_id = 0
        self.places = BulkPlaces()

    def close(self) -> None:
        self._compute.close()
        self._log.close()

    def tables(self) -> list[TableSchema]:
        return list(self._tables.values())

    def table(self, name: str) -> TableSchema:
        if name not in self._tables:
            raise TableNotFound(f"no table {name!r}")
        return self._tables[name]

    def ask(self, table: TableSchema, question: Question, budget: Budget) -> AnyPartial:
        return self._compute.ask(table.id, question, budget)

    def write(self, table: TableSchema, batch: Batch) -> list[int]:
        return self._compute.write(table.id, batch)

    def create_table(
        self, name: str, *, is_keyed: bool, fields: tuple[FieldSchema, ...], description: str = ""
    ) -> TableSchema:
        if name in self._tables:
            raise Conflict(f"table {name!r} exists")
        numbered = tuple(self._numbered(field) for field in fields)
        schema = TableSchema(
            f"id-{name}", name, is_keyed, numbered, description, self._partition_count
        )
        self._compute.open_table(schema)
        self._tables[name] = schema
        return schema

    def drop_table(self, name: str) -> None:
        self._compute.drop_table(self._tables.pop(name).id)

    def add_field(self, table: str, field: FieldSchema) -> TableSchema:
        old = self.table(table)
        return self._alter(old, (*old.fields, self._numbered(field)))

    def drop_field(self, table: str, field: str) -> TableSchema:
        old = self.table(table)
        return self._alter(old, tuple(f for f in old.fields if f.name != field))

    def created_s(self) -> dict[str, float]:
        """Nothing here knows the time."""
        return {}

    def views(self) -> dict[str, str]:
        return dict(self._views)

    def create_view(self, name: str, statement: str, *, replaces: bool = False) -> None:
        if name in self._tables or (name in self._views and not replaces):
            raise Conflict(f"view {name!r} exists")
        self._views[name] = statement

    def drop_view(self, name: str) -> None:
        if self._views.pop(name, None) is None:
            raise TableNotFound(f"no view {name!r}")

    def describe(self) -> DatabaseEntry:
        return DatabaseEntry(id="engine", name="engine", created_by="", created_s=0.0)

    def statements(self) -> list[StatementEntry]:
        """Nothing here keeps an account of statements."""
        return []

    def service_rows(self, table: str) -> pa.Table:
        """Nothing here is served."""
        return service_schema(ServiceTable(table)).empty_table()

    def bulk_places(self) -> BulkPlaces:
        return self.places

    def cancel_statement(self, statement_id: str) -> None:
        raise NotFound(f"query {statement_id!r} not found; it is not running, or not any more")

    def _alter(self, old: TableSchema, fields: tuple[FieldSchema, ...]) -> TableSchema:
        schema = self._tables[old.name] = msgspec.structs.replace(old, fields=fields)
        self._compute.alter_table(schema)
        return schema

    def _numbered(self, field: FieldSchema) -> FieldSchema:
        self._last_field_id += 1
        return msgspec.structs.replace(field, id=self._last_field_id)
