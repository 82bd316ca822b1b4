"""Literals become what fields store, exactly, or are refused by name.

Bounds are checked against comparing exact fractions one by one: constants between storable values,
at their limits and far beyond; times against Python's datetime.
"""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.algebra.expressions import Difference, HasValue, InRange, Nothing
from bitbrook.errors import InvalidValue, OutOfRange
from bitbrook.query.pql.times import parse_time, parse_unix_seconds
from bitbrook.query.pql.tree import ListOfValues, Literal, Name, Operator, TimeLiteral
from bitbrook.query.pql.values import (
    Bounds,
    bounds_of,
    exact_number,
    record_of,
    records_of,
    records_within,
    row_of,
    shown,
    stored_number,
    within,
)
from bitbrook.schema.field_types import (
    INT64_MAX,
    INT64_MIN,
    UINT64_MAX,
    FieldSchema,
    FieldType,
    TableSchema,
    TimeUnit,
)

AGE = FieldSchema("age", FieldType.INT, min=-10, max=150)
PRICE = FieldSchema("price", FieldType.DECIMAL, scale=2)
BORN = FieldSchema("born", FieldType.TIMESTAMP, unit=TimeUnit.MILLISECOND)
SINCE_2000 = FieldSchema("since", FieldType.TIMESTAMP, epoch=946_684_800)

COMPARE = {
    Operator.EQUAL: lambda a, b: a == b,
    Operator.NOT_EQUAL: lambda a, b: a != b,
    Operator.LESS: lambda a, b: a < b,
    Operator.AT_MOST: lambda a, b: a <= b,
    Operator.GREATER: lambda a, b: a > b,
    Operator.AT_LEAST: lambda a, b: a >= b,
}
fractions = st.fractions(-5, 5, max_denominator=8) | st.sampled_from(
    [Fraction(n) for n in (INT64_MIN - 1, INT64_MIN, INT64_MAX, INT64_MAX + 1, 10**30, -(10**30))]
)
ranges = st.sampled_from([Operator.LESS, Operator.AT_MOST, Operator.GREATER, Operator.AT_LEAST])
tests = st.one_of(
    st.lists(st.tuples(st.sampled_from(Operator), fractions), min_size=1, max_size=1),
    st.lists(st.tuples(ranges, fractions), min_size=2, max_size=2),
)
STORED = [INT64_MIN, INT64_MIN + 1, *range(-6, 7), INT64_MAX - 1, INT64_MAX]


def literal(value: int | Decimal | str | bool | None) -> Literal:
    return Literal(value, 0)


@given(tests)
def test_bounds_hold_exactly_where_the_tests_do(tests: list[tuple[Operator, Fraction]]) -> None:
    """Of every stored integer the bounds say what comparing exact fractions says."""
    expected = [all(COMPARE[op](stored, c) for op, c in tests) for stored in STORED]
    bounds = bounds_of(tests)
    assert within(np.array(STORED, dtype=np.int64), bounds).tolist() == expected
    assert within(np.array(STORED, dtype=np.object_), bounds).tolist() == expected
    assert [_selects(records_within(AGE, bounds), stored) for stored in STORED] == expected


def _selects(expression: object, stored: int) -> bool:
    """Whether an expression over one number field selects a record with that number."""
    match expression:
        case Nothing():
            return False
        case HasValue():
            return True
        case InRange(low=low, high=high):
            assert low is None or INT64_MIN <= low <= INT64_MAX
            assert high is None or INT64_MIN <= high <= INT64_MAX
            return (low is None or low <= stored) and (high is None or stored <= high)
        case Difference(operands=(kept, *gone)):
            return _selects(kept, stored) and not any(_selects(g, stored) for g in gone)
    raise AssertionError(expression)


def test_a_bound_finer_than_the_scale_compares_exactly() -> None:
    """`f > 1.005` on two decimal places begins at 1.01."""
    exact = exact_number(PRICE, literal(Decimal("1.005")))
    assert exact == Fraction(201, 2)
    assert bounds_of([(Operator.GREATER, exact)]) == Bounds(low=101)
    assert bounds_of([(Operator.LESS, exact)]) == Bounds(high=100)
    assert bounds_of([(Operator.EQUAL, exact)]).is_empty


@given(st.decimals(-(10**16), 10**16, places=2))
def test_decimals_are_stored_exactly(value: Decimal) -> None:
    """A decimal is stored as its hundredths, with trailing zeros or without."""
    assert stored_number(PRICE, literal(value)) == int(value * 100)
    assert stored_number(PRICE, literal(Decimal(f"{value}000"))) == int(value * 100)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (AGE, 151, "field 'age' (int) takes values from -10 to 150, not 151"),
        (AGE, -11, "takes values from -10 to 150, not -11"),
        (PRICE, INT64_MAX, "takes values from -92233720368547758.08 to 92233720368547758.07"),
        (SINCE_2000, 10**30, "takes values from -9223372037801460608 to 9223372035908091007"),
    ],
)
def test_numbers_outside_the_range_are_refused(
    field: FieldSchema, value: int, message: str
) -> None:
    """The message names the field, the range and the value."""
    with pytest.raises(OutOfRange) as caught:
        stored_number(field, literal(value))
    assert message in caught.value.message
    assert caught.value.field == field.name


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (AGE, literal(Decimal("1.5")), "holds whole numbers, not 1.5"),
        (PRICE, literal(Decimal("1.005")), "holds 2 digits after the point, not 1.005"),
        (BORN, literal("2024-05-06T07:08:09.1234Z"), "holds whole units of ms"),
        (AGE, literal("5"), "field 'age' (int) takes numbers, not '5'"),
        (AGE, literal(value=True), "takes numbers, not true"),
        (AGE, literal(None), "takes numbers, not null"),
        (AGE, TimeLiteral("2024-05-06", 0), "takes numbers, not 2024-05-06"),
        (AGE, Name("x", 0), "takes numbers, not x"),
        (AGE, ListOfValues((), 0), "takes numbers, not a list"),
        (BORN, literal("noon"), "'noon' is not a time"),
    ],
)
def test_what_a_field_cannot_hold_is_refused(
    field: FieldSchema, value: Literal, message: str
) -> None:
    """Nothing is rounded, parsed from the wrong kind or guessed."""
    with pytest.raises(InvalidValue) as caught:
        stored_number(field, value)
    assert message in caught.value.message


