"""The time, in one place, so that tests can turn it."""

import time
from datetime import UTC, datetime


class Clock:
    """The machine's time. Tests pass a subclass that stands still until it is moved."""

    def now_s(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time()

    def now(self) -> datetime:
        """The same moment as an aware UTC datetime."""
        return datetime.fromtimestamp(self.now_s(), UTC)

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start that never go backwards; for deadlines."""
        return time.monotonic()

    def thread_cpu_s(self) -> float:
        """Seconds that the processor has worked for this thread."""
        return time.thread_time()


SYSTEM_CLOCK = Clock()
