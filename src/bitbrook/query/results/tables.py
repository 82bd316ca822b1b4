"""A SQL answer in the formats of tables: CSV, newline-delimited JSON, Arrow, Parquet.

Each function returns the whole answer as bytes. CSV and NDJSON write values as the JSON answer does
(exact decimals, RFC 3339 times); Arrow and Parquet carry the columns as they are.
"""

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from bitbrook.query.results import json_text
from bitbrook.query.results.json_text import Text, joined
from bitbrook.query.results.sql_answer import SqlAnswer

_LARGE = pa.large_string()

_NEEDS_QUOTES = r'^$|[",\r\n]|^\s|\s$'
"""Nothing (which would be null), what parts fields and lines, and blanks that readers may drop."""


def encode_csv(answer: SqlAnswer) -> bytes:
    """Return a line of names, then a line a record (RFC 4180).

    Only what cannot stand without quotes has them: null is an empty field without quotes, an empty
    string two quotes; a set is its JSON array.
    """
    named = answer.named_table()
    if named.num_columns == 0:
        return b""
    names = _quoted(pa.array(named.column_names, _LARGE)).to_pylist()
    header = (",".join(names) + "\n").encode()
    if named.num_rows == 0:
        return header
    pieces: list[Text | str] = []
    for index, column in enumerate(named.columns):
        pieces += ["," if index else "", _csv_text(column)]
    return header + _end_to_end(joined(*pieces, "\n"))


def encode_ndjson(answer: SqlAnswer) -> bytes:
    """Return one JSON object a line, a null value included as null."""
    named = answer.named_table()
    if named.num_columns == 0 or named.num_rows == 0:
        return b""
    pieces: list[Text | str] = []
    for index, (name, column) in enumerate(zip(named.column_names, named.columns, strict=True)):
        key = msgspec.json.encode(name).decode()
        pieces.append(("{" if index == 0 else ",") + key + ":")
        pieces.append(_json_text(_whole(column)))
    return _end_to_end(joined(*pieces, "}\n"))


def encode_arrow(answer: SqlAnswer) -> bytes:
    """Return an Arrow IPC stream."""
    named = answer.named_table()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, named.schema) as stream:
        stream.write_table(named)
    return bytes(sink.getvalue().to_pybytes())


def encode_parquet(answer: SqlAnswer) -> bytes:
    """Return a Parquet file."""
    sink = pa.BufferOutputStream()
    parquet.write_table(answer.named_table(), sink)
    return bytes(sink.getvalue().to_pybytes())


def _whole(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole


def _json_text(column: pa.Array) -> Text:
    text = json_text.of_column(column)
    if column.null_count == 0:
        return text
    return pc.if_else(column.is_null(), pa.scalar("null", _LARGE), text)


def _csv_text(column: pa.ChunkedArray) -> Text:
    """Return the fields of a column; null is nothing at all."""
    whole = _whole(column)
    if pa.types.is_string(whole.type) or pa.types.is_large_string(whole.type):
        text = _quoted(whole.cast(_LARGE))
    elif pa.types.is_timestamp(whole.type):
        text = pc.utf8_trim(json_text.of_column(whole), characters='"')
    elif json_text.is_list(whole.type):
        text = _quoted(json_text.of_column(whole))
    else:
        text = json_text.of_column(whole)
    if whole.null_count == 0:
        return text
    return pc.if_else(whole.is_null(), pa.scalar("", _LARGE), text)


def _quoted(texts: Text) -> Text:
    """Return texts in quotes where they would be read as something else without."""
    needs = pc.match_substring_regex(texts, _NEEDS_QUOTES)
    if not pc.any(needs).as_py():
        return texts
    doubled = pc.replace_substring(texts, pattern='"', replacement='""')
    return pc.if_else(needs, joined('"', doubled, '"'), texts)


def _end_to_end(lines: Text) -> bytes:
    whole = pa.LargeListArray.from_arrays(pa.array([0, len(lines)], pa.int64()), lines)
    return bytes(pc.binary_join(whole, pa.scalar("", _LARGE))[0].as_buffer().to_pybytes())
