"""An owner: a process that holds some partitions of many tables, and what it may be asked.

Inside it is a `LocalCompute` with a part of each table. What it holds is what is assigned to its
name in the log's database: it looks there again and again and opens, closes and mends until the two
agree, so that whoever moves partitions has only to write it there, and may die after that. It
answers while its lease is good and appends under its epochs; so of two processes that believe to be
the owner one does both and the other neither.

Nothing here knows Ray: an owner is an object whose methods are called from several threads.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from bitbrook.algebra.budget import Budget, WouldWait
from bitbrook.algebra.partials import AnyPartial
from bitbrook.compute.actor import Actor, OwnerSettings, open_store
from bitbrook.compute.caches import caches_of
from bitbrook.compute.holdings import Elsewhere, Holdings
from bitbrook.compute.lease import Lease
from bitbrook.compute.local import LocalCompute
from bitbrook.compute.merge import merged_early
from bitbrook.compute.repeats import Repeats
from bitbrook.compute.requests import (
    Asked,
    CacheFigures,
    OwnerFigures,
    Parts,
    PartStatistics,
    Refusal,
    Sent,
)
from bitbrook.compute.under_way import UnderWay
from bitbrook.engine.batch import Batch, decode_batch
from bitbrook.engine.writer import Written
from bitbrook.errors import BitbrookError, Fenced, OutcomeUnknown, Stopping, TableNotFound
from bitbrook.stores.log import Log
from bitbrook.stores.ownership import Epochs, Ownership, end_stalled_transactions
from bitbrook.stores.sql import open_engine
from bitbrook.telemetry.logs import get_logger
from bitbrook.telemetry.metrics import resident_bytes
from bitbrook.telemetry.stages import checkpoint_counts

LOGGER = get_logger(__name__)

RECONCILED_EVERY_S = 1.0
SEEN_PAUSE_S = 0.001
ROWS_SENT_MAX = 1_000
"""Fields of more rows than this are counted by the partitions apart."""

Answer = TypeVar("Answer")


class Owner(Actor["_Running"]):
    """The owner of a name, in this process. It begins by itself and may be called at once."""

    kind = "owner"

    def ask(self, asked: Asked) -> list[AnyPartial] | Refusal:
        """Return the partials of the partitions asked, in one where that can be."""
        return self._answered(lambda running: running.ask(asked))

    def cancel(self, statement: str) -> None:
        """End what is being asked under this name."""
        if self._running is not None:
            self._running.cancel(statement)

    def write(self, sent: Sent) -> Written | Refusal:
        """Append the parts of a batch that are not there yet; return when all are visible."""
        return self._answered(lambda running: running.write(sent))

    def statistics(self, parts: Parts) -> PartStatistics | Refusal:
        """Return the statistics of a table's partitions here, which these are among."""
        return self._answered(lambda running: running.statistics(parts))

    def sequences(self, parts: Parts) -> dict[int, int] | Refusal:
        """Return the last batch of each of a table's partitions here, which these are among."""
        return self._answered(lambda running: running.sequences(parts))

    def data_version(self, parts: Parts) -> tuple[int, ...] | Refusal:
        """Return what changes whenever an answer of these partitions may."""
        return self._answered(lambda running: running.data_version(parts))

    def figures(self) -> OwnerFigures | Refusal:
        """Return what waits here."""
        return self._answered(lambda running: running.figures())

    def reconcile(self, table_id: str) -> Refusal | None:
        """Open, close or alter a table now, as the log's database says."""
        return self._answered(lambda running: running.holdings.reconcile(table_id))

    def checkpoint(self) -> Refusal | None:
        """Write what changed to the snapshots and trim the log."""
        return self._answered(lambda running: running.compute.checkpoint())

    def _answered(self, work: Callable[["_Running"], Answer]) -> Answer | Refusal:
        """Return what work gives, or why it does not; nothing of ours is raised over a border."""
        running = self._running
        if running is None or running.is_over:
            return Refusal(
                Stopping(f"owner {self.name} has not begun, or was replaced"), is_elsewhere=True
            )
        try:
            return work(running)
        except Elsewhere as reason:
            return Refusal(Stopping(str(reason)), is_elsewhere=True)
        except (Fenced, Stopping, OutcomeUnknown, TableNotFound) as error:
            return Refusal(error, is_elsewhere=True)
        except (BitbrookError, WouldWait) as error:
            return Refusal(error)

    def _begin(self) -> "_Running":
        return _Running(self.name, self._settings)

    def _tend(self, running: "_Running") -> float | None:
        """Open what is assigned, unless another process is the owner."""
        if running.is_over:
            running.holdings.close_all(abandons=True)
            return None
        running.holdings.reconcile_all()
        return RECONCILED_EVERY_S


