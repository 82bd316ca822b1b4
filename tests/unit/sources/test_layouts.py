"""Layouts read what Go's time.Parse reads, as the same moment.

Tried with the layouts and texts of Go's own tests, every element by itself, calendar edges, and
random moments written by Python.
"""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from bitbrook.errors import InvalidValue
from bitbrook.sources.faults import Fault
from bitbrook.sources.layouts import RFC3339, Layout
from bitbrook.sources.tokens import token_of_text, tokens_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(*parts: int, ns: int = 0, offset_s: int = 0) -> tuple[int, int]:
    """Unix seconds and nanoseconds of a date and time of day."""
    year, *rest = parts
    years_before = 400 if year == 0 else 0  # Python has no year 0; the calendar repeats
    at = datetime(year + years_before, *rest, tzinfo=UTC) - EPOCH
    return at.days * 86_400 + at.seconds - offset_s - years_before // 400 * 146_097 * 86_400, ns


FITS = [
    (RFC3339, "2010-02-04T21:00:57Z", moment(2010, 2, 4, 21, 0, 57)),
    (
        RFC3339,
        "2010-02-04T21:00:57.0123-08:00",
        moment(2010, 2, 4, 21, 0, 57, ns=12_300_000, offset_s=-28_800),
    ),
    (RFC3339, "2010-02-04T21:00:57,5Z", moment(2010, 2, 4, 21, 0, 57, ns=500_000_000)),
    (RFC3339, "2010-02-04T1:00:57Z", moment(2010, 2, 4, 1, 0, 57)),
    (RFC3339, "0000-01-01T00:00:00Z", moment(0, 1, 1)),
    (
        RFC3339,
        "9999-12-31T23:59:59.999999999999Z",
        moment(9999, 12, 31, 23, 59, 59, ns=999_999_999),
    ),
    (RFC3339, "2000-02-29T00:00:00+24:00", moment(2000, 2, 29, offset_s=86_400)),
    ("Mon Jan _2 15:04:05 2006", "Thu Feb  4 21:00:57 2010", moment(2010, 2, 4, 21, 0, 57)),
    (
        "Mon Jan _2 15:04:05 2006",
        "thu FEB 14 21:00:57.25 2010",
        moment(2010, 2, 14, 21, 0, 57, ns=250_000_000),
    ),
    ("Mon Jan _2 15:04:05 MST 2006", "Thu Feb  4 21:00:57 PST 2010", moment(2010, 2, 4, 21, 0, 57)),
    (
        "Mon Jan 02 15:04:05 -0700 2006",
        "Thu Feb 04 21:00:57 -0800 2010",
        moment(2010, 2, 4, 21, 0, 57, offset_s=-28_800),
    ),
    (
        "Monday, 02-Jan-06 15:04:05 MST",
        "Thursday, 04-Feb-10 21:00:57 GMT",
        moment(2010, 2, 4, 21, 0, 57),
    ),
    (
        "Monday, 02-Jan-06 15:04:05 MST",
        "Thursday, 04-Feb-69 21:00:57 GMT+3",
        moment(1969, 2, 4, 21, 0, 57, offset_s=10_800),
    ),
    (
        "January _2 2006 15:04:05.000",
        "September  7 2010 01:02:03.456",
        moment(2010, 9, 7, 1, 2, 3, ns=456_000_000),
    ),
    ("2006-01-02 15:04:05", "2024-05-01 12:34:56", moment(2024, 5, 1, 12, 34, 56)),
    ("2006-01-02", "2024-05-01", moment(2024, 5, 1)),
    ("2006-002", "2024-366", moment(2024, 12, 31)),
    ("2006-__2", "2024- 60", moment(2024, 2, 29)),
    ("1/2/06 3:04PM", "12/31/68 12:05AM", moment(2068, 12, 31, 0, 5)),
    ("3:04pm", "12:05pm", moment(0, 1, 1, 12, 5)),
    ("Jan 2", "Feb 29", moment(0, 2, 29)),
    ("20060102150405", "20240501123456", moment(2024, 5, 1, 12, 34, 56)),
    (
        "2006-01-02T15:04:05.999Z07",
        "2024-05-01T12:34:56.1-03",
        moment(2024, 5, 1, 12, 34, 56, ns=100_000_000, offset_s=-10_800),
    ),
    (
        "2006-01-02T15:04:05-07:00:00",
        "2024-05-01T12:34:56+01:02:03",
        moment(2024, 5, 1, 12, 34, 56, offset_s=3723),
    ),
    ("15h 2006", "7h    2024", moment(2024, 1, 1, 7)),
    ("\u65e5 2006", "\u65e5 2024", moment(2024, 1, 1)),
    ("Januar 2006", "Januar 2024", moment(2024, 1, 1)),
]


@pytest.mark.parametrize(("layout", "text", "expected"), FITS)
def test_what_fits(layout: str, text: str, expected: tuple[int, int]) -> None:
    assert Layout(layout).parse_text(text) == expected


