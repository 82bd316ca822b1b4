"""Tables of deployments, and their fields.

A change is in the catalogue before the engine hears of it and shown only afterwards, so that a
crash in between is mended by opening the table as the catalogue has it. A table whose kind of
record ids is undecided is kept unkeyed and empty; its first source or record decides.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from bitbrook.auth.policy import Caller, Right
from bitbrook.auth.random_texts import make_id
from bitbrook.clock import Clock
from bitbrook.compute.compute import Compute
from bitbrook.control.deployments import check_running
from bitbrook.control.lifecycle import Lifecycle, Status
from bitbrook.control.registry import Registry, SourceEntry, TableEntry
from bitbrook.control.shape_memory import ShapeMemory
from bitbrook.engine.statistics import TableStatistics
from bitbrook.errors import BitbrookError, Conflict, InvalidValue, LimitExceeded, QuotaExceeded
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.schema.limits import (
    DECIMAL_SCALE_MAX,
    FIELDS_PER_TABLE_MAX,
    VECTOR_DIMENSIONS_MAX,
)
from bitbrook.schema.names import NameKind, check_name
from bitbrook.settings import Settings
from bitbrook.stores.catalogue_rows import TableRow

QUANTA = frozenset("YMDH"[first:last] for first in range(4) for last in range(first + 1, 5))


class Table(msgspec.Struct, frozen=True):
    """A table. `is_keyed`: None until its first source or record decides it."""

    schema: TableSchema
    deployment_id: str
    status: Status
    created_at: datetime
    statistics: TableStatistics
    is_keyed: bool | None


class Tables:
    """The tables of all deployments, each seen by its own organisation. Named, not numbered."""

    def __init__(
        self,
        registry: Registry,
        lifecycle: Lifecycle,
        compute: Compute,
        settings: Settings,
        *,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._lifecycle = lifecycle
        self._compute = compute
        self._clock = clock
        self._memory = ShapeMemory(registry, compute, settings, clock=clock)
        self._tables_max = settings.tables_max
        self._fields_max = min(settings.fields_max, FIELDS_PER_TABLE_MAX)

    def create(
        self,
        caller: Caller,
        deployment_id: str,
        name: str,
        description: str = "",
        *,
        is_keyed: bool | None = None,
        fields: tuple[FieldSchema, ...] = (),
    ) -> Table:
        """Return a new table. Needs MANAGE. Ids of `fields` are given here.

        Raises:
            InvalidValue: the name of the table or of a field cannot be.
            NotFound: there is no such deployment.
            Conflict: the name is taken, or the deployment is not RUNNING.
            QuotaExceeded: the deployment has as many tables as it may.
        """
        self._registry.deployment(caller, deployment_id)
        caller.require(Right.MANAGE, deployment_id=deployment_id)
        check_name(NameKind.TABLE, name)
        check_fields(fields)
        self._check_field_count(name, len(fields))
        with self._registry.lock:
            check_running(self._registry.deployment(caller, deployment_id))
            is_table = self._registry.find_table(deployment_id, name) is not None
            if is_table or name in self._registry.views(deployment_id):
                kind = "table" if is_table else "view"
                raise Conflict(f"there is a {kind} {name!r} already; choose another name")
            count = len(self._registry.tables(deployment_id))
            if count >= self._tables_max:
                raise QuotaExceeded(
                    f"the deployment has {count:,} tables and {self._tables_max:,} are allowed; "
                    "delete one or raise tables_max"
                )
            row = TableRow(
                id=make_id(),
                organisation_id=caller.organisation_id,
                deployment_id=deployment_id,
                name=name,
                description=description,
                is_keyed=is_keyed,
                partition_count=self._compute.partition_count,
                next_field_id=1,
                status=Status.RUNNING.value,
                created_s=self._clock.now_s(),
            )
            entry = self._registry.store_new_table(row, fields)
            self._compute.open_table(entry.schema, deployment_id=deployment_id)
            self._registry.note_table(entry)
        return self._table(entry)

    def list(self, caller: Caller, deployment_id: str) -> Sequence[Table]:
        """Return a deployment's tables, by name. Needs VIEW.

        Raises:
            NotFound: there is no such deployment.
        """
        self._registry.deployment(caller, deployment_id)
        caller.require(Right.VIEW, deployment_id=deployment_id)
        return [self._table(entry) for entry in self._registry.tables(deployment_id)]

    def get(self, caller: Caller, deployment_id: str, name: str) -> Table:
        """Return one table. Needs VIEW.

        Raises:
            NotFound: there is no such deployment.
            TableNotFound: it has no table of that name.
        """
        entry = self._registry.table(caller, deployment_id, name)
        caller.require(Right.VIEW, deployment_id=deployment_id)
        return self._table(entry)

    def add_field(
        self, caller: Caller, deployment_id: str, table: str, field: FieldSchema
    ) -> Table:
        """Return the table with a new field, empty in every record. Needs MANAGE.

        Raises:
            InvalidValue: the field's name or one of its options cannot be.
            Conflict: the name is taken.
            LimitExceeded: the table has as many fields as it may.
        """
        self._registry.table(caller, deployment_id, table)
        caller.require(Right.MANAGE, deployment_id=deployment_id)
        check_fields((field,))
        with self._registry.lock:
            entry = self._changeable(caller, deployment_id, table)
            if entry.schema.find_field(field.name) is not None:
                raise Conflict(
                    f"table {table!r} has a field {field.name!r} already; choose another name",
                    field=field.name,
                )
            changed = self._registry.prepare_fields(entry, (field,), is_keyed=entry.row.is_keyed)
            self.take_over(changed)
        return self._table(changed)

    def drop_field(self, caller: Caller, deployment_id: str, table: str, field: str) -> Table:
        """Return the table without a field and what it held. Needs MANAGE.

        Raises:
            FieldNotFound: it has none of that name.
            Conflict: sources feed it; `details` lists them.
        """
        self._registry.table(caller, deployment_id, table)
        caller.require(Right.MANAGE, deployment_id=deployment_id)
        with self._registry.lock:
            entry = self._changeable(caller, deployment_id, table)
            dropped = entry.schema.field(field)
            self._check_unfed(entry, field)
            kept = tuple(each for each in entry.schema.fields if each is not dropped)
            changed = TableEntry(entry.row, replace(entry.schema, fields=kept))
            self.take_over(changed)
        return self._table(changed)

    def delete(self, caller: Caller, deployment_id: str, name: str) -> Table:
        """Return the table, DELETING; soon it is gone. Needs MANAGE.

        Raises:
            Conflict: sources feed it; `details` lists them.
        """
        entry, _ = self.begin_delete(caller, deployment_id, name)
        return self._table(entry)

    def begin_delete(
        self, caller: Caller, deployment_id: str, name: str
    ) -> tuple[TableEntry, Future[None]]:
        """Delete a table; return it and a future of its being gone."""
        self._registry.table(caller, deployment_id, name)
        caller.require(Right.MANAGE, deployment_id=deployment_id)
        with self._registry.lock:
            entry = self._registry.table(caller, deployment_id, name)
            self._check_unfed(entry)
            if entry.row.status != Status.DELETING:
                entry = self._registry.change_table(entry.row.id, Status.DELETING)
            return entry, self.resume(entry)

    def open_all(self) -> None:
        """Open every table of the catalogue that is not being deleted; damaged ones refuse."""
        for entry in self._registry.tables():
            if entry.row.status == Status.RUNNING:
                self._compute.open_stored_table(entry.schema, deployment_id=entry.row.deployment_id)

    def follow(self) -> None:
        """Use tables as other servers made, altered or dropped them."""
        entries = self._registry.tables()
        for entry in entries:
            self._compute.note_table(entry.schema)
        self._compute.forget_tables_but([entry.row.id for entry in entries])

    def resume_all(self) -> None:
        """Go on with the deletions that the catalogue says were begun."""
        for entry in self._registry.tables():
            if entry.row.status != Status.RUNNING:
                self.resume(entry)

    def resume(self, entry: TableEntry) -> Future[None]:
        """Go on with the deletion of a table."""

        def remove() -> None:
            self._compute.erase_table(entry.schema)
            self._registry.remove_table(entry.row.id)

        def fail(_reason: str) -> None:
            self._registry.change_table(entry.row.id, Status.FAILED)

        return self._lifecycle.begin(remove, on_failure=fail)

    def decide(self, entry: TableEntry, *, is_keyed: bool) -> TableEntry:
        """Return a table whose kind of record ids is decided, by now or before."""
        with self._registry.lock:
            current = self._registry.table_of_id(entry.row.id)
            if current.row.is_keyed is not None:
                return current
            changed = self._registry.prepare_fields(current, (), is_keyed=is_keyed)
            self.take_over(changed)
        return changed

    def check_room(self, deployment_id: str, table_id: str) -> None:
        """Return if a table may take records, else raise `ShapeExceeded` or `RowsExceeded`."""
        self._memory.check(deployment_id, table_id)

    def take_over(self, entry: TableEntry, *, source: SourceEntry | None = None) -> None:
        """Bring a table into a new form, with a source that comes with it; holds the lock.

        Raises:
            LimitExceeded: it would have more fields than it may.
        """
        before = self._registry.table_of_id(entry.row.id)
        if len(entry.schema.fields) > len(before.schema.fields):
            self._check_field_count(entry.row.name, len(entry.schema.fields))
        self._registry.store_table(entry, source=None if source is None else source.row)
        if entry.schema.is_keyed != before.schema.is_keyed:
            # Undecided until now, so nothing was ever written to it.
            self._compute.drop_table(entry.row.id)
            self._compute.open_table(entry.schema, deployment_id=entry.row.deployment_id)
        elif entry.schema != before.schema:
            self._compute.alter_table(entry.schema)
        self._registry.note_table(entry, source=source)

    def _check_field_count(self, table: str, count: int) -> None:
        if count > self._fields_max:
            raise LimitExceeded(
                f"table {table!r} would have {count:,} fields and {self._fields_max:,} are "
                "allowed; drop some or raise fields_max"
            )

    def _changeable(self, caller: Caller, deployment_id: str, name: str) -> TableEntry:
        entry = self._registry.table(caller, deployment_id, name)
        check_table_running(entry)
        return entry

    def _check_unfed(self, entry: TableEntry, field: str | None = None) -> None:
        """Return if no source feeds the table (or that field of it)."""
        feeding = [
            f"source {source.row.name!r} ({source.row.id})"
            for source in self._registry.sources(table_id=entry.row.id)
            if source.row.status != Status.DELETING
            and (field is None or field in {each.name for each in source.schema.definition})
        ]
        if feeding:
            fed = f"table {entry.row.name!r}" if field is None else f"field {field!r}"
            raise Conflict(
                f"{fed} is fed by {', '.join(feeding)}; delete what feeds it first",
                details=feeding,
            )

    def _table(self, entry: TableEntry) -> Table:
        return Table(
            schema=entry.schema,
            deployment_id=entry.row.deployment_id,
            status=Status(entry.row.status),
            created_at=datetime.fromtimestamp(entry.row.created_s, UTC),
            statistics=self._statistics(entry),
            is_keyed=entry.row.is_keyed,
        )

    def _statistics(self, entry: TableEntry) -> TableStatistics:
        """Return a table's statistics; of one that is going or refuses everything, zeros."""
        try:
            return self._compute.statistics(entry.row.id)
        except BitbrookError:
            return TableStatistics(record_count=0, memory_bytes=0, stored_bytes=0, fields=())


