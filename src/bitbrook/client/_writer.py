"""A writer for threads: `write` returns at once, a thread of its own sends in batches.

Any number of threads may write. When the outbox is full, `write` waits: memory stays bounded and
the caller slows down to what the server takes.
"""

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from bitbrook.client._exceptions import (
    BitbrookError,
    ConfigurationError,
    WaitTimedOut,
    WriterFailed,
)
from bitbrook.client._link import Link
from bitbrook.client._operations import encode_record
from bitbrook.client._outbox import ErrorHandler, Outbox, deliver


class Writer:
    """Sends records into a source in batches; also a context manager that closes it.

    A batch goes when `batch_records` wait, or the first of them has waited `linger_s`. `on_error`
    is told each refused record, on the writer's thread, and must not use it; without it,
    `flush` and `close` raise them. A batch is sent again, under its Idempotency-Key, for
    `retry_for_s`: through a restart of the server nothing is lost or stored twice.
    """

    def __init__(
        self,
        link: Link,
        source_id: str,
        *,
        batch_records: int,
        linger_s: float,
        on_error: ErrorHandler | None,
        retry_for_s: float,
    ) -> None:
        self._link = link
        self._source_id = source_id
        self._retries = msgspec.structs.replace(link.retries, for_s=retry_for_s)
        self._outbox = Outbox(batch_records, linger_s, on_error)
        self._changed = threading.Condition()
        # A daemon, so that a program that forgot to close can still end.
        self._thread = threading.Thread(target=self._send, name="bitbrook-writer", daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
            return
        try:
            self.close()
        except BitbrookError as fault:
            if not isinstance(error, WriterFailed):
                error.add_note(f"the writer: {fault}")

    @property
    def written_count(self) -> int:
        """How many records were written."""
        return self._outbox.written_count

    @property
    def settled_count(self) -> int:
        """How many of them are stored or refused."""
        return self._outbox.settled_count

    @property
    def refused_count(self) -> int:
        """How many of them were refused."""
        return self._outbox.refused_count

    def write(self, record: Any) -> None:
        """Take a record: a dict, a msgspec struct, a dataclass. Waits while the outbox is full.

        Raises:
            TypeError: a value has no JSON.
            WriterFailed: earlier records could not be stored; holds them.
            WriterClosed: the writer is closed.
        """
        encoded = encode_record(record)
        self._check_thread()
        with self._changed:
            self._outbox.check()
            while self._outbox.is_full:
                self._changed.wait()
                self._outbox.check()
            if self._outbox.written_count == 0:
                self._thread.start()
            if self._outbox.add(encoded, time.monotonic()):
                self._changed.notify_all()

    def flush(self, timeout_s: float | None = None) -> None:
        """Return when every record written so far is durable and visible.

        Raises:
            RecordsRefused: some were refused; the others are stored.
            WriterFailed: the writer cannot go on.
            WaitTimedOut: it is not done in the time given; it goes on.
        """
        self._check_thread()
        with self._changed:
            count = self._outbox.flush()
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._outbox.is_settled(count), timeout_s):
                raise WaitTimedOut(f"records are still under way after {timeout_s:g} s")
            self._outbox.raise_errors()

    def close(self) -> None:
        """Flush and take no more records. Raises what `flush` raises, once closed."""
        self._check_thread()
        with self._changed:
            self._outbox.is_closed = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        with self._changed:
            self._outbox.raise_errors()

    def _check_thread(self) -> None:
        # It would wait for itself.
        if threading.current_thread() is self._thread:
            raise ConfigurationError("on_error cannot use the writer that it is called by")

    def _send(self) -> None:
        outbox = self._outbox
        while (batch := self._next_batch()) is not None:
            try:
                refusals = self._link.run(deliver(self._source_id, batch, self._retries))
                outbox.report(refusals)
            except Exception as fault:
                with self._changed:
                    outbox.fail(fault)
                    self._changed.notify_all()
                return
            with self._changed:
                outbox.settle(refusals)
                self._changed.notify_all()

    def _next_batch(self) -> Sequence[bytes] | None:
        """Return a batch when it is due, None when there is nothing left to send."""
        with self._changed:
            while not self._outbox.is_done:
                now_s = time.monotonic()
                due_in_s = self._outbox.due_in_s(now_s)
                if due_in_s == 0:
                    batch = self._outbox.take(now_s)
                    self._changed.notify_all()
                    return batch
                self._changed.wait(due_in_s)
            return None
