"""What a source took lately: numbers by minute, and the last records it had to refuse.

In memory and bounded: a day of minutes, a thousand errors. A restart begins anew.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from bitbrook.clock import Clock
from bitbrook.sources.outcomes import RecordError

ERRORS_MAX = 1_000
MINUTES_MAX = 1_440


class SourceError(msgspec.Struct, frozen=True):
    """A record that a source could not take. `excerpt`: its value as JSON, cut short."""

    at: datetime
    code: str
    message: str
    excerpt: str


class Minute(msgspec.Struct, frozen=True):
    """What a source took in the minute that begins at `at`."""

    at: datetime
    records: int
    requests: int
    errors: int


class Traffic:
    """The traffic of one source."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._minutes: OrderedDict[int, list[int]] = OrderedDict()
        self._errors: deque[tuple[float, RecordError]] = deque(maxlen=ERRORS_MAX)

    def count(self, stored: int, errors: Sequence[RecordError]) -> None:
        """Count a request: how many of its records were stored, and why the others were not."""
        now_s = self._clock.now_s()
        with self._lock:
            numbers = self._minutes.setdefault(int(now_s // 60), [0, 0, 0])
            numbers[0] += stored
            numbers[1] += 1
            numbers[2] += len(errors)
            while len(self._minutes) > MINUTES_MAX:
                self._minutes.popitem(last=False)
            self._errors.extend((now_s, error) for error in errors[-ERRORS_MAX:])

    def minutes(self) -> list[Minute]:
        """Return the minutes of the last day that had traffic, oldest first."""
        oldest = int(self._clock.now_s() // 60) - MINUTES_MAX
        with self._lock:
            counted = sorted((minute, *numbers) for minute, numbers in self._minutes.items())
        return [
            Minute(datetime.fromtimestamp(minute * 60, UTC), records, requests, errors)
            for minute, records, requests, errors in counted
            if minute > oldest
        ]

    def errors(self) -> list[SourceError]:
        """Return the last errors, newest first."""
        with self._lock:
            errors = list(self._errors)
        return [
            SourceError(datetime.fromtimestamp(at_s, UTC), each.code, each.message, each.excerpt)
            for at_s, each in reversed(errors)
        ]
