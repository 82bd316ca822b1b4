"""Durations mean what they mean to Go.

Tried with the cases of Go's own tests for ParseDuration, limits and texts that are almost right.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.errors import InvalidValue
from bitbrook.sources.durations import parse_duration

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("+0", 0),
        ("-0", 0),
        ("5s", 5 * SECOND),
        ("1478s", 1478 * SECOND),
        ("-5s", -5 * SECOND),
        ("+5s", 5 * SECOND),
        ("5.0s", 5 * SECOND),
        ("5.6s", 5_600_000_000),
        ("5.s", 5 * SECOND),
        (".5s", SECOND // 2),
        ("100.00100s", 100_001_000_000),
        ("10ns", 10),
        ("11us", 11_000),
        ("12\u00b5s", 12_000),
        ("12\u03bcs", 12_000),
        ("13ms", 13_000_000),
        ("15m", 15 * 60 * SECOND),
        ("16h", 16 * 3600 * SECOND),
        ("3h30m", 12_600 * SECOND),
        ("10.5s4m", 250_500_000_000),
        ("-2m3.4s", -123_400_000_000),
        ("1h2m3s4ms5us6ns", 3_723_004_005_006),
        ("0.3333333333333333333h", 20 * 60 * SECOND - 1),  # Go's float rounds it up
        ("9223372036854775807ns", 2**63 - 1),
    ],
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "-",
        "s",
        ".",
        "-.",
        ".s",
        "+.s",
        "1d",
        "1 h",
        "h1",
        "1h 2m",
        "\u0661s",
        "1" * 101 + "s",
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidValue, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["9223372036854775808ns", "2562048h", "9" * 90 + "h"])
def test_what_is_too_long(text: str) -> None:
    with pytest.raises(InvalidValue, match="292 years"):
        parse_duration(text)


@given(st.integers(0, 10**5), st.integers(0, 59), st.integers(0, 59))
def test_parts_add_up(hours: int, minutes: int, seconds: int) -> None:
    expected = (hours * 3600 + minutes * 60 + seconds) * SECOND
    assert parse_duration(f"{hours}h{minutes}m{seconds}s") == expected
