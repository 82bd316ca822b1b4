"""Until when a process may answer for its partitions, and how it learns that it may no longer.

A thread renews the lease in the log's database and looks what the process still holds. What it lost
is reported before the lease is extended, so an answer that was given under a good lease was given
by the one process that held the partition. The lease ends here earlier than it does there: it is
counted from before the database was asked.
"""

import threading
from collections.abc import Callable

from bitbrook.clock import SYSTEM_CLOCK, Clock
from bitbrook.errors import BitbrookError, Fenced
from bitbrook.stores.ownership import Epochs, Ownership
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

RENEWALS = 4
"""How often a lease is renewed in its time."""


class Lease:
    """The lease of one process, that of an owner's name. Begun by `start`, ended by `close`."""

    def __init__(
        self,
        ownership: Ownership,
        name: str,
        process: str,
        epochs: Epochs,
        *,
        lease_s: float,
        on_lost: Callable[[set[str]], None],
        on_over: Callable[[], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Prepare. `on_lost`: told of partitions that others hold now; `on_over`: of the name."""
        self._ownership = ownership
        self._name = name
        self._process = process
        self._epochs = epochs
        self._lease_s = lease_s
        self._on_lost = on_lost
        self._on_over = on_over
        self._clock = clock
        self._good_until_s = float("-inf")
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    @property
    def is_good(self) -> bool:
        """Whether what this process holds is its own at this moment."""
        return self._clock.monotonic_s() < self._good_until_s

    def start(self) -> None:
        """Renew once, and go on renewing.

        Raises:
            Fenced: the name is another process's.
            Overloaded: the database cannot be reached.
        """
        self._renew()
        self._thread.start()

    def close(self) -> None:
        """Renew no more; nothing is answered from now on."""
        self._is_closing.set()
        self._good_until_s = float("-inf")
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._is_closing.wait(self._lease_s / RENEWALS):
            try:
                self._renew()
            except Fenced as error:
                LOGGER.warning("the owner was replaced", owner=self._name, reason=error.message)
                self._good_until_s = float("-inf")
                self._on_lost(self._epochs.partitions)
                self._on_over()
                return
            except BitbrookError as error:
                LOGGER.warning("a lease is not renewed", owner=self._name, reason=error.message)
            except Exception:
                # The edge of this thread: without it the owner would answer nothing any more.
                LOGGER.exception("a lease is not renewed", owner=self._name)

    def _renew(self) -> None:
        started_s = self._clock.monotonic_s()
        believed = self._epochs.partitions
        held = self._ownership.renew(self._name, self._process, lease_s=self._lease_s)
        lost = (believed - held) & self._epochs.partitions
        if lost:
            self._on_lost(lost)
        if not self._is_closing.is_set():
            self._good_until_s = started_s + self._lease_s
