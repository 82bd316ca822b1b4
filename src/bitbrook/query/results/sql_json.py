"""A SQL answer as JSON: `{"schema", "data", "warnings", "execution-time"}`, as the contract has it.

Rows are written a column at a time and then joined, so that an answer costs no Python per record.
Decimals have exactly the digits of their scale, times are RFC 3339 in UTC, a null set is null.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.errors import LimitExceeded
from bitbrook.query.results import json_text
from bitbrook.query.results.json_text import Text, joined
from bitbrook.query.results.sql_answer import SqlAnswer


class _Field(msgspec.Struct, rename="kebab"):
    name: str
    type: str
    base_type: str
    type_info: dict[str, Any] | None = None


class _Schema(msgspec.Struct):
    fields: list[_Field]


_encode = msgspec.json.Encoder().encode


def encode_json(answer: SqlAnswer, execution_us: int, *, bytes_max: int | None = None) -> bytes:
    """Return the answer of a statement that took `execution_us` microseconds.

    Raises:
        LimitExceeded: the answer has more than `bytes_max` bytes.
    """
    encoded = b"".join((_head(answer), rows(answer.table), _tail(answer, execution_us)))
    check_size(len(encoded), bytes_max)
    return encoded


def json_pieces(answer: SqlAnswer, pages: Iterator[pa.Table], execution_us: int) -> Iterator[bytes]:
    """Give the answer piece by piece, given its rows page by page."""
    yield _head(answer) + b"["
    is_first = True
    for page in pages:
        if page.num_rows and page.num_columns:
            text = memoryview(rows(page))[1:-1]
            yield bytes(text) if is_first else b"," + text
            is_first = False
    yield b"]" + _tail(answer, execution_us)


def _head(answer: SqlAnswer) -> bytes:
    fields = [_Field(f.name, f.type, f.base_type, f.type_info) for f in answer.fields]
    return b'{"schema":' + _encode(_Schema(fields)) + b',"data":'


def _tail(answer: SqlAnswer, execution_us: int) -> bytes:
    warnings = b',"warnings":' + _encode(answer.warnings) if answer.warnings else b""
    return warnings + b',"execution-time":' + str(execution_us).encode() + b"}"


def check_size(size_bytes: int, bytes_max: int | None) -> None:
    """Return if an answer may be so large.

    Raises:
        LimitExceeded: it may not.
    """
    if bytes_max is not None and size_bytes > bytes_max:
        raise LimitExceeded(
            f"the answer has {size_bytes:,} bytes and {bytes_max:,} are allowed; select fewer "
            "columns or records with WHERE or LIMIT, or raise answer_bytes_max"
        )


def encode_error(message: str, execution_us: int) -> bytes:
    """Return the answer of a statement that failed."""
    return (
        b'{"schema":{"fields":[]},"data":[],"error":'
        + _encode(message)
        + b',"execution-time":'
        + str(execution_us).encode()
        + b"}"
    )


def rows(table: pa.Table) -> bytes:
    """Return the rows of a table as a JSON array of arrays."""
    if table.num_columns == 0 or table.num_rows == 0:
        return b"[]"
    pieces: list[Text | str] = ["["]
    for index, column in enumerate(table.columns):
        if index:
            pieces.append(",")
        pieces.append(_text(column.combine_chunks()))
    return json_text.array_of(joined(*pieces, "]"))


def _text(column: pa.Array | pa.ChunkedArray) -> Text:
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    if not json_text.is_list(column.type):
        return json_text.of_column(column)
    text = json_text.of_column(column)
    if column.null_count == 0:
        return text
    return pc.if_else(column.is_null(), pa.scalar("null", pa.large_string()), text)
