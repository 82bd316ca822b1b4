"""How many requests a second one user may send, with whatever credentials.

In memory, a bucket for each user who has called; they are as many as there are users.
"""

from bitbrook.clock import Clock
from bitbrook.control.rates import Allowance, Rate
from bitbrook.errors import QuotaExceeded
from bitbrook.settings import Settings


class UserRates:
    """The rates of all users; without a limit nothing is counted."""

    def __init__(self, settings: Settings, *, clock: Clock) -> None:
        self._per_s = settings.user_requests_per_s
        self._clock = clock
        self._rates: dict[str, Rate] = {}

    def take(self, user_id: str) -> Allowance | None:
        """Count a request and return what is left after it, None if there is no limit.

        Raises:
            QuotaExceeded: the user sent too many; says when to go on.
        """
        if not self._per_s:
            return None
        rate = self._rates.get(user_id)
        if rate is None:
            rate = self._rates.setdefault(
                user_id, Rate(self._per_s, "requests of one user", clock=self._clock)
            )
        try:
            rate.check()
        except QuotaExceeded as refusal:
            raise QuotaExceeded(
                f"a user may send {self._per_s:,} requests a second; "
                f"try again in {refusal.retry_after_s} s",
                retry_after_s=refusal.retry_after_s,
                allowed_per_s=self._per_s,
            ) from None
        rate.take(1)
        return rate.allowance()
