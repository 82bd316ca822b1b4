"""Partitions in other processes, their owners, wherever a cluster places them.

What a server asks of its own partitions it asks here of owners in a cluster: batches are cut by
partition and sent to the owners, questions are asked of all and their partials merged. The truth is
the log and the snapshots, never the cluster. Several servers may use the same owners at one time.

A batch over several owners is durable and visible at each of them at once, not at all of them: who
sends it again under the same name completes it.
"""

import itertools
import secrets
import threading
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import numpy.typing as npt

from bitbrook.algebra.budget import Budget, WouldWait
from bitbrook.algebra.expressions import Expression
from bitbrook.algebra.partials import AnyPartial, RecordIdsPartial
from bitbrook.algebra.questions import AnyQuestion, Question, RecordIds
from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.compute.cluster import Cluster, call_all
from bitbrook.compute.fan_out import FanOut, Places
from bitbrook.compute.hedging import Hedging
from bitbrook.compute.merge import merge_partials
from bitbrook.compute.owner_reports import OwnerReports, figures_of
from bitbrook.compute.part_statistics import merged_statistics
from bitbrook.compute.placing import Placing
from bitbrook.compute.rebalancing import Rebalancing
from bitbrook.compute.requests import (
    Asked,
    OwnerReport,
    Parts,
    Sent,
    Spending,
    TableFigures,
    form_of,
)
from bitbrook.compute.routing import split_batch
from bitbrook.compute.shifts import without_shifts
from bitbrook.compute.watch import Watch
from bitbrook.engine.batch import Batch, encode_batch
from bitbrook.engine.columns import check_columns
from bitbrook.engine.statistics import TableStatistics
from bitbrook.engine.table import erase_table
from bitbrook.engine.writer import WAITING_BYTES_MAX, WriteQueue, Written
from bitbrook.errors import Overloaded, PartitionUnavailable, TableNotFound
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.log import Log, Note
from bitbrook.stores.ownership import Ownership
from bitbrook.stores.snapshots import SnapshotStore

WRITERS = 64
WRITE_TIMEOUT_S = 60.0
ASK_TIMEOUT_S = 60.0
ASK_GRACE_S = 1.0
"""For how long after the deadline of a statement the owner is waited for that knows of it."""

STATISTICS_TIMEOUT_S = 5.0
VERSION_TIMEOUT_S = 1.0
"""It saves work; where it is late, the work is done."""

REPEAT_KNOWN_S = 900.0
"""For how long a batch that comes again is known, without an Idempotency-Key."""


@dataclass(slots=True, frozen=True)
class RemoteSettings:
    """How an installation uses a cluster.

    `owner_bytes_max`: memory of one owner, a node's slot.
    `partition_count`: of new tables. `stalled_s`: after so long without a lease an owner is given
    up. `read_replicas`: of each owner. `rebalance_after_s`: after so long without a change one may
    move to another node; 0: none ever does.
    """

    owner_bytes_max: int
    partition_count: int
    stalled_s: float
    read_replicas: int = 0
    rebalance_after_s: float = 0.0


