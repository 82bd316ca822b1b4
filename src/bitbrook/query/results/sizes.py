"""How large an answer can become in a format, told from its columns without writing it.

A bound, never less than what is written: sizes of values at their longest, of texts by their bytes.
It decides whether an answer may be sent while it is written.
"""

import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.query.results.json_text import is_list

_ESCAPED_BYTES = 6
"""Bytes that one byte of a string has in JSON at most: a control character as \\u0000."""

_LONGEST = (
    (pa.types.is_boolean, len("false")),
    (pa.types.is_integer, len("-9223372036854775808")),
    (pa.types.is_decimal, len("-9223372036854775.808")),
    (pa.types.is_timestamp, len('"1970-01-01T00:00:00.000000000Z"') + 8),
    (pa.types.is_float32, len("-1.2345678e-38")),
    (pa.types.is_null, len("null")),
)
_ARROW_BYTES_A_BUFFER = 256
"""Padding and description of a column's buffers in one batch; a column has three, a list five."""


def json_bytes_max(table: pa.Table) -> int:
    """Return a bound of a table's rows as JSON arrays of arrays."""
    count: int = table.num_rows
    return 2 + count * (3 + int(table.num_columns)) + sum(map(_text_bytes_max, table.columns))


def ndjson_bytes_max(table: pa.Table) -> int:
    """Return a bound of a table's rows as JSON objects, one a line."""
    keys = sum(_ESCAPED_BYTES * len(name.encode()) + 4 for name in table.column_names)
    count: int = table.num_rows
    return count * (3 + keys) + sum(map(_text_bytes_max, table.columns))


def csv_bytes_max(table: pa.Table) -> int:
    """Return a bound of a table as CSV: quotes and what stands in them may double."""
    names = sum(2 * len(name.encode()) + 3 for name in table.column_names)
    count: int = table.num_rows
    framing = count * (2 + 3 * int(table.num_columns))
    return names + framing + 2 * sum(map(_text_bytes_max, table.columns))


def arrow_bytes_max(table: pa.Table, *, batch_count: int) -> int:
    """Return a bound of a table as an Arrow IPC stream of so many batches."""
    names = sum(len(name.encode()) for name in table.column_names)
    buffers = 5 * (int(table.num_columns) + 1) * _ARROW_BYTES_A_BUFFER
    return int(table.nbytes) + 2 * names + buffers * (batch_count + 2)


def _text_bytes_max(column: pa.ChunkedArray) -> int:
    kind = column.type
    nulls = len("null") * len(column)
    if is_list(kind):
        members = pc.list_flatten(column)
        return nulls + 2 * len(column) + len(members) + _text_bytes_max(members)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        size_bytes = int(pc.sum(pc.binary_length(column)).as_py() or 0)
        return nulls + 2 * len(column) + _ESCAPED_BYTES * size_bytes
    for is_kind, longest in _LONGEST:
        if is_kind(kind):
            return max(nulls, longest * len(column))
    raise AssertionError(f"no answer has columns of {kind}")
