"""What an answer can become at most is never less than what it becomes, in any format.

Random columns of every type, with nulls, edges of numbers, and strings of whatever needs escaping.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.query.results import sizes
from bitbrook.query.results.sql_answer import AnswerField, SqlAnswer
from bitbrook.query.results.sql_json import rows
from bitbrook.query.results.streams import arrow_pieces, csv_pieces, ndjson_pieces

TEXTS = st.text(st.sampled_from('a"\\\n,é\x00\x1f😀') | st.characters(codec="utf-8"), max_size=8)
VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.int64(): st.sampled_from([-(2**63), 2**63 - 1, 0]) | st.integers(-9, 9),
    pa.decimal128(19, 3): st.integers(-(2**63), 2**63 - 1).map(lambda n: Decimal(n).scaleb(-3)),
    pa.bool_(): st.booleans(),
    pa.timestamp("ns"): st.integers(-(2**62), 2**62),
    pa.string(): TEXTS,
    pa.list_(pa.string()): st.lists(TEXTS, min_size=1, max_size=3),
    pa.list_(pa.uint64()): st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=3),
}


@st.composite
def columns(draw: st.DrawFn, length: int) -> pa.Array:
    kind = draw(st.sampled_from(list(VALUES)))
    values = draw(st.lists(VALUES[kind] | st.none(), min_size=length, max_size=length))
    return pa.array(values, kind)


@st.composite
def answers(draw: st.DrawFn) -> SqlAnswer:
    length = draw(st.integers(0, 6))
    arrays = draw(st.lists(columns(length), min_size=1, max_size=4))
    names = draw(st.lists(TEXTS, min_size=len(arrays), max_size=len(arrays)))
    table = pa.Table.from_arrays(arrays, [f"c{index}" for index in range(len(arrays))])
    return SqlAnswer([AnswerField(name, "", "") for name in names], table)


@given(answers(), st.integers(1, 3))
def test_bounds_are_bounds(answer: SqlAnswer, page_records: int) -> None:
    named = answer.named_table()
    starts = range(0, max(1, named.num_rows), page_records)

    def written(pieces: Callable[..., Any]) -> int:
        return len(b"".join(pieces(named.slice(start, page_records) for start in starts)))

    assert len(rows(answer.table)) <= sizes.json_bytes_max(named)
    assert written(ndjson_pieces) <= sizes.ndjson_bytes_max(named)
    assert written(csv_pieces) <= sizes.csv_bytes_max(named)
    assert written(arrow_pieces) <= sizes.arrow_bytes_max(named, batch_count=len(starts))
