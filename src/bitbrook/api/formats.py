"""The forms in which the answer to a SQL statement can be asked for, and how each is written."""

import enum
import io

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from bitbrook.query.results import json_text


class Format(enum.StrEnum):
    """A form of answer, by its media type."""

    JSON = "application/json"
    LINES = "application/x-ndjson"
    CSV = "text/csv"
    ARROW = "application/vnd.apache.arrow.stream"
    PARQUET = "application/vnd.apache.parquet"


_MEDIA_TYPES = frozenset(form.value for form in Format)


def asked_format(accept: str) -> Format:
    """Return the form that an Accept header likes best of those there are; JSON by default."""
    best, best_weight = Format.JSON, 0.0
    for item in accept.lower().split(","):
        media_type, *parameters = (part.strip() for part in item.split(";"))
        weight = _weight(parameters)
        if media_type in _MEDIA_TYPES and weight > best_weight:
            best, best_weight = Format(media_type), weight
    return best


def encode_table(table: pa.Table, form: Format) -> bytes:
    """Return the records of a table in a form other than JSON."""
    sink = io.BytesIO()
    match form:
        case Format.LINES:
            return _lines(table)
        case Format.CSV:
            pyarrow.csv.write_csv(_flat(table), sink)
        case Format.ARROW:
            with pa.ipc.new_stream(sink, table.schema) as stream:
                stream.write_table(table)
        case Format.PARQUET:
            pyarrow.parquet.write_table(table, sink, compression="zstd")
        case Format.JSON:
            raise AssertionError("the language itself shapes its JSON answer")
    return sink.getvalue()


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _lines(table: pa.Table) -> bytes:
    """Return one JSON object a record, a line each."""
    if table.num_rows == 0 or table.num_columns == 0:
        return b""
    pieces: list[json_text.Text | str] = []
    for index, name in enumerate(table.column_names):
        key = json_text.of_strings(pa.array([name]))[0].as_py()
        pieces += ["{" if index == 0 else ",", key, ":", _text(table.column(index))]
    lines = json_text.joined(*pieces, "}\n")
    whole = pa.LargeListArray.from_arrays(pa.array([0, len(lines)], pa.int64()), lines)
    text = pa.compute.binary_join(whole, pa.scalar("", pa.large_string()))[0].as_buffer()
    return bytes(text)


def _text(column: pa.ChunkedArray) -> json_text.Text:
    combined = column.combine_chunks()
    return json_text.of_column(combined)


def _flat(table: pa.Table) -> pa.Table:
    """Return the table with lists as JSON text: CSV knows no lists."""
    for index, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            table = table.set_column(index, field.name, _text(table.column(index)))
    return table
