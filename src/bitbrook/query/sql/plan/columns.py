"""What partitions answer, as the Arrow columns of an SQL answer. Everything stays exact."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.errors import OutOfRange
from bitbrook.query.sql.types import Kind, SqlType
from bitbrook.schema.field_types import INT64_MAX, INT64_MIN

DECIMAL_DIGITS = 19


def arrow_type(kind: SqlType) -> pa.DataType:
    """Return the type of an answer's column."""
    match kind.kind:
        case Kind.ID:
            return pa.uint64()
        case Kind.INT:
            return pa.int64()
        case Kind.DECIMAL:
            return pa.decimal128(DECIMAL_DIGITS, kind.scale)
        case Kind.BOOL:
            return pa.bool_()
        case Kind.TIMESTAMP:
            return pa.timestamp(kind.unit.value)
        case Kind.IDSET | Kind.IDSETQ:
            return pa.list_(pa.uint64())
        case Kind.STRINGSET | Kind.STRINGSETQ:
            return pa.list_(pa.string())
        case Kind.DOUBLE:
            return pa.float64()
        case Kind.LIST:
            return pa.list_(arrow_type(kind.item))
        case Kind.STRUCT:
            return pa.struct([(name, arrow_type(each)) for name, each in kind.fields])
        case Kind.VECTOR:
            return pa.list_(pa.float32(), kind.length)
        case _:
            return pa.string()


def of_keys(keys: npt.NDArray[Any], nulls: npt.NDArray[np.bool_] | None, kind: SqlType) -> pa.Array:
    """Return rows or stored numbers as a column of type `kind`."""
    if kind.kind is Kind.DECIMAL:
        return of_stored_decimals(keys.astype(np.int64), nulls, kind.scale)
    if kind.kind is Kind.BOOL:
        keys = keys.astype(np.bool_)
    return pa.array(keys, arrow_type(kind), mask=nulls, from_pandas=False)


def of_stored_decimals(
    stored: npt.NDArray[np.int64], nulls: npt.NDArray[np.bool_] | None, scale: int
) -> pa.Array:
    """Return unscaled integers as decimals with `scale` digits after the point."""
    halves = np.empty((len(stored), 2), dtype=np.int64)
    halves[:, 0] = stored
    halves[:, 1] = stored >> 63
    kind = pa.decimal128(DECIMAL_DIGITS, scale)
    column = pa.Array.from_buffers(kind, len(stored), [None, pa.py_buffer(halves)])
    if nulls is None or not nulls.any():
        return column
    return pc.if_else(pa.array(nulls), pa.scalar(None, kind), column)


def of_integers(
    values: list[Any] | npt.NDArray[np.object_], kind: SqlType, place: str = "[1:1]"
) -> pa.Array:
    """Return exact integers in stored form, None for null, as a column of type `kind`.

    `place` is where they come from in the statement, `[line:column]`.

    Raises:
        OutOfRange: one does not fit in 64 bits.
    """
    listed = np.array(values, dtype=np.object_)
    nulls = listed == np.array(None)
    listed[nulls] = 0
    try:
        return of_keys(listed.astype(np.int64), nulls, kind)
    except OverflowError:
        if kind.kind is Kind.ID:
            return pa.array(
                [None if n else v for v, n in zip(listed, nulls, strict=True)], "uint64"
            )
        worst = max(listed, key=abs)
        raise OutOfRange(f"{place} value '{worst}' out of range") from None


def rounded_quotient(numerator: int, denominator: int) -> int:
    """Return the quotient rounded to an integer, half away from zero; `denominator` is positive."""
    sign = -1 if numerator < 0 else 1
    return sign * ((2 * abs(numerator) + denominator) // (2 * denominator))


def settled(table: pa.Table, kinds: list[SqlType]) -> pa.Table:
    """Return DuckDB's answer with the column types of an SQL answer.

    Raises:
        OutOfRange: a decimal has more digits than a decimal may have.
    """
    columns = [_settled(table.column(index), arrow_type(kind)) for index, kind in enumerate(kinds)]
    return pa.Table.from_arrays(columns, names=[f"c{index}" for index in range(len(kinds))])


def _settled(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    if pa.types.is_nested(kind):
        column = pa.chunked_array([column.combine_chunks()], column.type)
    _check_decimals(column, kind)
    return column.cast(kind)


def _check_decimals(column: pa.ChunkedArray | pa.Array, kind: pa.DataType) -> None:
    """Return if all decimals in a column, in its lists and structs too, have as few digits."""
    if pa.types.is_decimal(kind):
        bounds = pc.min_max(column).as_py()
        for bound in bounds.values():
            if bound is not None and not INT64_MIN <= bound.scaleb(kind.scale) <= INT64_MAX:
                raise OutOfRange(f"[1:1] value '{bound:f}' out of range")
    elif pa.types.is_list(kind):
        _check_decimals(pc.list_flatten(column), kind.value_type)
    elif pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            _check_decimals(pc.struct_field(column, [index]), kind.field(index).type)
