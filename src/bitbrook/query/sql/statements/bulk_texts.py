"""The texts of a BULK INSERT as typed columns, a block at a time: CSV by position, JSON by path."""

import csv
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, TextIO

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.errors import InvalidStatement, InvalidValue
from bitbrook.query.pql.times import parse_time
from bitbrook.query.sql.plan.columns import arrow_type
from bitbrook.query.sql.types import Kind, SqlType
from bitbrook.schema.field_types import INT64_MAX, INT64_MIN, UINT64_MAX

CELL_CHARACTERS_MAX = 16 << 20
FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a column comes from: a position, a path such as `$.a.b`, or a name; and its type."""

    place: int | str
    type: SqlType


@dataclass(slots=True)
class TextOptions:
    """How a text is read."""

    has_header: bool = False
    empty_is_null: bool = False
    null_is_null: bool = False
    allows_missing: bool = False
    null_is_empty_set: bool = False


def csv_blocks(
    lines: TextIO, sources: list[Source], options: TextOptions, block_records: int
) -> Iterator[list[pa.Array]]:
    """Give the columns of a CSV text, a column a source, so many records at a time.

    Raises:
        InvalidStatement: a position is missing, or a cell cannot be of its type.
    """
    csv.field_size_limit(CELL_CHARACTERS_MAX)
    for source in sources:
        if not isinstance(source.place, int):
            raise refused(f"MAP takes positions for CSV, not '{source.place}'")
    rows: Iterator[list[str]] = (row for row in csv.reader(lines) if row)
    try:
        if options.has_header:
            next(rows, None)
        first_row = 1
        while kept := list(itertools.islice(rows, block_records)):
            yield [_csv_column(kept, source, options, first_row) for source in sources]
            first_row += len(kept)
    except (csv.Error, UnicodeDecodeError) as error:
        raise refused(f"the content is not CSV in UTF-8 ({error})") from None


def _csv_column(
    rows: list[list[str]], source: Source, options: TextOptions, first_row: int
) -> pa.Array:
    place = source.place
    assert isinstance(place, int), "checked before"
    cells = [_cell(row, place, number, options) for number, row in enumerate(rows, first_row)]
    column = _plain(cells, source.type)
    if column is None:
        column = converted(cells, source, _OF_TEXT[source.type.kind], first_row)
    return empty_sets(column, source) if options.null_is_empty_set else column


def _plain(cells: list[str | None], kind: SqlType) -> pa.Array | None:
    """Return cells as a column at once; None if one is not of the plainest form of its type."""
    if kind.is_text:
        return pa.array(cells, pa.string())
    pattern = _PLAIN.get(kind.kind)
    if pattern is None:
        return None
    texts = pa.array(cells, pa.string())
    pattern = pattern.format(fraction=rf"(\.[0-9]{{1,{kind.scale}}})?" if kind.scale else "")
    is_plain = pc.match_substring_regex(texts, pattern)
    if not pc.all(is_plain, min_count=0).as_py():
        return None
    return texts.cast(arrow_type(kind))


_PLAIN = {
    Kind.INT: "^-?[0-9]{{1,18}}$",
    Kind.ID: "^[0-9]{{1,18}}$",
    Kind.DECIMAL: "^-?[0-9]{{1,9}}{fraction}$",
}
"""Texts that Arrow reads as the same numbers as `_OF_TEXT` does, and that cannot overflow."""


def _cell(row: list[str], place: int, number: int, options: TextOptions) -> str | None:
    if not 0 <= place < len(row):
        if options.allows_missing:
            return None
        raise refused(f"row {number} has no column {place}")
    cell = row[place]
    if (options.empty_is_null and not cell) or (options.null_is_null and cell.upper() == "NULL"):
        return None
    return cell


def ndjson_blocks(
    lines: TextIO, sources: list[Source], options: TextOptions, block_records: int
) -> Iterator[list[pa.Array]]:
    """Give the columns of JSON objects, one a line, a column a source.

    Raises:
        InvalidStatement: a line is no JSON, a path leads nowhere, or a value cannot be of its type.
    """
    paths = [path_of(source.place) for source in sources]
    written = (line for line in lines if line.strip())
    first_row = 1
    try:
        while kept := list(itertools.islice(written, block_records)):
            records = [_decoded(line, number) for number, line in enumerate(kept, first_row)]
            yield [
                _json_column(records, source, keys, options, first_row)
                for source, keys in zip(sources, paths, strict=True)
            ]
            first_row += len(kept)
    except UnicodeDecodeError as error:
        raise refused(f"the content is not UTF-8 ({error})") from None


def _json_column(
    records: list[Any],
    source: Source,
    keys: list[str | int],
    options: TextOptions,
    first_row: int,
) -> pa.Array:
    values = [_found(record, keys, n, options) for n, record in enumerate(records, first_row)]
    column = converted(values, source, OF_JSON[source.type.kind], first_row)
    return empty_sets(column, source) if options.null_is_empty_set else column


def empty_sets(column: pa.Array, source: Source) -> pa.Array:
    """Return a column of sets with the empty set in the place of null."""
    if not source.type.is_set or column.null_count == 0:
        return column
    return pc.if_else(column.is_valid(), column, pa.scalar([], column.type))


_DECODE = msgspec.json.Decoder(float_hook=Decimal)


def _decoded(line: str, number: int) -> Any:
    try:
        return _DECODE.decode(line)
    except msgspec.DecodeError as error:
        raise refused(f"row {number} is not JSON: {error}") from None


_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']+)'\]")


def path_of(place: int | str) -> list[str | int]:
    """Return the keys and positions of a JSONPath: `$.a.b`, `$.a[0]`, `$['a']`.

    Raises:
        InvalidStatement: it is none of these.
    """
    text = str(place)
    keys: list[str | int] = []
    index = 1
    while text[:1] == "$" and index < len(text):
        step = _STEP.match(text, index)
        if step is None:
            break
        name, position, quoted = step.groups()
        keys.append(int(position) if position else name or quoted)
        index = step.end()
    if text[:1] != "$" or index < len(text) or not keys:
        raise refused(f"'{text}' is not a path such as '$.a.b'")
    return keys


def _found(record: Any, keys: list[str | int], number: int, options: TextOptions) -> Any:
    value = record
    for key in keys:
        is_there = (
            isinstance(value, dict) and key in value
            if isinstance(key, str)
            else isinstance(value, list) and key < len(value)
        )
        if not is_there:
            if options.allows_missing:
                return None
            raise refused(f"row {number} has no '{key}'")
        value = value[key]
    return value


def converted(
    values: list[Any], source: Source, convert: Callable[[Any, SqlType], Any], first_row: int
) -> pa.Array:
    """Return values, converted one by one; null stays null.

    Raises:
        InvalidStatement: one cannot be of the source's type; the message names its row.
    """
    kind = source.type
    ready: list[Any] = []
    for number, value in enumerate(values, start=first_row):
        if value is None:
            ready.append(None)
            continue
        try:
            ready.append(convert(value, kind))
        except (ValueError, TypeError, InvalidOperation, InvalidValue):
            shown = str(value)[:40]
            message = f"unable to convert '{shown}' to type '{kind}' (row {number})"
            raise refused(message) from None
    return pa.array(ready, arrow_type(kind))


def _id(value: Any, _: SqlType) -> int:
    return _within(_integer(value), 0, UINT64_MAX)


def _int(value: Any, _: SqlType) -> int:
    return _within(_integer(value), INT64_MIN, INT64_MAX)


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    number = Decimal(str(value).strip())
    if number != number.to_integral_value():
        raise ValueError
    return int(number)


def _within(number: int, low: int, high: int) -> int:
    if not low <= number <= high:
        raise ValueError
    return number


def _decimal(value: Any, kind: SqlType) -> Decimal:
    if isinstance(value, bool):
        raise TypeError
    number = Decimal(str(value).strip())
    scaled = number.scaleb(kind.scale)
    if scaled != scaled.to_integral_value():
        raise ValueError
    _within(int(scaled), INT64_MIN, INT64_MAX)
    return number.quantize(Decimal(1).scaleb(-kind.scale))


_TRUTHS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def _bool(value: Any, _: SqlType) -> bool:
    try:
        return _TRUTHS[str(value).strip().lower()]
    except KeyError:
        raise ValueError from None


def _time(value: Any, _: SqlType) -> int:
    return parse_time(str(value).strip().replace(" ", "T", 1)) // 1000


def _text(value: Any, _: SqlType) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _any_text(value: Any, _: SqlType) -> str:
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _cell_ids(value: str, kind: SqlType) -> list[int]:
    return sorted({_id(member, kind) for member in value.split(",") if member.strip()})


def _cell_texts(value: str, _: SqlType) -> list[str]:
    return sorted({member for member in value.split(",") if member})


def _ids(value: Any, kind: SqlType) -> list[int]:
    members = value if isinstance(value, list) else [value]
    return sorted({_id(member, kind) for member in members})


def _texts(value: Any, kind: SqlType) -> list[str]:
    members = value if isinstance(value, list) else [value]
    return sorted({_text(member, kind) for member in members})


def _cell_vector(value: str, kind: SqlType) -> list[float]:
    return _vector(value.strip().removeprefix("[").removesuffix("]").split(","), kind)


def _vector(value: Any, kind: SqlType) -> list[float]:
    """Return a list of finite numbers, as many as the type says."""
    if not isinstance(value, list) or len(value) != kind.length:
        raise ValueError
    if any(isinstance(number, bool) for number in value):
        raise TypeError
    numbers = np.array([float(number) for number in value])
    if not (np.abs(numbers) <= FLOAT32_MAX).all():
        raise ValueError
    return [*numbers.tolist()]


_ALIKE: dict[Kind, Callable[[Any, SqlType], Any]] = {
    Kind.ID: _id,
    Kind.INT: _int,
    Kind.DECIMAL: _decimal,
    Kind.BOOL: _bool,
    Kind.TIMESTAMP: _time,
}
_OF_TEXT: dict[Kind, Callable[[Any, SqlType], Any]] = {
    **_ALIKE,
    Kind.STRING: _text,
    Kind.VARCHAR: _text,
    Kind.IDSET: _cell_ids,
    Kind.IDSETQ: _cell_ids,
    Kind.STRINGSET: _cell_texts,
    Kind.STRINGSETQ: _cell_texts,
    Kind.VECTOR: _cell_vector,
}
OF_JSON: dict[Kind, Callable[[Any, SqlType], Any]] = {
    **_ALIKE,
    Kind.STRING: _any_text,
    Kind.VARCHAR: _any_text,
    Kind.IDSET: _ids,
    Kind.IDSETQ: _ids,
    Kind.STRINGSET: _texts,
    Kind.STRINGSETQ: _texts,
    Kind.VECTOR: _vector,
}


def refused(message: str) -> InvalidStatement:
    """Return the refusal of a content: what is wrong with it, not where in the statement."""
    return InvalidStatement(f"[1:1] {message}")