class RemoteCompute:
    """Every table's partitions, at their owners."""

    def __init__(
        self,
        settings: RemoteSettings,
        cluster: Cluster,
        *,
        log: Log,
        snapshots: SnapshotStore,
        ownership: Ownership,
    ) -> None:
        self._settings = settings
        self._log = log
        self._snapshots = snapshots
        self._ownership = ownership
        self._cluster = cluster
        self._placing = Placing(
            self._ownership,
            self._cluster,
            owner_bytes_max=settings.owner_bytes_max,
            read_replicas=settings.read_replicas,
        )
        self._places = Places(self._ownership)
        hedging = Hedging(settings.read_replicas)
        self._fan_out = FanOut(self._cluster, self._places, hedging)
        self._tables: dict[str, TableSchema] = {}
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="write")
        self._waiting_bytes = self._waiting = 0
        self._lock = threading.Lock()
        self._reports = OwnerReports(self._ownership, self._cluster)
        self._watch = Watch(
            self._ownership,
            self._cluster,
            self._placing,
            stalled_s=settings.stalled_s,
            on_look=self._reports.note,
        )
        self._rebalancing = Rebalancing(
            self._ownership,
            self._cluster,
            self._placing,
            quiet_s=settings.rebalance_after_s,
        )

    @property
    def is_shared(self) -> bool:
        """Other servers use the same owners."""
        return True

    @property
    def partition_count(self) -> int:
        """As many as the settings say."""
        return self._settings.partition_count

    def reserve(self, deployment_id: str, memory_bytes: int) -> None:
        """Give a deployment the owners that have so much memory, and its tables to them."""
        self._placing.reserve(deployment_id, memory_bytes)
        self._watch.clear(deployment_id)

    def release(self, deployment_id: str) -> None:
        """End the owners of a deployment, which has no tables any more."""
        self._placing.release(deployment_id)

    def fault(self, deployment_id: str) -> str | None:
        """Return why a deployment cannot be used at present, None if it can."""
        return self._watch.fault(deployment_id)

    def open_table(self, schema: TableSchema, *, deployment_id: str = "") -> None:
        """Place a new table at the owners of its deployment; return when they have opened it."""
        self._ownership.store_table(schema.id, deployment_id, msgspec.msgpack.encode(schema))
        self._placing.place(schema, deployment_id)
        self._tables[schema.id] = schema
        self._placing.tell(schema.id)

    def open_stored_table(self, schema: TableSchema, *, deployment_id: str = "") -> None:
        """Use a table that its owners have open, or will have soon; finish what was half done."""
        definition = msgspec.msgpack.encode(schema)
        self._tables[schema.id] = schema
        if self._ownership.table(schema.id) != definition:
            self._ownership.store_table(schema.id, deployment_id, definition)
        if len(self._ownership.owners_of(schema.id)) < schema.partition_count:
            self._placing.place(schema, deployment_id)
            self._placing.tell(schema.id)

    def note_table(self, schema: TableSchema) -> None:
        """Use a table as another server made or altered it."""
        self._tables[schema.id] = schema

    def forget_tables_but(self, table_ids: Collection[str]) -> None:
        """Use no table any more that another server dropped: none but these are there."""
        for table_id in {*self._tables} - set(table_ids):
            self._forget_table(table_id)

    def alter_table(self, schema: TableSchema) -> None:
        """Give a table its new schema; its owners take it over now, or at its first use."""
        with self._lock:
            deployment_id = self._ownership.deployment_of(schema.id)
            self._ownership.store_table(schema.id, deployment_id, msgspec.msgpack.encode(schema))
        self._tables[schema.id] = schema
        self._placing.tell(schema.id, timeout_s=STATISTICS_TIMEOUT_S)

    def drop_table(self, table_id: str) -> None:
        """Remove a table, its log and its snapshots; nothing happens if it is not known."""
        schema = self._tables.get(table_id)
        if schema is not None:
            self.erase_table(schema)

    def erase_table(self, schema: TableSchema) -> None:
        """Remove a table, its log and its snapshots."""
        owners = sorted(set(self._ownership.owners_of(schema.id).values()))
        self._ownership.forget_table(schema.id)
        call_all(self._cluster, owners, "reconcile", schema.id, timeout_s=STATISTICS_TIMEOUT_S)
        self._forget_table(schema.id)
        erase_table(schema, log=self._log, snapshots=self._snapshots)

    def submit(self, table_id: str, batch: Batch, note: Note | None = None) -> Future[Written]:
        """Return a future of how many values each operation changed, and of the sequences.

        It resolves once the batch is durable and visible at all owners; then the note is durable.

        Raises:
            Overloaded: too much waits to be written; nothing was applied.
        """
        schema = self._table(table_id)
        bodies = {}
        for number, part in split_batch(batch, schema).items():
            check_columns(part, schema)
            bodies[number] = encode_batch(part, schema)
        size_bytes = sum(map(len, bodies.values()))
        with self._lock:
            if self._waiting and self._waiting_bytes + size_bytes > WAITING_BYTES_MAX:
                raise Overloaded(
                    f"{self._waiting_bytes:,} bytes wait to be written and {WAITING_BYTES_MAX:,} "
                    "may; nothing was applied; send it again"
                )
            self._waiting_bytes += size_bytes
            self._waiting += 1
        future = self._writers.submit(self._write, schema, bodies, note)
        future.add_done_callback(lambda _: self._done(size_bytes))
        return future

    def write(self, table_id: str, batch: Batch) -> list[int]:
        """Make a batch durable and visible; return how many values each operation changed.

        Where an owner was lost meanwhile, the count is that of the records that were written.
        """
        return self.submit(table_id, batch).result().counts

    def ask(self, table_id: str, question: Question, budget: Budget) -> AnyPartial:
        """Return the merged answer of all of a table's partitions.

        Each partition answers of one moment; what a Shift moves is read a moment before.

        Raises:
            PartitionUnavailable: some did not answer in time; names them and why.
            WouldWait: the budget allows no waiting.
        """
        if not budget.may_wait:
            raise WouldWait(is_lasting=True)
        schema = self._table(table_id)
        asked = cast("AnyQuestion", question)
        if schema.partition_count > 1:

            def record_ids_of(expression: Expression) -> npt.NDArray[Any]:
                ids = self.ask(table_id, RecordIds(expression), budget)
                return cast("RecordIdsPartial", ids).ids

            asked = without_shifts(asked, record_ids_of)
        statement, calls = secrets.token_hex(8), itertools.count()
        form, spending = form_of(schema), Spending.of(budget)

        def request(  # a question may be asked twice
            numbers: tuple[int, ...],
            *,
            is_repeated: bool,  # noqa: ARG001
        ) -> tuple[str, Any]:
            # Named apart, so that one of two who are asked the same can be told to stop.
            name = f"{statement}.{next(calls)}"
            seen = self._fan_out.seen.of(table_id, numbers)
            return "ask", Asked(
                table_id, form, schema.is_keyed, numbers, asked, spending, name, seen
            )

        left_s = ASK_TIMEOUT_S if spending.left_s is None else spending.left_s + ASK_GRACE_S
        answers = self._fan_out.gather(
            schema,
            range(schema.partition_count),
            request,
            deadline_s=SYSTEM_CLOCK.monotonic_s() + left_s,
            budget=budget,
            hedged=(table_id, type(asked).__name__),
        )
        return merge_partials(asked, list(itertools.chain.from_iterable(answers)))

    def statistics(self, table_id: str) -> TableStatistics:
        """Return how many records and bytes a table holds, and each of its fields."""
        return merged_statistics(self._gather(table_id, "statistics"))

    def data_version(self, table_id: str) -> tuple[int, ...]:
        """Return what changes whenever an answer of a table may, as its owners tell now.

        Equal ones mean equal answers, whoever wrote meanwhile. It is a question to all of them.

        Raises:
            PartitionUnavailable: some did not tell in time.
        """
        numbers = tuple(range(self._table(table_id).partition_count))
        # First what replicas have shown, which owners may not have applied yet.
        shown = self._fan_out.seen.of(table_id, numbers)
        told = self._gather(table_id, "data_version", timeout_s=VERSION_TIMEOUT_S)
        return (*itertools.chain(*sorted(shown.items())), *itertools.chain(*sorted(told)))

    def sequences(self, table_id: str) -> dict[int, int]:
        """Return the last batch of each of a table's partitions that questions see from now on."""
        found: dict[int, int] = {}
        for sequences in self._gather(table_id, "sequences"):
            found.update(sequences)
        return found

    def table_figures(self, table_id: str) -> TableFigures:
        """Return how large a table is, as its owners told lately."""
        return figures_of(self._table(table_id), self._reports.now())

    def owner_reports(self) -> Sequence[OwnerReport]:
        """Return what is known of all owners at present."""
        return self._reports.now()

    def write_queue(self) -> WriteQueue:
        """Return what this server has sent and is not durable and visible yet."""
        with self._lock:
            return WriteQueue(self._waiting, self._waiting_bytes, WAITING_BYTES_MAX)

    def refusing_count(self) -> int:
        """Return how many tables refuse everything, at all owners."""
        told = [each.figures for each in self._reports.now()]
        return sum(figures.refusing_count for figures in told if figures is not None)

    def notes(self, scope: str, *, now_s: float) -> Sequence[Note]:
        """Return the notes of a scope that came with batches and have not expired."""
        return self._log.notes(scope, now_s=now_s)

    def note(self, scope: str, key: str, *, now_s: float) -> Note | None:
        """Return the note of a scope and key, if there is one that has not expired."""
        return self._log.note(scope, key, now_s=now_s)

    def keep_notes(self, notes: Sequence[Note]) -> None:
        """Make notes durable that come with no batch, in place of those of the same key."""
        self._log.keep_notes(notes)

    def forget_notes(self, *, scope: str | None = None, expired_s: float | None = None) -> None:
        """Forget the notes of a scope, or those that have expired at a moment."""
        self._log.forget_notes(scope=scope, expired_s=expired_s)

    def checkpoint(self) -> None:
        """Write what changed in every table to its snapshots and trim the log."""
        names = [owner.name for owner in self._ownership.owners()]
        call_all(self._cluster, names, "checkpoint", timeout_s=WRITE_TIMEOUT_S)

    def close(self) -> None:
        """Finish what was submitted; owners go on without this server."""
        self._writers.shutdown()
        self._rebalancing.close()
        self._watch.close()
        self._reports.close()
        self._cluster.close()

    def _write(self, schema: TableSchema, bodies: dict[int, bytes], note: Note | None) -> Written:
        """Have all parts of a batch stored by their owners, whatever happens to these."""
        # One of the same key is the same batch, whichever server it comes to.
        write_id = secrets.token_hex(12) if note is None else f"{note.scope} {note.key}"
        expires_s = SYSTEM_CLOCK.now_s() + REPEAT_KNOWN_S if note is None else note.expires_s
        form, requests = form_of(schema), itertools.count()

        def request(numbers: tuple[int, ...], *, is_repeated: bool) -> tuple[str, Any]:
            next(requests)
            parts = {number: bodies[number] for number in numbers}
            # A note says that all parts are there: it goes with them where they go together.
            notes = (note,) if note is not None and len(parts) == len(bodies) else ()
            return "write", Sent(
                schema.id,
                form,
                schema.is_keyed,
                parts,
                write_id,
                note is not None or is_repeated,
                notes,
                expires_s,
            )

        try:
            answers = self._fan_out.gather(
                schema,
                bodies,
                request,
                deadline_s=SYSTEM_CLOCK.monotonic_s() + WRITE_TIMEOUT_S,
                waits_for_all=True,
            )
        except PartitionUnavailable as error:
            if not error.details:
                raise
            unknown = PartitionUnavailable(
                f"{error.message}; whether this batch is stored there is not known yet, and others "
                "may have their part: send it again, under the same Idempotency-Key if it has one"
            )
            unknown.details = error.details
            raise unknown from error
        if note is not None and next(requests) != 1:
            self._log.keep_notes([note])
        written = cast("list[Written]", answers)
        counts = [sum(each) for each in zip(*(one.counts for one in written), strict=True)]
        sequences = dict(itertools.chain.from_iterable(one.sequences.items() for one in written))
        return Written(counts, sequences)

    def _gather(
        self, table_id: str, method: str, *, timeout_s: float = STATISTICS_TIMEOUT_S
    ) -> list[Any]:
        """Return what each owner of a table's partitions gives of the table."""
        schema = self._table(table_id)
        return self._fan_out.gather(
            schema,
            range(schema.partition_count),
            lambda numbers, *, is_repeated: (method, Parts(table_id, numbers)),  # noqa: ARG005
            deadline_s=SYSTEM_CLOCK.monotonic_s() + timeout_s,
            hedged=(table_id, method) if method == "sequences" else None,
        )

    def _forget_table(self, table_id: str) -> None:
        self._tables.pop(table_id, None)
        self._places.forget(table_id)
        self._fan_out.seen.forget(table_id)

    def _table(self, table_id: str) -> TableSchema:
        schema = self._tables.get(table_id)
        if schema is None:
            raise TableNotFound(f"index not found: table {table_id!r} is not known here")
        return schema

    def _done(self, size_bytes: int) -> None:
        with self._lock:
            self._waiting_bytes -= size_bytes
            self._waiting -= 1