class _Running:
    """An owner that has begun: what it is made of."""

    def __init__(self, name: str, settings: OwnerSettings) -> None:
        """Begin under the name.

        Raises:
            Fenced: there is no such owner (any more).
            Overloaded: the log's database cannot be reached.
        """
        self.process = secrets.token_hex(8)
        self.is_over = False
        self._database = open_engine(settings.log_database)
        end_stalled_transactions(self._database)
        self._log_database = open_engine(settings.log_database)
        epochs = Epochs()
        try:
            ownership = Ownership(self._database)
            log = Log(self._log_database, fence=epochs)
            owners = {each.name for each in ownership.owners()}
        except BaseException:
            self._dispose()
            raise
        self._repeats = Repeats(log)
        snapshots = open_store(settings, name, owners)
        self._caches = caches_of(snapshots)
        self.compute = LocalCompute(log, snapshots, upkeep_policy=settings.upkeep_policy)
        self.holdings = Holdings(ownership, self.compute, epochs, name, self.process)
        self._lease = Lease(
            ownership,
            name,
            self.process,
            epochs,
            lease_s=settings.lease_s,
            on_lost=self.holdings.lose,
            on_over=self._end,
        )
        self._under_way = UnderWay()
        try:
            # Last, since a lease that is not renewed looks like a process that has stopped.
            ownership.begin(name, self.process, lease_s=settings.lease_s)
            self._lease.start()
        except BaseException:
            self.compute.close()
            self._dispose()
            raise

    def ask(self, asked: Asked) -> list[AnyPartial]:
        """Return the partials of the partitions asked, in one where that can be."""
        with self._reading(asked.table_id, asked.numbers):
            self.holdings.check(
                asked.table_id, asked.numbers, form=asked.form, is_keyed=asked.is_keyed
            )
            spending = asked.spending.budget()
            with self._under_way.cancellable(asked.statement, spending) as budget:
                self._wait_for_seen(asked, budget)
                partials = self.compute.partials(
                    asked.table_id, asked.question, budget, asked.numbers
                )
            return merged_early(asked.question, partials)

    def cancel(self, statement: str) -> None:
        """End what is being asked under this name."""
        self._under_way.cancel(statement)

    def write(self, sent: Sent) -> Written:
        """Append the parts of a batch that are not there yet; return when all are visible."""
        self.holdings.check(
            sent.table_id,
            sent.bodies,
            form=sent.form,
            is_keyed=sent.is_keyed,
            bodies=sent.bodies.values(),
        )
        schema = self.compute.schema(sent.table_id)
        bodies, others = self._repeats.begin(sent)
        outcome: Written | BaseException = Stopping("the write was given up")
        try:
            if bodies:
                notes = (*sent.notes, self._repeats.note(sent, bodies))
                outcome = self.compute.submit_encoded(sent.table_id, dict(bodies), notes).result()
            else:
                outcome = Written([], {})
        except BaseException as error:
            outcome = error
            raise
        finally:
            self._repeats.end(sent, bodies, outcome)
        for other in others:
            other.result()
        earlier = [
            decode_batch(body, schema, where="a batch that was sent again")
            for number, body in sent.bodies.items()
            if number not in bodies
        ]
        known = self.compute.sequences(sent.table_id)
        sequences = {number: known[number] for number in sent.bodies} | outcome.sequences
        return Written(_added([outcome.counts, *map(_counts_of, earlier)]), sequences)

    def statistics(self, parts: Parts) -> PartStatistics:
        """Return the statistics of a table's partitions here, which these are among."""
        with self._reading(*parts):
            statistics = self.compute.statistics(parts.table_id)
            few_rows = self.compute.few_rows(parts.table_id, ROWS_SENT_MAX)
            return PartStatistics(statistics, few_rows)

    def sequences(self, parts: Parts) -> dict[int, int]:
        """Return the last batch of each of a table's partitions here, which these are among."""
        with self._reading(*parts):
            return self.compute.sequences(parts.table_id)

    def data_version(self, parts: Parts) -> tuple[int, ...]:
        """Return what changes whenever an answer of these partitions may.

        Equal ones are of one process, whose versions tell all of its changes from each other.
        """
        with self._reading(*parts):
            return int(self.process, 16), *self.compute.data_version(parts.table_id)

    def figures(self) -> OwnerFigures:
        """Return how this process fares."""
        tables = {}
        for table_id in self.holdings.table_ids():
            # One that is going, or refuses everything, is not told of.
            with suppress(BitbrookError):
                tables[table_id] = self.compute.table_figures(table_id)
        caches = {
            kept: CacheFigures(each.hits, each.misses, each.held_bytes, each.bytes_max)
            for kept, each in self._caches.items()
        }
        return OwnerFigures(
            self.compute.write_queue(),
            self.compute.refusing_count(),
            resident_bytes(),
            tables,
            checkpoint_counts(),
            caches,
        )

    def close(self) -> None:
        """Finish what was submitted and hold nothing any more."""
        self.holdings.close_all(abandons=self.is_over)
        self._lease.close()
        self.compute.close()
        self._dispose()

    @contextmanager
    def _reading(self, table_id: str, numbers: tuple[int, ...]) -> Iterator[None]:
        """Raise `Elsewhere` if what is read was not this process's own all the while."""
        if not self._lease.is_good:
            raise Elsewhere("the lease of an owner is over; it cannot reach the log's database")
        yield
        # In this order: what was lost is given up before the lease is extended over the loss.
        if not self._lease.is_good:
            raise Elsewhere("the lease of an owner ended meanwhile")
        self.holdings.check_held(table_id, numbers)

    def _wait_for_seen(self, asked: Asked, budget: Budget) -> None:
        """Return once all is visible that a replica has shown: it is in the log, so it will be."""
        while asked.seen:
            known = self.compute.sequences(asked.table_id)
            if all(known.get(number, 0) >= last for number, last in asked.seen.items()):
                return
            failure = self.compute.failure(asked.table_id)
            if failure is not None:
                raise failure
            if not self._lease.is_good:
                raise Elsewhere("the lease of an owner ended before it had what others have seen")
            budget.check()
            time.sleep(SEEN_PAUSE_S)

    def _end(self) -> None:
        self.is_over = True

    def _dispose(self) -> None:
        self._database.dispose()
        self._log_database.dispose()


def _counts_of(batch: Batch) -> list[int]:
    """Return how many values a batch may have changed, which is known only where it is applied."""
    return [operation.records.num_rows for operation in batch.operations]


def _added(counts: list[list[int]]) -> list[int]:
    return [sum(each) for each in zip(*filter(None, counts), strict=True)]
