"""SQL answers in every format: exact digits, times, sets and nulls, names however they fall.

One answer holds every type with its edges; each format is read back by another library.
"""

import csv
import io
import json
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

from bitbrook.errors import LimitExceeded
from bitbrook.query.results.sql_answer import AnswerField, SqlAnswer
from bitbrook.query.results.sql_json import encode_error, encode_json
from bitbrook.query.results.tables import encode_arrow, encode_csv, encode_ndjson, encode_parquet

COLUMNS = {
    "_id": ("id", pa.array([1, 2**64 - 1], pa.uint64())),
    "n": ("int", pa.array([-(2**63), None], pa.int64())),
    "p": ("decimal(2)", pa.array([Decimal("-0.05"), None], pa.decimal128(19, 2))),
    "big": (
        "decimal(18)",
        pa.array([Decimal("9.223372036854775807"), None], pa.decimal128(19, 18)),
    ),
    "s": ("string", pa.array(['it"s, \\ \n', None])),
    "": ("bool", pa.array([True, None])),
    "at": (
        "timestamp",
        pa.array([1709168523500, None], pa.timestamp("ms")),
    ),
    "tags": ("stringset", pa.array([["a", "b"], None], pa.list_(pa.string()))),
}


@pytest.fixture
def answer() -> SqlAnswer:
    """Two records; the second is all null but for its id."""
    fields = [AnswerField(name, kind, kind.split("(")[0]) for name, (kind, _) in COLUMNS.items()]
    arrays = [column for _, column in COLUMNS.values()]
    return SqlAnswer(fields, pa.Table.from_arrays(arrays, [f"c{i}" for i in range(len(arrays))]))


def test_json(answer: SqlAnswer) -> None:
    """The contract's shape, digit by digit."""
    assert encode_json(answer, 1234).decode().split('"data":')[1] == (
        '[[1,-9223372036854775808,-0.05,9.223372036854775807,"it\\"s, \\\\ \\n",true,'
        '"2024-02-29T01:02:03.5Z",["a","b"]],'
        '[18446744073709551615,null,null,null,null,null,null,null]],"execution-time":1234}'
    )


def test_json_without_rows() -> None:
    """Statements without rows answer an empty schema and no data; warnings only if there are."""
    assert encode_json(SqlAnswer(), 5) == b'{"schema":{"fields":[]},"data":[],"execution-time":5}'
    warned = json.loads(encode_json(SqlAnswer(warnings=["w"]), 5))
    assert warned["warnings"] == ["w"]
    assert json.loads(encode_error('"', 7)) == {
        "schema": {"fields": []},
        "data": [],
        "error": '"',
        "execution-time": 7,
    }


def test_json_has_a_bound(answer: SqlAnswer) -> None:
    """An answer beyond its bound is refused with the size and the mend."""
    with pytest.raises(LimitExceeded, match="and 10 are allowed"):
        encode_json(answer, 1, bytes_max=10)


def test_ndjson(answer: SqlAnswer) -> None:
    """One object a line, keys by name or position."""
    lines = encode_ndjson(answer).decode().splitlines()
    first = json.loads(lines[0], parse_float=str)
    assert first["p"] == "-0.05"
    assert first["column6"] is True
    assert json.loads(lines[1])["tags"] is None
    assert len(lines) == 2


def test_csv(answer: SqlAnswer) -> None:
    """Text that Python's csv reads back as it was; null is an empty field."""
    header, first, second = csv.reader(io.StringIO(encode_csv(answer).decode()))
    assert header == ["_id", "n", "p", "big", "s", "column6", "at", "tags"]
    assert first == [
        "1",
        "-9223372036854775808",
        "-0.05",
        "9.223372036854775807",
        'it"s, \\ \n',
        "true",
        "2024-02-29T01:02:03.5Z",
        '["a","b"]',
    ]
    assert second == ["18446744073709551615", *[""] * 7]


def test_csv_quotes_what_needs_them() -> None:
    """Numbers, times and plain texts stand bare; null and the empty text are told apart."""
    columns = [
        pa.array([1, None]),
        pa.array(["plain", ""]),
        pa.array(["a,b", ' "q"']),
        pa.array([[1, 2], [3]], pa.list_(pa.uint64())),
        pa.array([[0.1, -2.0], None], pa.list_(pa.float32(), 2)),
        pa.array([None, "x\r\ny"]),
    ]
    table = pa.Table.from_arrays(columns, [f"c{index}" for index in range(len(columns))])
    fields = [AnswerField(name, "", "") for name in ("n", "s", 'odd,"name"', "ids", "v", "t")]
    assert encode_csv(SqlAnswer(fields, table)).decode() == (
        'n,s,"odd,""name""",ids,v,t\n'
        '1,plain,"a,b","[1,2]","[0.1,-2]",\n'
        ',""," ""q""",[3],,"x\r\ny"\n'
    )


def test_arrow_and_parquet(answer: SqlAnswer) -> None:
    """The columns as they are, under names of which no two are alike."""
    named = answer.named_table()
    assert pa.ipc.open_stream(encode_arrow(answer)).read_all().equals(named)
    stored = parquet.read_table(pa.BufferReader(encode_parquet(answer)))
    assert stored.to_pydict() == named.to_pydict()


def test_names_that_occur_again() -> None:
    """A doubled name and a nameless column get their positions."""
    fields = [AnswerField(name, "int", "int") for name in ("a", "a", "", "column3")]
    columns = [pa.array([index]) for index in range(4)]
    table = pa.Table.from_arrays(columns, [f"c{index}" for index in range(4)])
    names = SqlAnswer(fields, table).named_table().column_names
    assert names == ["a", "a_2", "column3", "column3_4"]


@pytest.mark.parametrize("encode", [encode_csv, encode_ndjson])
def test_statements_without_rows(encode: object) -> None:
    """No rows, no bytes."""
    assert callable(encode)
    assert encode(SqlAnswer()) == b""
