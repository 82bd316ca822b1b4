"""SQL's types: what an expression holds, how fields map onto them, and which go together.

A type is a value; its text is what answers and errors say. Knows no expression and no DuckDB.
"""

import enum
from collections.abc import Iterable
from typing import Any

import msgspec

from bitbrook.schema.field_types import FieldSchema, FieldType, TimeUnit


class Kind(enum.StrEnum):
    """The base types of the reference, and those of expressions alone: double, list, struct.

    `VOID` is the type of a bare NULL.
    """

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
    DOUBLE = "double"
    LIST = "list"
    STRUCT = "struct"
    VOID = "void"


class SqlType(msgspec.Struct, frozen=True):
    """A base type with its parameters.

    A decimal's digits, a time's resolution, a text's length, a list's elements, a struct's fields.
    The length of a vector is how many numbers it has.
    """

    kind: Kind
    scale: int = 0
    unit: TimeUnit = TimeUnit.SECOND
    length: int = 0
    element: "SqlType | None" = None
    fields: tuple[tuple[str, "SqlType"], ...] = ()

    def __str__(self) -> str:
        """Return the type as statements and answers write it."""
        match self.kind:
            case Kind.DECIMAL:
                return f"decimal({self.scale})"
            case Kind.VARCHAR | Kind.VECTOR if self.length:
                return f"{self.kind}({self.length})"
            case Kind.LIST:
                return f"list({self.element})"
            case Kind.STRUCT:
                return f"struct({', '.join(f'{name} {kind}' for name, kind in self.fields)})"
            case kind:
                return str(kind)

    @property
    def parameters(self) -> dict[str, Any] | None:
        """What answers carry as `type-info`, None for types without.

        A scale, a length, the type of a list's elements, the types of a struct's fields.
        """
        match self.kind:
            case Kind.DECIMAL:
                return {"scale": self.scale}
            case Kind.VARCHAR | Kind.VECTOR if self.length:
                return {"length": self.length}
            case Kind.LIST:
                return {"element": self.item.described}
            case Kind.STRUCT:
                return {"fields": [{"name": n, **kind.described} for n, kind in self.fields]}
            case _:
                return None

    @property
    def described(self) -> dict[str, Any]:
        """The type as `type-info` tells that of what is inside another."""
        inner = {"type": str(self), "base-type": str(self.kind)}
        return inner if self.parameters is None else {**inner, "type-info": self.parameters}

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

    @property
    def is_listed(self) -> bool:
        """Whether functions of lists take it: a list or a set."""
        return self.kind is Kind.LIST or self.is_set

    @property
    def item(self) -> "SqlType":
        """The type of what is in a list or set."""
        if self.kind is Kind.LIST:
            assert self.element is not None, "lists have elements"
            return self.element
        return self.member


INTEGERS = frozenset({Kind.INT, Kind.ID})
NUMBERS = INTEGERS | {Kind.DECIMAL, Kind.DOUBLE}
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
DOUBLE = SqlType(Kind.DOUBLE)
VOID = SqlType(Kind.VOID)


def decimal(scale: int) -> SqlType:
    """Return the decimal type with so many digits after the point."""
    return SqlType(Kind.DECIMAL, scale)


def varchar(length: int) -> SqlType:
    """Return the type of texts of at most so many characters; 0 is any number of them."""
    return SqlType(Kind.VARCHAR, length=length)


def vector(length: int) -> SqlType:
    """Return the type of vectors of so many numbers."""
    return SqlType(Kind.VECTOR, length=length)


def timestamp(unit: TimeUnit) -> SqlType:
    """Return the timestamp type of that resolution."""
    return SqlType(Kind.TIMESTAMP, unit=unit)


def list_of(element: SqlType) -> SqlType:
    """Return the type of lists of that type; of nulls alone, or of nothing, it is void."""
    return SqlType(Kind.LIST, element=element)


def struct_of(fields: Iterable[tuple[str, SqlType]]) -> SqlType:
    """Return the type of structs with these fields."""
    return SqlType(Kind.STRUCT, fields=tuple(fields))


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
        case FieldType.VECTOR:
            return vector(field.dimensions)


def are_equatable(one: SqlType, other: SqlType) -> bool:
    """Return whether `=` takes the two types. A null goes with everything."""
    if Kind.VOID in {one.kind, other.kind}:
        return True
    if Kind.LIST in {one.kind, other.kind} and one.is_listed and other.is_listed:
        return are_equatable(one.item, other.item)
    if one.kind is Kind.STRUCT and other.kind is Kind.STRUCT:
        return common_type(one, other) is not None
    return _family(one) == _family(other)


def _family(kind: SqlType) -> str:
    if kind.is_number:
        return "number"
    if kind.is_text:
        return "text"
    if kind.kind is Kind.VECTOR:
        return str(kind)
    return str(kind.member) + "s" if kind.is_set else str(kind.kind)


def is_assignable(source: SqlType, target: SqlType) -> bool:
    """Return whether a value of one type goes into a column or parameter of another as it is."""
    if source.kind is Kind.VECTOR:
        return source == target
    if source.kind in {Kind.LIST, Kind.STRUCT}:
        return source == target
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
        if Kind.DOUBLE in {one.kind, other.kind}:
            return DOUBLE
        if Kind.DECIMAL in {one.kind, other.kind}:
            return decimal(max(one.scale, other.scale))
        return INT
    if one.kind is Kind.TIMESTAMP and other.kind is Kind.TIMESTAMP:
        return max(one, other, key=lambda kind: kind.unit.per_second)
    if one.is_text and other.is_text:
        return STRING
    if one.is_set and other.is_set and one.member == other.member:
        return STRINGSET if one.member == STRING else IDSET
    if one.is_listed and other.is_listed:
        item = common_type(one.item, other.item)
        return None if item is None else list_of(item)
    return _common_struct(one, other)


def _common_struct(one: SqlType, other: SqlType) -> SqlType | None:
    if one.kind is not Kind.STRUCT or other.kind is not Kind.STRUCT:
        return None
    if [name for name, _ in one.fields] != [name for name, _ in other.fields]:
        return None
    fields = []
    for (name, kind), (_, other_kind) in zip(one.fields, other.fields, strict=True):
        together = common_type(kind, other_kind)
        if together is None:
            return None
        fields.append((name, together))
    return struct_of(fields)
