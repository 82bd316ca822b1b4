"""A SQL answer in the formats of tables: CSV, newline-delimited JSON, Arrow, Parquet.

Each function returns the whole answer as bytes. CSV and NDJSON write values as the JSON answer does
(exact decimals, RFC 3339 times); Arrow and Parquet carry the columns as they are.
"""

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from bitbrook.query.results import json_text
from bitbrook.query.results.json_text import Text, joined
from bitbrook.query.results.sql_answer import SqlAnswer

_LARGE = pa.large_string()


def encode_csv(answer: SqlAnswer) -> bytes:
    """Return a line of names, then a line a record (RFC 4180).

    Null is an empty field without quotes, an empty string two quotes; a set is its JSON array.
    """
    named = answer.named_table()
    if named.num_columns == 0:
        return b""
    columns = [_csv_text(column) for column in named.columns]
    written = pa.Table.from_arrays(columns, names=named.column_names)
    sink = pa.BufferOutputStream()
    csv.write_csv(written, sink, csv.WriteOptions(quoting_style="needed"))
    return bytes(sink.getvalue().to_pybytes())


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
    lines = joined(*pieces, "}\n")
    whole = pc.binary_join(_as_one_list(lines), pa.scalar("", _LARGE))[0]
    return bytes(whole.as_buffer().to_pybytes())


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


def _csv_text(column: pa.ChunkedArray) -> pa.Array:
    whole = _whole(column)
    if pa.types.is_string(whole.type) or pa.types.is_large_string(whole.type):
        return whole
    text = json_text.of_column(whole)
    if pa.types.is_timestamp(whole.type):
        text = pc.utf8_trim(text, characters='"')
    if whole.null_count == 0:
        return text
    return pc.if_else(whole.is_null(), pa.scalar(None, _LARGE), text)


def _as_one_list(elements: Text) -> pa.LargeListArray:
    return pa.LargeListArray.from_arrays(pa.array([0, len(elements)], pa.int64()), elements)
