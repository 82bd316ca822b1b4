"""A table: its partitions in this process, their one lock, and their way in and out.

A write holds the lock alone while all its parts are applied and a question shares it while all
partitions are asked, so a batch is seen wholly or not at all, over all partitions. A table whose
batch could not be applied, or whose log was taken over, refuses everything until it is opened anew
from what is stored: a torn batch is never shown and never checkpointed.
"""

import itertools
import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Self

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.partials import AnyPartial
from bitbrook.algebra.questions import Question
from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.engine.allocator import give_back
from bitbrook.engine.batch import Batch, decode_batch, encode_batch
from bitbrook.engine.checkpoint import checkpoint_partition, delete_former, delete_unnamed
from bitbrook.engine.columns import check_columns
from bitbrook.engine.evaluate import evaluate
from bitbrook.engine.locks import ReadWriteLock
from bitbrook.engine.recovery import Recovered, partition_name, recover_table
from bitbrook.engine.resting import rest_idle
from bitbrook.engine.statistics import TableStatistics, few_rows, statistics_of
from bitbrook.engine.upkeep import UpkeepPolicy
from bitbrook.engine.writer import Part, Write, Writer, Written
from bitbrook.errors import BitbrookError, Damaged, Stopping, TableNotFound
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.log import Log, Note
from bitbrook.stores.snapshots import SnapshotStore
from bitbrook.telemetry.stages import count_apply, count_checkpoint

_OPENINGS = itertools.count(1)
"""Tells one opening of a table from the next, which may have begun from other files."""


