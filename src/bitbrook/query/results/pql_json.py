"""PQL's answers as JSON: one function for each shape of the reference.

Each takes what the database answered and returns the bytes of one result; `results` puts them into
the answer of a statement. Numbers are exact (decimals are written from their stored integers) and
large answers are encoded a column at a time. Knows no call and asks no question.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bitbrook.algebra.partials import GroupsPartial, Rows
from bitbrook.query.results import json_text
from bitbrook.query.results.json_text import Text, array_of, joined
from bitbrook.schema.field_types import FieldSchema, FieldType

NO_TIME = "0001-01-01T00:00:00Z"
"""Go's zero time, which the original answers where there is no time."""

FEW_ROWS = 64
"""Rows or groups up to which a value at a time is faster than a column at a time."""

_TEXT_KEYS = frozenset({FieldType.DECIMAL, FieldType.TIMESTAMP})

EXTRACT_PAGE_RECORDS = 65_536
"""Records of an Extract that are written at a time."""

_encode = msgspec.json.Encoder().encode


def results(answers: Sequence[bytes]) -> bytes:
    """Return the answer of a statement, given those of its calls."""
    return b'{"results":[' + b",".join(answers) + b"]}"


def boolean(value: bool) -> bytes:  # noqa: FBT001 - the one value that is encoded
    """Return `true` or `false`."""
    return b"true" if value else b"false"


def number(value: int) -> bytes:
    """Return an integer of any size."""
    return str(value).encode()


class _Columns(msgspec.Struct, omit_defaults=True):
    columns: list[int]
    keys: list[str] | None = None


def record_ids(ids: npt.NDArray[np.uint64] | npt.NDArray[np.object_]) -> bytes:
    """Return `{"columns": [ids]}`, of keyed records `{"columns": [], "keys": [keys]}`."""
    if ids.dtype == np.object_:
        return _encode(_Columns([], ids.tolist()))
    return _encode(_Columns(ids.tolist()))


def distinct_rows(rows: Rows) -> bytes:
    """Return the distinct rows of a field, in the shape of record ids."""
    return record_ids(_as_ids(rows))


class _Signed(msgspec.Struct):
    neg: _Columns
    pos: _Columns


def distinct_numbers(values: npt.NDArray[np.int64]) -> bytes:
    """Return distinct stored numbers (ascending) as the magnitudes of either sign, ascending."""
    negative = np.abs(values[values < 0][::-1]).view(np.uint64)
    return _encode(_Signed(_Columns(negative.tolist()), _Columns(values[values >= 0].tolist())))


class _RowIds(msgspec.Struct):
    rows: list[int]


class _RowKeys(msgspec.Struct):
    rows: None
    keys: list[str]


def rows(rows: Rows) -> bytes:
    """Return `{"rows": [ids]}`, of a keyed field `{"rows": null, "keys": [keys]}`."""
    if rows.dtype == np.object_:
        return _encode(_RowKeys(None, rows.tolist()))
    return _encode(_RowIds(_as_ids(rows).tolist()))


class _Pair(msgspec.Struct):
    id: int
    key: str
    count: int


def pairs(rows: Rows, counts: npt.NDArray[np.int64]) -> bytes:
    """Return a list of pairs of a row and its count, in the order given."""
    if len(counts) <= FEW_ROWS:
        found = zip(_as_ids(rows).tolist(), counts.tolist(), strict=True)
        if rows.dtype == np.object_:
            return _encode([_Pair(0, key, count) for key, count in found])
        return _encode([_Pair(id_, "", count) for id_, count in found])
    return array_of(_pairs(rows, counts))


def pair(rows: Rows, counts: npt.NDArray[np.int64]) -> bytes:
    """Return the one pair given or, if there is none, the pair of nothing."""
    if len(counts) == 0:
        return b'{"id":0,"key":"","count":0}'
    return pairs(rows, counts)[1:-1]


def _pairs(rows: Rows, counts: npt.NDArray[np.int64]) -> Text:
    count = json_text.of_plain(counts)
    if rows.dtype == np.object_:
        keys = json_text.of_strings(pa.array(rows, pa.large_string()))
        return joined('{"id":0,"key":', keys, ',"count":', count, "}")
    ids = json_text.of_plain(_as_ids(rows))
    return joined('{"id":', ids, ',"key":"","count":', count, "}")