DOES_NOT_FIT = [
    (RFC3339, ""),
    (RFC3339, "2024-05-01"),
    (RFC3339, "2024-05-01T12:34:56"),
    (RFC3339, "2024-05-01T12:34:56Zx"),
    (RFC3339, " 2024-05-01T12:34:56Z"),
    (RFC3339, "2023-02-29T00:00:00Z"),
    (RFC3339, "1900-02-29T00:00:00Z"),
    (RFC3339, "2024-04-31T00:00:00Z"),
    (RFC3339, "2024-00-01T00:00:00Z"),
    (RFC3339, "2024-13-01T00:00:00Z"),
    (RFC3339, "2024-01-00T00:00:00Z"),
    (RFC3339, "2024-01-01T24:00:00Z"),
    (RFC3339, "2024-01-01T00:60:00Z"),
    (RFC3339, "2024-01-01T00:00:60Z"),
    (RFC3339, "2024-01-01T00:00:00.Z"),
    (RFC3339, "2024-01-01T00:00:00+25:00"),
    (RFC3339, "2024-01-01T00:00:00+00:61"),
    (RFC3339, "2024-01-01T00:00:00+0100"),
    (RFC3339, "2024-01-01t00:00:00z"),
    ("2006-01-02 15:04:05.000", "2024-01-01 00:00:00.12"),
    ("2006-01-02 15:04:05.000", "2024-01-01 00:00:00"),
    ("2006-002", "2023-366"),
    ("2006-002", "2023-000"),
    ("2006-01-02 002", "2023-01-05 006"),
    ("Jan 2006", "Foo 2024"),
    ("Jan 2006", "Ja"),
    ("3PM", "13PM"),
    ("3PM", "3XM"),
    ("3PM", "3pm"),
    ("15:04 MST", "12:00 P"),
    ("15:04 MST", "12:00 lower"),
]


@pytest.mark.parametrize(("layout", "text"), DOES_NOT_FIT)
def test_what_does_not_fit(layout: str, text: str) -> None:
    with pytest.raises(InvalidValue, match="does not fit the layout"):
        Layout(layout).parse_text(text)


@pytest.mark.parametrize("layout", ["", "yyyy-MM-dd", "%Y-%m-%d", "Januar"])
def test_layouts_of_another_manner_are_refused(layout: str) -> None:
    with pytest.raises(InvalidValue, match="Mon Jan 2 15:04:05 MST 2006"):
        Layout(layout)


def test_a_column_has_a_fault_for_each_text_that_does_not_fit() -> None:
    values = [b'"2024-05-01"', b"null", b'"2024-05-32"', b"20240501", b"{}", b'"1969-12-31"', b'"']
    seconds, nanoseconds, faults = Layout("2006-01-02").parse(
        tokens_of([Raw(value) for value in values[:-1]])
    )
    wrong = Fault.MALFORMED
    assert faults.tolist() == [0, Fault.MISSING, wrong, wrong, wrong, 0]
    assert seconds.tolist() == [1_714_521_600, 0, 0, 0, 0, -86_400]
    assert nanoseconds.tolist() == [0] * 6


WRITTEN = {
    RFC3339: "%Y-%m-%dT%H:%M:%S.%f%:z",
    "Mon, 02 Jan 2006 15:04:05.000000 -0700": "%a, %d %b %Y %H:%M:%S.%f %z",
    "Monday January 2 03:04:05.000000PM -0700 2006": "%A %B %d %I:%M:%S.%f%p %z %Y",
    "2006 002 15.04 05.000000 -07:00": "%Y %j %H.%M %S.%f %:z",
}


@given(
    st.datetimes(datetime(1000, 1, 1), datetime(9998, 12, 31)),  # noqa: DTZ001
    st.integers(-23 * 60, 23 * 60),
)
def test_moments_that_python_writes(local: datetime, offset_min: int) -> None:
    at = local.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    elapsed = at - EPOCH
    expected = (elapsed.days * 86_400 + elapsed.seconds, elapsed.microseconds * 1000)
    for layout, form in WRITTEN.items():
        zone = at.strftime("%z")
        text = at.strftime(form.replace("%:z", f"{zone[:3]}:{zone[3:]}"))
        assert Layout(layout).parse_text(text) == expected


@given(
    st.sampled_from([case[0] for case in FITS]),
    st.text("0123456789-:T Z+.JanFMo\x00é", max_size=30),
)
def test_any_text_has_a_moment_or_a_fault(layout: str, text: str) -> None:
    seconds, nanoseconds, faults = Layout(layout).parse(tokens_of([token_of_text(text)]))
    assert faults[0] in {Fault.NONE, Fault.MALFORMED}
    assert 0 <= nanoseconds[0] < 10**9
    assert -62_168_000_000 <= seconds[0] <= 253_403_000_000
