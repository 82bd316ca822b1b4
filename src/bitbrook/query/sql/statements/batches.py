"""Columns of a statement's values as the batches that are logged.

Values come as Arrow columns of SQL's types (from queries and files); here they become columns in
stored form, checked a column at a time. Only a column with a fault is looked at value by value.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.engine.batch import (
    ID_COLUMN,
    TIME_SUFFIX,
    Batch,
    Operation,
    OperationKind,
    column_type,
    id_type,
)
from bitbrook.errors import InvalidStatement, OutOfRange
from bitbrook.query.database import Database
from bitbrook.query.results.json_text import stored_decimals
from bitbrook.query.results.pql_json import decimal_text
from bitbrook.query.sql.statements.values import length_fault
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

RECORDS_PER_BATCH = 100_000


def operation(
    kind: OperationKind, table: TableSchema, ids: Any, columns: dict[str, Any]
) -> Operation:
    """Return an operation over columns in stored form, given as arrays or lists."""
    arrays = {ID_COLUMN: pa.array(ids, id_type(table))}
    for name, column in columns.items():
        if isinstance(column, pa.Array):
            arrays[name] = column
        elif name.endswith(TIME_SUFFIX):
            arrays[name] = pa.array(column, pa.int64())
        else:
            arrays[name] = pa.array(column, column_type(table.field(name)))
    return Operation(kind, pa.RecordBatch.from_pydict(arrays))


def write(database: Database, table: TableSchema, operations: list[Operation]) -> None:
    """Make operations durable and visible together, if they have any record."""
    kept = [each for each in operations if each.records.num_rows]
    if kept:
        database.write(table, Batch(kept))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the values of a column come from, for their refusals: a place, and the first row."""

    prefix: str = "[1:1]"
    first_row: int = 1


NOWHERE = Origin()


def stored_column(field: FieldSchema, column: pa.Array, origin: Origin = NOWHERE) -> pa.Array:
    """Return a column of the field's SQL type in stored form; null stays null.

    A decimal may have fewer digits than the field, an int or id may stand for a decimal, an id for
    an int; a time of another resolution is cut to the field's.

    Raises:
        OutOfRange: a number is outside the field's range, or a text too long; names the row.
    """
    if column.null_count == len(column):
        return pa.nulls(len(column), column_type(field))
    match field.type:
        case FieldType.SET | FieldType.TIME | FieldType.MUTEX | FieldType.BOOL:
            if field.length_max:
                _check_lengths(field, column, origin)
            return _as_rows(field.name, column, column_type(field), origin)
        case FieldType.VECTOR:
            return _as_vectors(field, column, origin)
        case FieldType.TIMESTAMP:
            if pa.types.is_timestamp(column.type):
                stored = _in_unit(column, field)
            else:
                # Numbers are units of time since the field's epoch.
                stored = pc.add_checked(column.cast(pa.int64()), field.epoch)
        case _:
            stored = _unscaled(field, column, origin)
    _check_range(field, stored, origin)
    return stored


def _as_vectors(field: FieldSchema, column: pa.Array, origin: Origin) -> pa.Array:
    """Return vectors, checked to be of the field's length (by their type) and finite."""
    vectors = column.cast(column_type(field))
    numbers = vectors.flatten().to_numpy(zero_copy_only=False)
    is_finite = np.isfinite(numbers)
    if not is_finite.all():
        line = int(np.argmin(is_finite)) // field.dimensions
        row = origin.first_row + int(np.flatnonzero(vectors.is_valid())[line])
        raise _out_of_range(field, row, str(numbers[int(np.argmin(is_finite))]), origin)
    return vectors


def _check_lengths(field: FieldSchema, column: pa.Array, origin: Origin) -> None:
    lengths = pc.utf8_length(column)
    if pc.max(lengths).as_py() <= field.length_max:
        return
    place = int(np.argmax(lengths.fill_null(0).to_numpy() > field.length_max))
    fault = length_fault(field, origin.first_row + place, column[place].as_py())
    raise OutOfRange(f"{origin.prefix} {fault}", field=field.name)