def _as_ids(rows: Rows | npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Return rows with those of a bool field as row ids 0 and 1."""
    return rows.astype(np.uint64) if rows.dtype == np.bool_ else rows


class _Total(msgspec.Struct):
    """What Sum, Min, Max and Percentile answer; all five keys, always, in this order."""

    value: int = 0
    float_value: int = msgspec.field(name="floatValue", default=0)
    decimal_value: msgspec.Raw | None = msgspec.field(name="decimalValue", default=None)
    timestamp_value: str = msgspec.field(name="timestampValue", default=NO_TIME)
    count: int = 0


def total(field: FieldSchema, stored: int | None, count: int) -> bytes:
    """Return a number of a field and how many records stand behind it; None for nothing found.

    `stored` is in the field's stored form and of any size.
    """
    if stored is None or count == 0:
        return _encode(_Total())
    match field.type:
        case FieldType.DECIMAL:
            text = decimal_text(stored, field.scale)
            return _encode(_Total(decimal_value=msgspec.Raw(text.encode()), count=count))
        case FieldType.TIMESTAMP:
            time = json_text.of_times(np.array([stored]), field.unit)[0].as_py()
            return _encode(_Total(timestamp_value=msgspec.json.decode(time), count=count))
        case _:
            return _encode(_Total(value=stored, count=count))


def decimal_text(stored: int, scale: int) -> str:
    """Return a stored number of any size with exactly `scale` digits after the point."""
    if scale == 0:
        return str(stored)
    digits = str(abs(stored)).rjust(scale + 1, "0")
    return f"{'-' if stored < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"


def groups(
    fields: Sequence[FieldSchema], partial: GroupsPartial, aggregate: str = "", scale: int = 0
) -> bytes:
    """Return groups in the order given.

    `fields` are those grouped by. `aggregate` names the first measure ("" leaves it out), whose
    integers have `scale` digits after the point.
    """
    if len(partial.counts) <= FEW_ROWS and _TEXT_KEYS.isdisjoint(field.type for field in fields):
        return _few_groups(fields, partial, aggregate, scale)
    pieces: list[Text | str] = ['{"group":[']
    for index, (field, keys) in enumerate(zip(fields, partial.keys, strict=True)):
        name = _encode(field.name).decode()
        kind, text = _group_key(field, keys)
        pieces += [f'{"," if index else ""}{{"field":{name},"{kind}":', text, "}"]
    pieces += ['],"count":', json_text.of_plain(partial.counts)]
    if aggregate:
        pieces += [f',"{aggregate}":', _measure(partial.measures[0], scale)]
    return array_of(joined(*pieces, "}"))


def _few_groups(
    fields: Sequence[FieldSchema], partial: GroupsPartial, aggregate: str, scale: int
) -> bytes:
    columns = []
    for field, keys in zip(fields, partial.keys, strict=True):
        kind = "rowKey" if keys.dtype == np.object_ else "rowID"
        kind = "value" if field.type is FieldType.INT else kind
        start = f'{{"field":{_encode(field.name).decode()},"{kind}":'
        shown = _as_ids(keys).tolist()
        columns.append([f"{start}{_encode(key).decode()}}}" for key in shown])
    counts: list[str] = list(map(str, partial.counts.tolist()))
    if aggregate:
        measures = [decimal_text(stored, scale) for stored in partial.measures[0]]
        counts = [
            f'{count},"{aggregate}":{measure}'
            for count, measure in zip(counts, measures, strict=True)
        ]
    told = [
        f'{{"group":[{",".join(keys)}],"count":{count}}}'
        for *keys, count in zip(*columns, counts, strict=True)
    ]
    return f"[{','.join(told)}]".encode()


def _group_key(field: FieldSchema, keys: npt.NDArray[Any]) -> tuple[str, Text]:
    """Return the JSON key that a field's groups go under, and their text."""
    match field.type:
        case FieldType.DECIMAL:
            return "value", json_text.of_decimals(keys, field.scale)
        case FieldType.TIMESTAMP:
            return "value", json_text.of_times(keys, field.unit)
        case FieldType.INT:
            return "value", json_text.of_plain(keys)
        case _ if keys.dtype == np.object_:
            return "rowKey", json_text.of_strings(pa.array(keys, pa.large_string()))
        case _:
            return "rowID", json_text.of_plain(_as_ids(keys))


def _measure(measure: npt.NDArray[np.object_], scale: int) -> Text:
    """Return the text of exact Python integers."""
    try:
        return json_text.of_decimals(measure.astype(np.int64), scale)
    except OverflowError:
        return pa.array([decimal_text(stored, scale) for stored in measure], pa.large_string())


FEW_RECORDS = 16
"""Records up to which a value at a time is faster than a column at a time."""


class _ExtractField(msgspec.Struct):
    name: str
    type: str


def extract(fields: Sequence[FieldSchema], records: pa.Table) -> bytes:
    """Return records with the fields named, in the order given; `records` has `_id` first."""
    described = _encode([_ExtractField(field.name, _extract_type(field)) for field in fields])
    pieces: list[bytes | memoryview] = [b'{"fields":', described, b',"columns":[']
    # Page by page, so that what text is made of is not held for all records at once.
    for start in range(0, records.num_rows, EXTRACT_PAGE_RECORDS):
        page = records.slice(start, EXTRACT_PAGE_RECORDS).combine_chunks()
        pieces += [b"," if start else b"", memoryview(_extracted(fields, page))[1:-1]]
    return b"".join((*pieces, b"]}"))


def _extracted(fields: Sequence[FieldSchema], page: pa.Table) -> bytes:
    if page.num_rows <= FEW_RECORDS:
        return _few_extracted(fields, page)
    pieces: list[Text | str] = ['{"column":', _column(page, "_id"), ',"rows":[']
    for index, field in enumerate(fields):
        pieces += ["," if index else "", _column(page, field.name)]
    return array_of(joined(*pieces, "]}"))


def _few_extracted(fields: Sequence[FieldSchema], page: pa.Table) -> bytes:
    """Return what Arrow would write, which takes 60 us a column even for one record."""
    names = ["_id", *(field.name for field in fields)]
    columns = [json_text.few_of_column(page.column(name).chunk(0)) for name in names]
    records = [
        f'{{"column":{column},"rows":[{",".join(rows)}]}}'
        for column, *rows in zip(*columns, strict=True)
    ]
    return f"[{','.join(records)}]".encode()


def _column(table: pa.Table, name: str) -> Text:
    return json_text.of_column(table.column(name).chunk(0))


def _extract_type(field: FieldSchema) -> str:
    """Return the name of a field's values as Extract gives it."""
    row = "string" if field.is_keyed else "uint64"
    match field.type:
        case FieldType.SET | FieldType.TIME:
            return f"[]{row}"
        case FieldType.MUTEX:
            return row
        case FieldType.INT:
            return "int64"
        case _:
            return str(field.type)
