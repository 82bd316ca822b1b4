"""PQL's JSON is exact and of the reference's shapes, however large or odd the values.

Numbers, times and strings are compared with Decimal, datetime and the standard JSON module; shapes
that a real table rarely gives (sums beyond 64 bits, the least integer, no rows at all) stand here.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.algebra.partials import GroupsPartial
from bitbrook.query.results import json_text, pql_json
from bitbrook.schema.field_types import INT64_MAX, INT64_MIN, FieldSchema, FieldType, TimeUnit

int64s = st.integers(INT64_MIN, INT64_MAX)
DECIMAL = pa.decimal128(19, 2)
PRICE = FieldSchema("price", FieldType.DECIMAL, scale=2)


def objects(values: list[Any]) -> Any:
    array = np.empty(len(values), dtype=np.object_)
    array[:] = values
    return array


@given(st.lists(int64s | st.integers(-200, 200)), st.integers(0, 18))
def test_decimals_are_exact(stored: list[int], scale: int) -> None:
    """Every stored decimal is written with exactly its scale's digits."""
    texts = json_text.of_decimals(np.array(stored, dtype=np.int64), scale).to_pylist()
    assert texts == [f"{Decimal(number).scaleb(-scale):.{scale}f}" for number in stored]
    assert texts == [pql_json.decimal_text(number, scale) for number in stored]


@given(st.lists(st.none() | st.decimals(-1000, 1000, places=2)))
def test_decimal_columns_keep_nulls(values: list[Decimal | None]) -> None:
    """A column of decimals is read from its 128-bit slots, also when it is a slice."""
    column = pa.array([Decimal(7), *values], pa.decimal128(19, 2)).slice(1)
    texts = json_text.of_column(column).to_pylist()
    assert texts == ["null" if value is None else f"{value:.2f}" for value in values]


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]))))
def test_strings_are_json(values: list[str | None]) -> None:
    """Any text survives, quotes, backslashes and control characters included."""
    encoded = json_text.array_of(json_text.of_column(pa.array(values, pa.string())))
    assert json.loads(encoded) == values


@given(
    st.lists(st.none() | st.lists(st.integers(0, 2**64 - 1))),
    st.lists(st.none() | st.lists(st.sampled_from(["a", 'b"', "é\n"]))),
)
def test_lists_are_json(ids: list[Any], keys: list[Any]) -> None:
    """Lists of ids and of keys survive; a missing list is empty."""
    for values, kind in ((ids, pa.uint64()), (keys, pa.string())):
        column = pa.array([None, *values], pa.list_(kind)).slice(1)
        encoded = json_text.array_of(json_text.of_column(column))
        assert json.loads(encoded) == [value or [] for value in values]


