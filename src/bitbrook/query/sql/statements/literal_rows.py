"""The rows of an INSERT whose values are all plain literals, read a column at a time.

One expression matches a row at once, and each column is then converted as a whole; that is many
times faster than tokens. What is read here is exactly what the general reading makes of the same
text. Anything else, be it a comment, an expression or a value that the column refuses, gives None:
the general reading then answers or refuses it, with its own words and places.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from bitbrook.errors import InvalidValue
from bitbrook.query.pql.times import NANOSECONDS, parse_time
from bitbrook.schema.field_types import UINT64_MAX, FieldSchema, FieldType, TableSchema
from bitbrook.schema.limits import TIME_MAX_S, TIME_MIN_S

_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
_STRING = r"'[^']*+(?:''[^']*+)*+'"
_WORD = r"null|true|false"
_MEMBER = rf"(?:[0-9]+|{_STRING})"
_PART = rf"(?:{_NUMBER}(?:[eE][-+]?[0-9]+)?|{_STRING})"
_SPACE = r"[ \t\r\n]*"
_SET = rf"\[{_SPACE}{_PART}(?:{_SPACE},{_SPACE}{_PART})*+{_SPACE}\]"
_VALUE = rf"({_NUMBER}|{_STRING}|{_WORD}|{_SET})"

_HEAD = re.compile(
    rf"{_SPACE}(?:INSERT|REPLACE){_SPACE}INTO\b[^'()]*(?:\([^'()]*\))?{_SPACE}VALUES{_SPACE}(?=\()",
    re.IGNORECASE | re.ASCII,
)
_COMMENT = re.compile(r"--|/\*")
_COMMA = re.compile(rf"{_SPACE},{_SPACE}")
_END = re.compile(r"[ \t\r\n;]*\Z")
_MEMBERS = re.compile(_MEMBER)
_WHOLE_NUMBERS = re.compile(r"[0-9, \t\r\n\[\]]*")

COLUMNS_MAX = 100
"""Columns of a row; a longer one would make too long an expression."""

FLOAT32_MAX = float(np.finfo(np.float32).max)

_DECODE_VECTORS = msgspec.json.Decoder(list[list[float]]).decode

Column = list[Any]


class _NotPlainError(Exception):
    """A value is more than a literal that its column takes."""


def find_values(text: str) -> int | None:
    """Return where the rows of an INSERT begin, None of any other statement."""
    head = _HEAD.match(text)
    return None if head is None or _COMMENT.search(head[0]) else head.end()


def read_rows(
    text: str, start: int, table: TableSchema, fields: list[FieldSchema | None]
) -> list[Column] | None:
    """Return the rows from `start` to the end as columns in stored form; None: not so plain.

    `fields` are the columns' fields, None for the record's id.
    """
    if len(fields) > COLUMNS_MAX:
        return None
    rows = _rows(text, start, len(fields))
    if rows is None:
        return None
    try:
        return [
            _column(field, table, written)
            for field, written in zip(fields, zip(*rows, strict=True), strict=True)
        ]
    except (_NotPlainError, InvalidValue):
        return None


def _rows(text: str, start: int, count: int) -> list[tuple[str, ...]] | None:
    """Return the values of each row as they are written."""
    match_row = _row_of(count).match
    rows = []
    place = start
    while (row := match_row(text, place)) is not None:
        rows.append(row.groups())
        comma = _COMMA.match(text, row.end())
        if comma is None:
            return rows if _END.match(text, row.end()) else None
        place = comma.end()
    return None


@lru_cache(maxsize=64)
def _row_of(count: int) -> re.Pattern[str]:
    values = rf"{_SPACE},{_SPACE}".join([_VALUE] * count)
    return re.compile(rf"\({_SPACE}{values}{_SPACE}\)", re.IGNORECASE | re.ASCII)


def _column(field: FieldSchema | None, table: TableSchema, written: tuple[str, ...]) -> Column:
    if field is None:
        return _texts(written, 0) if table.is_keyed else _ids(written)
    convert = _CONVERSIONS[field.type]
    given = [text for text in written if text[0] not in "nN"]
    values = convert(field, given)
    if len(given) == len(written):
        return values
    left = iter(values)
    return [None if text[0] in "nN" else next(left) for text in written]


def _ids(written: tuple[str, ...] | list[str]) -> Column:
    if not all(text.isdigit() for text in written):
        raise _NotPlainError
    ids = [int(text) for text in written]
    if ids and max(ids) > UINT64_MAX:
        raise _NotPlainError
    return ids


def _texts(written: tuple[str, ...] | list[str], length_max: int) -> Column:
    if not all(text[0] == "'" for text in written):
        raise _NotPlainError
    texts = [text[1:-1].replace("''", "'") for text in written]
    if length_max and max(map(len, texts), default=0) > length_max:
        raise _NotPlainError
    return texts


def _mutex(field: FieldSchema, written: list[str]) -> Column:
    return _texts(written, field.length_max) if field.is_keyed else _ids(written)


def _bools(_: FieldSchema, written: list[str]) -> Column:
    if not all(text[0] in "tTfF" for text in written):
        raise _NotPlainError
    return [text[0] in "tT" for text in written]


def _numbers(field: FieldSchema, written: list[str]) -> Column:
    numbers = []
    for text in written:
        if text[0] not in "-0123456789":
            raise _NotPlainError
        whole, _, fraction = text.partition(".")
        if len(fraction) > field.scale:
            raise _NotPlainError
        numbers.append(int(whole + fraction) * 10 ** (field.scale - len(fraction)))
    if numbers and not (field.min <= min(numbers) and max(numbers) <= field.max):
        raise _NotPlainError
    return numbers


def _times(field: FieldSchema, written: list[str]) -> Column:
    known: dict[str, int] = {}
    for text in set(written):
        if text[0] != "'":
            raise _NotPlainError
        moment = parse_time(text[1:-1].replace("''", "'").strip().replace(" ", "T", 1))
        stored = moment * field.unit.per_second // NANOSECONDS
        is_kept = TIME_MIN_S <= stored // field.unit.per_second <= TIME_MAX_S
        if not (is_kept and field.min <= stored <= field.max):
            raise _NotPlainError
        known[text] = stored
    return [known[text] for text in written]


def _sets(field: FieldSchema, written: list[str]) -> Column:
    known: dict[str, Column] = {}
    for text in set(written):
        if text[0] != "[":
            raise _NotPlainError
        if not field.is_keyed and _WHOLE_NUMBERS.fullmatch(text) is None:
            raise _NotPlainError
        members = _MEMBERS.findall(text)
        known[text] = sorted(set(_texts(members, 0) if field.is_keyed else _ids(members)))
    return [known[text] for text in written]


def _vectors(field: FieldSchema, written: list[str]) -> Column:
    try:
        lines = _DECODE_VECTORS("[" + ",".join(written) + "]")
    except msgspec.DecodeError:
        raise _NotPlainError from None
    if any(len(line) != field.dimensions for line in lines):
        raise _NotPlainError
    found = np.array(lines, dtype=np.float64).reshape(len(lines), field.dimensions)
    if not (np.abs(found) <= FLOAT32_MAX).all():
        raise _NotPlainError
    return list(found.astype(np.float32))


_CONVERSIONS: dict[FieldType, Callable[[FieldSchema, list[str]], Column]] = {
    FieldType.SET: _sets,
    FieldType.TIME: _sets,
    FieldType.MUTEX: _mutex,
    FieldType.BOOL: _bools,
    FieldType.INT: _numbers,
    FieldType.DECIMAL: _numbers,
    FieldType.TIMESTAMP: _times,
    FieldType.VECTOR: _vectors,
}
