"""SQL's types: what an expression holds, how fields map onto them, and which go together.

A type is a value; its text is what answers and errors say. Knows no expression and no DuckDB.
"""

import enum
from typing import Any

import msgspec

from bitbrook.errors import NotSupported
from bitbrook.schema.field_types import FieldSchema, FieldType, TimeUnit


class Kind(enum.StrEnum):
    """The base types of the reference; `VOID` is the type of a bare NULL."""

    ID = "id"
    STRING = "string"
    IDSET = "idset"
    STRINGSET = "stringset"
    IDSETQ = "idsetq"
    STRINGSETQ = "stringsetq"
    INT = "int"
    DECIMAL = "decimal"
    BOOL = "bool"
    TIMESTAMP = "timestamp"
    VARCHAR = "varchar"
    VECTOR = "vector"
    VOID = "void"


class SqlType(msgspec.Struct, frozen=True):
    """A base type with its parameter: a decimal's digits, a time's resolution, a text's length."""

    kind: Kind
    scale: int = 0
    unit: TimeUnit = TimeUnit.SECOND
    length: int = 0

    def __str__(self) -> str:
        """Return the type as statements and answers write it."""
        match self.kind:
            case Kind.DECIMAL:
                return f"decimal({self.scale})"
            case Kind.VARCHAR if self.length:
                return f"varchar({self.length})"
            case kind:
                return str(kind)

    @property
    def parameters(self) -> dict[str, Any] | None:
        """What answers carry as `type-info`: a scale or a length, None for types without."""
        match self.kind:
            case Kind.DECIMAL:
                return {"scale": self.scale}
            case Kind.VARCHAR if self.length:
                return {"length": self.length}
            case _:
                return None

    @property
    def is_number(self) -> bool:
        """Whether arithmetic takes it."""
        return self.kind in NUMBERS

    @property
    def is_integer(self) -> bool:
        """Whether it is int or id."""
        return self.kind in INTEGERS

    @property
    def is_set(self) -> bool:
        """Whether values have members."""
        return self.kind in SETS

    @property
    def is_text(self) -> bool:
        """Whether it is string or varchar."""
        return self.kind in TEXTS

    @property
    def member(self) -> "SqlType":
        """The type of a set's members."""
        return STRING if self.kind in {Kind.STRINGSET, Kind.STRINGSETQ} else ID


INTEGERS = frozenset({Kind.INT, Kind.ID})
NUMBERS = INTEGERS | {Kind.DECIMAL}
TEXTS = frozenset({Kind.STRING, Kind.VARCHAR})
TIMED_SETS = frozenset({Kind.IDSETQ, Kind.STRINGSETQ})
SETS = TIMED_SETS | {Kind.IDSET, Kind.STRINGSET}

ID = SqlType(Kind.ID)
STRING = SqlType(Kind.STRING)
IDSET = SqlType(Kind.IDSET)
STRINGSET = SqlType(Kind.STRINGSET)
INT = SqlType(Kind.INT)
BOOL = SqlType(Kind.BOOL)
TIMESTAMP = SqlType(Kind.TIMESTAMP, unit=TimeUnit.MICROSECOND)
VOID = SqlType(Kind.VOID)


def decimal(scale: int) -> SqlType:
    """Return the decimal type with so many digits after the point."""
    return SqlType(Kind.DECIMAL, scale)


def varchar(length: int) -> SqlType:
    """Return the type of texts of at most so many characters; 0 is any number of them."""
    return SqlType(Kind.VARCHAR, length=length)


def timestamp(unit: TimeUnit) -> SqlType:
    """Return the timestamp type of that resolution."""
    return SqlType(Kind.TIMESTAMP, unit=unit)


def type_of_field(field: FieldSchema) -> SqlType:
    """Return the type of a field's column."""
    match field.type:
        case FieldType.SET:
            return STRINGSET if field.is_keyed else IDSET
        case FieldType.TIME:
            return SqlType(Kind.STRINGSETQ if field.is_keyed else Kind.IDSETQ)
        case FieldType.MUTEX if field.length_max:
            return varchar(field.length_max)
        case FieldType.MUTEX:
            return STRING if field.is_keyed else ID
        case FieldType.BOOL:
            return BOOL
        case FieldType.INT:
            return INT
        case FieldType.DECIMAL:
            return decimal(field.scale)
        case FieldType.TIMESTAMP:
            return timestamp(field.unit)


def are_equatable(one: SqlType, other: SqlType) -> bool:
    """Return whether `=` takes the two types. A null goes with everything."""
    if Kind.VOID in {one.kind, other.kind}:
        return True
    return _family(one) == _family(other)


def _family(kind: SqlType) -> str:
    if kind.is_number:
        return "number"
    if kind.is_text:
        return "text"
    return str(kind.member) + "s" if kind.is_set else str(kind.kind)


def is_assignable(source: SqlType, target: SqlType) -> bool:
    """Return whether a value of one type goes into a column or parameter of another as it is."""
    if source.kind in {Kind.VOID, target.kind} and source.kind is not Kind.DECIMAL:
        return True
    match target.kind:
        case Kind.DECIMAL:
            return source.is_integer or (
                source.kind is Kind.DECIMAL and source.scale <= target.scale
            )
        case Kind.INT:
            return source.kind is Kind.ID
        case Kind.STRING | Kind.VARCHAR:
            return source.is_text
        case Kind.IDSET | Kind.IDSETQ | Kind.STRINGSET | Kind.STRINGSETQ:
            return source.is_set and source.member == target.member
        case _:
            return False


def common_type(one: SqlType, other: SqlType) -> SqlType | None:
    """Return the type that holds the values of both, None if there is none."""
    if one.kind is Kind.VOID or one == other:
        return other
    if other.kind is Kind.VOID:
        return one
    if one.is_number and other.is_number:
        if Kind.DECIMAL in {one.kind, other.kind}:
            return decimal(max(one.scale, other.scale))
        return INT
    if one.kind is Kind.TIMESTAMP and other.kind is Kind.TIMESTAMP:
        return max(one, other, key=lambda kind: kind.unit.per_second)
    if one.is_text and other.is_text:
        return STRING
    if one.is_set and other.is_set and one.member == other.member:
        return STRINGSET if one.member == STRING else IDSET
    return None


def check_is_stored(kind: SqlType, column: str) -> None:
    """Return if records can have columns of this type.

    Raises:
        NotSupported: tables have no such field.
    """
    if kind.kind is Kind.VECTOR:
        raise NotSupported(
            f"column '{column}': type '{kind}' is not supported; use set or decimal columns for "
            "what is counted or compared",
            field=column,
        )
