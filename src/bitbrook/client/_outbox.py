"""What a writer knows: records that wait, the batch under way, and what became of the others.

Records are kept encoded, so that memory is bounded by bytes and a dict that the caller goes on
using does no harm. One batch is under way at a time: records of one id are applied in the order in
which they were written. Knows nothing of threads, loops or time but what it is told.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import uuid4

import msgspec

from bitbrook.client import _operations as operations
from bitbrook.client._exceptions import (
    ConfigurationError,
    InvalidRequest,
    InvalidValue,
    LimitExceeded,
    QuotaExceeded,
    RecordsRefused,
    WriterClosed,
    WriterFailed,
)
from bitbrook.client._exchange import Retries, exchange, read
from bitbrook.client._models import Outcomes, Refusal
from bitbrook.client._steps import Flow

ErrorHandler: TypeAlias = Callable[[Refusal], object]

BATCH_BYTES_MAX = 4 << 20
WAITING_BYTES_MAX = 32 << 20
WAITING_BATCHES_MAX = 10
REFUSALS_KEPT_MAX = 1000


class Outbox:
    """The state of one writer.

    `written_count`: records taken; `settled_count`: those of them that are stored or refused;
    `refused_count`: those refused.
    """

    def __init__(self, batch_records: int, linger_s: float, on_error: ErrorHandler | None) -> None:
        if batch_records < 1:
            raise ConfigurationError(f"batch_records is {batch_records}; give 1 or more")
        if not 0 <= linger_s < math.inf:
            raise ConfigurationError(f"linger_s is {linger_s}; give 0 or more seconds")
        self.written_count = self.settled_count = self.refused_count = 0
        self.is_closed = False
        self._batch_records = batch_records
        self._linger_s = linger_s
        self._on_error = on_error
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._oldest_s = 0.0
        self._flush_count = 0
        self._batch: list[bytes] = []
        self._refusals: list[Refusal] = []
        self._raised_count = 0
        self._cause: BaseException | None = None

    @property
    def is_full(self) -> bool:
        """Whether a record more has to wait."""
        return (
            len(self._waiting) >= self._batch_records * WAITING_BATCHES_MAX
            or self._waiting_bytes >= WAITING_BYTES_MAX
        )

    @property
    def has_failed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._cause is not None

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to send, and nothing will come."""
        return self.has_failed or (self.is_closed and not self._waiting)

    def check(self) -> None:
        """Return if records can be written.

        Raises:
            WriterClosed: the writer was closed.
            WriterFailed: it cannot go on.
        """
        self._check_failure()
        if self.is_closed:
            raise WriterClosed("the writer is closed; open another one")

    def add(self, record: bytes, now_s: float) -> bool:
        """Take a record; return whether whoever sends has to be told."""
        if not self._waiting:
            self._oldest_s = now_s
        self._waiting.append(record)
        self._waiting_bytes += len(record)
        self.written_count += 1
        return len(self._waiting) == 1 or self._has_batch

    def flush(self) -> int:
        """Have everything sent without lingering; return the count that settles then."""
        self._flush_count = self.written_count
        return self.written_count

    def is_settled(self, count: int) -> bool:
        """Whether so many records are stored or refused, or never will be."""
        return self.has_failed or self.settled_count >= count

    def due_in_s(self, now_s: float) -> float | None:
        """Return in how many seconds the next batch is to be sent, None if nothing waits."""
        if not self._waiting:
            return None
        if self._has_batch or self.is_closed or self.settled_count < self._flush_count:
            return 0.0
        return max(0.0, self._oldest_s + self._linger_s - now_s)

    def take(self, now_s: float) -> Sequence[bytes]:
        """Return the next batch, which is now under way."""
        size_bytes = 0
        batch: list[bytes] = []
        while self._waiting and len(batch) < self._batch_records:
            size_bytes += len(self._waiting[0])
            if batch and size_bytes > BATCH_BYTES_MAX:
                break
            batch.append(self._waiting.popleft())
            self._waiting_bytes -= len(batch[-1])
        self._batch = batch
        self._oldest_s = now_s
        return batch

    def report(self, refusals: Sequence[Refusal]) -> None:
        """Tell `on_error`, if there is one, of each refusal."""
        if self._on_error is not None:
            for each in refusals:
                self._on_error(each)

    def settle(self, refusals: Sequence[Refusal]) -> None:
        """The batch under way is done; what was refused is kept if nobody was told."""
        self.settled_count += len(self._batch)
        self.refused_count += len(refusals)
        self._batch = []
        if self._on_error is None:
            self._refusals += refusals[: REFUSALS_KEPT_MAX - len(self._refusals)]

    def fail(self, cause: BaseException) -> None:
        """The batch under way is not known to be stored, and nothing else will be."""
        self._cause = cause

    def raise_errors(self) -> None:
        """Return if nothing went wrong since this was last asked.

        Raises:
            WriterFailed: the writer cannot go on.
            RecordsRefused: records were refused, and there is no `on_error`.
        """
        self._check_failure()
        count, self._raised_count = self.refused_count - self._raised_count, self.refused_count
        if count and self._on_error is None:
            refusals, self._refusals = self._refusals, []
            raise RecordsRefused(refusals, count)

    @property
    def _has_batch(self) -> bool:
        return len(self._waiting) >= self._batch_records or self._waiting_bytes >= BATCH_BYTES_MAX

    def _check_failure(self) -> None:
        if self._cause is not None:
            lost = [_decode(record) for record in (*self._batch, *self._waiting)]
            raise WriterFailed(
                f"{len(lost):,} records are not known to be stored: {self._cause}", lost
            ) from self._cause


def deliver(source_id: str, records: Sequence[bytes], retries: Retries) -> Flow[list[Refusal]]:
    """Return the records that were refused; the others are stored.

    A request that is refused as a whole, such as for its size, is halved until the record that is
    at fault stands alone.
    """
    body = operations.encode_body(records)
    try:
        response = yield from exchange(
            operations.records_call(source_id, body, uuid4().hex), retries
        )
    except QuotaExceeded:
        raise
    except (InvalidRequest, InvalidValue, LimitExceeded) as refusal:
        if len(records) == 1:
            return [Refusal(_decode(records[0]), refusal.code, refusal.message)]
        middle = len(records) // 2
        first = yield from deliver(source_id, records[:middle], retries)
        return first + (yield from deliver(source_id, records[middle:], retries))
    if read(response, _Counts).error_count == 0:
        return []
    return [
        Refusal(_decode(records[at]), outcome.error_code, outcome.error_message)
        for at, outcome in read(response, Outcomes).errors
    ]


class _Counts(msgspec.Struct):
    """Of an answer only what tells whether to read on."""

    error_count: int


_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)


def _decode(record: bytes) -> Any:
    return _decoder.decode(record)
