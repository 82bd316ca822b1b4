"""An answer in pieces is, joined, the answer as a whole, and over its limit it is no answer.

Tables of a few pages are formed in every format with limits on both sides of their size, with
column names that hold line ends, and with rows that came in several batches.
"""

import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from bitbrook.api import answers
from bitbrook.api.answers import Body, form_body
from bitbrook.api.formats import Format, encode_answer
from bitbrook.errors import LimitExceeded
from bitbrook.query.results.sql_answer import AnswerField, SqlAnswer

RECORDS = 100


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of seven records, and nothing is so small that it is written at once."""
    monkeypatch.setattr(answers, "WHOLE_BYTES_MAX", 0)
    monkeypatch.setattr(answers, "PAGE_RECORDS_MAX", 7)


@pytest.fixture
def answer() -> SqlAnswer:
    """A hundred records in batches of thirty."""
    columns = {
        "_id": pa.array(range(RECORDS), pa.uint64()),
        'two\nlines, "quoted"': pa.array([None, 'a\n"b"', "c,d", ""] * (RECORDS // 4)),
        "": pa.array([["x", "y"], None] * (RECORDS // 2), pa.list_(pa.string())),
    }
    whole = pa.Table.from_arrays(list(columns.values()), [f"c{i}" for i in range(len(columns))])
    parts = [whole.slice(start, 30) for start in range(0, RECORDS, 30)]
    return SqlAnswer(
        [AnswerField(name, "string", "string") for name in columns],
        pa.concat_tables(parts),
        ["a warning"],
    )


def joined(body: Body) -> bytes:
    return body.first + b"".join(body.others)


def read_arrow(document: bytes) -> pa.Table:
    return pa.ipc.open_stream(document).read_all()


READ: dict[Format, Callable[[bytes], Any]] = {
    Format.JSON: json.loads,
    Format.LINES: bytes,
    Format.CSV: bytes,
    Format.ARROW: read_arrow,
    Format.PARQUET: lambda document: parquet.read_table(io.BytesIO(document)),
}


@pytest.mark.parametrize("form", Format)
def test_pieces_are_the_whole(answer: SqlAnswer, form: Format) -> None:
    whole = encode_answer(answer, form, 5)
    for bytes_max, is_sized in ((1 << 40, form is Format.PARQUET), (2 * len(whole) + 9_000, None)):
        body = form_body(answer, form, 5, bytes_max=bytes_max)
        if is_sized is not None:
            assert (body.size_bytes is not None) == is_sized
        document = joined(body)
        assert READ[form](document) == READ[form](whole)
        assert body.size_bytes in {None, len(document)}


@pytest.mark.parametrize("form", Format)
def test_the_limit_is_exact(answer: SqlAnswer, form: Format) -> None:
    size_bytes = len(joined(form_body(answer, form, 5, bytes_max=1 << 40)))
    body = form_body(answer, form, 5, bytes_max=size_bytes)
    assert body.size_bytes == len(joined(body)) == size_bytes
    with pytest.raises(LimitExceeded, match=f"more than the {size_bytes - 1:,} bytes"):
        form_body(answer, form, 5, bytes_max=size_bytes - 1)


@pytest.mark.parametrize("form", Format)
def test_small_answers_are_whole(
    answer: SqlAnswer, form: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "WHOLE_BYTES_MAX", 1 << 20)
    whole = encode_answer(answer, form, 5)
    body = form_body(answer, form, 5, bytes_max=len(whole))
    assert (body.first, list(body.others), body.size_bytes) == (whole, [], len(whole))
    with pytest.raises(LimitExceeded, match=f"has {len(whole):,} bytes"):
        form_body(answer, form, 5, bytes_max=len(whole) - 1)


@pytest.mark.parametrize("form", Format)
def test_no_rows_and_no_columns(form: Format) -> None:
    for empty in (SqlAnswer(), SqlAnswer([AnswerField("a", "int", "int")], pa.table({"c0": []}))):
        document = joined(form_body(empty, form, 5, bytes_max=10_000))
        assert READ[form](document) == READ[form](encode_answer(empty, form, 5))
