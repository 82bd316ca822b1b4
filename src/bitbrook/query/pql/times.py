"""Times as PQL writes them, exactly: nanoseconds since the Unix epoch as integers of any size.

A time is RFC 3339, or the classic minute form `2006-01-02T15:04`, or a date alone; without a zone
it is UTC. Nothing passes through a float.
"""

import re
from datetime import UTC, datetime

from bitbrook.errors import InvalidValue

NANOSECONDS = 10**9

_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[Tt](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|z|[+-]\d{2}:\d{2})?)?",
    re.ASCII,
)


def parse_time(text: str) -> int:
    """Return the nanoseconds since the Unix epoch of a time in UTC or with its own offset.

    Raises:
        InvalidValue: the text is no time, or names a day or an hour that does not exist.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise _not_a_time(text)
    date, minute, second, fraction, zone = match.groups()
    is_utc = zone is None or zone in "Zz"
    try:
        moment = datetime.fromisoformat(
            f"{date}T{minute or '00:00'}:{second or '00'}{'+00:00' if is_utc else zone}"
        )
        whole_s = int((moment - _EPOCH).total_seconds())
    except (ValueError, OverflowError):
        raise _not_a_time(text) from None
    return whole_s * NANOSECONDS + int((fraction or "0").ljust(9, "0"))


def parse_unix_seconds(seconds: int) -> int:
    """Return the nanoseconds since the Unix epoch of a number of seconds.

    Raises:
        InvalidValue: the moment lies outside the years 1 to 9999.
    """
    if not _FIRST_S <= seconds <= _LAST_S:
        raise InvalidValue(f"{seconds} is not a time: Unix seconds of the years 1 to 9999")
    return seconds * NANOSECONDS


_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _not_a_time(text: str) -> InvalidValue:
    shown = text if len(text) <= 40 else text[:40] + "..."
    return InvalidValue(
        f"{shown!r} is not a time; write it as 2006-01-02T15:04 or 2006-01-02T15:04:05Z"
    )
