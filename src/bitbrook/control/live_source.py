"""A source that is open: everything that taking records needs, in one object and without a look-up.

The straight line: decode, submit, and a future of the records being stored. Nothing here asks the
catalogue or waits for a disk. A change of the source is one assignment each, so a request that is
under way goes on by what it began with. Knows nothing of callers.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from bitbrook.clock import Clock
from bitbrook.compute.compute import Compute
from bitbrook.control.batch_memory import BatchMemory, size_of
from bitbrook.control.fences import Fences
from bitbrook.control.idempotency import Answer, IdempotencyKeys, check_key
from bitbrook.control.quarantine import Quarantine
from bitbrook.control.rates import Allowance, RateLimits, SourceRates
from bitbrook.control.registry import SourceEntry
from bitbrook.control.traffic import Traffic
from bitbrook.engine.batch import Batch
from bitbrook.engine.writer import Written
from bitbrook.errors import Conflict
from bitbrook.schema.field_types import TableSchema
from bitbrook.settings import Settings
from bitbrook.sources.arriving import ArrivingBody
from bitbrook.sources.decode import NOTHING, Decoded, Decoder
from bitbrook.sources.outcomes import Outcomes
from bitbrook.telemetry.metrics import count_ingest_bytes, count_records
from bitbrook.telemetry.requests import current_request_id
from bitbrook.telemetry.steps import step


class Terms(NamedTuple):
    """How a request of records is to be taken.

    `is_lines`: one value a line. `idempotency_key`: what names the request. `is_whole`: one record
    at fault keeps all out. `is_once`: a repetition is refused instead of answered as before.
    """

    is_lines: bool = False
    idempotency_key: str | None = None
    is_whole: bool = False
    is_once: bool = False


PLAIN = Terms()
"""Those of a request that says nothing of it."""


class Ingest(NamedTuple):
    """A request of records, accepted. `durable` resolves when `outcomes` are true: see `token`.

    It fails with Overloaded, Stopping, OutcomeUnknown or Damaged; then no record was stored, or
    (OutcomeUnknown) nobody can say. `allowance`: what the source may send after it, if that is
    limited. `are_stored`: whether the good records are. `token`: of what `durable` gave makes the
    token of the write, "" if nothing was written.
    """

    outcomes: Outcomes
    durable: Future[Mapping[int, int] | None]
    allowance: Allowance | None
    are_stored: bool
    token: Callable[[Mapping[int, int] | None], str]


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
            with step("decode"):
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
        compute: Compute,
        settings: Settings,
        *,
        memory: BatchMemory,
        fences: Fences,
        quarantine: Quarantine,
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
        self.decoder = Decoder(entry.schema, table)
        self._source_id = entry.row.id
        self._form = (entry.row, table)
        self._clock = clock
        self._table_id = table.id
        self._compute = compute
        self._memory = memory
        self._fences = fences
        self._quarantine = quarantine
        notes = compute.notes(entry.row.id, now_s=clock.now_s())
        self._keys = IdempotencyKeys(
            entry.row.id, settings.idempotency_ttl_s, notes=notes, clock=clock
        )
        self._rates = SourceRates(limits_of(entry), settings, clock=clock)

    def change(self, entry: SourceEntry, table: TableSchema, *, is_paused: bool) -> None:
        """Become what the source is from now on; what is being taken goes on as it was."""
        self.decoder = Decoder(entry.schema, table)
        self._form = (entry.row, table)
        self._rates.change(limits_of(entry))
        self.is_paused = is_paused

    def follow(self, entry: SourceEntry, table: TableSchema, *, is_paused: bool) -> None:
        """Become what another server made of the source, if it is not that already."""
        form = (entry.row, table)
        if form != self._form:
            self.change(entry, table, is_paused=is_paused)

    @property
    def allowance(self) -> Allowance | None:
        """What may be sent now, None if that is not limited."""
        return self._rates.allowance()

    def ingest(self, body: bytes, terms: Terms) -> Ingest:
        """Return the outcomes of a body's records and a future of their being stored.

        Raises:
            InvalidBody: not JSON, or no list of records.
            InvalidValue: the idempotency key cannot be.
            Conflict: it was taken before, and was to be taken once.
            LimitExceeded: too many records, or values.
            QuotaExceeded: beyond the source's rate.
            Overloaded: too much waits to be logged; nothing was applied.
        """
        known = self._find(terms)
        if known is not None:
            return self._accepted(known)
        self._rates.check()
        with step("decode"):
            decoded = self.decoder.decode(body, is_lines=terms.is_lines)
        return self._take(decoded, len(body), terms)

    def begin(self, terms: Terms) -> "ArrivingIngest":
        """Return a request of records whose body is on its way.

        Raises:
            InvalidValue: the idempotency key cannot be.
            QuotaExceeded: beyond the source's rate.
        """
        known = self._find(terms)
        if known is not None:
            return ArrivingIngest(None, lambda _, __: self._accepted(known))
        self._rates.check()
        body = ArrivingBody(self.decoder, is_lines=terms.is_lines)

        def take(decoded: Decoded, size_bytes: int) -> Ingest:
            return self._take(decoded, size_bytes, terms)

        return ArrivingIngest(body, take)

    def count(self, outcomes: Outcomes) -> None:
        """Count a request that has been taken."""
        codes = self.traffic.count(outcomes.success_count, outcomes.errors)
        count_records(outcomes.success_count, codes)

    def _find(self, terms: Terms) -> Answer | None:
        """Return the answer to an earlier request of a key, if there is one."""
        if terms.idempotency_key is None:
            return None
        check_key(terms.idempotency_key)
        known = self._keys.find(terms.idempotency_key)
        if known is None and self._compute.is_shared:
            now_s = self._clock.now_s()
            note = self._compute.note(self._source_id, terms.idempotency_key, now_s=now_s)
            known = None if note is None else self._keys.recall(note)
        if known is not None and terms.is_once:
            raise _repeated()
        return known

    def _take(self, decoded: Decoded, size_bytes: int, terms: Terms) -> Ingest:
        """Have a decoded body stored."""
        batch, outcomes, rejected = decoded
        answer = Answer(outcomes, Future())
        # A caller who goes away cancels nothing: others may wait for the same answer.
        answer.durable.set_running_or_notify_cancel()
        are_stored = not (terms.is_whole and outcomes.errors)
        if are_stored:
            key = terms.idempotency_key
            if key is not None:
                claimed = self._keys.claim(key, answer)
                if claimed is not answer:
                    if terms.is_once:
                        raise _repeated()
                    return self._accepted(claimed)
            self._submit(batch, answer, key, rejected)
        else:
            # Its sender keeps them all, and a retry after the mend is a request of its own.
            self.count(Outcomes(len(outcomes.errors), outcomes.errors))
            answer.durable.set_result(None)
        self._rates.take(outcomes.count, size_bytes)
        count_ingest_bytes(size_bytes)
        self.traffic.count_bytes(size_bytes)
        return self._accepted(answer, are_stored=are_stored)

    def _accepted(self, answer: Answer, *, are_stored: bool = True) -> Ingest:
        outcomes, durable = answer

        def token(sequences: Mapping[int, int] | None) -> str:
            if not are_stored or not outcomes.success_count:
                return ""
            # Of a write before this start is only known that it is there: all there is covers it.
            return self._fences.token(self._table_id, sequences)

        return Ingest(outcomes, durable, self._rates.allowance(), are_stored, token)

    def _submit(
        self, batch: Batch | None, answer: Answer, key: str | None, rejected: Sequence[bytes]
    ) -> None:
        """Make an answer come true: once its batch is durable and visible, and the rest kept."""
        if batch is None:
            self._finish_with(answer, self._quarantined(answer.outcomes, rejected), None)
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
        # Beside the log, neither of which waits for the other.
        kept = self._quarantined(answer.outcomes, rejected)

        def finish(done: Future[Written]) -> None:
            self._memory.give_back(size_bytes)
            error = done.exception()
            if error is not None:
                answer.durable.set_exception(error)
            else:
                self._finish_with(answer, kept, done.result().sequences)

        stored.add_done_callback(finish)

    def _quarantined(self, outcomes: Outcomes, rejected: Sequence[bytes]) -> Future[None] | None:
        if not outcomes.errors:
            return None
        request_id = current_request_id() or ""
        return self._quarantine.put(self._source_id, request_id, outcomes.errors, rejected)

    def _finish_with(
        self, answer: Answer, kept: Future[None] | None, sequences: Mapping[int, int] | None
    ) -> None:
        """Make an answer come true, now or once its refused records are kept."""

        def finish(_: object) -> None:
            self.count(answer.outcomes)
            answer.durable.set_result(sequences)

        if kept is None:
            finish(None)
        else:
            kept.add_done_callback(finish)


def _repeated() -> Conflict:
    return Conflict("this request was taken before; nothing of it was applied again")


def limits_of(entry: SourceEntry) -> RateLimits:
    """Return the rates that a source was given."""
    return RateLimits(entry.row.records_per_s, entry.row.bytes_per_s)
