"""A source that is open: everything that taking records needs, in one object and without a look-up.

The straight line: decode, submit, and a future of the records being stored. Nothing here asks the
catalogue or waits for a disk. A change of the source is one assignment each, so a request that is
under way goes on by what it began with. Knows nothing of callers.
"""

from collections.abc import Callable
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
from bitbrook.sources.arriving import ArrivingBody
from bitbrook.sources.decode import NOTHING, Decoded, Decoder
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


class ArrivingIngest:
    """A request of records that is decoded while its body arrives, and stored at its end.

    Used by one thread at a time. One that is given up before its end has done nothing.
    """

    def __init__(self, body: ArrivingBody | None, take: Callable[[Decoded, int], Ingest]) -> None:
        """Prepare. `body`: None where the answer is known already, whatever comes."""
        self._body = body
        self._take = take
        self._size_bytes = 0

    @property
    def held_bytes(self) -> int:
        """About how many bytes of memory it takes."""
        return 0 if self._body is None else self._body.held_bytes

    def feed(self, data: bytes) -> None:
        """Decode what has come, up to the last whole record.

        Raises:
            InvalidBody: not JSON, or not text.
            LimitExceeded: too many records, or values.
        """
        self._size_bytes += len(data)
        if self._body is not None:
            self._body.feed(data)

    def finish(self) -> Ingest:
        """Have the records stored; the body is whole.

        Raises:
            InvalidBody: it is not, or not JSON, or has no list of records.
            LimitExceeded: too many records, or values.
            Overloaded: too much waits to be logged; nothing was applied.
        """
        if self._body is None:
            return self._take(NOTHING, self._size_bytes)
        return self._take(self._body.finish(), self._size_bytes)


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
        self.table_id = entry.row.table_id
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
        known = self._find(idempotency_key)
        if known is not None:
            return self._accepted(known)
        self._rates.check()
        decoded = self._decoder.decode(body, is_lines=is_lines)
        return self._take(decoded, len(body), idempotency_key)

    def begin(self, *, is_lines: bool, idempotency_key: str | None) -> "ArrivingIngest":
        """Return a request of records whose body is on its way.

        Raises:
            InvalidValue: the idempotency key cannot be.
            QuotaExceeded: beyond the source's rate.
        """
        known = self._find(idempotency_key)
        if known is not None:
            return ArrivingIngest(None, lambda _, __: self._accepted(known))
        self._rates.check()
        body = ArrivingBody(self._decoder, is_lines=is_lines)

        def take(decoded: Decoded, size_bytes: int) -> Ingest:
            return self._take(decoded, size_bytes, idempotency_key)

        return ArrivingIngest(body, take)

    def _find(self, idempotency_key: str | None) -> Answer | None:
        """Return the answer to an earlier request of a key, if there is one."""
        if idempotency_key is None:
            return None
        check_key(idempotency_key)
        return self._keys.find(idempotency_key)

    def _take(self, decoded: Decoded, size_bytes: int, idempotency_key: str | None) -> Ingest:
        """Have a decoded body stored."""
        batch, outcomes = decoded
        answer = Answer(outcomes, Future())
        # A caller who goes away cancels nothing: others may wait for the same answer.
        answer.durable.set_running_or_notify_cancel()
        if idempotency_key is not None:
            claimed = self._keys.claim(idempotency_key, answer)
            if claimed is not answer:
                return self._accepted(claimed)
        self._submit(batch, answer, idempotency_key)
        self._rates.take(outcomes.count, size_bytes)
        count_ingest_bytes(size_bytes)
        self.traffic.count_bytes(size_bytes)
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
