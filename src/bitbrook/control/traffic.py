"""What a source took lately, in numbers by minute.

In memory and bounded: a day of minutes. An orderly stop keeps it (`packed`); a server that is
killed loses what came since its start. The refused records themselves are in the quarantine.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from bitbrook.clock import Clock
from bitbrook.sources.outcomes import RecordError

MINUTES_MAX = 1_440


class Minute(msgspec.Struct, frozen=True):
    """What a source took in the minute that begins at `at`.

    `error_codes`: how many of its `errors` have which code.
    """

    at: datetime
    records: int
    requests: int
    errors: int
    error_codes: Mapping[str, int]


class Totals(msgspec.Struct, frozen=True):
    """What a source took since the server started."""

    records: int = 0
    requests: int = 0
    errors: int = 0
    size_bytes: int = 0


class _Counts(msgspec.Struct):
    """The numbers of one minute."""

    records: int = 0
    requests: int = 0
    errors: int = 0
    codes: dict[str, int] = {}


class _Packed(msgspec.Struct):
    """Traffic as it is kept over a stop; minutes by their number since the Unix epoch."""

    minutes: dict[int, _Counts]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


class Traffic:
    """The traffic of one source."""

    def __init__(self, clock: Clock, packed: bytes | None = None) -> None:
        """Begin with what an earlier server kept, if it did."""
        before = _Packed({}) if packed is None else _decode(packed)
        self._clock = clock
        self._lock = threading.Lock()
        self._minutes = OrderedDict(sorted(before.minutes.items()))
        self._totals = Totals()

    def count(self, stored: int, errors: Sequence[RecordError]) -> Mapping[str, int]:
        """Count a request: how many of its records were stored, and why the others were not.

        Returns how many errors have which code.
        """
        now_s = self._clock.now_s()
        codes = Counter(error.code for error in errors)
        with self._lock:
            counts = self._minutes.setdefault(int(now_s // 60), _Counts())
            counts.records += stored
            counts.requests += 1
            counts.errors += len(errors)
            before = self._totals
            self._totals = Totals(
                before.records + stored,
                before.requests + 1,
                before.errors + len(errors),
                before.size_bytes,
            )
            for code, count in codes.items():
                counts.codes[code] = counts.codes.get(code, 0) + count
            while len(self._minutes) > MINUTES_MAX:
                self._minutes.popitem(last=False)
        return codes

    def count_bytes(self, size_bytes: int) -> None:
        """Count the bytes of a body that was taken."""
        with self._lock:
            before = self._totals
            self._totals = Totals(
                before.records, before.requests, before.errors, before.size_bytes + size_bytes
            )

    def minutes(self) -> list[Minute]:
        """Return the minutes of the last day that had traffic, oldest first."""
        oldest = int(self._clock.now_s() // 60) - MINUTES_MAX
        with self._lock:
            return [
                Minute(
                    datetime.fromtimestamp(minute * 60, UTC),
                    counts.records,
                    counts.requests,
                    counts.errors,
                    dict(counts.codes),
                )
                for minute, counts in sorted(self._minutes.items())
                if minute > oldest
            ]

    def totals(self) -> Totals:
        """Return the numbers since the server started."""
        return self._totals

    def packed(self) -> bytes:
        """Return everything as bytes for a later start."""
        with self._lock:
            return _encode(_Packed(dict(self._minutes)))


def added_up(parts: Iterable[Sequence[Minute]]) -> list[Minute]:
    """Return the minutes of several servers as those of one, oldest first."""
    by_moment: dict[datetime, list[Minute]] = {}
    for minutes in parts:
        for minute in minutes:
            by_moment.setdefault(minute.at, []).append(minute)
    return [
        Minute(
            at,
            sum(each.records for each in minutes),
            sum(each.requests for each in minutes),
            sum(each.errors for each in minutes),
            sum((Counter(each.error_codes) for each in minutes), Counter()),
        )
        for at, minutes in sorted(by_moment.items())
    ]
