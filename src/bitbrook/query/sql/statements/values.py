"""Constants as what columns store, with the reference's refusals.

What a column takes: its own type; an int or id where a decimal is kept, an id where an int is, a
string or a number of time units where a timestamp is, a set literal where a set is, a list of
numbers where a vector is. But for a vector's numbers, which are float32, nothing is
rounded: a value that the column cannot hold exactly is refused.
"""

from dataclasses import dataclass
from typing import Any

from bitbrook.errors import OutOfRange
from bitbrook.query.results.pql_json import decimal_text
from bitbrook.query.sql.bind.literals import as_vector, exact_value, time_of_text
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.tree import Constant
from bitbrook.query.sql.types import ID, STRING, Kind, SqlType, is_assignable, type_of_field
from bitbrook.schema.field_types import (
    INT64_MAX,
    INT64_MIN,
    UINT64_MAX,
    FieldSchema,
    FieldType,
    TableSchema,
)
from bitbrook.schema.limits import TIME_MAX_S, TIME_MIN_S


@dataclass(frozen=True, slots=True)
class TimedMembers:
    """The members of a set and the time they are of: what `{time, [members]}` writes."""

    members: Constant
    time_s: int
    offset: int


Given = Constant | TimedMembers

SHOWN_CHARACTERS_MAX = 40
"""Characters of a refused text that its refusal shows."""


def stored_id(table: TableSchema, given: Given, row: int, text: StatementText) -> int | str:
    """Return the record id or key that a value names.

    Raises:
        InvalidStatement: it is of the wrong type, or null.
    """
    kind = STRING if table.is_keyed else ID
    if isinstance(given, TimedMembers):
        raise _unassignable(given.members.type, kind, given.offset, text)
    if given.value is None:
        raise text.error("a null value cannot be inserted into '_id'", given.offset)
    _check_id(given, kind, row, text)
    assert isinstance(given.value, int | str), "checked above"
    return given.value


def _check_id(given: Constant, kind: SqlType, row: int, text: StatementText) -> None:
    if kind.kind is Kind.ID:
        if not given.type.is_integer:
            raise _unassignable(given.type, kind, given.offset, text)
        if not isinstance(given.value, int) or not 0 <= given.value <= UINT64_MAX:
            raise _out_of_range("_id", row, str(given.value), given.offset, text)
    elif not given.type.is_text:
        raise _unassignable(given.type, kind, given.offset, text)


def stored_value(field: FieldSchema, given: Given, row: int, text: StatementText) -> Any:
    """Return what the field stores: a row, a list of rows, a bool, an integer, None for null.

    Raises:
        InvalidStatement: the value is of a type that cannot be assigned.
        OutOfRange: a number is outside the field's range.
    """
    target = type_of_field(field)
    if isinstance(given, TimedMembers):
        if field.type is not FieldType.TIME:
            raise _unassignable(given.members.type, target, given.offset, text)
        return stored_value(field, given.members, row, text)
    if given.value is None:
        return None
    if field.is_number:
        return _stored_number(field, target, given, row, text)
    if field.is_vector:
        return _stored_vector(target, given, text)
    if field.type is FieldType.MUTEX and not field.is_keyed:
        _check_row_id(field, target, given, row, text)
        return given.value
    if not is_assignable(given.type, target):
        raise _unassignable(given.type, target, given.offset, text)
    if field.length_max and isinstance(given.value, str):
        _check_length(field, given.value, row, given.offset, text)
    return list(given.value) if isinstance(given.value, tuple) else given.value


def _stored_vector(target: SqlType, given: Constant, text: StatementText) -> list[Any]:
    meant = as_vector(given, text)
    if not isinstance(meant, Constant) or not is_assignable(meant.type, target):
        raise _unassignable(meant.type, target, given.offset, text)
    assert isinstance(meant.value, tuple), "a vector"
    return list(meant.value)


def _check_length(
    field: FieldSchema, value: str, row: int, offset: int, text: StatementText
) -> None:
    if len(value) > field.length_max:
        message = f"{text.prefix(offset)} {length_fault(field, row, value)}"
        raise OutOfRange(message, field=field.name)


def length_fault(field: FieldSchema, row: int, value: str) -> str:
    """Return the refusal of a text that is longer than its column takes."""
    shown = value if len(value) <= SHOWN_CHARACTERS_MAX else value[:SHOWN_CHARACTERS_MAX] + "..."
    return (
        f"inserting value into column '{field.name}', row {row}, value '{shown}' has "
        f"{len(value):,} characters and {field.length_max:,} are allowed"
    )


def _check_row_id(
    field: FieldSchema, target: SqlType, given: Constant, row: int, text: StatementText
) -> None:
    if not given.type.is_integer:
        raise _unassignable(given.type, target, given.offset, text)
    if not isinstance(given.value, int) or given.value < 0:
        raise _out_of_range(field.name, row, str(given.value), given.offset, text)


def _stored_number(
    field: FieldSchema, target: SqlType, given: Constant, row: int, text: StatementText
) -> int:
    if field.type is FieldType.TIMESTAMP:
        return _stored_time(field, target, given, row, text)
    if not is_assignable(given.type, target):
        raise _unassignable(given.type, target, given.offset, text)
    exact = exact_value(given, target)
    assert exact is not None, "a number, as its type says"
    stored = int(exact)
    if not max(field.min, INT64_MIN) <= stored <= min(field.max, INT64_MAX):
        shown = decimal_text(stored, field.scale)
        raise _out_of_range(field.name, row, shown, given.offset, text)
    return stored


def _stored_time(
    field: FieldSchema, target: SqlType, given: Constant, row: int, text: StatementText
) -> int:
    """Return a time in the field's units since the Unix epoch, cut to whole units."""
    if given.type.kind is Kind.INT and isinstance(given.value, int):
        stored = given.value + field.epoch
        shown = str(given.value)
    else:
        moment = time_of_text(given, text) if given.type.is_text else given
        if moment.type.kind is not Kind.TIMESTAMP:
            raise _unassignable(given.type, target, given.offset, text)
        exact = exact_value(moment, target)
        assert exact is not None, "a time, as its type says"
        stored = exact.numerator // exact.denominator
        shown = str(given.value)
    seconds = stored // field.unit.per_second
    if not (
        TIME_MIN_S <= seconds <= TIME_MAX_S
        and max(field.min, INT64_MIN) <= stored <= min(field.max, INT64_MAX)
    ):
        raise _out_of_range(field.name, row, shown, given.offset, text)
    return stored


def _unassignable(source: SqlType, target: SqlType, offset: int, text: StatementText) -> Exception:
    message = f"an expression of type '{source}' cannot be assigned to type '{target}'"
    return text.error(message, offset)


def _out_of_range(
    column: str, row: int, shown: str, offset: int, text: StatementText
) -> OutOfRange:
    return OutOfRange(
        f"{text.prefix(offset)} inserting value into column '{column}', row {row}, "
        f"value '{shown}' out of range",
        field=column,
    )
