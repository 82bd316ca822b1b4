"""A partition's shards, gone through by as many threads as there are processors.

Every thread keeps a state of its own that it adds shards to; states are merged by the caller. The
calling thread takes part, so a question makes progress even when all others are busy with others'.
Worth it only where kernels do the work: they run without the interpreter lock, and what Python does
between them does not. Where as many questions are asked at once as there are processors, each has
one thread: to share them out would only make them wait for each other.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final, Protocol, TypeVar

from bitbrook.algebra.budget import Budget
from bitbrook.engine.shard import Shard

THREADS: Final = os.cpu_count() or 1


class _Sweeping:
    """How many questions go through shards now, each on a thread of its own at least."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0

    def __enter__(self) -> None:
        with self._lock:
            self.count += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self.count -= 1


_sweeping: Final = _Sweeping()
_pool: Final = ThreadPoolExecutor(max(1, THREADS - 1), thread_name_prefix="bitbrook-sweep")


class State(Protocol):
    """What a thread gathers from the shards that it goes through."""

    def add(self, shard: Shard) -> None:
        """Take a shard into account."""


StateT = TypeVar("StateT", bound=State)


def sweep(
    shards: Iterable[Shard], start: Callable[[], StateT], budget: Budget, *, is_heavy: bool
) -> list[StateT]:
    """Return the states, one at least, that together have taken every shard into account.

    `start` makes an empty state. `is_heavy`: whether kernels take most of the time of a shard.
    """
    if not is_heavy:
        return [_work(iter(shards), threading.Lock(), start, budget)]
    with _sweeping:
        return _sweep_together(list(shards), start, budget)


def _sweep_together(
    waiting: list[Shard], start: Callable[[], StateT], budget: Budget
) -> list[StateT]:
    helpers = min(THREADS, len(waiting)) - _sweeping.count
    queue, lock = iter(waiting), threading.Lock()
    helping = [_pool.submit(_work, queue, lock, start, budget) for _ in range(helpers)]
    try:
        states = [_work(queue, lock, start, budget)]
    finally:
        # Whoever has not begun by now is not needed any more, or must not begin after an error;
        # whoever has still reads shards, which the caller's lock protects until we return.
        with lock:
            for _ in queue:
                pass
        begun = [future for future in helping if not future.cancel()]
        wait(begun)
    return states + [future.result() for future in begun]


def _work(
    queue: Iterator[Shard], lock: threading.Lock, start: Callable[[], StateT], budget: Budget
) -> StateT:
    state = start()
    while True:
        with lock:
            shard = next(queue, None)
        if shard is None:
            return state
        budget.check()
        state.add(shard)
