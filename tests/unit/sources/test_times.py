"""Times become whole units, exactly and towards the past, whatever wrote them.

Tried with texts and numbers in one column, negative fractions, epochs and units that leave 64 bits
on the way, and the linear step against Python's unbounded integers.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from bitbrook.schema.field_types import FieldSchema, FieldType, TimeUnit
from bitbrook.sources.config import FieldConfig
from bitbrook.sources.faults import Fault
from bitbrook.sources.times import Linear, TimeConverter

HOUR_NS = 3600 * 10**9
BORN = FieldSchema("born", FieldType.TIMESTAMP)
DAY = FieldSchema("day", FieldType.INT)


def convert(converter: TimeConverter, *leaves: str) -> list[int | Fault | None]:
    """What each leaf becomes, None if it is null, or its fault."""
    converted = converter.convert([Raw(leaf) for leaf in leaves])
    faults = [0] * len(leaves) if converted.faults is None else converted.faults.tolist()
    return [
        Fault(fault) if fault > Fault.MISSING else value
        for fault, value in zip(faults, converted.column.to_pylist(), strict=True)
    ]


@given(
    st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 10**9 - 1)), max_size=4),
    st.integers(1, 10**30) | st.sampled_from([1, 10**9]),
    st.integers(-(10**30), 10**30) | st.just(0),
    st.integers(1, 10**30) | st.sampled_from([1, 10**9, 10**18]),
)
def test_the_linear_step_is_exact(
    points: list[tuple[int, int]], multiplier: int, offset: int, divisor: int
) -> None:
    wholes = np.array([whole for whole, _ in points], dtype=np.int64)
    parts = np.array([part for _, part in points], dtype=np.int64)
    applied = Linear(multiplier, offset, divisor).apply(wholes, parts)
    assert [int(value) for value in applied] == [
        math.floor(Fraction((whole * 10**9 + part) * multiplier + offset, divisor))
        for whole, part in points
    ]


@given(st.integers(-(10**9), 10**10), st.integers(0, 10**9 - 1))
def test_everyday_times_stay_in_64_bits(seconds: int, part: int) -> None:
    for divisor in (1, 10**3, 10**6, 10**9):
        applied = Linear(1, 0, divisor).apply(np.array([seconds // 2]), np.array([part]))
        assert applied.dtype == np.int64
        assert int(applied[0]) == (seconds // 2 * 10**9 + part) // divisor


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("s", 1_714_566_896), ("ms", 1_714_566_896_789), ("us", 1_714_566_896_789_123)],
)
def test_timestamps_have_their_granularity(unit: str, expected: int) -> None:
    field = FieldSchema("born", FieldType.TIMESTAMP, unit=TimeUnit(unit))
    converter = TimeConverter.for_timestamp(field, FieldConfig(granularity=TimeUnit(unit)))
    assert (
        convert(
            converter, '"2024-05-01T12:34:56.789123Z"', "1714566896.789123", "1714566896789.123e-3"
        )
        == [expected] * 3
    )


def test_numbers_count_units_since_the_epoch() -> None:
    config = FieldConfig(epoch_ns=946_684_800 * 10**9, unit_ns=HOUR_NS, reads_numeric_text=True)
    converter = TimeConverter.for_timestamp(BORN, config)
    texts = ("1", '"1"', "1.5", "-0.0001", '"2000-01-01T01:00:00Z"', '"x"', "null")
    start = 946_684_800
    assert convert(converter, *texts) == [
        start + 3600,
        start + 3600,
        start + 5400,
        start - 1,
        start + 3600,
        Fault.MALFORMED,
        None,
    ]


def test_numeric_text_needs_a_unit_or_an_epoch() -> None:
    converter = TimeConverter.for_timestamp(BORN, FieldConfig())
    assert convert(converter, '"1714521600"', "1714521600") == [Fault.MALFORMED, 1_714_521_600]
    assert convert(converter, '"1714521600"') == [Fault.MALFORMED]


def test_times_have_bounds() -> None:
    converter = TimeConverter.for_timestamp(BORN, FieldConfig())
    least, greatest = -62_135_596_800, 253_402_300_799
    assert convert(
        converter,
        str(least),
        str(least - 1),
        str(greatest) + ".9",
        str(greatest + 1),
        str(2**63 - 1),
        "1e30",
        '"0000-12-31T23:59:59Z"',
        "0.123456789012345678901",
        "true",
    ) == [
        least,
        Fault.OUT_OF_RANGE,
        greatest,
        *[Fault.OUT_OF_RANGE] * 4,
        Fault.INEXACT,
        Fault.MALFORMED,
    ]
    told = converter.advice[Fault.OUT_OF_RANGE].problem
    assert "0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z" in told
    fine = FieldSchema("born", FieldType.TIMESTAMP, unit=TimeUnit.NANOSECOND)
    nanoseconds = TimeConverter.for_timestamp(fine, FieldConfig())
    assert convert(
        nanoseconds, '"2262-04-11T23:47:16.854775807Z"', '"2262-04-11T23:47:16.854775808Z"'
    ) == [2**63 - 1, Fault.OUT_OF_RANGE]
    assert "1677-09-21" in nanoseconds.advice[Fault.OUT_OF_RANGE].problem


def test_a_fields_own_bounds_hold() -> None:
    field = FieldSchema("born", FieldType.TIMESTAMP, min=0, max=10)
    converter = TimeConverter.for_timestamp(field, FieldConfig())
    assert convert(converter, "0", "10", "11", "-1") == [0, 10, *[Fault.OUT_OF_RANGE] * 2]


def test_date_ints_count_units() -> None:
    config = FieldConfig(layout="2006-01-02", unit_ns=6 * HOUR_NS, epoch_ns=86_400 * 10**9)
    converter = TimeConverter.for_date_int(DAY, config)
    assert convert(converter, '"1970-01-03"', '"1970-01-01"', "7", "-7.5", "null") == [
        4,
        -4,
        7,
        -8,
        None,
    ]
    extremes = [-(2**63), 2**63 - 1]
    assert convert(converter, *map(str, extremes), str(2**63)) == [*extremes, Fault.OUT_OF_RANGE]


def test_record_times_are_seconds_or_finer() -> None:
    texts = ('"1970-01-01T00:00:01.5Z"', "1.5", "null")
    assert convert(TimeConverter.for_record_time(FieldConfig()), *texts) == [1, 1, None]
    fine = TimeConverter.for_record_time(FieldConfig(), 10**9)
    assert convert(fine, *texts) == [1_500_000_000, 1_500_000_000, None]
