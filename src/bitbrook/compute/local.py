"""Partitions as objects in this process: the embedded default.

Holds the open tables by id, sends each batch to the partitions that its records belong to, and asks
all of a table's partitions at one moment. Knows nothing of names, users or deployments.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from typing import Any, Self, cast

import numpy.typing as npt

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import Expression
from bitbrook.algebra.partials import AnyPartial, RecordIdsPartial
from bitbrook.algebra.questions import AnyQuestion, Question, RecordIds
from bitbrook.bitmap.kernels import warm
from bitbrook.clock import SYSTEM_CLOCK, Clock
from bitbrook.compute.merge import merge_partials
from bitbrook.compute.requests import OwnerReport, TableFigures
from bitbrook.compute.routing import split_batch
from bitbrook.compute.shifts import without_shifts
from bitbrook.engine.allocator import bound_arenas, give_back
from bitbrook.engine.batch import Batch
from bitbrook.engine.statistics import TableStatistics
from bitbrook.engine.table import Table, erase_table
from bitbrook.engine.upkeep import UpkeepPolicy
from bitbrook.engine.writer import WriteQueue, Writer, Written
from bitbrook.errors import BitbrookError, Damaged, TableNotFound
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.log import Log, Note
from bitbrook.stores.snapshots import SnapshotStore
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)


class LocalCompute:
    """Every table's partitions, in this process."""

    def __init__(
        self,
        log: Log,
        snapshots: SnapshotStore,
        *,
        upkeep_policy: UpkeepPolicy | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        bound_arenas()
        self._log = log
        self._snapshots = snapshots
        self._writer = Writer(log, upkeep_policy=upkeep_policy, clock=clock)
        self._writer.upkeep.add(_Notes(log))
        self._leftovers = _Leftovers()
        self._writer.upkeep.add(self._leftovers)
        self._writer.upkeep.add(_Mending(self._mend))
        self._tables: dict[str, Table] = {}
        self._damaged: dict[str, Damaged] = {}
        self._lock = threading.Lock()
        warm()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def is_shared(self) -> bool:
        """No other process has these partitions."""
        return False

    @property
    def partition_count(self) -> int:
        """One partition is fastest in one process: it cuts no batch and merges no answer."""
        return 1

    def reserve(self, deployment_id: str, memory_bytes: int) -> None:
        """Nothing has to be reserved: whoever creates deployments adds up their shapes."""

    def release(self, deployment_id: str) -> None:
        """Nothing was reserved."""

    def fault(self, deployment_id: str) -> str | None:
        """Return why a deployment cannot be used at present: never for a reason of this kind."""

    def open_table(
        self,
        schema: TableSchema,
        *,
        deployment_id: str = "",  # noqa: ARG002 - all tables are in one place
        numbers: Sequence[int] | None = None,
    ) -> None:
        """Open a table, new or as its snapshots and log left it.

        `numbers`: its partitions that are here, ascending; by default all.

        Raises:
            Damaged: what is stored is not what was written.
        """
        table = Table.open(
            schema,
            log=self._log,
            snapshots=self._snapshots,
            writer=self._writer,
            numbers=numbers,
        )
        with self._lock:
            assert schema.id not in self._tables, f"table {schema.id} is open already"
            self._tables[schema.id] = table

    def open_stored_table(
        self,
        schema: TableSchema,
        *,
        deployment_id: str = "",
        numbers: Sequence[int] | None = None,
    ) -> None:
        """Open a table; one that is not what was written refuses everything, and stops no other."""
        try:
            self.open_table(schema, deployment_id=deployment_id, numbers=numbers)
        except Damaged as damage:
            self._damaged[schema.id] = damage
            LOGGER.error("a table cannot be opened", table=schema.name, reason=damage.message)  # noqa: TRY400

    def note_table(self, schema: TableSchema) -> None:
        """Nobody else makes or alters tables of this process."""

    def forget_tables_but(self, table_ids: Collection[str]) -> None:
        """Nobody else drops tables of this process."""

    def schema(self, table_id: str) -> TableSchema:
        """Return the schema of an open table."""
        return self._table(table_id).schema

    def alter_table(self, schema: TableSchema) -> None:
        """Give an open table its new schema: added fields are empty, dropped ones are gone."""
        self._table(schema.id).alter(schema)

    def drop_table(self, table_id: str) -> None:
        """Remove a table, its log and its snapshots; nothing happens if it is not open."""
        with self._lock:
            table = self._tables.pop(table_id, None)
            self._damaged.pop(table_id, None)
        if table is not None:
            table.drop()

    def close_table(self, table_id: str, *, abandons: bool = False) -> None:
        """Have a table here no more; nothing happens if it is not open.

        What was submitted is finished. `abandons`: no checkpoint is made.
        """
        with self._lock:
            table = self._tables.pop(table_id, None)
            self._damaged.pop(table_id, None)
        if table is not None and abandons:
            table.abandon()
        elif table is not None:
            table.close()

    def erase_table(self, schema: TableSchema) -> None:
        """Remove a table, its log and its snapshots, whether or not it is open."""
        self.drop_table(schema.id)
        erase_table(schema, log=self._log, snapshots=self._snapshots)

    def submit(self, table_id: str, batch: Batch, note: Note | None = None) -> Future[Written]:
        """Return a future of how many values each operation changed, and of the sequences.

        It resolves once the batch is durable and visible; a note becomes durable with it.

        Raises:
            Overloaded: too much waits to be logged; nothing was applied.
        """
        table = self._table(table_id)
        self._leftovers.batches += 1
        return table.submit(split_batch(batch, table.schema), note)

    def submit_encoded(
        self, table_id: str, bodies: dict[int, bytes], notes: tuple[Note, ...] = ()
    ) -> Future[Written]:
        """Return the future of `submit` for parts, by partition, that `encode_batch` wrote."""
        self._leftovers.batches += 1
        return self._table(table_id).submit_encoded(bodies, notes)

    def write(self, table_id: str, batch: Batch) -> list[int]:
        """Make a batch durable and visible; return how many values each operation changed."""
        return self.submit(table_id, batch).result().counts

    def ask(self, table_id: str, question: Question, budget: Budget) -> AnyPartial:
        """Return the merged answer of all of a table's partitions, all at one moment.

        What a Shift over several partitions moves is read a moment before.
        """
        table = self._table(table_id)
        if table.schema.partition_count > 1:

            def record_ids_of(expression: Expression) -> npt.NDArray[Any]:
                ids = self.ask(table_id, RecordIds(expression), budget)
                return cast("RecordIdsPartial", ids).ids

            question = without_shifts(cast("AnyQuestion", question), record_ids_of)
        return merge_partials(question, table.evaluate(question, budget))

    def partials(
        self, table_id: str, question: Question, budget: Budget, numbers: Collection[int]
    ) -> list[AnyPartial]:
        """Return the answers of some of a table's partitions, of one moment and not merged.

        A question of a table of several partitions must be without Shifts.
        """
        return self._table(table_id).evaluate(question, budget, numbers)

    def statistics(self, table_id: str) -> TableStatistics:
        """Return how many records and bytes a table holds, and each of its fields."""
        return self._table(table_id).statistics()

    def few_rows(self, table_id: str, rows_max: int) -> dict[str, tuple[int | str, ...]]:
        """Return the rows of fields that have at most so many in each partition, by field."""
        return self._table(table_id).few_rows(rows_max)

    def data_version(self, table_id: str) -> tuple[int, ...]:
        """Return what changes whenever an answer of a table may; see `Table.data_version`."""
        return self._table(table_id).data_version

    def sequences(self, table_id: str) -> dict[int, int]:
        """Return the last batch of each of a table's partitions that questions see from now on."""
        return self._table(table_id).sequences

    def table_figures(self, table_id: str) -> TableFigures:
        """Return how large a table is, as far as its partitions are here."""
        table = self._table(table_id)
        statistics = table.statistics()
        return TableFigures(
            len(table.numbers),
            statistics.record_count,
            statistics.memory_bytes,
            statistics.stored_bytes,
            table.unstored_bytes,
        )

    def owner_reports(self) -> list[OwnerReport]:
        """No other process has partitions."""
        return []

    def write_queue(self) -> WriteQueue:
        """Return what waits to be durable and visible."""
        return self._writer.queue

    def failure(self, table_id: str) -> BitbrookError | None:
        """Return why a table refuses everything, if it is open and does."""
        table = self._tables.get(table_id)
        return self._damaged.get(table_id) if table is None else table.failure

    def refusing_count(self) -> int:
        """Return how many tables refuse everything."""
        failed = [table for table in list(self._tables.values()) if table.failure is not None]
        return len(failed) + len(self._damaged)

    def notes(self, scope: str, *, now_s: float) -> list[Note]:
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
        with self._lock:
            tables = list(self._tables.values())
        for table in tables:
            table.checkpoint()

    def close(self) -> None:
        """Finish what was submitted, checkpoint every table and release everything."""
        self._writer.close()
        with self._lock:
            tables, self._tables = list(self._tables.values()), {}
        for table in tables:
            table.close()

    def _table(self, table_id: str) -> Table:
        table = self._tables.get(table_id)
        if table is None and table_id in self._damaged:
            raise self._damaged[table_id]
        if table is None:
            raise TableNotFound(f"index not found: table {table_id!r} is not open here")
        return table

    def _mend(self) -> None:
        """Open anew the tables that could not apply a batch which is durable."""
        for table_id, torn in list(self._tables.items()):
            if not torn.is_torn:
                continue
            LOGGER.warning("a table is rebuilt from what is stored", table=torn.schema.name)
            torn.abandon()
            table = Table.open(
                torn.schema,
                log=self._log,
                snapshots=self._snapshots,
                writer=self._writer,
                numbers=torn.numbers,
            )
            with self._lock:
                is_there = self._tables.get(table_id) is torn
                if is_there:
                    self._tables[table_id] = table
            if not is_there:
                table.abandon()


class _Mending:
    """Tables that have failed without damage, for the upkeep: it has them opened anew."""

    def __init__(self, mend: Callable[[], None]) -> None:
        self._mend = mend

    def needs_checkpoint(self, _policy: UpkeepPolicy) -> bool:
        return True

    def checkpoint(self) -> None:
        """Nothing is written: what is stored is all that is needed."""
        self._mend()

    def expire_views(self, now_s: float) -> None:
        """Nothing goes with time."""


class _Notes:
    """The log's notes, for the upkeep: those that have expired go with the views that have."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def needs_checkpoint(self, _policy: UpkeepPolicy) -> bool:
        return False

    def checkpoint(self) -> None:
        """There is nothing to write: notes are in the log's database and stay there."""

    def expire_views(self, now_s: float) -> None:
        self._log.forget_notes(expired_s=now_s)


class _Leftovers:
    """What batches leave of freed memory, for the upkeep: given back once no more of them come.

    Not while they come, since whoever asks for memory waits meanwhile.
    """

    def __init__(self) -> None:
        self.batches = 0
        self._seen = self._given_back = 0

    def needs_checkpoint(self, _policy: UpkeepPolicy) -> bool:
        has_rested, self._seen = self.batches == self._seen, self.batches
        return has_rested and self._given_back != self.batches

    def checkpoint(self) -> None:
        """Nothing has to be written for it."""
        self._given_back = self._seen
        give_back()

    def expire_views(self, now_s: float) -> None:
        """Memory has no age."""
