"""How much a source may send a second, as buckets that fill at that rate.

A bucket holds what one second brings, and a request may take more than is left as long as anything
is: it is admitted whole, and the next ones wait for what it owes.
"""

import math
import threading
from typing import Annotated, NamedTuple

import msgspec
from msgspec import UNSET, Meta, UnsetType

from bitbrook.clock import Clock
from bitbrook.errors import QuotaExceeded
from bitbrook.schema.field_types import INT64_MAX
from bitbrook.settings import Settings

PerSecond = Annotated[int, Meta(ge=0, le=INT64_MAX)]


class RateLimits(msgspec.Struct, frozen=True):
    """A source's rates. None: the server's default; 0: no limit."""

    records_per_s: PerSecond | None = None
    bytes_per_s: PerSecond | None = None

    def over(self, settings: Settings) -> "RateLimits":
        """Return the rates that are in force, with none left to a default."""
        records, per_source = self.records_per_s, settings.source_records_per_s
        octets = self.bytes_per_s
        return RateLimits(
            per_source if records is None else records,
            settings.source_bytes_per_s if octets is None else octets,
        )


class RateLimitsChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of a source's rates: what is absent stays as it is; null: the server's default."""

    records_per_s: PerSecond | UnsetType | None = UNSET
    bytes_per_s: PerSecond | UnsetType | None = UNSET

    def applied_to(self, limits: RateLimits) -> RateLimits:
        """Return these limits, changed."""
        records, octets = self.records_per_s, self.bytes_per_s
        return RateLimits(
            limits.records_per_s if records is UNSET else records,
            limits.bytes_per_s if octets is UNSET else octets,
        )


class Allowance(NamedTuple):
    """What may be sent now of `limit` a second; all of it again in `reset_s`."""

    limit: int
    remaining: int
    reset_s: int


class Rate:
    """At most `per_s` of something a second, on average; 0 is no limit."""

    def __init__(self, per_s: int, what: str, *, clock: Clock) -> None:
        self._per_s = per_s
        self._what = what
        self._clock = clock
        self._left = float(per_s)
        self._filled_s = clock.monotonic_s()
        self._lock = threading.Lock()

    def change(self, per_s: int) -> None:
        """Fill at another rate from now on; what is owed stays owed."""
        with self._lock:
            if per_s != self._per_s:
                self._fill()
                was_none, self._per_s = not self._per_s, per_s
                self._left = float(per_s) if was_none else min(self._left, float(per_s))

    def check(self) -> None:
        """Return if something may be sent now.

        Raises:
            QuotaExceeded: what was sent lately has to be waited for; says how long.
        """
        with self._lock:
            if not self._per_s:
                return
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
        with self._lock:
            if self._per_s:
                self._fill()
                self._left -= amount

    def allowance(self) -> Allowance | None:
        """Return what may be sent now, None if there is no limit."""
        with self._lock:
            if not self._per_s:
                return None
            self._fill()
            missing = self._per_s - self._left
            return Allowance(
                self._per_s, max(0, math.floor(self._left)), math.ceil(missing / self._per_s)
            )

    def _fill(self) -> None:
        now_s = self._clock.monotonic_s()
        self._left = min(self._left + (now_s - self._filled_s) * self._per_s, float(self._per_s))
        self._filled_s = now_s


class SourceRates:
    """Both rates of one source."""

    def __init__(self, limits: RateLimits, settings: Settings, *, clock: Clock) -> None:
        self._settings = settings
        in_force = limits.over(settings)
        self._records = Rate(in_force.records_per_s or 0, "records", clock=clock)
        self._bytes = Rate(in_force.bytes_per_s or 0, "bytes", clock=clock)

    def change(self, limits: RateLimits) -> None:
        """Take over other limits."""
        in_force = limits.over(self._settings)
        self._records.change(in_force.records_per_s or 0)
        self._bytes.change(in_force.bytes_per_s or 0)

    def check(self) -> None:
        """Return if a request may be sent now, else raise QuotaExceeded."""
        self._records.check()
        self._bytes.check()

    def take(self, records: int, size_bytes: int) -> None:
        """Count a request."""
        self._records.take(records)
        self._bytes.take(size_bytes)

    def allowance(self) -> Allowance | None:
        """Return what is left of the rate that is nearer to its end, None if there is no limit."""
        found = [each for rate in (self._records, self._bytes) if (each := rate.allowance())]
        return min(found, key=lambda each: each.remaining / each.limit, default=None)
