"""The thread that looks after tables: checkpoints when enough was logged, and views that expire.

What fails (a checkpoint on a full disk) is tried again later; until then the log keeps everything.
"""

import logging
import threading
from dataclasses import dataclass
from typing import Protocol

from bitbrook.clock import SYSTEM_CLOCK, Clock
from bitbrook.errors import BitbrookError

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UpkeepPolicy:
    """When a table is looked after.

    A checkpoint is due as soon as `log_bytes` were logged since the last one, which bounds how long
    a recovery takes, or something logged is `checkpoint_age_s` old. Every `expiry_s` views past
    their time to live are dropped. `poll_s`: how often to look.
    """

    log_bytes: int = 64 << 20
    checkpoint_age_s: float = 300.0
    expiry_s: float = 60.0
    poll_s: float = 1.0


class Tended(Protocol):
    """A table, as its upkeep sees it."""

    def needs_checkpoint(self, policy: UpkeepPolicy) -> bool:
        """Whether enough was logged, or something logged is old enough."""
        ...

    def checkpoint(self) -> None:
        """Write what changed to the snapshots and trim the log."""
        ...

    def expire_views(self, now_s: float) -> None:
        """Drop the views of time fields whose time to live is over."""
        ...


class Upkeep:
    """One thread for all tables of the process."""

    def __init__(self, policy: UpkeepPolicy, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._policy = policy
        self._clock = clock
        self._tables: list[Tended] = []
        self._lock = threading.Lock()
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._thread.start()

    def add(self, table: Tended) -> None:
        """Look after a table from now on."""
        with self._lock:
            self._tables.append(table)

    def remove(self, table: Tended) -> None:
        """Leave a table alone; what is being done to it is finished."""
        with self._lock:
            self._tables = [each for each in self._tables if each is not table]

    def close(self) -> None:
        """End the thread, after what it is doing."""
        self._is_closing.set()
        self._thread.join()

    def _run(self) -> None:
        expired_at_s = self._clock.monotonic_s() - self._policy.expiry_s
        while not self._is_closing.wait(self._policy.poll_s):
            with self._lock:
                tables = list(self._tables)
            expires = self._clock.monotonic_s() - expired_at_s >= self._policy.expiry_s
            if expires:
                expired_at_s = self._clock.monotonic_s()
            for table in tables:
                if self._is_closing.is_set():
                    return
                self._tend(table, expires=expires)

    def _tend(self, table: Tended, *, expires: bool) -> None:
        try:
            if expires:
                table.expire_views(self._clock.now_s())
            if table.needs_checkpoint(self._policy):
                table.checkpoint()
        except BitbrookError as error:
            LOGGER.warning("upkeep of a table failed, will be tried again: %s", error)
        except Exception:
            # The edge of this thread: without it one bad table would stop all others.
            LOGGER.exception("upkeep of a table failed, will be tried again")
