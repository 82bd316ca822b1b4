"""A deployment as the statements of one caller see it: `bitbrook.query.database.Database`."""

from concurrent.futures import CancelledError

import pyarrow as pa

from bitbrook.algebra.budget import Budget, WouldWait
from bitbrook.algebra.partials import (
    AnyPartial,
    CountPartial,
    RecordIdsPartial,
    RecordsPartial,
    TimesPartial,
    TotalsPartial,
)
from bitbrook.algebra.questions import Question
from bitbrook.auth.policy import Caller, Right
from bitbrook.compute.compute import Compute
from bitbrook.control.fences import StatementFence
from bitbrook.control.lifecycle import Status
from bitbrook.control.registry import Registry
from bitbrook.control.service_tables import ServiceTables
from bitbrook.control.statements import HISTORY_MAX, Statements
from bitbrook.control.tables import Tables, check_table_running
from bitbrook.engine.batch import Batch, OperationKind
from bitbrook.errors import Conflict, Stopping, TableNotFound
from bitbrook.query.database import BulkPlaces, DatabaseEntry, StatementEntry
from bitbrook.query.sql.service_tables import ServiceTable, service_schema
from bitbrook.schema.field_types import FieldSchema, TableSchema
from bitbrook.schema.names import NameKind, check_name
from bitbrook.stores.catalogue_rows import ViewRow
from bitbrook.telemetry.steps import step

PROMPT_RECORDS_MAX = 1_000
"""Records that a statement may answer that keeps its thread from other work."""

_GROWING = frozenset({OperationKind.UPSERT, OperationKind.REPLACE})