def check_table_running(entry: TableEntry) -> None:
    """Return if a table can be used now, else raise `Conflict`."""
    if entry.row.status != Status.RUNNING:
        raise Conflict(f"table {entry.row.name!r} is {entry.row.status}; it must be RUNNING")


def check_fields(fields: Sequence[FieldSchema]) -> None:
    """Return if a table may have these fields.

    Raises:
        InvalidValue: a name or an option cannot be; names the field, the value and the mend.
        LimitExceeded: there are too many.
    """
    if len(fields) > FIELDS_PER_TABLE_MAX:
        raise LimitExceeded(
            f"{len(fields):,} fields, and {FIELDS_PER_TABLE_MAX:,} are allowed; leave some out"
        )
    names = set()
    for field in fields:
        check_name(NameKind.FIELD, field.name)
        if field.name in names:
            raise InvalidValue(f"field {field.name!r} is listed twice", field=field.name)
        names.add(field.name)
        fault = _option_fault(field)
        if fault is not None:
            raise InvalidValue(f"field {field.name!r}: {fault}", field=field.name)


def _option_fault(field: FieldSchema) -> str | None:
    if field.min > field.max:
        return f"min {field.min} is above max {field.max}; exchange them"
    if not 0 <= field.scale <= DECIMAL_SCALE_MAX:
        return f"scale {field.scale} cannot be; give 0 to {DECIMAL_SCALE_MAX}"
    if (field.type is FieldType.TIME) != bool(field.quantum):
        return (
            f"a field of type {field.type} with quantum {field.quantum!r} cannot be; time has one"
        )
    if field.quantum and field.quantum not in QUANTA:
        return f"quantum {field.quantum!r} cannot be; give a run of YMDH without gaps"
    if field.ttl_s and not field.quantum:
        return "a time to live needs a quantum; leave it out or give one"
    if (field.type is FieldType.VECTOR) != bool(field.dimensions):
        return f"a field of type {field.type} with {field.dimensions} dimensions cannot be"
    if not 0 <= field.dimensions <= VECTOR_DIMENSIONS_MAX:
        return f"dimensions {field.dimensions} cannot be; give 1 to {VECTOR_DIMENSIONS_MAX:,}"
    if field.ttl_s < 0:
        return f"time to live {field.ttl_s} s cannot be; give a positive one"
    return None