@given(st.lists(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))))  # noqa: DTZ001 - naive UTC
def test_times_are_rfc_3339(moments: list[datetime]) -> None:
    """Times read back as what they were, in UTC, without trailing zeros."""
    epoch = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC
    stored = [(moment - epoch) // timedelta(microseconds=1) for moment in moments]
    texts = json_text.of_times(np.array(stored, dtype=np.int64), TimeUnit.MICROSECOND).to_pylist()
    for text, moment in zip(texts, moments, strict=True):
        assert datetime.fromisoformat(json.loads(text)) == moment.replace(tzinfo=UTC)
        assert "0Z" not in text or "." not in text


@pytest.mark.parametrize(
    ("unit", "stored", "text"),
    [
        (TimeUnit.SECOND, -1, "1969-12-31T23:59:59Z"),
        (TimeUnit.MILLISECOND, 1_250, "1970-01-01T00:00:01.25Z"),
        (TimeUnit.MILLISECOND, -1, "1969-12-31T23:59:59.999Z"),
        (TimeUnit.NANOSECOND, 1, "1970-01-01T00:00:00.000000001Z"),
        (TimeUnit.NANOSECOND, INT64_MIN, "1677-09-21T00:12:43.145224192Z"),
        (TimeUnit.SECOND, 253_402_300_799, "9999-12-31T23:59:59Z"),
    ],
)
def test_times_of_every_unit(unit: TimeUnit, stored: int, text: str) -> None:
    """The fraction has the unit's digits, less trailing zeros."""
    assert json_text.of_times(np.array([stored]), unit).to_pylist() == [f'"{text}"']


def test_totals_have_all_five_keys() -> None:
    """A number goes where its field's type says; nothing found is zeroes."""
    age = FieldSchema("age", FieldType.INT)
    born = FieldSchema("born", FieldType.TIMESTAMP)
    zero_time = b'"timestampValue":"0001-01-01T00:00:00Z"'
    assert (
        pql_json.total(age, 3 * 2**63, 4)
        == (b'{"value":27670116110564327424,"floatValue":0,"decimalValue":null,' + zero_time)
        + b',"count":4}'
    )
    assert pql_json.total(PRICE, 30559, 6) == (
        b'{"value":0,"floatValue":0,"decimalValue":305.59,' + zero_time + b',"count":6}'
    )
    assert pql_json.total(born, 0, 1) == (
        b'{"value":0,"floatValue":0,"decimalValue":null,'
        b'"timestampValue":"1970-01-01T00:00:00Z","count":1}'
    )
    for field in (age, PRICE, born):
        for nothing in (pql_json.total(field, None, 0), pql_json.total(field, 0, 0)):
            assert nothing == (
                b'{"value":0,"floatValue":0,"decimalValue":null,' + zero_time + b',"count":0}'
            )


def test_rows_and_pairs() -> None:
    """Row ids, keys and truths each in their shape; ids of 64 bits exact."""
    ids = np.array([1, 2**64 - 1], dtype=np.uint64)
    counts = np.array([3, 1])
    assert pql_json.rows(ids) == b'{"rows":[1,18446744073709551615]}'
    assert pql_json.rows(objects(["a", '"'])) == b'{"rows":null,"keys":["a","\\""]}'
    assert pql_json.rows(np.array([False, True])) == b'{"rows":[0,1]}'
    assert pql_json.rows(ids[:0]) == b'{"rows":[]}'
    assert pql_json.record_ids(ids) == b'{"columns":[1,18446744073709551615]}'
    assert pql_json.record_ids(objects([])) == b'{"columns":[],"keys":[]}'
    assert pql_json.pairs(ids, counts) == (
        b'[{"id":1,"key":"","count":3},{"id":18446744073709551615,"key":"","count":1}]'
    )
    assert pql_json.pairs(objects(["x"]), counts[:1]) == b'[{"id":0,"key":"x","count":3}]'
    assert pql_json.pairs(ids[:0], counts[:0]) == b"[]"
    assert pql_json.pair(np.array([True]), counts[:1]) == b'{"id":1,"key":"","count":3}'
    assert pql_json.pair(ids[:0], counts[:0]) == b'{"id":0,"key":"","count":0}'


def test_distinct_numbers_part_by_sign() -> None:
    """Magnitudes ascend on both sides, that of the least integer included."""
    values = np.array([INT64_MIN, -2, -1, 0, 5, INT64_MAX])
    assert pql_json.distinct_numbers(values) == (
        b'{"neg":{"columns":[1,2,9223372036854775808]},"pos":{"columns":[0,5,9223372036854775807]}}'
    )


def test_groups_carry_sums_beyond_64_bits() -> None:
    """A sum that no machine integer holds is written digit by digit."""
    partial = GroupsPartial(
        [np.array([INT64_MIN, 50]), objects(["k", "é"])],
        [np.zeros(2, dtype=np.bool_)] * 2,
        np.array([1, 2]),
        [objects([2**80, -1])],
    )
    fields = [PRICE, FieldSchema("label", FieldType.MUTEX, is_keyed=True)]
    assert json.loads(pql_json.groups(fields, partial, "sum", 2), parse_float=Decimal) == [
        {
            "group": [
                {"field": "price", "value": Decimal("-92233720368547758.08")},
                {"field": "label", "rowKey": "k"},
            ],
            "count": 1,
            "sum": Decimal("12089258196146291747061.76"),
        },
        {
            "group": [
                {"field": "price", "value": Decimal("0.50")},
                {"field": "label", "rowKey": "é"},
            ],
            "count": 2,
            "sum": Decimal("-0.01"),
        },
    ]
    assert b'"sum"' not in pql_json.groups(fields, partial)


def test_extracts_of_chunks() -> None:
    """Records that come in several chunks are one answer."""
    part = pa.table(
        {"_id": pa.array([1], pa.uint64()), "price": pa.array([None], pa.decimal128(19, 2))}
    )
    answer = pql_json.extract([PRICE], pa.concat_tables([part, part]))
    assert json.loads(answer) == {
        "fields": [{"name": "price", "type": "decimal"}],
        "columns": [{"column": 1, "rows": [None]}, {"column": 1, "rows": [None]}],
    }


def test_few_records_read_like_many() -> None:
    """A handful is written a value at a time, and every value as it is among many."""
    count = pql_json.FEW_RECORDS + 1
    odd = [INT64_MIN, INT64_MAX, None, 0, -1]
    columns: dict[str, tuple[FieldSchema, list[Any], pa.DataType]] = {
        "i": (FieldSchema("i", FieldType.INT), odd, pa.int64()),
        "d": (PRICE, [Decimal(v).scaleb(-2) if v is not None else v for v in odd], DECIMAL),
        "b": (FieldSchema("b", FieldType.BOOL), [True, False, None], pa.bool_()),
        "m": (
            FieldSchema("m", FieldType.MUTEX, is_keyed=True),
            ["a", 'q"\\\n', None, "é", ""],
            pa.string(),
        ),
        "s": (FieldSchema("s", FieldType.SET), [[1, 2**64 - 1], None, []], pa.list_(pa.uint64())),
        "t": (FieldSchema("t", FieldType.TIMESTAMP), [0, -1, None], pa.timestamp("s")),
    }
    arrays = {
        name: pa.array((values * count)[:count], kind)
        for name, (_, values, kind) in columns.items()
    }
    records = pa.table({"_id": pa.array(range(count), pa.uint64()), **arrays})
    fields = [field for field, *_ in columns.values()]
    fields[1] = FieldSchema("d", FieldType.DECIMAL, scale=2)
    many = json.loads(pql_json.extract(fields, records), parse_float=str)
    for start in range(count):
        one = json.loads(pql_json.extract(fields, records.slice(start, 1)), parse_float=str)
        assert one == {"fields": many["fields"], "columns": [many["columns"][start]]}