class ControlDatabase:
    """One deployment, for one caller. Reads need QUERY, writes INGEST, changes of tables MANAGE.

    `fence`: what the tokens of a statement ask for, if it came with some.
    """

    def __init__(
        self,
        caller: Caller,
        deployment_id: str,
        registry: Registry,
        tables: Tables,
        compute: Compute,
        *,
        statements: Statements,
        bulk_places: BulkPlaces | None = None,
        service_tables: ServiceTables | None = None,
    ) -> None:
        self._service_tables = service_tables
        self.caller = caller
        self.deployment_id = deployment_id
        self._registry = registry
        self._tables = tables
        self._compute = compute
        self._statements = statements
        self._bulk_places = bulk_places or BulkPlaces()
        self.fence: StatementFence | None = None

    def tables(self) -> list[TableSchema]:
        """Return every table, by name."""
        return [
            entry.schema
            for entry in self._registry.tables(self.deployment_id)
            if entry.row.status == Status.RUNNING
        ]

    def table(self, name: str) -> TableSchema:
        """Return one table; `TableNotFound` if there is none of that name."""
        entry = self._registry.table(self.caller, self.deployment_id, name)
        check_table_running(entry)
        return entry.schema

    def ask(self, table: TableSchema, question: Question, budget: Budget) -> AnyPartial:
        """Return the merged answer of all partitions."""
        self._require(Right.QUERY)
        if self.fence is not None:
            self.fence.note_read(table.id)
        with step("ask", type(question).__name__):
            partial = self._compute.ask(table.id, question, budget)
        records = _records_of(partial)
        budget.records_selected = max(budget.records_selected, records)
        if not budget.may_wait:
            # Found in time, but what is to be written may be long.
            budget.check()
            if records > PROMPT_RECORDS_MAX and isinstance(
                partial, RecordsPartial | RecordIdsPartial
            ):
                raise WouldWait
        return partial

    def write(self, table: TableSchema, batch: Batch) -> list[int]:
        """Make a batch durable and visible; return how many values each operation changed."""
        self._require(Right.INGEST)
        if self.fence is not None:
            self.fence.note_write()
        if any(operation.kind in _GROWING for operation in batch.operations):
            self._tables.check_room(self.deployment_id, table.id)
        entry = self._registry.table(self.caller, self.deployment_id, table.name)
        if entry.row.is_keyed is None:
            self._tables.decide(entry, is_keyed=table.is_keyed)
        return self._compute.write(table.id, batch)

    def create_table(
        self, name: str, *, is_keyed: bool, fields: tuple[FieldSchema, ...], description: str = ""
    ) -> TableSchema:
        """Create a table; `Conflict` if the name is taken."""
        return self._tables.create(
            self.caller,
            self.deployment_id,
            name,
            description,
            is_keyed=is_keyed,
            fields=fields,
        ).schema

    def drop_table(self, name: str) -> None:
        """Drop a table, and return when it is gone; `Conflict` while sources feed it."""
        _, gone = self._tables.begin_delete(self.caller, self.deployment_id, name)
        try:
            gone.result()
        except CancelledError:
            raise Stopping(f"the server stops; its next start drops table {name!r}") from None

    def add_field(self, table: str, field: FieldSchema) -> TableSchema:
        """Add a field; `Conflict` if the name is taken."""
        return self._tables.add_field(self.caller, self.deployment_id, table, field).schema

    def drop_field(self, table: str, field: str) -> TableSchema:
        """Drop a field and what it held; `Conflict` while sources feed it."""
        return self._tables.drop_field(self.caller, self.deployment_id, table, field).schema

    def created_s(self) -> dict[str, float]:
        """Return when the tables were created, by name, in Unix time."""
        entries = self._registry.tables(self.deployment_id)
        return {entry.row.name: entry.row.created_s for entry in entries}

    def views(self) -> dict[str, str]:
        """Return the SELECT that each view stands for, by name."""
        return self._registry.views(self.deployment_id)

    def create_view(self, name: str, statement: str, *, replaces: bool = False) -> None:
        """Create a view, or replace one; `Conflict` if a table or another view has the name."""
        self._require(Right.MANAGE)
        check_name(NameKind.TABLE, name)
        with self._registry.lock:
            is_table = self._registry.find_table(self.deployment_id, name) is not None
            if is_table or (name in self.views() and not replaces):
                raise Conflict(f"table or view '{name}' already exists")
            self._registry.put_view(
                ViewRow(deployment_id=self.deployment_id, name=name, statement=statement)
            )

    def drop_view(self, name: str) -> None:
        """Drop a view; `TableNotFound` if there is none of that name."""
        self._require(Right.MANAGE)
        with self._registry.lock:
            if name not in self.views():
                raise TableNotFound(f"table or view '{name}' not found")
            self._registry.remove_view(self.deployment_id, name)

    def describe(self) -> DatabaseEntry:
        """Return what the deployment is called."""
        row = self._registry.deployment(self.caller, self.deployment_id)
        return DatabaseEntry(
            id=row.id, name=row.name, created_by=row.created_by, created_s=row.created_s
        )

    def statements(self) -> list[StatementEntry]:
        """Return the statements that the caller may see, oldest first: the last, and what runs."""
        past = self._statements.past(self.caller, self.deployment_id, HISTORY_MAX)
        return [*reversed(past), *self._statements.running(self.caller, self.deployment_id)]

    def cancel_statement(self, statement_id: str) -> None:
        """Cancel a statement that runs; `NotFound` if none that the caller may see does."""
        self._statements.cancel(self.caller, statement_id, self.deployment_id)

    def service_rows(self, table: str) -> pa.Table:
        """Return the rows of a service table that the caller may see, oldest first."""
        if self._service_tables is None:
            return service_schema(ServiceTable(table)).empty_table()
        return self._service_tables.rows(self.caller, ServiceTable(table))

    def bulk_places(self) -> BulkPlaces:
        """Return where BULK INSERT may read from."""
        self._require(Right.INGEST)
        return self._bulk_places

    def _require(self, right: Right) -> None:
        self.caller.require(right, deployment_id=self.deployment_id)


def _records_of(partial: AnyPartial) -> int:
    """Return how many records were counted or read for an answer.

    A group's or row's count is a record's once for each of its members, so that they are added up.
    """
    match partial:
        case CountPartial() | TotalsPartial():
            return partial.count
        case RecordsPartial() | TimesPartial():
            return int(partial.records.num_rows)
        case RecordIdsPartial():
            return len(partial.ids)
        case _:
            return int(partial.counts.sum())
