"""Deployments, tables and sources in memory, and every change of them in the catalogue first.

What is in memory is what is true, as long as one server has the catalogue (where several have, see
`control.sharing`), and looking something up asks no database. Whose a thing is is decided here and
nowhere else: what belongs to another organisation is not found. Knows nothing of rights, engines or
how things come and go.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import msgspec
from msgspec.structs import replace

from bitbrook.auth.policy import Caller
from bitbrook.control.lifecycle import Status
from bitbrook.errors import NotFound, TableNotFound
from bitbrook.schema.field_types import FieldSchema, TableSchema
from bitbrook.sources.schema import SourceSchema
from bitbrook.stores.catalogue import Catalogue
from bitbrook.stores.catalogue_rows import (
    DeploymentRow,
    FieldRow,
    SourceRow,
    SourceTrafficRow,
    SourceWebhookRow,
    TableRow,
    ViewRow,
)


class TableEntry(msgspec.Struct, frozen=True):
    """A table: its row, and what that and its fields' rows make for the engine."""

    row: TableRow
    schema: TableSchema


class SourceEntry(msgspec.Struct, frozen=True):
    """A source: its row, the schema in it, and what its table is called."""

    row: SourceRow
    schema: SourceSchema
    table_name: str


class Registry:
    """What exists. `lock`: held by whoever looks and then changes.

    `look`: reads again if another server changed something.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.lock: AbstractContextManager[Any] = threading.RLock()
        self.look: Callable[[], None] = lambda: None
        self._catalogue = catalogue
        self._deployments: dict[str, DeploymentRow] = {}
        self._tables: dict[str, TableEntry] = {}
        self._table_ids: dict[tuple[str, str], str] = {}
        self._sources: dict[str, SourceEntry] = {}
        self._views: dict[str, dict[str, str]] = {}
        self._webhooks: dict[str, bytes] = {}
        self.read()

    def read(self) -> None:
        """Read everything of the catalogue, in place of what is in memory."""
        with self._catalogue.reading() as rows:
            fields: dict[str, list[FieldRow]] = {}
            for field in rows.all(FieldRow):
                fields.setdefault(field.table_id, []).append(field)
            tables = {
                table.id: TableEntry(
                    table,
                    _table_schema(table, tuple(map(_field_schema, fields.get(table.id, [])))),
                )
                for table in rows.all(TableRow)
            }
            deployments = {row.id: row for row in rows.all(DeploymentRow)}
            views: dict[str, dict[str, str]] = {}
            for view in rows.all(ViewRow):
                views.setdefault(view.deployment_id, {})[view.name] = view.statement
            sources = {
                row.id: SourceEntry(
                    row,
                    msgspec.json.decode(row.definition, type=SourceSchema),
                    tables[row.table_id].row.name,
                )
                for row in rows.all(SourceRow)
            }
            webhooks = {row.source_id: row.body for row in rows.all(SourceWebhookRow)}
        self._deployments, self._tables, self._sources = deployments, tables, sources
        self._table_ids = {
            (entry.row.deployment_id, entry.row.name): entry.row.id for entry in tables.values()
        }
        self._views, self._webhooks = views, webhooks

    def deployments(self, organisation_id: str | None = None) -> list[DeploymentRow]:
        """Return an organisation's deployments (or all), oldest first."""
        chosen = [
            row
            for row in list(self._deployments.values())
            if organisation_id is None or row.organisation_id == organisation_id
        ]
        return sorted(chosen, key=lambda row: (row.created_s, row.id))

    def deployment(self, caller: Caller, deployment_id: str) -> DeploymentRow:
        """Return a deployment of the caller's organisation.

        Raises:
            NotFound: it has none of that id.
        """
        row = self._deployments.get(deployment_id)
        if row is None:
            self.look()
            row = self._deployments.get(deployment_id)
        if row is None or row.organisation_id != caller.organisation_id:
            raise NotFound(f"there is no deployment {deployment_id!r}")
        return row

    def deployment_of_id(self, deployment_id: str) -> DeploymentRow:
        """Return the deployment of an id that is known to exist."""
        return self._deployments[deployment_id]

    def tables(self, deployment_id: str | None = None) -> list[TableEntry]:
        """Return a deployment's tables (or all), by name."""
        entries = [
            entry
            for entry in list(self._tables.values())
            if deployment_id is None or entry.row.deployment_id == deployment_id
        ]
        return sorted(entries, key=lambda entry: entry.row.name)

    def find_table(self, deployment_id: str, name: str) -> TableEntry | None:
        """Return a deployment's table of that name, if there is one."""
        table_id = self._table_ids.get((deployment_id, name))
        return None if table_id is None else self._tables.get(table_id)

    def table(self, caller: Caller, deployment_id: str, name: str) -> TableEntry:
        """Return a table of a deployment of the caller's organisation.

        Raises:
            NotFound: there is no such deployment.
            TableNotFound: it has no such table.
        """
        deployment = self.deployment(caller, deployment_id)
        entry = self.find_table(deployment_id, name)
        if entry is None:
            self.look()
            entry = self.find_table(deployment_id, name)
        if entry is None:
            raise TableNotFound(f"there is no table {name!r} in deployment {deployment.name!r}")
        return entry

    def table_of_id(self, table_id: str) -> TableEntry:
        """Return the table of an id that is known to exist."""
        return self._tables[table_id]

    def sources(
        self, organisation_id: str | None = None, *, table_id: str | None = None
    ) -> list[SourceEntry]:
        """Return the sources of an organisation, of a table, or all; oldest first."""
        chosen = [
            entry
            for entry in list(self._sources.values())
            if table_id is None or entry.row.table_id == table_id
            if organisation_id is None or entry.row.organisation_id == organisation_id
        ]
        return sorted(chosen, key=lambda entry: (entry.row.created_s, entry.row.id))

    def source(self, caller: Caller, source_id: str) -> SourceEntry:
        """Return a source of the caller's organisation.

        Raises:
            NotFound: it has none of that id.
        """
        entry = self._sources.get(source_id)
        if entry is None:
            self.look()
            entry = self._sources.get(source_id)
        if entry is None or entry.row.organisation_id != caller.organisation_id:
            raise NotFound(f"there is no source {source_id!r}")
        return entry

    def source_of_id(self, source_id: str) -> SourceEntry:
        """Return the source of an id that is known to exist."""
        return self._sources[source_id]

    def add_deployment(self, row: DeploymentRow) -> None:
        """Add a deployment."""
        with self._catalogue.changing() as rows:
            rows.insert(row)
        self._deployments[row.id] = row

    def change_deployment(
        self,
        deployment_id: str,
        status: Status,
        failure_reason: str | None = None,
        *,
        shape: str | None = None,
    ) -> DeploymentRow:
        """Return the deployment in its new state, and in a new shape if one is given."""
        with self.lock:
            before = self._deployments[deployment_id]
            row = replace(
                before,
                status=status.value,
                failure_reason=failure_reason,
                shape=shape or before.shape,
            )
            with self._catalogue.changing() as rows:
                rows.update(row)
            self._deployments[row.id] = row
        return row

    def remove_deployment(self, deployment_id: str) -> None:
        """Remove a deployment that has no tables and no sources."""
        with self.lock:
            with self._catalogue.changing() as rows:
                rows.delete(ViewRow, deployment_id=deployment_id)
                rows.delete(DeploymentRow, id=deployment_id)
            self._deployments.pop(deployment_id, None)
            self._views.pop(deployment_id, None)

    def store_new_table(self, row: TableRow, fields: Sequence[FieldSchema]) -> TableEntry:
        """Put a table into the catalogue, not into memory; its fields get their ids here."""
        entry = _with_fields(TableEntry(row, _table_schema(row, ())), fields)
        with self._catalogue.changing() as rows:
            rows.insert(entry.row, *_field_rows(entry, entry.schema.fields))
        return entry

    def prepare_fields(
        self, entry: TableEntry, fields: Sequence[FieldSchema], *, is_keyed: bool | None
    ) -> TableEntry:
        """Return what a table will be with further fields and its kind of ids; nothing changes."""
        row = replace(entry.row, is_keyed=is_keyed)
        return _with_fields(TableEntry(row, _table_schema(row, entry.schema.fields)), fields)

    def store_table(self, entry: TableEntry, *, source: SourceRow | None = None) -> None:
        """Put a table's row and the fields it gained or lost into the catalogue, not into memory.

        `source`: a source that comes with them, or changes along.
        """
        before = self._tables[entry.row.id].schema.fields
        gained = [field for field in entry.schema.fields if field not in before]
        lost = [field for field in before if field not in entry.schema.fields]
        with self._catalogue.changing() as rows:
            rows.update(entry.row)
            for field in lost:
                rows.delete(FieldRow, table_id=entry.row.id, id=field.id)
            rows.insert(*_field_rows(entry, gained))
            if source is not None and not rows.update(source):
                rows.insert(source)

    def note_table(self, entry: TableEntry, *, source: SourceEntry | None = None) -> None:
        """Show what `store_table` or `store_new_table` stored."""
        self._note_table(entry)
        if source is not None:
            self._sources[source.row.id] = source

    def change_table(self, table_id: str, status: Status) -> TableEntry:
        """Return the table in its new state."""
        with self.lock:
            entry = self._tables[table_id]
            changed = TableEntry(replace(entry.row, status=status.value), entry.schema)
            with self._catalogue.changing() as rows:
                rows.update(changed.row)
            self._note_table(changed)
        return changed

    def remove_table(self, table_id: str) -> None:
        """Remove a table that has no sources."""
        with self.lock:
            with self._catalogue.changing() as rows:
                rows.delete(FieldRow, table_id=table_id)
                rows.delete(TableRow, id=table_id)
            entry = self._tables.pop(table_id, None)
            if entry is not None:
                self._table_ids.pop((entry.row.deployment_id, entry.row.name), None)

    def change_source(
        self, source_id: str, status: Status, failure_reason: str | None = None
    ) -> SourceEntry:
        """Return the source in its new state."""
        with self.lock:
            entry = self._sources[source_id]
            row = replace(entry.row, status=status.value, failure_reason=failure_reason)
            with self._catalogue.changing() as rows:
                rows.update(row)
            changed = SourceEntry(row, entry.schema, entry.table_name)
            self._sources[source_id] = changed
        return changed

    def put_source(self, entry: SourceEntry) -> None:
        """Replace the row of a source whose schema stays."""
        with self.lock:
            with self._catalogue.changing() as rows:
                rows.update(entry.row)
            self._sources[entry.row.id] = entry

    def source_traffic(self) -> dict[str, bytes]:
        """Return what the last orderly stop kept of sources' traffic, by source."""
        with self._catalogue.reading() as rows:
            return {row.source_id: row.body for row in rows.all(SourceTrafficRow)}

    def store_source_traffic(self, bodies: Mapping[str, bytes]) -> None:
        """Keep the traffic of these sources, as far as they exist, in place of what was kept."""
        with self.lock, self._catalogue.changing() as rows:
            for source_id in bodies.keys() & self._sources.keys():
                rows.delete(SourceTrafficRow, source_id=source_id)
                rows.insert(SourceTrafficRow(source_id=source_id, body=bodies[source_id]))

    def webhook(self, source_id: str) -> bytes | None:
        """Return how a source's webhooks are signed, None if it takes none."""
        return self._webhooks.get(source_id)

    def put_webhook(self, source_id: str, body: bytes) -> None:
        """Have a source take webhooks, in place of those that it took."""
        row = SourceWebhookRow(source_id=source_id, body=body)
        with self.lock:
            with self._catalogue.changing() as rows:
                if not rows.update(row):
                    rows.insert(row)
            self._webhooks[source_id] = body

    def remove_webhook(self, source_id: str) -> bool:
        """Have a source take no webhooks; return whether it took any."""
        with self.lock:
            with self._catalogue.changing() as rows:
                is_gone = bool(rows.delete(SourceWebhookRow, source_id=source_id))
            self._webhooks.pop(source_id, None)
        return is_gone

    def views(self, deployment_id: str) -> dict[str, str]:
        """Return the statements of a deployment's views, by name."""
        return dict(self._views.get(deployment_id, {}))

    def put_view(self, row: ViewRow) -> None:
        """Add a view, or replace the one of that name."""
        with self.lock:
            with self._catalogue.changing() as rows:
                if not rows.update(row):
                    rows.insert(row)
            self._views.setdefault(row.deployment_id, {})[row.name] = row.statement

    def remove_view(self, deployment_id: str, name: str) -> None:
        """Remove a view."""
        with self.lock:
            with self._catalogue.changing() as rows:
                rows.delete(ViewRow, deployment_id=deployment_id, name=name)
            self._views.get(deployment_id, {}).pop(name, None)

    def remove_source(self, source_id: str) -> None:
        """Remove a source."""
        with self.lock:
            with self._catalogue.changing() as rows:
                rows.delete(SourceTrafficRow, source_id=source_id)
                rows.delete(SourceWebhookRow, source_id=source_id)
                rows.delete(SourceRow, id=source_id)
            self._sources.pop(source_id, None)
            self._webhooks.pop(source_id, None)

    def _note_table(self, entry: TableEntry) -> None:
        self._tables[entry.row.id] = entry
        self._table_ids[(entry.row.deployment_id, entry.row.name)] = entry.row.id


def _with_fields(entry: TableEntry, fields: Sequence[FieldSchema]) -> TableEntry:
    """Return a table with further fields, under ids that no field of it ever had."""
    first = entry.row.next_field_id
    numbered = tuple(replace(field, id=first + index) for index, field in enumerate(fields))
    row = replace(entry.row, next_field_id=first + len(numbered))
    return TableEntry(row, replace(entry.schema, fields=entry.schema.fields + numbered))


def _table_schema(row: TableRow, fields: tuple[FieldSchema, ...]) -> TableSchema:
    return TableSchema(
        id=row.id,
        name=row.name,
        is_keyed=bool(row.is_keyed),
        fields=fields,
        description=row.description,
        partition_count=row.partition_count,
    )


def _field_rows(entry: TableEntry, fields: Sequence[FieldSchema]) -> list[FieldRow]:
    return [
        FieldRow(
            table_id=entry.row.id,
            id=field.id,
            name=field.name,
            definition=msgspec.json.encode(field).decode(),
        )
        for field in fields
    ]


def _field_schema(row: FieldRow) -> FieldSchema:
    return msgspec.json.decode(row.definition, type=FieldSchema)
