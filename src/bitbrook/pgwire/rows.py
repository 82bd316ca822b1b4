"""Rows as messages, a column at a time: a page of them costs Arrow's work, not a loop over records.

A row's message is its head, then for each value its length and its bytes; joined over a page, the
buffer of that one column is what goes out.
"""

import struct
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.errors import OutOfRange
from bitbrook.pgwire import types
from bitbrook.pgwire.messages import Column
from bitbrook.query.results import json_text
from bitbrook.schema.field_types import INT64_MAX

PAGE_ROWS = 16_384
"""Rows encoded at a time."""

TEXT_FORM, BINARY_FORM = 0, 1

_BINARY = pa.large_binary()
_TEXT = pa.large_string()
_HEAD = np.dtype([("kind", "S1"), ("size", ">i4"), ("count", ">i2")])
_NULL = struct.pack("!i", -1)


def encode_rows(
    table: pa.Table, columns: Sequence[Column], formats: Sequence[int]
) -> Iterator[bytes]:
    """Give the messages of a table's rows, a page at a time.

    Raises:
        OutOfRange: an id does not fit into an int8.
    """
    for start in range(0, table.num_rows, PAGE_ROWS):
        page = table.slice(start, PAGE_ROWS)
        yield _encode_page(page, columns, formats)


def _encode_page(page: pa.Table, columns: Sequence[Column], formats: Sequence[int]) -> bytes:
    count = page.num_rows
    sizes = np.full(count, 6, np.int64)
    parts: list[pa.Array] = []
    for data, column, form in zip(page.columns, columns, formats, strict=True):
        whole = _whole(data)
        encode = _binary_of if form == BINARY_FORM else _text_of
        values = encode(whole, column.oid)
        lengths = pc.binary_length(values).fill_null(0).to_numpy(zero_copy_only=False)
        sizes += 4 + lengths
        is_null = values.is_null().to_numpy(zero_copy_only=False)
        told = np.where(is_null, -1, lengths).astype(">i4")
        parts += [_fixed(told.tobytes(), 4, count), values.fill_null(b"")]
    heads = np.empty(count, _HEAD)
    heads["kind"], heads["size"], heads["count"] = b"D", sizes, len(columns)
    joined = pc.binary_join_element_wise(
        _fixed(heads.tobytes(), 7, count), *parts, pa.scalar(b"", _BINARY)
    )
    # The values of a whole column lie end to end.
    _, offsets, values_buffer = joined.buffers()
    bounds = np.frombuffer(offsets, np.int64)[joined.offset : joined.offset + count + 1]
    return memoryview(values_buffer)[bounds[0] : bounds[-1]].tobytes()


def _fixed(data: bytes, width: int, count: int) -> pa.Array:
    """Return an array of values of one width that lie end to end."""
    offsets = np.arange(count + 1, dtype=np.int64) * width
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.LargeBinaryArray.from_buffers(_BINARY, count, buffers)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole


def _text_of(column: pa.Array, oid: int) -> pa.Array:
    """Return each value as text, null where there is none."""
    return _texts(column, oid).cast(_BINARY)


def _texts(column: pa.Array, oid: int) -> pa.Array:
    kind = column.type
    element = types.element_of(oid)
    if element is not None and json_text.is_list(kind):
        return _array_texts(column, element)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return column.cast(_TEXT)
    if pa.types.is_boolean(kind):
        return pc.if_else(column, pa.scalar("t", _TEXT), "f")
    if pa.types.is_timestamp(kind):
        return _time_texts(column)
    if pa.types.is_floating(kind):
        return _number_texts(column)
    if pa.types.is_integer(kind) or pa.types.is_null(kind):
        _check_ids(column)
        return column.cast(_TEXT)
    texts = json_text.of_column(column)
    return pc.if_else(column.is_null(), pa.scalar(None, _TEXT), texts)


def _time_texts(column: pa.Array) -> pa.Array:
    whole = _microseconds(column)
    texts = pc.strftime(whole.cast(pa.timestamp("us")), "%Y-%m-%d %H:%M:%S")
    shown = pc.replace_substring_regex(texts, r"\.?0+$", "")
    # Only a fraction loses its zeros.
    has_part = pc.match_substring(texts, ".")
    trimmed = pc.if_else(has_part, shown, texts)
    return _joined(trimmed, "+00")