def stored_ids(table: TableSchema, column: pa.Array, origin: Origin = NOWHERE) -> pa.Array:
    """Return a column of record ids or keys.

    Raises:
        InvalidStatement: one is null.
        OutOfRange: one is negative.
    """
    if column.null_count:
        place = int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
        row = origin.first_row + place
        message = f"{origin.prefix} a null value cannot be inserted into '_id' (row {row})"
        raise InvalidStatement(message)
    return _as_rows(ID_COLUMN, column, id_type(table), origin)


def _as_rows(name: str, column: pa.Array, kind: pa.DataType, origin: Origin) -> pa.Array:
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        for row, value in enumerate(column.to_pylist(), start=origin.first_row):
            if isinstance(value, int) and value < 0:
                raise OutOfRange(
                    f"{origin.prefix} inserting value into column '{name}', row {row}, "
                    f"value '{value}' out of range",
                    field=name,
                ) from None
        raise


def _in_unit(column: pa.Array, field: FieldSchema) -> pa.Array:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[column.type.unit]
    numbers = column.cast(pa.int64())
    if per_second <= field.unit.per_second:
        return pc.multiply_checked(numbers, field.unit.per_second // per_second)
    divisor = per_second // field.unit.per_second
    whole = np.floor_divide(numbers.fill_null(0).to_numpy(zero_copy_only=False), divisor)
    return pc.if_else(numbers.is_valid(), pa.array(whole), pa.scalar(None, pa.int64()))


def _unscaled(field: FieldSchema, column: pa.Array, origin: Origin) -> pa.Array:
    """Return numbers as integers of the field's last digit."""
    if pa.types.is_decimal(column.type):
        narrowed = column.cast(pa.decimal128(38, max(field.scale, column.type.scale)))
        if column.type.scale < field.scale or column.type.precision > 19:
            narrowed = column.cast(pa.decimal128(38, field.scale))
        limit = pc.max(pc.abs(narrowed)).as_py()
        if limit is not None and limit.scaleb(field.scale) > field.max:
            _refuse_first(field, narrowed, origin)
        numbers = pa.array(stored_decimals(narrowed))
        return pc.if_else(column.is_valid(), numbers, pa.scalar(None, pa.int64()))
    try:
        numbers = column.cast(pa.int64())
        return pc.multiply_checked(numbers, 10**field.scale) if field.scale else numbers
    except pa.ArrowInvalid:
        for row, value in enumerate(column.to_pylist(), start=origin.first_row):
            if value is not None and not field.min <= value * 10**field.scale <= field.max:
                raise _out_of_range(field, row, str(value), origin) from None
        raise


def _refuse_first(field: FieldSchema, column: pa.Array, origin: Origin) -> None:
    for row, value in enumerate(column.to_pylist(), start=origin.first_row):
        if value is not None and not field.min <= int(value.scaleb(field.scale)) <= field.max:
            raise _out_of_range(field, row, f"{value:f}", origin)


def _check_range(field: FieldSchema, stored: pa.Array, origin: Origin) -> None:
    bounds = pc.min_max(stored).as_py()
    if bounds["min"] is None or (field.min <= bounds["min"] and bounds["max"] <= field.max):
        return
    for row, value in enumerate(stored.to_pylist(), start=origin.first_row):
        if value is not None and not field.min <= value <= field.max:
            raise _out_of_range(field, row, decimal_text(value, field.scale), origin)


def _out_of_range(field: FieldSchema, row: int, shown: str, origin: Origin) -> OutOfRange:
    return OutOfRange(
        f"{origin.prefix} inserting value into column '{field.name}', row {row}, "
        f"value '{shown}' out of range",
        field=field.name,
    )
