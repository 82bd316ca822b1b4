"""An outbox on disk: a record that was pushed reaches its source, whatever dies meanwhile.

`push` returns once the records are in the outbox's file. A thread of its own sends them, in their
order, and takes them out when the server has answered; a batch that was on its way when something
died is sent again under the same Idempotency-Key, so it is applied once. Throttled, cut off or
refused for want of rights, it waits and comes again, for as long as it takes. What the server
refuses for its content is kept in the file, with the reason.
"""

import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from bitbrook.client._client import Client
from bitbrook.client._exceptions import (
    ConfigurationError,
    InvalidRequest,
    InvalidValue,
    LimitExceeded,
    QuotaExceeded,
    Refused,
    WaitTimedOut,
    WriterClosed,
)
from bitbrook.client._exchange import Retries, exchange, read
from bitbrook.client._models import Outcomes, Refusal, SourceModel
from bitbrook.client._names import id_of
from bitbrook.client._operations import (
    decode_record,
    encode_body,
    encode_record,
    records_call,
)
from bitbrook.client._outbox_file import Batch, OutboxFile

BATCH_BYTES_MAX = 4 << 20
LOOK_AGAIN_S = 1.0

_AT_ONCE = Retries(for_s=0.0)


class OutboxCounts(msgspec.Struct, frozen=True):
    """What an outbox's file holds and has done, over all processes that used it.

    `queued`: records that wait. `sent`: stored by the server. `rejected`: refused by it, in all;
    `quarantined`: those of them that are still kept in the file.
    """

    queued: int
    sent: int
    rejected: int
    quarantined: int


class RejectedRecord(msgspec.Struct, frozen=True):
    """A record that the server refused; numbers with a point come back as Decimal."""

    id: int
    record: Any
    code: str
    message: str
    at: datetime


