"""Go's durations, as sources write TTLs and custom units.

A duration is a run of decimal numbers with a unit each: `6h`, `1m30s`, `1.5h`, `-2h45m`, and a bare
`0`. Exact: no float is involved, and what lies below a nanosecond is cut off.

Source: time.ParseDuration of Go.
"""

import re

from bitbrook.errors import InvalidValue
from bitbrook.schema.field_types import INT64_MAX

NANOSECONDS_PER = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,  # the micro sign
    "\u03bcs": 10**3,  # the Greek letter; Go takes both
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}

_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_CHARACTERS_MAX = 100


def parse_duration(text: str) -> int:
    """Return the nanoseconds that a duration names; below zero if it begins with a minus.

    >>> parse_duration("1m30s") // 10**9
    90

    Raises:
        InvalidValue: it is not a duration, or longer than 64 bits of nanoseconds (292 years).
    """
    sign = -1 if text.startswith("-") else 1
    parts = text.removeprefix("-" if sign < 0 else "+")
    if parts == "0":
        return 0
    if not parts or len(parts) > _CHARACTERS_MAX:
        raise _not_a_duration(text)
    total, at = 0, 0
    while at < len(parts):
        part = _PART.match(parts, at)
        if part is None or not (part[1] or part[2]):
            raise _not_a_duration(text)
        fraction = part[2] or ""
        unit_ns = NANOSECONDS_PER[part[3]]
        total += int(part[1] or "0") * unit_ns
        total += int(fraction or "0") * unit_ns // 10 ** len(fraction)
        at = part.end()
    if total > INT64_MAX:
        raise InvalidValue(f"duration {text[:40]!r} is longer than 292 years")
    return sign * total


def _not_a_duration(text: str) -> InvalidValue:
    return InvalidValue(
        f"{text[:40]!r} is not a duration; write numbers with the units h, m, s, ms, us or ns, "
        "such as 6h or 1m30s (a day is 24h)"
    )
