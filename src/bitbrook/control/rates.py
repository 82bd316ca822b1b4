"""How much a source may send a second, as a bucket that fills at that rate.

The bucket holds what one second brings, and a request may take more than is left as long as
anything is: it is admitted whole, and the next ones wait for what it owes.
"""

import math
import threading

from bitbrook.clock import Clock
from bitbrook.errors import QuotaExceeded


class Rate:
    """At most `per_s` of something a second, on average; 0 is no limit."""

    def __init__(self, per_s: int, what: str, *, clock: Clock) -> None:
        self._per_s = per_s
        self._what = what
        self._clock = clock
        self._left = float(per_s)
        self._filled_s = clock.monotonic_s()
        self._lock = threading.Lock()

    def check(self) -> None:
        """Return if something may be sent now.

        Raises:
            QuotaExceeded: what was sent lately has to be waited for; says how long.
        """
        if not self._per_s:
            return
        with self._lock:
            self._fill()
            if self._left <= 0:
                wait_s = math.ceil(-self._left / self._per_s) or 1
                raise QuotaExceeded(
                    f"the source takes {self._per_s:,} {self._what} a second; "
                    f"try again in {wait_s} s",
                    retry_after_s=wait_s,
                    allowed_per_s=self._per_s,
                )

    def take(self, amount: int) -> None:
        """Count what was sent."""
        if self._per_s:
            with self._lock:
                self._fill()
                self._left -= amount

    def _fill(self) -> None:
        now_s = self._clock.monotonic_s()
        self._left = min(self._left + (now_s - self._filled_s) * self._per_s, float(self._per_s))
        self._filled_s = now_s
