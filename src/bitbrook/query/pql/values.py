"""Literals of a statement as what fields store: rows, record ids and exact integers.

Writing is strict: a number must be one the field can hold. Reading is lenient and exact: a constant
that lies between or beyond what can be stored still compares as the number it is, so `f > 1.005` on
two decimal places is `f >= 1.01` and a bound of 10^30 selects none or all. Nothing wraps or rounds.
"""

import math
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

import msgspec
import numpy as np
import numpy.typing as npt

from bitbrook.algebra.expressions import (
    Difference,
    Expression,
    HasValue,
    InRange,
    Nothing,
    Records,
    Row,
)
from bitbrook.errors import InvalidValue, OutOfRange
from bitbrook.query.pql.times import NANOSECONDS, parse_time
from bitbrook.query.pql.tree import Call, ListOfValues, Literal, Name, Operator, TimeLiteral, Value
from bitbrook.query.results.pql_json import decimal_text
from bitbrook.schema.field_types import (
    INT64_MAX,
    INT64_MIN,
    UINT64_MAX,
    FieldSchema,
    FieldType,
    TableSchema,
)

SHOWN_CHARACTERS = 40


def shown(value: Value) -> str:
    """Return how an error quotes a value, cut short."""
    match value:
        case Literal(value=None):
            return "null"
        case Literal(value=bool() as flag):
            return "true" if flag else "false"
        case Literal(value=str() as text):
            return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "...")
        case Literal(value=number):
            text = f"{number:f}" if isinstance(number, Decimal) else str(number)
            return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
        case TimeLiteral(text=text) | Name(text=text):
            return text
        case Call(name=name):
            return f"{name}(...)"
        case ListOfValues():
            return "a list"


def row_of(field: FieldSchema, value: Value) -> Row:
    """Return the row that a literal names in a set, mutex, time or bool field.

    Raises:
        InvalidValue: a string where rows are ids or the reverse, or a number that is no row id.
    """
    match value:
        case Literal(value=bool() as flag) if field.type is FieldType.BOOL:
            return flag
        case Literal(value=int() as number) if field.type is FieldType.BOOL and number in {0, 1}:
            return bool(number)
        case Literal(value=str() as key) if field.is_keyed:
            return key
        case Literal(value=int() as number) if (
            not field.is_keyed
            and field.type is not FieldType.BOOL
            and not isinstance(number, bool)
            and 0 <= number <= UINT64_MAX
        ):
            return number
    if field.type is FieldType.BOOL:
        takes = "true or false"
    elif field.is_keyed:
        takes = "row keys, which are strings in quotes"
    else:
        takes = f"row ids from 0 to {UINT64_MAX}"
    raise InvalidValue(
        f"field {field.name!r} ({type_name(field)}) takes {takes}, not {shown(value)}",
        field=field.name,
    )


def type_name(field: FieldSchema) -> str:
    """Return a field's type as errors name it: "keyed set", "int"."""
    return f"keyed {field.type}" if field.is_keyed else str(field.type)


def record_of(table: TableSchema, value: Value) -> int | str:
    """Return the record id, or key, that a literal names in a table.

    Raises:
        InvalidValue: a string where record ids are integers, or the reverse.
    """
    match value:
        case Literal(value=str() as key) if table.is_keyed:
            return key
        case Literal(value=int() as number) if (
            not table.is_keyed and not isinstance(number, bool) and 0 <= number <= UINT64_MAX
        ):
            return number
    takes = "record keys, which are strings in quotes"
    if not table.is_keyed:
        takes = f"record ids from 0 to {UINT64_MAX}"
    raise InvalidValue(f"table {table.name!r} takes {takes}, not {shown(value)}", field="_id")


def records_of(table: TableSchema, values: Iterable[Value]) -> Records:
    """Return the records that literals name, each once."""
    ids = dict.fromkeys(record_of(table, value) for value in values)
    return Records(cast("tuple[int, ...] | tuple[str, ...]", tuple(ids)))


def exact_number(field: FieldSchema, value: Value) -> Fraction:
    """Return a literal on the scale of what the field stores, exactly.

    The result may lie between two storable integers, or beyond all of them.

    Raises:
        InvalidValue: not a number, or for a timestamp field neither a number nor a time.
    """
    match value:
        case Literal(value=bool()):
            pass
        case Literal(value=int() | Decimal() as number):
            if field.type is FieldType.TIMESTAMP:
                return Fraction(number) + field.epoch
            return Fraction(number) * Fraction(10**field.scale)
        case Literal(value=str() as text) if field.type is FieldType.TIMESTAMP:
            return Fraction(parse_time(text) * field.unit.per_second, NANOSECONDS)
        case TimeLiteral(text=text) if field.type is FieldType.TIMESTAMP:
            return Fraction(parse_time(text) * field.unit.per_second, NANOSECONDS)
    takes = "times or numbers" if field.type is FieldType.TIMESTAMP else "numbers"
    raise InvalidValue(
        f"field {field.name!r} ({field.type}) takes {takes}, not {shown(value)}", field=field.name
    )


