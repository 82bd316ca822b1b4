"""A source that is open: everything that taking records needs, in one object and without a look-up.

The straight line: decode, submit, and a future of the records being stored. Nothing here asks the
catalogue or waits for a disk. A change of the source is one assignment each, so a request that is
under way goes on by what it began with. Knows nothing of callers.
"""

from concurrent.futures import Future
from typing import NamedTuple

from bitbrook.clock import Clock
from bitbrook.compute.local import LocalCompute
from bitbrook.control.batch_memory import BatchMemory, size_of
from bitbrook.control.idempotency import Answer, IdempotencyKeys, check_key
from bitbrook.control.rates import Allowance, RateLimits, SourceRates
from bitbrook.control.registry import SourceEntry
from bitbrook.control.traffic import Traffic
from bitbrook.engine.batch import Batch
from bitbrook.schema.field_types import TableSchema
from bitbrook.settings import Settings
from bitbrook.sources.decode import Decoder
from bitbrook.sources.outcomes import Outcomes
from bitbrook.telemetry.metrics import count_ingest_bytes, count_records


class Ingest(NamedTuple):
    """A request of records, accepted. `durable` resolves (to nothing) when `outcomes` are true.

    It fails with Overloaded, Stopping, OutcomeUnknown or Damaged; then no record was stored, or
    (OutcomeUnknown) nobody can say. `allowance`: what the source may send after it, if that is
    limited.
    """

    outcomes: Outcomes
    durable: Future[None]
    allowance: Allowance | None = None


class LiveSource:
    """A source's way from bytes to its table. `is_paused`: whether it takes none at present."""

    def __init__(
        self,
        entry: SourceEntry,
        table: TableSchema,
        compute: LocalCompute,
        settings: Settings,
        *,
        memory: BatchMemory,
        is_paused: bool = False,
        packed_traffic: bytes | None = None,
        clock: Clock,
    ) -> None:
        """Prepare to take records; the table has all that the source's schema asks for.

        Raises:
            Conflict: it has not.
        """
        self.organisation_id = entry.row.organisation_id
        self.deployment_id = entry.row.deployment_id
        self.is_paused = is_paused
        self.traffic = Traffic(clock, packed_traffic)
        self._table_id = table.id
        self._compute = compute
        self._memory = memory
        self._decoder = Decoder(entry.schema, table)
        notes = compute.notes(entry.row.id, now_s=clock.now_s())
        self._keys = IdempotencyKeys(
            entry.row.id, settings.idempotency_ttl_s, notes=notes, clock=clock
        )
        self._rates = SourceRates(limits_of(entry), settings, clock=clock)

    def change(self, entry: SourceEntry, table: TableSchema, *, is_paused: bool) -> None:
        """Become what the source is from now on; what is being taken goes on as it was."""
        self._decoder = Decoder(entry.schema, table)
        self._rates.change(limits_of(entry))
        self.is_paused = is_paused

    def ingest(self, body: bytes, *, is_lines: bool, idempotency_key: str | None) -> Ingest:
        """Return the outcomes of a body's records and a future of their being stored.

        Raises:
            InvalidBody: not JSON, or no list of records.
            InvalidValue: the idempotency key cannot be.
            LimitExceeded: too many records, or values.
            QuotaExceeded: beyond the source's rate.
            Overloaded: too much waits to be logged; nothing was applied.
        """
        if idempotency_key is not None:
            check_key(idempotency_key)
            known = self._keys.find(idempotency_key)
            if known is not None:
                return self._accepted(known)
        self._rates.check()
        batch, outcomes = self._decoder.decode(body, is_lines=is_lines)
        answer = Answer(outcomes, Future())
        # A caller who goes away cancels nothing: others may wait for the same answer.
        answer.durable.set_running_or_notify_cancel()
        if idempotency_key is not None:
            claimed = self._keys.claim(idempotency_key, answer)
            if claimed is not answer:
                return self._accepted(claimed)
        self._submit(batch, answer, idempotency_key)
        self._rates.take(outcomes.count, len(body))
        count_ingest_bytes(len(body))
        return self._accepted(answer)

    def _accepted(self, answer: Answer) -> Ingest:
        return Ingest(*answer, self._rates.allowance())

    def _submit(self, batch: Batch | None, answer: Answer, key: str | None) -> None:
        """Make an answer come true, now or once its batch is durable and visible."""
        if batch is None:
            self._finish(answer)
            return
        size_bytes = size_of(batch)
        try:
            self._memory.take(size_bytes)
            try:
                note = None if key is None else self._keys.note(key, answer.outcomes)
                stored = self._compute.submit(self._table_id, batch, note)
            except BaseException:
                self._memory.give_back(size_bytes)
                raise
        except BaseException as error:
            answer.durable.set_exception(error)
            raise

        def finish(done: Future[list[int]]) -> None:
            self._memory.give_back(size_bytes)
            self._finish(answer, done.exception())

        stored.add_done_callback(finish)

    def _finish(self, answer: Answer, error: BaseException | None = None) -> None:
        if error is not None:
            answer.durable.set_exception(error)
            return
        outcomes = answer.outcomes
        codes = self.traffic.count(outcomes.success_count, outcomes.errors)
        count_records(outcomes.success_count, codes)
        answer.durable.set_result(None)


def limits_of(entry: SourceEntry) -> RateLimits:
    """Return the rates that a source was given."""
    return RateLimits(entry.row.records_per_s, entry.row.bytes_per_s)
