"""Columns as statements define them: a type with its constraints becomes a field.

Used by CREATE TABLE and ALTER TABLE. Knows what each constraint may be applied to, and the words in
which the reference refuses the others.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from bitbrook.errors import InvalidValue
from bitbrook.query.pql.times import NANOSECONDS, parse_time
from bitbrook.query.sql.statements.cursor import Cursor
from bitbrook.query.sql.types import Kind, SqlType, decimal, varchar, vector
from bitbrook.schema.field_types import (
    INT64_MAX,
    INT64_MIN,
    FieldSchema,
    FieldType,
    TimeUnit,
)
from bitbrook.schema.limits import (
    DECIMAL_SCALE_MAX,
    ROW_KEY_BYTES_MAX,
    VECTOR_DIMENSIONS_MAX,
)
from bitbrook.schema.names import NameKind, find_name_fault

_FIELD_TYPES = {
    Kind.ID: FieldType.MUTEX,
    Kind.STRING: FieldType.MUTEX,
    Kind.VARCHAR: FieldType.MUTEX,
    Kind.IDSET: FieldType.SET,
    Kind.STRINGSET: FieldType.SET,
    Kind.IDSETQ: FieldType.TIME,
    Kind.STRINGSETQ: FieldType.TIME,
    Kind.INT: FieldType.INT,
    Kind.DECIMAL: FieldType.DECIMAL,
    Kind.BOOL: FieldType.BOOL,
    Kind.TIMESTAMP: FieldType.TIMESTAMP,
    Kind.VECTOR: FieldType.VECTOR,
}
_KEYED = frozenset({Kind.STRING, Kind.VARCHAR, Kind.STRINGSET, Kind.STRINGSETQ})
_SETS = frozenset({Kind.IDSET, Kind.STRINGSET, Kind.IDSETQ, Kind.STRINGSETQ})
_CONSTRAINTS = {
    "min": frozenset({Kind.INT, Kind.DECIMAL}),
    "max": frozenset({Kind.INT, Kind.DECIMAL}),
    "timequantum": _SETS,
    "ttl": _SETS,
    "timeunit": frozenset({Kind.TIMESTAMP}),
    "epoch": frozenset({Kind.TIMESTAMP}),
    "cachetype": _SETS | {Kind.ID, Kind.STRING},
    "size": _SETS | {Kind.ID, Kind.STRING},
}
_QUANTUM = re.compile(r"Y?M?D?H?", re.ASCII)
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:h|m|s|ms|us|ns|d))+|0", re.ASCII)
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|ns|h|m|s|d)")
_SECONDS = {
    "d": Decimal(86_400),
    "h": Decimal(3_600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("1e-3"),
    "us": Decimal("1e-6"),
    "ns": Decimal("1e-9"),
}


@dataclass(slots=True)
class _Given:
    """The constraints of a column, as far as they are read."""

    kind: SqlType
    min: Decimal | None = None
    max: Decimal | None = None
    quantum: str = ""
    ttl_s: int = 0
    unit: TimeUnit = TimeUnit.SECOND
    epoch: tuple[str, int] | None = None


def read_type(cursor: Cursor) -> SqlType:
    """Return the type that comes next, with its parameter.

    Raises:
        InvalidStatement: it is unknown.
    """
    offset = cursor.offset
    name = cursor.expect_name("a type")
    if name not in set(Kind) - {Kind.VOID}:
        raise cursor.text.error(f"unknown type '{name}'", offset)
    parameter = 0
    if cursor.take("("):
        at = cursor.offset
        parameter = cursor.expect_integer()
        cursor.expect(")")
        if name not in {Kind.DECIMAL, Kind.VARCHAR, Kind.VECTOR}:
            raise cursor.text.error(f"type '{name}' takes no parameter", at)
        if name == Kind.DECIMAL and not 0 <= parameter <= DECIMAL_SCALE_MAX:
            raise cursor.text.error(f"value '{parameter}' out of range", at)
        if name == Kind.VARCHAR and not 1 <= parameter <= ROW_KEY_BYTES_MAX:
            raise cursor.text.error(f"value '{parameter}' out of range", at)
        if name == Kind.VECTOR and not 1 <= parameter <= VECTOR_DIMENSIONS_MAX:
            raise cursor.text.error(f"value '{parameter}' out of range", at)
    match name:
        case Kind.DECIMAL:
            return decimal(parameter)
        case Kind.VARCHAR:
            return varchar(parameter)
        case Kind.VECTOR:
            return vector(parameter)
        case _:
            return SqlType(Kind(name))


def read_field(cursor: Cursor) -> FieldSchema:
    """Return the field that a column's definition makes: its name, type and constraints.

    Raises:
        InvalidStatement: a constraint does not fit the type, or its value cannot be.
    """
    offset = cursor.offset
    name = cursor.expect_name("a column name")
    fault = find_name_fault(NameKind.FIELD, name)
    if fault is not None:
        raise cursor.text.error(fault, offset)
    given = _Given(read_type(cursor))
    if given.kind.kind is Kind.VARCHAR and not given.kind.length:
        message = f"column '{name}' of type 'varchar' needs a length, as in varchar(100)"
        raise cursor.text.error(message, offset)
    if given.kind.kind is Kind.VECTOR and not given.kind.length:
        message = f"column '{name}' of type 'vector' needs a length, as in vector(768)"
        raise cursor.text.error(message, offset)
    while not cursor.is_done:
        _read_constraint(cursor, given)
    return _field_of(name, given, cursor, offset)


def _read_constraint(cursor: Cursor, given: _Given) -> None:
    offset = cursor.offset
    word = cursor.expect_name("a constraint")
    if word not in _CONSTRAINTS:
        raise cursor.text.error(f"unknown constraint '{word}'", offset)
    if given.kind.kind not in _CONSTRAINTS[word]:
        message = f"'{word}' constraint cannot be applied to a column of type '{given.kind}'"
        raise cursor.text.error(message, offset)
    at = cursor.offset
    match word:
        case "min":
            given.min = _bound(cursor, given.kind)
        case "max":
            given.max = _bound(cursor, given.kind)
        case "timequantum":
            given.quantum = cursor.expect_string().upper()
            if not given.quantum or not _is_quantum(given.quantum):
                message = f"'{given.quantum}' is not a valid time quantum"
                raise cursor.text.error(message, at)
        case "ttl":
            given.ttl_s = _duration_s(cursor)
        case "timeunit":
            unit = cursor.expect_string()
            if unit not in set(TimeUnit):
                raise cursor.text.error(f"'{unit}' is not a valid time unit", at)
            given.unit = TimeUnit(unit)
        case "epoch":
            given.epoch = (cursor.expect_string(), at)
        case "cachetype":
            # The original's row cache: there is none here, whatever its size.
            cursor.expect_name("a cache type")
        case "size":
            cursor.expect_integer()


def _is_quantum(quantum: str) -> bool:
    return _QUANTUM.fullmatch(quantum) is not None and quantum in "YMDH"


def _bound(cursor: Cursor, kind: SqlType) -> Decimal:
    offset = cursor.offset
    number = cursor.expect_number()
    stored = number.scaleb(kind.scale)
    if stored != stored.to_integral_value() or not INT64_MIN <= int(stored) <= INT64_MAX:
        raise cursor.text.error(f"value '{number:f}' out of range", offset)
    return number


def _duration_s(cursor: Cursor) -> int:
    offset = cursor.offset
    written = cursor.expect_string()
    if _DURATION.fullmatch(written) is None:
        raise cursor.text.error(f"'{written}' is not a valid time to live", offset)
    parts = _DURATION_PART.findall(written)
    return int(sum(Decimal(count) * _SECONDS[unit] for count, unit in parts))


def _field_of(name: str, given: _Given, cursor: Cursor, offset: int) -> FieldSchema:
    kind = given.kind.kind
    field_type = FieldType.TIME if given.quantum else _FIELD_TYPES[kind]
    field = FieldSchema(
        name,
        field_type,
        is_keyed=kind in _KEYED,
        scale=given.kind.scale,
        unit=given.unit,
        quantum=given.quantum,
        ttl_s=given.ttl_s,
        length_max=given.kind.length if kind is Kind.VARCHAR else 0,
        dimensions=given.kind.length if kind is Kind.VECTOR else 0,
    )
    if field_type is FieldType.TIME and not given.quantum:
        message = f"column '{name}' of type '{kind}' needs a quantum, as in timequantum 'YMD'"
        raise cursor.text.error(message, offset)
    if given.ttl_s and not given.quantum:
        message = f"'ttl' constraint cannot be applied to a column of type '{kind}'"
        raise cursor.text.error(message, offset)
    if given.min is not None or given.max is not None:
        low = INT64_MIN if given.min is None else int(given.min.scaleb(given.kind.scale))
        high = INT64_MAX if given.max is None else int(given.max.scaleb(given.kind.scale))
        if low > high:
            raise cursor.text.error(f"min of column '{name}' is above its max", offset)
        field = msgspec.structs.replace(field, min=low, max=high)
    if given.epoch is not None:
        field = msgspec.structs.replace(field, epoch=_epoch(given, cursor))
    return field


def _epoch(given: _Given, cursor: Cursor) -> int:
    assert given.epoch is not None, "asked for only if given"
    written, offset = given.epoch
    try:
        nanoseconds = parse_time(written)
    except InvalidValue:
        raise cursor.text.error(f"'{written}' is not a valid epoch", offset) from None
    return nanoseconds * given.unit.per_second // NANOSECONDS