def stored_number(field: FieldSchema, value: Value) -> int:
    """Return the integer that the field stores for a literal that is to be written.

    Raises:
        InvalidValue: the field cannot hold the value without losing a part of it.
        OutOfRange: the value is outside the field's min and max.
    """
    exact = exact_number(field, value)
    if exact.denominator != 1:
        match field.type:
            case FieldType.DECIMAL:
                holds = f"{field.scale} digits after the point"
            case FieldType.TIMESTAMP:
                holds = f"whole units of {field.unit}"
            case _:
                holds = "whole numbers"
        raise InvalidValue(
            f"field {field.name!r} ({field.type}) holds {holds}, not {shown(value)}",
            field=field.name,
        )
    if not field.min <= exact.numerator <= field.max:
        raise OutOfRange(
            f"field {field.name!r} ({field.type}) takes values from {_written(field, field.min)} "
            f"to {_written(field, field.max)}, not {shown(value)}",
            field=field.name,
        )
    return exact.numerator


def _written(field: FieldSchema, stored: int) -> str:
    """Return a stored number as it would be written in a statement."""
    if field.type is FieldType.TIMESTAMP:
        return str(stored - field.epoch)
    return decimal_text(stored, field.scale)


class Bounds(msgspec.Struct, frozen=True):
    """Integers from `low` to `high`, both inclusive, None for no bound; or all the others."""

    low: int | None = None
    high: int | None = None
    is_negated: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no integer lies from `low` to `high`."""
        return self.low is not None and self.high is not None and self.low > self.high


_NO_INTEGER = Bounds(1, 0)


def bounds_of(tests: Iterable[tuple[Operator, Fraction]]) -> Bounds:
    """Return the integers for which all tests against exact constants hold.

    A test for inequality stands alone; the others may be combined.
    """
    bounds = Bounds()
    for operator, constant in tests:
        match operator:
            case Operator.EQUAL | Operator.NOT_EQUAL if constant.denominator != 1:
                equal = _NO_INTEGER
            case Operator.EQUAL | Operator.NOT_EQUAL:
                equal = Bounds(constant.numerator, constant.numerator)
            case Operator.GREATER:
                equal = Bounds(low=math.floor(constant) + 1)
            case Operator.AT_LEAST:
                equal = Bounds(low=math.ceil(constant))
            case Operator.LESS:
                equal = Bounds(high=math.ceil(constant) - 1)
            case Operator.AT_MOST:
                equal = Bounds(high=math.floor(constant))
        if operator is Operator.NOT_EQUAL:
            return Bounds(equal.low, equal.high, is_negated=True)
        lows = [low for low in (bounds.low, equal.low) if low is not None]
        highs = [high for high in (bounds.high, equal.high) if high is not None]
        bounds = Bounds(max(lows, default=None), min(highs, default=None))
    return bounds


def within(numbers: npt.NDArray[Any], bounds: Bounds) -> npt.NDArray[np.bool_]:
    """Return which integers (an array of int64, or of Python integers) lie within bounds."""
    is_within = np.ones(len(numbers), dtype=np.bool_)
    if bounds.low is not None:
        is_within &= (numbers >= bounds.low).astype(np.bool_)
    if bounds.high is not None:
        is_within &= (numbers <= bounds.high).astype(np.bool_)
    return ~is_within if bounds.is_negated else is_within


def records_within(field: FieldSchema, bounds: Bounds) -> Expression:
    """Return the records whose stored number lies within bounds of any size."""
    has_value = HasValue(field.name)
    low, high = bounds.low, bounds.high
    if (
        bounds.is_empty
        or (low is not None and low > INT64_MAX)
        or (high is not None and high < INT64_MIN)
    ):
        return has_value if bounds.is_negated else Nothing()
    low = None if low is None or low <= INT64_MIN else low
    high = None if high is None or high >= INT64_MAX else high
    if low is None and high is None:
        return Nothing() if bounds.is_negated else has_value
    within = InRange(field.name, low, high)
    return Difference((has_value, within)) if bounds.is_negated else within
