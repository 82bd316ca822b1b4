"""Sources: streams of JSON records into tables.

A source's fields are in its table from the moment it is CREATING; it takes records while it is
RUNNING, and none while it is PAUSED. Both are held in memory, so a request of records costs one
look-up. A change is in the catalogue, with the fields that it adds, before anything sees it.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

import msgspec

from bitbrook.auth.policy import Caller, Right
from bitbrook.auth.random_texts import make_id
from bitbrook.clock import Clock
from bitbrook.compute.compute import Compute
from bitbrook.control.batch_memory import BatchMemory
from bitbrook.control.deployments import check_running
from bitbrook.control.fences import Fences
from bitbrook.control.lifecycle import Lifecycle, Status
from bitbrook.control.live_source import (
    PLAIN,
    ArrivingIngest,
    Ingest,
    LiveSource,
    Terms,
    limits_of,
)
from bitbrook.control.open_sources import OpenSources
from bitbrook.control.quarantine import Quarantine, RejectedRecord
from bitbrook.control.rates import Allowance, RateLimits, RateLimitsChange
from bitbrook.control.registry import Registry, SourceEntry
from bitbrook.control.retries import Retried, Retries
from bitbrook.control.source_fit import fitted
from bitbrook.control.tables import Tables, check_table_running
from bitbrook.control.traffic import Minute, Totals
from bitbrook.control.webhooks import Webhooks
from bitbrook.errors import Conflict, NotFound
from bitbrook.schema.field_types import TableSchema
from bitbrook.schema.names import NameKind, check_name
from bitbrook.settings import Settings
from bitbrook.sources.schema import SourceSchema, check_schema, fields_of, keys_records
from bitbrook.sources.schema_change import SchemaChange, changed_schema
from bitbrook.stores.catalogue_rows import SourceRow

ERRORS_MAX = 1_000
"""Refused records that are shown if it is not said how many."""


class Source(msgspec.Struct, frozen=True):
    """A source. `table`: by name. `created_by`: the e-mail address of the user.

    `limits`: the rates that are in force.
    """

    id: str
    name: str
    deployment_id: str
    table: str
    schema: SourceSchema
    status: Status
    created_at: datetime
    created_by: str
    failure_reason: str | None = None
    limits: RateLimits = RateLimits()


class SourceChange(msgspec.Struct, frozen=True):
    """What is to change of a source; what is None stays."""

    schema: SchemaChange | None = None
    limits: RateLimitsChange | None = None
    is_paused: bool | None = None


class Sources:
    """The sources of all deployments, each seen by its own organisation."""

    def __init__(
        self,
        registry: Registry,
        lifecycle: Lifecycle,
        tables: Tables,
        compute: Compute,
        settings: Settings,
        *,
        fences: Fences,
        quarantine: Quarantine,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._lifecycle = lifecycle
        self._tables = tables
        self._compute = compute
        self._settings = settings
        self._clock = clock
        self._quarantine = quarantine
        self._retries = Retries(compute, quarantine, fences, clock=clock)
        self._memory = BatchMemory()
        self._live = OpenSources(
            registry,
            compute,
            settings,
            memory=self._memory,
            fences=fences,
            quarantine=quarantine,
            clock=clock,
        )
        self.webhooks = Webhooks(registry, self.taking, clock=clock)

    def create(
        self,
        caller: Caller,
        name: str,
        deployment_id: str,
        table: str,
        schema: SourceSchema,
        *,
        limits: RateLimits | None = None,
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
        limits = limits or RateLimits()
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
                    records_per_s=limits.records_per_s,
                    bytes_per_s=limits.bytes_per_s,
                ),
                schema,
                entry.row.name,
            )
            self._tables.take_over(fitted(self._registry, entry, schema), source=source)
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

    def change(self, caller: Caller, source_id: str, change: SourceChange) -> Source:
        """Return the source, changed in everything or nothing. Needs MANAGE.

        Requests that are under way go on as they began.

        Raises:
            InvalidSchema: the new entries cannot be; `details` lists every fault.
            Conflict: they contradict the source's schema or the table, of which `details` names
                both; or the source is neither RUNNING nor PAUSED.
        """
        self._allowed(caller, source_id, Right.MANAGE)
        with self._registry.lock:
            entry = self._registry.source(caller, source_id)
            status = Status(entry.row.status)
            if status not in {Status.RUNNING, Status.PAUSED}:
                raise Conflict(f"source {entry.row.name!r} is {status}; it must be RUNNING")
            if change.is_paused is not None:
                status = Status.PAUSED if change.is_paused else Status.RUNNING
            limits = limits_of(entry)
            if change.limits is not None:
                limits = change.limits.applied_to(limits)
            schema = entry.schema
            if change.schema is not None:
                schema = changed_schema(schema, change.schema)
            row = msgspec.structs.replace(
                entry.row,
                status=status.value,
                definition=msgspec.json.encode(schema).decode(),
                records_per_s=limits.records_per_s,
                bytes_per_s=limits.bytes_per_s,
            )
            changed = SourceEntry(row, schema, entry.table_name)
            table = self._registry.table_of_id(row.table_id)
            if schema == entry.schema:
                self._registry.put_source(changed)
            else:
                table = fitted(self._registry, table, schema)
                self._tables.take_over(table, source=changed)
            live = self._live[source_id]
            live.change(changed, table.schema, is_paused=status is Status.PAUSED)
            self._live.show()
        return self._source(changed)

    def delete(self, caller: Caller, source_id: str) -> Source:
        """Return the source, DELETING; soon it is gone. Needs MANAGE.

        Requests that were accepted before are carried out.
        """
        self._allowed(caller, source_id, Right.MANAGE)
        with self._registry.lock:
            entry = self._registry.source(caller, source_id)
            if entry.row.status != Status.DELETING:
                entry = self._registry.change_source(source_id, Status.DELETING)
                self._live.close(source_id)
                self.resume(entry)
        return self._source(entry)

    def errors(
        self, caller: Caller, source_id: str, *, before: str | None = None, limit: int = ERRORS_MAX
    ) -> Sequence[RejectedRecord]:
        """Return the last records that were refused, newest first. Needs VIEW.

        `before`: the id of one; those that come after it in this order.
        """
        return list(islice(self.rejected(caller, source_id, before=before), limit))

    def rejected(
        self, caller: Caller, source_id: str, *, before: str | None = None
    ) -> Iterator[RejectedRecord]:
        """Give all records of the quarantine, as `errors` does. Needs VIEW."""
        self._allowed(caller, source_id, Right.VIEW)
        return self._quarantine.records(source_id, before=before)

    def retry(self, caller: Caller, source_id: str, ids: Sequence[str] | None = None) -> Retried:
        """Take refused records again, those of these ids or all; each is stored once. Needs INGEST.

        Raises:
            NotFound: the organisation has no such source.
            Conflict: the source is not RUNNING, or another retry of it runs.
            InvalidValue: a text is no id.
            Overloaded: too much waits to be logged; the rest stays as it is.
        """
        return self._retries.run(source_id, self._taking(caller, source_id), ids)

    def allowance(self, caller: Caller, source_id: str) -> Allowance | None:
        """Return what a source of the caller's may send, None if that is not limited."""
        live = self._live.find(source_id)
        if live is None or live.organisation_id != caller.organisation_id:
            return None
        return live.allowance

    def metrics(self, caller: Caller, source_id: str) -> Sequence[Minute]:
        """Return the minutes with traffic of the last day, oldest first. Needs VIEW.

        Of several servers all are counted; what others took in the last seconds may be missing.
        """
        self._allowed(caller, source_id, Right.VIEW)
        return self._live.minutes(source_id)

    def totals(self, source_id: str) -> Totals:
        """Return what a source took since the server started, for those who may see the source."""
        live = self._live.find(source_id)
        return Totals() if live is None else live.traffic.totals()

    def check(
        self, caller: Caller, schema: SourceSchema, deployment_id: str, table: str | None
    ) -> TableSchema:
        """Return what a table, or a new one, becomes by a source of this schema. Needs VIEW.

        Nothing changes.

        Raises:
            InvalidSchema, Conflict, NotFound, TableNotFound: as of `create`.
        """
        self._registry.deployment(caller, deployment_id)
        caller.require(Right.VIEW, deployment_id=deployment_id)
        if table is None:
            check_schema(schema)
            is_keyed = keys_records(schema)
            return TableSchema(id="", name="", is_keyed=is_keyed, fields=fields_of(schema))
        entry = self._registry.table(caller, deployment_id, table)
        check_schema(schema)
        with self._registry.lock:
            return fitted(self._registry, entry, schema).schema

    def begin_ingest(
        self,
        caller: Caller,
        source_id: str,
        body: bytes,
        terms: Terms = PLAIN,
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
            ShapeExceeded: the deployment's tables fill the memory of its shape.
            Overloaded: too much waits to be logged; nothing was applied.
        """
        return self._taking(caller, source_id).ingest(body, terms)

    def begin_arriving(
        self, caller: Caller, source_id: str, terms: Terms = PLAIN
    ) -> ArrivingIngest:
        """Return what decodes a body while it arrives, and stores its records at its end.

        Needs INGEST. It raises as `begin_ingest` does, now or at the end.
        """
        return self._taking(caller, source_id).begin(terms)

    def resume_all(self) -> None:
        """Let every source of the catalogue run, and go on with creations and deletions."""
        self._compute.forget_notes(expired_s=self._clock.now_s())
        self._live.recall_traffic()
        self._quarantine.forget_others([entry.row.id for entry in self._registry.sources()])
        for entry in self._registry.sources():
            if entry.row.status in {Status.RUNNING, Status.PAUSED}:
                self._go_live(entry)
            else:
                self.resume(entry)

    def follow(self) -> None:
        """Take records as other servers created, changed or deleted sources."""
        self._live.follow()

    def tell_traffic(self) -> None:
        """Let other servers tell with their `metrics` what was taken here."""
        self._live.tell_traffic()

    def keep_traffic(self) -> None:
        """Keep what `metrics` tells for the next start."""
        self._live.keep_traffic()

    def resume(self, entry: SourceEntry) -> None:
        """Go on with a creation or deletion that the catalogue says was begun."""
        source_id = entry.row.id

        def run() -> None:
            with self._registry.lock:
                found = {each.row.id: each.row.status for each in self._registry.sources()}
                if found.get(source_id) == Status.CREATING:
                    # Whoever sees it RUNNING may send records at once.
                    self._go_live(entry)
                    self._registry.change_source(source_id, Status.RUNNING)

        def remove() -> None:
            self._compute.forget_notes(scope=source_id)
            self._retries.forget(source_id)
            self._live.forget_traffic(source_id)
            self._quarantine.drop(source_id)
            self._registry.remove_source(source_id)
            self._live.show()

        def fail(reason: str) -> None:
            self._live.close(source_id)
            self._registry.change_source(source_id, Status.FAILED, reason)

        match Status(entry.row.status):
            case Status.CREATING:
                self._lifecycle.begin(run, on_failure=fail)
            case Status.DELETING:
                self._lifecycle.begin(remove, on_failure=fail)
            case _:
                pass

    def _go_live(self, entry: SourceEntry) -> None:
        self._retries.settle(entry.row.id)
        self._live.open(entry)

    def _allowed(self, caller: Caller, source_id: str, right: Right) -> SourceEntry:
        """Return a source if the caller has this right to it."""
        entry = self._registry.source(caller, source_id)
        caller.require(right, deployment_id=entry.row.deployment_id, source_id=source_id)
        return entry

    def _taking(self, caller: Caller, source_id: str) -> LiveSource:
        """Return a source that takes records from this caller, into a deployment with room."""
        live = self._live.find(source_id)
        if live is None or live.is_paused or live.organisation_id != caller.organisation_id:
            raise self._refusal(caller, source_id)
        caller.require(Right.INGEST, deployment_id=live.deployment_id, source_id=source_id)
        self._tables.check_room(live.deployment_id, live.table_id)
        return live

    def taking(self, source_id: str) -> LiveSource | None:
        """Return a source that takes records at present, whoever sends them; None if it is not."""
        live = self._live.find(source_id)
        if live is None or live.is_paused:
            return None
        self._tables.check_room(live.deployment_id, live.table_id)
        return live

    def _refusal(self, caller: Caller, source_id: str) -> Conflict | NotFound:
        """Return why a source that does not run takes no records from this caller."""
        try:
            row = self._allowed(caller, source_id, Right.INGEST).row
        except NotFound as error:
            return error
        mend = "resume it" if row.status == Status.PAUSED else "it must be RUNNING"
        return Conflict(f"source {row.name!r} is {row.status}; {mend}")

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
            limits_of(entry).over(self._settings),
        )
