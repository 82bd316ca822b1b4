"""States of what takes time to come and go, and the thread that brings it about.

What is CREATING or DELETING says so in the catalogue before it is begun, so a start after a crash
finds it and goes on. Steps run one after another in the order in which they were asked for: a
source that is deleted before its table is gone before its table.
"""

import enum
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from bitbrook.errors import BitbrookError
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)


class Status(enum.StrEnum):
    """The state of a deployment, a table or a source.

    What is DELETED is found no more; only a source can be PAUSED.
    """

    CREATING = "CREATING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    UPDATING = "UPDATING"
    DELETING = "DELETING"
    DELETED = "DELETED"
    FAILED = "FAILED"


class Lifecycle:
    """One thread that finishes creations and deletions, in order. `lock`: held by each step."""

    def __init__(self) -> None:
        self.lock: AbstractContextManager[Any] = nullcontext()
        self._last: Future[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lifecycle")
        self._may_begin = threading.Event()
        self._may_begin.set()

    def begin(self, step: Callable[[], None], *, on_failure: Callable[[str], None]) -> Future[None]:
        """Run a step soon and return its future; if it fails, tell `on_failure` why, for users."""
        begun = self._thread.submit(self._run, step, on_failure)
        self._last = begun
        return begun

    @property
    def is_idle(self) -> bool:
        """Whether everything begun so far is finished."""
        return self._last is None or self._last.done()

    def settle(self) -> None:
        """Return when everything begun so far is finished."""
        self._thread.submit(lambda: None).result()

    def hold(self) -> None:
        """Finish the present step and begin no other until `release`."""
        self._may_begin.clear()

    def release(self) -> None:
        """Go on after `hold`."""
        self._may_begin.set()

    def close(self) -> None:
        """Finish the present step; the next start goes on with the others."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._may_begin.set()
        self._thread.shutdown()

    def _run(self, step: Callable[[], None], on_failure: Callable[[str], None]) -> None:
        self._may_begin.wait()
        try:
            with self.lock:
                step()
        except Exception as error:
            # The edge of this thread: one thing that fails must not stop the others.
            LOGGER.exception("a creation or deletion failed")
            reason = error.message if isinstance(error, BitbrookError) else "an internal error"
            on_failure(reason)
            raise
