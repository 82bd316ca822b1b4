"""Service tables: what an organisation's own running tells in SQL, and who may see which rows.

Administrators see the organisation's, others their own requests and queries; a key that is bound
sees what it is bound to. What a source took and refused is its own account (`traffic`), which
outlives a restart; the other rows are kept by `service_rows`.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.auth.policy import Caller, Right
from bitbrook.clock import Clock
from bitbrook.control.registry import Registry, SourceEntry
from bitbrook.control.service_rows import ServiceRows, moment_of
from bitbrook.control.sources import Sources
from bitbrook.query.database import StatementEntry
from bitbrook.query.sql.service_tables import ServiceTable, service_schema
from bitbrook.settings import Settings
from bitbrook.telemetry.acts import Act

_OWN = frozenset({ServiceTable.REQUESTS, ServiceTable.QUERIES})
"""Tables of which each user sees the rows of their own."""

PATH_CHARACTERS_MAX = 500


class ServiceTables:
    """The service tables of all organisations, each seen by its own."""

    def __init__(
        self, registry: Registry, sources: Sources, settings: Settings, *, clock: Clock
    ) -> None:
        self._registry = registry
        self._sources = sources
        self._clock = clock
        self._ttl_s = settings.service_rows_ttl_s
        self._rows_max = settings.service_rows_max
        self._kept = ServiceRows(
            rows_max=settings.service_rows_max, ttl_s=settings.service_rows_ttl_s, clock=clock
        )

    def add_request(self, act: Act, status: int) -> None:
        """Keep a request that was answered, of whoever is known."""
        if act.organisation_id is None:
            return
        duration_us = moment_of(self._clock.now_s()) - moment_of(act.at_s)
        row = (
            moment_of(act.at_s),
            act.request_id,
            act.method,
            act.resource[:PATH_CHARACTERS_MAX],
            act.action,
            status,
            max(0, duration_us),
            act.who,
            act.api_key_id,
            act.address,
        )
        self._kept.add(act.organisation_id, ServiceTable.REQUESTS, row)

    def add_query(self, entry: StatementEntry) -> None:
        """Keep a statement that has ended."""
        row = (
            moment_of(entry.started_s),
            entry.id,
            entry.request_id,
            entry.deployment_id,
            entry.user,
            entry.language,
            entry.text,
            entry.status.value,
            entry.duration_us,
            entry.records_selected,
            entry.rows_returned,
            entry.answer_bytes,
            entry.error,
        )
        self._kept.add(entry.organisation_id, ServiceTable.QUERIES, row)

    def add_call(self, organisation_id: str, row: tuple[Any, ...]) -> None:
        """Keep a call of an endpoint."""
        self._kept.add(organisation_id, ServiceTable.ENDPOINTS, row)

    def rows(self, caller: Caller, table: ServiceTable) -> pa.Table:
        """Return the rows of a service table that the caller may see, oldest first. Needs QUERY."""
        caller.require_somewhere(Right.QUERY)
        match table:
            case ServiceTable.INGEST:
                return self._listed(table, self._minutes(caller))
            case ServiceTable.ERRORS:
                return self._listed(table, self._errors(caller))
            case _:
                return self._seen(caller, table, self._kept.read(caller.organisation_id, table))

    def _seen(self, caller: Caller, table: ServiceTable, rows: pa.Table) -> pa.Table:
        if table in _OWN and Right.ADMIN not in caller.rights:
            rows = rows.filter(pc.equal(rows.column("user"), caller.email))
        if caller.bound_to is None:
            return rows
        if table is ServiceTable.REQUESTS:
            return rows.filter(pc.equal(rows.column("api_key_id"), caller.api_key_id))
        seen = [
            row.id
            for row in self._registry.deployments(caller.organisation_id)
            if caller.reaches(deployment_id=row.id)
        ]
        return rows.filter(pc.is_in(rows.column("deployment_id"), pa.array(seen, pa.string())))

    def _listed(self, table: ServiceTable, rows: Iterator[tuple[Any, ...]]) -> pa.Table:
        """Return rows of sources as a table, oldest first, within the bounds of all tables."""
        oldest = moment_of(self._clock.now_s() - self._ttl_s)
        found = sorted((row for row in rows if row[0] >= oldest), key=lambda row: row[0])
        schema = service_schema(table)
        found = found[-self._rows_max :]
        if not found:
            return schema.empty_table()
        columns = zip(*found, strict=True)
        return pa.Table.from_arrays(
            [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)],
            schema=schema,
        )

    def _minutes(self, caller: Caller) -> Iterator[tuple[Any, ...]]:
        for source, place in self._places(caller):
            for minute in self._sources.metrics(caller, source.row.id):
                yield (
                    moment_of(minute.at.timestamp()),
                    *place,
                    minute.requests,
                    minute.records,
                    minute.errors,
                )

    def _errors(self, caller: Caller) -> Iterator[tuple[Any, ...]]:
        for source, place in self._places(caller):
            for error in islice(self._sources.rejected(caller, source.row.id), self._rows_max):
                yield (
                    moment_of(error.at.timestamp()),
                    *place,
                    error.id,
                    error.request_id,
                    error.code,
                    error.message,
                    error.field or None,
                    None if error.value is None else bytes(error.value).decode(),
                    error.expected or None,
                    error.mend or None,
                    error.excerpt,
                    error.can_be_retried,
                )

    def _places(self, caller: Caller) -> Iterator[tuple[SourceEntry, tuple[str, ...]]]:
        """Give the sources that the caller reaches, each with what rows say of it."""
        tables = {entry.row.id: entry.row.name for entry in self._registry.tables()}
        for source in self._registry.sources(caller.organisation_id):
            row = source.row
            if caller.reaches(deployment_id=row.deployment_id, source_id=row.id):
                name = tables.get(row.table_id, "")
                yield source, (row.id, row.name, row.deployment_id, name)
