"""A moment lies in one view a unit, and a range is covered by views that hold it and nothing else.

Tried against Python's calendar over nine thousand years and with ranges whose every covered finest
period is listed one by one.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.bitmap.views import view_names, views_by_time, views_for_range
from bitbrook.schema.limits import TIME_MAX_S, TIME_MIN_S

QUANTUMS = ["Y", "YM", "YMD", "YMDH", "M", "MD", "MDH", "D", "DH", "H"]
FORMATS = {"Y": "%Y", "M": "%Y%m", "D": "%Y%m%d", "H": "%Y%m%d%H"}
TIMES = st.integers(TIME_MIN_S, TIME_MAX_S) | st.sampled_from([TIME_MIN_S, TIME_MAX_S, -1, 0])
START_S = int(datetime(2023, 12, 30, 22, tzinfo=UTC).timestamp())
NEAR_TIMES = st.integers(START_S, START_S + 70 * 86_400)


def names_of(quantum: str, time_s: int) -> list[str]:
    """The views of a moment, by Python's calendar."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time_s)
    # strftime leaves out the zeros of years below 1000 on some systems.
    full = f"{moment.year:04}{moment.month:02}{moment.day:02}{moment.hour:02}"
    return [full[: len(datetime(2024, 1, 1, tzinfo=UTC).strftime(FORMATS[u]))] for u in quantum]


@given(TIMES, st.sampled_from(QUANTUMS))
def test_a_moment_has_one_view_a_unit(time_s: int, quantum: str) -> None:
    assert view_names(quantum, time_s) == names_of(quantum, time_s)


@given(st.lists(TIMES | NEAR_TIMES, max_size=30), st.sampled_from(QUANTUMS))
def test_views_by_time_are_those_of_each_moment(times_s: list[int], quantum: str) -> None:
    expected: dict[str, list[int]] = {}
    for index, time_s in enumerate(times_s):
        for name in names_of(quantum, time_s):
            expected.setdefault(name, []).append(index)
    all_of_them = np.arange(len(times_s))
    found = [
        (name, all_of_them[chosen].tolist())
        for name, chosen in views_by_time(quantum, np.array(times_s, dtype=np.int64))
    ]
    assert len(found) == len(expected)
    assert dict(found) == expected


@given(
    st.lists(NEAR_TIMES, min_size=1, max_size=12),
    st.none() | NEAR_TIMES,
    st.none() | NEAR_TIMES,
    st.sampled_from(QUANTUMS),
)
def test_a_range_is_covered_exactly(
    written_s: list[int], from_s: int | None, to_s: int | None, quantum: str
) -> None:
    """A record written at a moment is found if the finest period of that moment overlaps."""
    existing = {name for time_s in written_s for name in names_of(quantum, time_s)}
    chosen = views_for_range(quantum, from_s, to_s, existing)
    assert set(chosen) <= existing
    assert not any(a != b and b.startswith(a) for a in chosen for b in chosen)
    is_empty = from_s is not None and to_s is not None and from_s >= to_s
    for time_s in written_s:
        finest = names_of(quantum, time_s)[-1]
        starts_late_enough = from_s is None or finest >= names_of(quantum, from_s)[-1]
        stops_early_enough = to_s is None or finest <= names_of(quantum, to_s - 1)[-1]
        is_selected = starts_late_enough and stops_early_enough and not is_empty
        assert is_selected == any(name in chosen for name in names_of(quantum, time_s))


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        ("2024-01-01", "2025-01-01", ["2024"]),
        ("2024-02-01", "2024-03-02", ["202402", "20240301"]),
        ("2024-02-28T23", "2024-03-01T01", ["2024022823", "20240229", "2024030100"]),
        ("2024-02-29T12", "2024-02-29T12", []),
        ("2024-02-29T13", "2024-02-29T12", []),
        ("2024-02-29T12:20", "2024-02-29T12:40", ["2024022912"]),
        ("1990-01-01", "2090-01-01", ["2024"]),
    ],
)
def test_the_fewest_views_are_chosen(start: str, stop: str, expected: list[str]) -> None:
    hours = np.arange("2024-01-01T00", "2025-01-01T00", dtype="M8[h]").astype("M8[s]")
    existing = {name for time in hours.astype(np.int64).tolist() for name in names_of("YMDH", time)}
    from_s, to_s = (
        int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) for text in (start, stop)
    )
    assert views_for_range("YMDH", from_s, to_s, existing) == expected