class Table:
    """The partitions of one table. Made by `Table.open`."""

    def __init__(
        self,
        schema: TableSchema,
        recovered: list[Recovered],
        *,
        log: Log,
        snapshots: SnapshotStore,
        writer: Writer,
    ) -> None:
        self.schema = schema
        self._partitions = [each.partition for each in recovered]
        self._manifests = [each.manifest for each in recovered]
        self._former = list(self._manifests)
        self._by_number = {partition.number: partition for partition in self._partitions}
        self._log = log
        self._snapshots = snapshots
        self._writer = writer
        self._lock = ReadWriteLock()
        self._checkpointing = threading.Lock()
        self._failure: BitbrookError | None = None
        self._is_torn = False
        self._is_closing = False
        self._opening = next(_OPENINGS)
        self._changes = 0
        self._unstored_bytes = sum(each.log_bytes for each in recovered)
        self._unstored_since_s = SYSTEM_CLOCK.monotonic_s()

    @classmethod
    def open(
        cls,
        schema: TableSchema,
        *,
        log: Log,
        snapshots: SnapshotStore,
        writer: Writer,
        numbers: Sequence[int] | None = None,
    ) -> Self:
        """Return the table as its snapshots and log left it; empty if it is new.

        `numbers`: the partitions that are here, ascending, if not all of them are.

        Raises:
            Damaged: what is stored is not what was written.
        """
        recovered = recover_table(schema, log=log, snapshots=snapshots, numbers=numbers)
        for each in recovered:
            delete_unnamed(each.manifest, snapshots)
            writer.register(each.manifest.partition, each.partition.applied_sequence)
        table = cls(schema, recovered, log=log, snapshots=snapshots, writer=writer)
        writer.upkeep.add(table)
        return table

    @property
    def numbers(self) -> list[int]:
        """Which partitions are here, ascending."""
        return list(self._by_number)

    @property
    def failure(self) -> BitbrookError | None:
        """Why the table refuses everything, if it does."""
        return self._failure

    @property
    def is_torn(self) -> bool:
        """Whether it refuses everything although what is stored is as it should be.

        A batch could not be applied, for want of memory perhaps; opened anew, the table has it.
        """
        return self._is_torn

    @property
    def data_version(self) -> tuple[int, ...]:
        """What changes whenever an answer of the table may: equal ones mean equal answers.

        Asked for before a question, it is never newer than what the question reads. Whatever was
        acknowledged before it is asked for, it has seen. Of one process alone.

        Raises:
            Damaged: the table refuses everything.
        """
        if self._failure is not None:
            raise self._failure
        sequences = [partition.applied_sequence for partition in self._partitions]
        return (self._opening, self._changes, *sequences)

    @property
    def sequences(self) -> dict[int, int]:
        """The last batch that each partition has applied, by its number.

        A question that is asked afterwards sees these and all before them.
        """
        return {number: each.applied_sequence for number, each in self._by_number.items()}

    def submit(self, parts: dict[int, Batch], note: Note | None = None) -> Future[Written]:
        """Return a future of what each operation changed, over all parts, and of their sequences.

        `parts`: by partition number; each lists all operations of the batch. The future resolves
        when all parts are durable and visible; all become so together, and with them the note.

        Raises:
            Overloaded: too much waits to be logged; nothing was applied.
            Damaged: the table has failed and waits for a restart.
        """
        self._check_open()
        schema = self.schema
        for batch in parts.values():
            check_columns(batch, schema)
        encoded = [
            Part(partition_name(schema.id, number), number, batch, encode_batch(batch, schema))
            for number, batch in parts.items()
        ]
        return self._writer.submit(Write(self, schema, encoded, () if note is None else (note,)))

    def submit_encoded(
        self, bodies: dict[int, bytes], notes: tuple[Note, ...] = ()
    ) -> Future[Written]:
        """Return the future of `submit` for parts that another process wrote by `encode_batch`.

        They were checked there; columns of fields that the table does not have are left out.

        Raises:
            Overloaded, Damaged: as of `submit`.
        """
        self._check_open()
        schema, parts = self.schema, []
        for number, body in bodies.items():
            name = partition_name(schema.id, number)
            batch = decode_batch(body, schema, where=f"a batch for partition {name}")
            check_columns(batch, schema)
            parts.append(Part(name, number, batch, body))
        return self._writer.submit(Write(self, schema, parts, notes))

    def evaluate(
        self, question: Question, budget: Budget, numbers: Collection[int] | None = None
    ) -> list[AnyPartial]:
        """Return each partition's answer, all of one moment.

        `numbers`: the partitions that are asked, of those that are here; by default all.

        Raises:
            WouldWait: a batch is being applied and the budget allows no waiting.
        """
        with self._reading(may_wait=budget.may_wait):
            chosen = self._partitions
            if numbers is not None:
                chosen = [self._by_number[number] for number in numbers]
            return [evaluate(partition, question, budget) for partition in chosen]

    def alter(self, schema: TableSchema) -> None:
        """Take over a new schema: added fields are empty, what dropped fields held is gone."""
        assert schema.id == self.schema.id, "a schema belongs to one table"
        assert schema.partition_count == self.schema.partition_count, "it is fixed for ever"
        with self._lock.writing():
            self.schema = schema
            for partition in self._partitions:
                partition.alter(schema)
            self._changes += 1

    def statistics(self) -> TableStatistics:
        """Return how many records and bytes there are, in all and by field."""
        with self._reading():
            return statistics_of(self.schema, self._partitions, self._manifests)

    def few_rows(self, rows_max: int) -> dict[str, tuple[int | str, ...]]:
        """Return the rows of fields that have at most so many in each partition, by field."""
        with self._reading():
            return few_rows(self.schema, self._partitions, rows_max)

    def apply(self, write: Write) -> list[int]:
        """Make a durable write visible (the writer's applier calls this)."""
        started_s = SYSTEM_CLOCK.monotonic_s()
        with self._lock.writing():
            if self._failure is not None:
                raise self._failure
            try:
                changed = [self._apply_part(part, write.schema) for part in write.parts]
            except Exception as error:
                self._is_torn = not isinstance(error, Damaged)
                self._failure = _torn(self.schema, error)
                raise self._failure from error
            if self._unstored_bytes == 0:
                self._unstored_since_s = SYSTEM_CLOCK.monotonic_s()
            self._unstored_bytes += write.size_bytes
        count_apply(SYSTEM_CLOCK.monotonic_s() - started_s)
        return [sum(counts) for counts in zip(*changed, strict=True)]

    def fail(self, reason: BitbrookError) -> None:
        """Refuse everything from now on."""
        with self._lock.writing():
            self._failure = self._failure or reason

    @property
    def unstored_bytes(self) -> int:
        """Bytes logged since the last checkpoint."""
        return self._unstored_bytes

    def needs_checkpoint(self, policy: UpkeepPolicy) -> bool:
        """Whether enough was logged since the last checkpoint, or long enough ago."""
        if self._failure is not None or self._unstored_bytes == 0:
            return False
        age_s = SYSTEM_CLOCK.monotonic_s() - self._unstored_since_s
        return self._unstored_bytes >= policy.log_bytes or age_s >= policy.checkpoint_age_s

    def checkpoint(self) -> None:
        """Write what changed to the snapshots and trim the log.

        Raises:
            Overloaded: the disk or the log refuses; nothing is lost.
            Damaged: what was not touched before is not what was written; the table refuses.
        """
        started_s, outcome = SYSTEM_CLOCK.monotonic_s(), "success"
        try:
            with self._checkpointing:
                self._checkpoint()
        except BitbrookError as error:
            outcome = error.code
            if isinstance(error, Damaged):
                self.fail(error)
            raise
        finally:
            count_checkpoint(outcome, SYSTEM_CLOCK.monotonic_s() - started_s)

    def expire_views(self, now_s: float) -> None:
        """Drop the views of time fields whose time to live is over at `now_s` (Unix seconds)."""
        with self._reading():
            is_due = any(partition.expired_views(now_s) for partition in self._partitions)
        if is_due:
            with self._lock.writing():
                for partition in self._partitions:
                    partition.expire_views(now_s)
                self._changes += 1

    def close(self) -> None:
        """Finish what was submitted, checkpoint, and take part in nothing any more."""
        self._is_closing = True
        self._writer.flush(self)
        self._writer.upkeep.remove(self)
        try:
            if self._failure is None:
                self.checkpoint()
        finally:
            self._leave()

    def abandon(self) -> None:
        """Take part in nothing any more, and leave what is stored as it is."""
        self._is_closing = True
        self._writer.flush(self)
        self._writer.upkeep.remove(self)
        self._leave()

    def drop(self) -> None:
        """Remove the table with its log and its snapshots."""
        self.fail(TableNotFound(f"table {self.schema.name!r} was dropped"))
        self._writer.flush(self)
        self._writer.upkeep.remove(self)
        with self._checkpointing:
            erase_table(self.schema, log=self._log, snapshots=self._snapshots)
        self._leave()

    def _check_open(self) -> None:
        """Return if batches are taken."""
        if self._failure is not None:
            raise self._failure
        if self._is_closing:
            raise Stopping(f"table {self.schema.name!r} is being closed; nothing was applied")

    def _checkpoint(self) -> None:
        with self._reading():
            covered_bytes, started_s = self._unstored_bytes, SYSTEM_CLOCK.monotonic_s()
        for number, partition in enumerate(self._partitions):
            before = self._manifests[number]
            self._manifests[number] = checkpoint_partition(
                partition,
                before,
                reading=self._reading,
                log=self._log,
                snapshots=self._snapshots,
            )
            now = self._manifests[number]
            if not self._log.is_fenced:
                delete_unnamed(now, self._snapshots)
            elif now is not before:
                # Not what nothing names: whoever took the partition over meanwhile has blocks that
                # are not known here. Whoever reads beside has until the next checkpoint to move.
                delete_former(self._former[number], before, self._snapshots)
                self._former[number] = before
            rest_idle(
                partition,
                now,
                self._snapshots,
                since=before.sequence,
                reading=self._reading,
                writing=self._lock.writing,
            )
        with self._lock.writing():
            self._unstored_bytes -= covered_bytes
            self._unstored_since_s = started_s
        give_back()

    def _leave(self) -> None:
        self.fail(Stopping(f"table {self.schema.name!r} is closed"))
        for manifest in self._manifests:
            self._writer.forget(manifest.partition)

    def _apply_part(self, part: Part, schema: TableSchema) -> list[int]:
        batch = part.batch
        if schema is not self.schema:
            # The fields changed while the batch was on its way: take what recovery would take.
            batch = decode_batch(part.body, self.schema, where=f"a batch for {part.partition}")
        return self._by_number[part.number].apply(part.sequence, batch)

    @contextmanager
    def _reading(self, *, may_wait: bool = True) -> Iterator[None]:
        """Hold the read lock of a table that has not failed, and fail it if it proves damaged."""
        try:
            with self._lock.reading(may_wait=may_wait):
                if self._failure is not None:
                    raise self._failure
                yield
        except Damaged as damage:
            self.fail(damage)
            raise


def _torn(schema: TableSchema, error: Exception) -> Damaged:
    """Return why a table refuses everything after a batch of which part may have been applied."""
    if isinstance(error, Damaged):
        return error
    return Damaged(
        f"table {schema.name!r} could not apply a batch ({error!r}); it is closed until it is "
        "rebuilt from its snapshots and log"
    )


def erase_table(schema: TableSchema, *, log: Log, snapshots: SnapshotStore) -> None:
    """Remove whatever is stored of a table that is not open."""
    names = [partition_name(schema.id, number) for number in range(schema.partition_count)]
    log.drop(names)
    for name in names:
        snapshots.drop(name)