class DiskOutbox:
    """Records on their way to a source, in a file; also a context manager that closes it.

    Parameters:
        client: whose connections and credentials are used; it has to stay open.
        source: the source, or its id.
        path: the file, made if need be; each source needs one of its own.
        batch_records: how many records are sent together at most.
        linger_s: how long a record waits for others that come with it.
        retries: how waits grow while the server cannot be reached or takes nothing; `for_s` does
            not matter.

    Raises:
        ConfigurationError: the file is of another source, or no outbox.
    """

    def __init__(
        self,
        client: Client,
        source: SourceModel | str,
        path: str | PathLike[str],
        *,
        batch_records: int = 1000,
        linger_s: float = 0.05,
        retries: Retries | None = None,
    ) -> None:
        if batch_records < 1:
            raise ConfigurationError(f"batch_records is {batch_records}; give 1 or more")
        self._link = client._link  # noqa: SLF001 - of this package
        self._source_id = id_of(source)
        self._batch_records = batch_records
        self._linger_s = linger_s
        self._retries = msgspec.structs.replace(retries or Retries(), for_s=float("inf"))
        self._file = OutboxFile(Path(path), self._source_id)
        self._changed = threading.Condition()
        self._is_closed = False
        self._is_flushing = False
        self._last_error: BaseException | None = None
        # A daemon: what it has not sent is in the file.
        self._thread = threading.Thread(target=self._send, name="bitbrook-outbox", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def counts(self) -> OutboxCounts:
        """How many records are where."""
        return OutboxCounts(*self._file.counts())

    @property
    def last_error(self) -> BaseException | None:
        """Why the last attempt to send failed, None if it did not: what waits will come again."""
        return self._last_error

    def push(self, *records: Any) -> None:
        """Return once these records are durable here; they are sent soon, in their order.

        Raises:
            TypeError: a value has no JSON; none of them was taken.
            WriterClosed: the outbox is closed.
        """
        encoded = [encode_record(record) for record in records]
        self._check_open()
        self._file.put(encoded)
        self._tell()

    def flush(self, timeout_s: float | None = None) -> None:
        """Return when the server has answered for every record pushed so far.

        Raises:
            WaitTimedOut: it has not in the time given; `last_error` may tell why. They wait on.
        """
        self._check_open()
        last = self._file.put(())
        with self._changed:
            self._is_flushing = True
            self._changed.notify_all()
            is_done = self._changed.wait_for(
                lambda: self._is_closed or self._file.is_settled(last), timeout_s
            )
            self._is_flushing = False
        self._check_open()
        if not is_done:
            raise WaitTimedOut(
                f"{self.counts.queued:,} records still wait after {timeout_s:g} s: "
                f"{self._last_error or 'they are under way'}"
            )

    def rejected(self, limit: int = 1000) -> list[RejectedRecord]:
        """Return the first records that the server refused and that are kept here."""
        return [
            RejectedRecord(
                row.id,
                decode_record(row.record),
                row.code,
                row.message,
                datetime.fromtimestamp(row.at_s, UTC),
            )
            for row in self._file.refused(limit)
        ]

    def retry(self, ids: Iterable[int] | None = None) -> int:
        """Have refused records sent again, all or those of these ids; return how many."""
        self._check_open()
        count = self._file.put_back(None if ids is None else list(ids))
        self._tell()
        return count

    def discard(self, ids: Iterable[int]) -> int:
        """Forget refused records of these ids; return how many there were."""
        return self._file.discard(list(ids))

    def close(self) -> None:
        """Stop sending, once the request under way is answered; what waits stays in the file."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()
        self._file.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise WriterClosed("the outbox is closed; open its file again")

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _send(self) -> None:
        attempt = 0
        while (batch := self._next_batch()) is not None:
            try:
                self._deliver(batch)
            except Exception as fault:
                # Whatever it was, nothing of the batch is lost: it comes again.
                self._last_error = fault
                told_s = fault.retry_after_s if isinstance(fault, Refused) else None
                wait_s = self._retries.next_wait_s(attempt, 0.0, told_s) or 0.0
                attempt += 1
                with self._changed:
                    self._changed.wait_for(lambda: self._is_closed, wait_s)
            else:
                self._last_error = None
                attempt = 0
                self._tell()

    def _next_batch(self) -> Batch | None:
        """Return the next batch when it is due, None when the outbox closes."""
        with self._changed:
            while not self._is_closed:
                if self._file.waiting(1) == 0:
                    # Not for ever: another process may have pushed into the file.
                    self._changed.wait(LOOK_AGAIN_S)
                    continue
                is_full = self._file.waiting(self._batch_records) == self._batch_records
                if not is_full and not self._is_flushing:
                    self._changed.wait_for(self._is_urgent, self._linger_s)
                return self._file.next_batch(self._batch_records, BATCH_BYTES_MAX)
        return None

    def _is_urgent(self) -> bool:
        return self._is_closed or self._is_flushing

    def _deliver(self, batch: Batch) -> None:
        """Have a batch stored or refused.

        Raises:
            BitbrookError: neither is known; it has to be sent again.
        """
        call = records_call(self._source_id, encode_body(batch.records), batch.key)
        try:
            response = self._link.run(exchange(call, _AT_ONCE))
        except QuotaExceeded:
            raise
        except (InvalidRequest, InvalidValue, LimitExceeded) as refusal:
            if len(batch.ids) > 1:
                self._file.halve(batch)
            else:
                record = decode_record(batch.records[0])
                self._file.settle(batch, [(0, Refusal(record, refusal.code, refusal.message))])
            return
        outcomes = read(response, Outcomes)
        self._file.settle(batch, _refusals(batch.records, outcomes))


def _refusals(records: Sequence[bytes], outcomes: Outcomes) -> list[tuple[int, Refusal]]:
    return [
        (at, Refusal(records[at], each.error_code, each.error_message))
        for at, each in outcomes.errors
    ]
