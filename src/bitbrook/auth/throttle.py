"""Sign-ins slowed down where they keep failing.

The first failures for an address are free; after them each attempt must wait twice as long as the
one before, up to some minutes. An attempt counts before its password is checked, so that many at
once gain nothing. Addresses nobody has are counted alike. Bounded: the longest unused are
forgotten.
"""

import math
import threading
from collections import OrderedDict

from bitbrook.clock import SYSTEM_CLOCK, Clock
from bitbrook.errors import QuotaExceeded

FREE_ATTEMPTS = 10
WAIT_S_MAX = 300.0
FORGET_AFTER_S = 3_600.0
ADDRESSES_MAX = 10_000


class SignInThrottle:
    """Failed attempts by e-mail address, in memory."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, email: str) -> None:
        """Return if an attempt for this address may be made now; it counts as failed until told.

        Raises:
            QuotaExceeded: too many failed; the message says how long to wait.
        """
        now_s = self._clock.monotonic_s()
        with self._lock:
            count, last_s = self._failures.get(email, (0, now_s))
            if now_s - last_s >= FORGET_AFTER_S:
                count = 0
            wait_s = last_s + _wait_s_after(count) - now_s
            if wait_s > 0:
                retry_after_s = math.ceil(wait_s)
                raise QuotaExceeded(
                    f"too many failed sign-ins for this address; try again in {retry_after_s} s",
                    retry_after_s=retry_after_s,
                )
            self._failures[email] = (count + 1, now_s)
            self._failures.move_to_end(email)
            if len(self._failures) > ADDRESSES_MAX:
                self._failures.popitem(last=False)

    def succeed(self, email: str) -> None:
        """Forget the failures of an address."""
        with self._lock:
            self._failures.pop(email, None)


def _wait_s_after(failures: int) -> float:
    if failures < FREE_ATTEMPTS:
        return 0.0
    return min(2.0 ** min(failures - FREE_ATTEMPTS, 20), WAIT_S_MAX)
