"""Lists, structs and doubles come through every format of an answer as they are.

Nulls at every depth, empty lists, texts that need escaping, decimals inside lists, numbers that
JSON has no word for.
"""

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from bitbrook.errors import OutOfRange
from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.results.sql_json import encode_json
from bitbrook.query.results.tables import encode_arrow, encode_csv, encode_ndjson, encode_parquet
from bitbrook.query.sql.plan.columns import arrow_type, settled
from bitbrook.query.sql.session import fields_of
from bitbrook.query.sql.types import DOUBLE, ID, INT, STRING, decimal, list_of, struct_of

KIND = list_of(struct_of([('say "a"', list_of(STRING)), ("p", decimal(2))]))
VALUES: list[Any] = [
    [{'say "a"': ["x", None, 'q"\n'], "p": Decimal("1.50")}, None],
    [],
    None,
    [{'say "a"': None, "p": None}, {'say "a"': [], "p": Decimal("-0.01")}],
]
SHOWN = [
    [{'say "a"': ["x", None, 'q"\n'], "p": 1.5}, None],
    [],
    None,
    [{'say "a"': None, "p": None}, {'say "a"': [], "p": -0.01}],
]


@pytest.fixture
def answer() -> SqlAnswer:
    columns = [("l", KIND), ("d", DOUBLE), ("n", list_of(list_of(INT)))]
    table = pa.Table.from_arrays(
        [
            pa.array(VALUES, arrow_type(KIND)),
            pa.array([0.5, float("nan"), float("inf"), None]),
            pa.array([[[1], None, []], None, [], [[None]]], arrow_type(list_of(list_of(INT)))),
        ],
        ["c0", "c1", "c2"],
    )
    return SqlAnswer(fields_of(columns), table)


def test_json(answer: SqlAnswer) -> None:
    """Arrays, objects, null; the types of what is inside stand in type-info."""
    read = json.loads(encode_json(answer, 0))
    assert [row[0] for row in read["data"]] == SHOWN
    assert [row[1] for row in read["data"]] == [0.5, None, None, None]
    assert [row[2] for row in read["data"]] == [[[1], None, []], None, [], [[None]]]
    assert read["schema"]["fields"][0]["base-type"] == "list"
    assert read["schema"]["fields"][0]["type-info"]["element"] == {
        "type": 'struct(say "a" list(string), p decimal(2))',
        "base-type": "struct",
        "type-info": {
            "fields": [
                {
                    "name": 'say "a"',
                    "type": "list(string)",
                    "base-type": "list",
                    "type-info": {"element": {"type": "string", "base-type": "string"}},
                },
                {
                    "name": "p",
                    "type": "decimal(2)",
                    "base-type": "decimal",
                    "type-info": {"scale": 2},
                },
            ]
        },
    }
    assert b'"p":1.50' in encode_json(answer, 0)


def test_lines_and_cells(answer: SqlAnswer) -> None:
    """NDJSON has the same values; a cell of CSV is their JSON."""
    lines = [json.loads(line) for line in encode_ndjson(answer).splitlines()]
    assert [line["l"] for line in lines] == SHOWN

    cells = list(csv.reader(io.StringIO(encode_csv(answer).decode())))
    assert [json.loads(row[0]) if row[0] else None for row in cells[1:]] == SHOWN


def test_columns(answer: SqlAnswer) -> None:
    """Arrow and Parquet carry nested columns as they are."""
    for table in (
        pa.ipc.open_stream(encode_arrow(answer)).read_all(),
        parquet.read_table(io.BytesIO(encode_parquet(answer))),
    ):
        assert table.column("l").to_pylist() == VALUES


def test_decimals_inside_are_bounded() -> None:
    """What DuckDB answers with 38 digits is refused as in a column of its own."""
    wide = pa.list_(pa.struct([("p", pa.decimal128(38, 2))]))
    fits = pa.table({"x": pa.array([[{"p": Decimal("92233720368547758.07")}], None], wide)})
    kind = list_of(struct_of([("p", decimal(2))]))
    assert settled(fits, [kind]).column(0)[0].as_py() == [{"p": Decimal("92233720368547758.07")}]
    over = pa.table({"x": pa.array([None, [{"p": Decimal("92233720368547758.08")}]], wide)})
    with pytest.raises(OutOfRange, match="out of range"):
        settled(over, [kind])


def test_names() -> None:
    """As errors and answers write them."""
    assert str(list_of(list_of(ID))) == "list(list(id))"
    assert str(struct_of([("a", INT), ("b", DOUBLE)])) == "struct(a int, b double)"