def _microseconds(column: pa.Array) -> pa.Array:
    """Return times as microseconds; finer ones are cut, since clients hold no finer ones."""
    return pc.cast(column, pa.timestamp("us"), safe=False).cast(pa.int64())


def _joined(*parts: pa.Array | str) -> pa.Array:
    """Return texts that stand end to end."""
    arrays = [
        pa.scalar(part, _TEXT) if isinstance(part, str) else part.cast(_TEXT) for part in parts
    ]
    return pc.binary_join_element_wise(*arrays, pa.scalar("", _TEXT))


def _number_texts(column: pa.Array) -> pa.Array:
    texts = column.cast(_TEXT)
    for written, wanted in (("nan", "NaN"), ("-inf", "-Infinity"), ("inf", "Infinity")):
        texts = pc.if_else(pc.equal(texts, written), pa.scalar(wanted, _TEXT), texts)
    return texts


def _array_texts(column: pa.Array, element: int) -> pa.Array:
    """Return lists as `{1,2}` or `{"a","b"}`."""
    lists = column.cast(pa.large_list(column.type.value_type))
    values = lists.flatten()
    texts = _texts(values, element)
    if element == types.TEXT:
        escaped = pc.replace_substring_regex(texts, r'(["\\])', r"\\\1")
        texts = _joined('"', escaped, '"')
    texts = texts.cast(_TEXT).fill_null("NULL")
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    rebuilt = pa.LargeListArray.from_arrays(pa.array(offsets), texts)
    inner = pc.binary_join(rebuilt, pa.scalar(",", _TEXT))
    shown = _joined("{", inner, "}")
    return pc.if_else(column.is_null(), pa.scalar(None, _TEXT), shown)


def _binary_of(column: pa.Array, oid: int) -> pa.Array:
    """Return each value in the protocol's binary form, null where there is none."""
    match oid:
        case types.INT8 | types.INT4 | types.INT2:
            _check_ids(column)
            widths = {types.INT8: ">i8", types.INT4: ">i4", types.INT2: ">i2"}
            return _packed(column.cast(pa.int64(), safe=False), widths[oid])
        case types.FLOAT8:
            return _packed(column.cast(pa.float64()), ">f8")
        case types.BOOL:
            return _packed(column.cast(pa.int8()), ">i1")
        case types.TIMESTAMPTZ:
            since = pc.subtract(_microseconds(column), types.EPOCH_US)
            return _packed(since, ">i8")
        case types.NUMERIC:
            encoded = [None if v is None else types.encode_numeric(v) for v in column.to_pylist()]
            return pa.array(encoded, _BINARY)
        case _ if (element := types.element_of(oid)) is not None:
            lists = [None if v is None else _packed_array(v, element) for v in column.to_pylist()]
            return pa.array(lists, _BINARY)
        case _:
            return _text_of(column, oid)


def _packed(column: pa.Array, form: str) -> pa.Array:
    """Return numbers as big-endian bytes."""
    dtype = np.dtype(form)
    numbers = column.fill_null(0).to_numpy(zero_copy_only=False).astype(dtype)
    packed = _fixed(numbers.tobytes(), dtype.itemsize, len(column))
    return pc.if_else(column.is_null(), pa.scalar(None, _BINARY), packed)


_PACKED = {
    types.INT8: "!q",
    types.INT4: "!i",
    types.INT2: "!h",
    types.FLOAT4: "!f",
    types.FLOAT8: "!d",
    types.BOOL: "!?",
}


def _packed_array(values: list[Any], element: int) -> bytes:
    parts = [struct.pack("!iii", 1 if values else 0, int(None in values), element)]
    if values:
        parts.append(struct.pack("!ii", len(values), 1))
    for value in values:
        if value is None:
            parts.append(_NULL)
            continue
        body = _packed_value(value, element)
        parts += [struct.pack("!i", len(body)), body]
    return b"".join(parts)


def _packed_value(value: Any, element: int) -> bytes:
    if element in _PACKED:
        return struct.pack(_PACKED[element], value)
    if isinstance(value, Decimal):
        return types.encode_numeric(value)
    return str(value).encode()


def _check_ids(column: pa.Array) -> None:
    if pa.types.is_uint64(column.type):
        largest = pc.max(column).as_py()
        if largest is not None and largest > INT64_MAX:
            raise OutOfRange(
                f"id {largest} does not fit into an int8; cast it to string to read it here"
            )
