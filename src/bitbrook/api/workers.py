"""Where blocking work goes: bounded pools of threads, so that the event loop only moves bytes.

A pool that has more work waiting than it may hold refuses more at once; nothing queues without end.
"""

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import anyio.to_thread

from bitbrook.errors import Overloaded

P = ParamSpec("P")
T = TypeVar("T")


def on_thread(call: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """Return a blocking handler as one that the event loop can await.

    It runs on the event loop's own threads, whose number the application sets.
    """

    @wraps(call)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return await anyio.to_thread.run_sync(partial(call, *args, **kwargs))

    return run


class Workers:
    """A pool of `threads` for one kind of work, with at most `waiting_max` calls not yet begun."""

    def __init__(self, kind: str, *, threads: int, waiting_max: int) -> None:
        self._kind = kind
        self.threads = threads
        self.waiting_max = waiting_max
        self._limit = threads + waiting_max
        self._pending = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=kind)

    @property
    def pending(self) -> int:
        """How many calls run or wait."""
        return self._pending

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the call returns.

        Raises:
            Overloaded: as many calls wait as may; this one was not begun.
        """
        return await asyncio.wrap_future(self.start(call, *args, **kwargs))

    def start(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Return a future of the call.

        Raises:
            Overloaded: as many calls wait as may; this one was not begun.
        """
        with self._lock:
            if self._pending >= self._limit:
                raise Overloaded(
                    f"{self._pending:,} {self._kind} requests are under way; try again later"
                )
            self._pending += 1
        context = contextvars.copy_context()
        future = self._pool.submit(context.run, partial(call, *args, **kwargs))
        future.add_done_callback(self._finish_one)
        return future

    def close(self) -> None:
        """Wait for what has begun and give up the rest."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _finish_one(self, _: Future[Any]) -> None:
        with self._lock:
            self._pending -= 1