def test_timestamps_are_units_since_their_epoch() -> None:
    """Text is a moment; a number counts the field's units from the field's epoch."""
    assert stored_number(BORN, literal("1970-01-01T00:00:01.5Z")) == 1500
    assert stored_number(BORN, TimeLiteral("1969-12-31", 0)) == -86_400_000
    assert stored_number(BORN, literal(42)) == 42
    assert stored_number(SINCE_2000, literal(0)) == 946_684_800
    assert stored_number(SINCE_2000, literal("2000-01-01T00:00:00Z")) == 946_684_800


def test_rows_are_ids_keys_or_truths() -> None:
    """Each type of field takes the rows it has and refuses those of the others."""
    ids = FieldSchema("ids", FieldType.SET)
    keys = FieldSchema("keys", FieldType.MUTEX, is_keyed=True)
    flag = FieldSchema("flag", FieldType.BOOL)
    assert row_of(ids, literal(UINT64_MAX)) == UINT64_MAX
    assert row_of(keys, literal("")) == ""
    assert row_of(flag, literal(value=True)) is True
    assert row_of(flag, literal(0)) is False
    wrong = [
        (ids, "x"),
        (ids, -1),
        (ids, UINT64_MAX + 1),
        (ids, True),
        (ids, Decimal(1)),
        (ids, None),
        (keys, 1),
        (keys, None),
        (flag, 2),
        (flag, "true"),
    ]
    for field, value in wrong:
        with pytest.raises(InvalidValue, match=f"field '{field.name}'"):
            row_of(field, literal(value))


def test_records_are_ids_or_keys() -> None:
    """A table takes the records it has; doubled ones count once."""
    plain, keyed = TableSchema("1", "plain"), TableSchema("2", "keyed", is_keyed=True)
    assert record_of(plain, literal(UINT64_MAX)) == UINT64_MAX
    assert records_of(keyed, [literal("a"), literal("b"), literal("a")]).ids == ("a", "b")
    for table, value in [(plain, "a"), (plain, -1), (plain, UINT64_MAX + 1), (keyed, 1)]:
        with pytest.raises(InvalidValue, match=f"table '{table.name}'"):
            record_of(table, literal(value))
    with pytest.raises(InvalidValue):
        record_of(plain, literal(value=True))


def test_shown_values_are_short() -> None:
    """An error quotes at most a line of a value."""
    assert shown(literal("x" * 1000)) == repr("x" * 40 + "...")
    assert shown(literal(10**999)) == "1" + "0" * 39 + "..."
    assert shown(literal(Decimal("0.0000001"))) == "0.0000001"


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),  # noqa: DTZ001 - the zone follows
    st.integers(-23 * 60, 23 * 60),
)
def test_times_are_exact(moment: datetime, offset_minutes: int) -> None:
    """Times of every year, zone and microsecond are those of datetime."""
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    microseconds = (zoned - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert parse_time(zoned.isoformat()) == microseconds * 1000
    utc = moment.replace(tzinfo=UTC)
    minutes = (utc - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(minutes=1)
    for text in (f"{moment:%H:%M}", f"{moment:%H:%M}Z", f"{moment:%H:%M}:00+00:00"):
        assert parse_time(f"{moment.year:04}-{moment:%m-%d}T{text}") == minutes * 60 * 10**9


def test_nanoseconds_survive() -> None:
    """Nine digits after the point are kept, fewer are filled up."""
    assert parse_time("1970-01-01T00:00:00.000000001Z") == 1
    assert parse_time("1970-01-01T00:00:00.1") == 10**8
    assert parse_time("1969-12-31T23:59:59.999999999Z") == -1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "noon",
        "2024",
        "2024-13-01",
        "2024-02-30",
        "2023-02-29",
        "2024-01-01T24:01",
        "24-01-01",
        "2024-01-01T10",
        "2024-01-01 10:00",
        "2024-01-01T10:00:00.Z",
        "2024-01-01T10:00+1",
        "2024-01-01T10:00:00.1234567890Z",
        "0000-01-01",
        "٢٠٢٤-01-01",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """The message shows the text and how to write it."""
    with pytest.raises(InvalidValue, match="is not a time; write it as 2006-01-02T15:04"):
        parse_time(text)


def test_unix_seconds_have_the_years_of_text() -> None:
    """A number of seconds is a time from year 1 to 9999."""
    assert parse_unix_seconds(1) == 10**9
    for seconds in (-62_135_596_801, 253_402_300_800):
        with pytest.raises(InvalidValue, match="the years 1 to 9999"):
            parse_unix_seconds(seconds)
