"""A writer for asyncio: `write` returns at once, a task of its own sends in batches.

Any number of tasks of one loop may write. When the outbox is full, `write` waits: memory stays
bounded and the caller slows down to what the server takes.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from bitbrook.client._exceptions import BitbrookError, WaitTimedOut, WriterFailed
from bitbrook.client._link import AsyncLink
from bitbrook.client._operations import encode_record
from bitbrook.client._outbox import ErrorHandler, Outbox, deliver


class AsyncWriter:
    """Sends records into a source in batches; also an async context manager that closes it.

    A batch goes when `batch_records` wait, or the first of them has waited `linger_s`. `on_error`
    is told each refused record, on the event loop; without it, `flush` and `close` raise them. A
    batch is sent again, under its Idempotency-Key, for `retry_for_s`: through a restart of the
    server nothing is lost or stored twice.
    """

    def __init__(
        self,
        link: AsyncLink,
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
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            await self.close()
            return
        try:
            await self.close()
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

    async def write(self, record: Any) -> None:
        """Take a record: a dict, a msgspec struct, a dataclass. Waits while the outbox is full.

        Raises:
            TypeError: a value has no JSON.
            WriterFailed: earlier records could not be stored; holds them.
            WriterClosed: the writer is closed.
        """
        encoded = encode_record(record)
        self._outbox.check()
        if self._outbox.is_full:
            await self._until(lambda: not self._outbox.is_full or self._outbox.has_failed)
            self._outbox.check()
        if self._task is None:
            self._task = asyncio.create_task(self._send(), name="bitbrook-writer")
        if self._outbox.add(encoded, time.monotonic()):
            await self._tell()

    async def flush(self, timeout_s: float | None = None) -> None:
        """Return when every record written so far is durable and visible.

        Raises:
            RecordsRefused: some were refused; the others are stored.
            WriterFailed: the writer cannot go on.
            WaitTimedOut: it is not done in the time given; it goes on.
        """
        count = self._outbox.flush()
        await self._tell()
        try:
            async with asyncio.timeout(timeout_s):
                await self._until(lambda: self._outbox.is_settled(count))
        except TimeoutError:
            raise WaitTimedOut(f"records are still under way after {timeout_s:g} s") from None
        self._outbox.raise_errors()

    async def close(self) -> None:
        """Flush and take no more records. Raises what `flush` raises, once closed."""
        self._outbox.is_closed = True
        await self._tell()
        if self._task is not None:
            # Not awaited itself: whoever is cancelled here must not stop it.
            await asyncio.wait([self._task])
        self._outbox.raise_errors()

    async def _until(self, is_so: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(is_so)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _send(self) -> None:
        outbox = self._outbox
        while (batch := await self._next_batch()) is not None:
            try:
                flow = deliver(self._source_id, batch, self._retries)
                refusals = await self._link.run(flow)
                outbox.report(refusals)
            except BaseException as fault:
                outbox.fail(fault)
                await self._tell()
                if isinstance(fault, Exception):
                    return
                raise
            outbox.settle(refusals)
            await self._tell()

    async def _next_batch(self) -> Sequence[bytes] | None:
        """Return a batch when it is due, None when there is nothing left to send."""
        while not self._outbox.is_done:
            now_s = time.monotonic()
            due_in_s = self._outbox.due_in_s(now_s)
            if due_in_s == 0:
                batch = self._outbox.take(now_s)
                await self._tell()
                return batch
            async with self._changed:
                # Looked at again under the lock: a record may have come while it was waited for.
                if self._outbox.due_in_s(now_s) == due_in_s and not self._outbox.is_done:
                    try:
                        async with asyncio.timeout(due_in_s):
                            await self._changed.wait()
                    except TimeoutError:
                        pass
        return None
