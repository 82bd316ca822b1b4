"""Sources: streams of JSON records into tables.

A source's fields are in its table from the moment it is CREATING; it takes records while it is
RUNNING. Sources that run are held in memory, so a request of records costs one look-up.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from bitbrook.auth.policy import Caller, Right
from bitbrook.auth.random_texts import make_id
from bitbrook.clock import Clock
from bitbrook.compute.local import LocalCompute
from bitbrook.control.deployments import check_running
from bitbrook.control.lifecycle import Lifecycle, Status
from bitbrook.control.live_source import Ingest, LiveSource
from bitbrook.control.registry import Registry, SourceEntry, TableEntry
from bitbrook.control.tables import Tables, check_table_running
from bitbrook.control.traffic import Minute, SourceError
from bitbrook.errors import Conflict, NotFound
from bitbrook.schema.names import NameKind, check_name
from bitbrook.settings import Settings
from bitbrook.sources.schema import SourceSchema, check_schema, keys_records
from bitbrook.sources.table_match import added_fields, conflicts_with
from bitbrook.stores.catalogue_rows import SourceRow
from bitbrook.telemetry.metrics import show_open


class Source(msgspec.Struct, frozen=True):
    """A source. `table`: by name. `created_by`: the e-mail address of the user."""

    id: str
    name: str
    deployment_id: str
    table: str
    schema: SourceSchema
    status: Status
    created_at: datetime
    created_by: str
    failure_reason: str | None = None


class Sources:
    """The sources of all deployments, each seen by its own organisation."""

    def __init__(
        self,
        registry: Registry,
        lifecycle: Lifecycle,
        tables: Tables,
        compute: LocalCompute,
        settings: Settings,
        *,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._lifecycle = lifecycle
        self._tables = tables
        self._compute = compute
        self._settings = settings
        self._clock = clock
        self._live: dict[str, LiveSource] = {}

    def create(
        self, caller: Caller, name: str, deployment_id: str, table: str, schema: SourceSchema
    ) -> Source:
        """Return a new source, CREATING; its fields are in the table already. Needs MANAGE.

        Raises:
            InvalidSchema: `details` lists every fault of the schema.
            NotFound: there is no such deployment.
            TableNotFound: it has no table of that name.
            Conflict: the name is taken, or the schema contradicts the table; `details` lists how.
        """
        self._registry.table(caller, deployment_id, table)
        caller.require(Right.MANAGE, deployment_id=deployment_id)
        check_name(NameKind.SOURCE, name)
        check_schema(schema)
        with self._registry.lock:
            check_running(self._registry.deployment(caller, deployment_id))
            entry = self._registry.table(caller, deployment_id, table)
            check_table_running(entry)
            others = self._registry.sources(caller.organisation_id)
            if any(other.row.name == name for other in others):
                raise Conflict(
                    f"there is a source {name!r} already; choose another name", field="name"
                )
            source = SourceEntry(
                SourceRow(
                    id=make_id(),
                    organisation_id=caller.organisation_id,
                    deployment_id=deployment_id,
                    table_id=entry.row.id,
                    name=name,
                    definition=msgspec.json.encode(schema).decode(),
                    status=Status.CREATING.value,
                    created_s=self._clock.now_s(),
                    created_by=caller.email,
                ),
                schema,
                entry.row.name,
            )
            self._tables.take_over(self._fitted(entry, schema), source=source)
            self.resume(source)
        return self._source(source)

    def list(self, caller: Caller) -> Sequence[Source]:
        """Return the organisation's sources, oldest first. Needs VIEW.

        A bound key sees those that it reaches.
        """
        caller.require_somewhere(Right.VIEW)
        return [
            self._source(entry)
            for entry in self._registry.sources(caller.organisation_id)
            if caller.reaches(deployment_id=entry.row.deployment_id, source_id=entry.row.id)
        ]

    def get(self, caller: Caller, source_id: str) -> Source:
        """Return one source. Needs VIEW.

        Raises:
            NotFound: the organisation has none of that id.
        """
        return self._source(self._allowed(caller, source_id, Right.VIEW))

    def delete(self, caller: Caller, source_id: str) -> Source:
        """Return the source, DELETING; soon it is gone. Needs MANAGE.

        Requests that were accepted before are carried out.
        """
        self._allowed(caller, source_id, Right.MANAGE)
        with self._registry.lock:
            entry = self._registry.source(caller, source_id)
            if entry.row.status != Status.DELETING:
                entry = self._registry.change_source(source_id, Status.DELETING)
                self._live.pop(source_id, None)
                self.resume(entry)
        return self._source(entry)

    def errors(self, caller: Caller, source_id: str) -> Sequence[SourceError]:
        """Return the last errors since the server started, newest first. Needs VIEW."""
        self._allowed(caller, source_id, Right.VIEW)
        live = self._live.get(source_id)
        return [] if live is None else live.traffic.errors()

    def metrics(self, caller: Caller, source_id: str) -> Sequence[Minute]:
        """Return the minutes with traffic of the last day, oldest first. Needs VIEW."""
        self._allowed(caller, source_id, Right.VIEW)
        live = self._live.get(source_id)
        return [] if live is None else live.traffic.minutes()

    def begin_ingest(
        self,
        caller: Caller,
        source_id: str,
        body: bytes,
        *,
        is_lines: bool = False,
        idempotency_key: str | None = None,
    ) -> Ingest:
        """Return the outcomes of a body's records, and a future of their being stored.

        Needs INGEST. Decodes here (call it on a worker thread); never waits for a disk. A repeated
        idempotency key answers what the first one did and applies nothing.

        Raises:
            NotFound: the organisation has no such source.
            Conflict: the source is not RUNNING.
            InvalidBody: not JSON, or no list of records.
            LimitExceeded: too many records.
            QuotaExceeded: beyond the source's rate.
            Overloaded: too much waits to be logged; nothing was applied.
        """
        live = self._live.get(source_id)
        if live is None or live.organisation_id != caller.organisation_id:
            raise self._refusal(caller, source_id)
        caller.require(Right.INGEST, deployment_id=live.deployment_id, source_id=source_id)
        return live.ingest(body, is_lines=is_lines, idempotency_key=idempotency_key)

    def resume_all(self) -> None:
        """Let every source of the catalogue run, and go on with creations and deletions."""
        self._compute.forget_notes(expired_s=self._clock.now_s())
        for entry in self._registry.sources():
            if entry.row.status == Status.RUNNING:
                self._go_live(entry)
            else:
                self.resume(entry)

    def resume(self, entry: SourceEntry) -> None:
        """Go on with a creation or deletion that the catalogue says was begun."""
        source_id = entry.row.id

        def run() -> None:
            with self._registry.lock:
                if self._registry.source_of_id(source_id).row.status == Status.CREATING:
                    # Whoever sees it RUNNING may send records at once.
                    self._go_live(entry)
                    self._registry.change_source(source_id, Status.RUNNING)

        def remove() -> None:
            self._compute.forget_notes(scope=source_id)
            self._registry.remove_source(source_id)
            self._show_open()

        def fail(reason: str) -> None:
            self._live.pop(source_id, None)
            self._registry.change_source(source_id, Status.FAILED, reason)

        match Status(entry.row.status):
            case Status.CREATING:
                self._lifecycle.begin(run, on_failure=fail)
            case Status.DELETING:
                self._lifecycle.begin(remove, on_failure=fail)
            case _:
                pass

    def _go_live(self, entry: SourceEntry) -> None:
        table = self._registry.table_of_id(entry.row.table_id).schema
        self._live[entry.row.id] = LiveSource(
            entry, table, self._compute, self._settings, clock=self._clock
        )
        self._show_open()

    def _fitted(self, entry: TableEntry, schema: SourceSchema) -> TableEntry:
        """Return what a table becomes by a source: its kind of ids decided, its fields added."""
        is_keyed = entry.row.is_keyed
        table = entry.schema
        if is_keyed is None:
            is_keyed = keys_records(schema)
            table = msgspec.structs.replace(table, is_keyed=is_keyed)
        faults = conflicts_with(schema, table)
        if faults:
            raise Conflict(
                f"the source contradicts table {table.name!r}: {'; '.join(faults[:3])}"
                f"{'; ...' if faults[3:] else ''}; change the definition or use another table",
                details=faults,
            )
        return self._registry.prepare_fields(entry, added_fields(schema, table), is_keyed=is_keyed)

    def _allowed(self, caller: Caller, source_id: str, right: Right) -> SourceEntry:
        """Return a source if the caller has this right to it."""
        entry = self._registry.source(caller, source_id)
        caller.require(right, deployment_id=entry.row.deployment_id, source_id=source_id)
        return entry

    def _refusal(self, caller: Caller, source_id: str) -> Conflict | NotFound:
        """Return why a source that does not run takes no records from this caller."""
        try:
            row = self._allowed(caller, source_id, Right.INGEST).row
        except NotFound as error:
            return error
        return Conflict(f"source {row.name!r} is {row.status}; it must be RUNNING")

    def _source(self, entry: SourceEntry) -> Source:
        row = entry.row
        return Source(
            row.id,
            row.name,
            row.deployment_id,
            entry.table_name,
            entry.schema,
            Status(row.status),
            datetime.fromtimestamp(row.created_s, UTC),
            row.created_by,
            row.failure_reason,
        )

    def _show_open(self) -> None:
        show_open(tables=len(self._registry.tables()), sources=len(self._live))
