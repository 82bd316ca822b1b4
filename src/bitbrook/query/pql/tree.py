"""The tree of a PQL statement: what was written, typed but not yet understood.

Names are not resolved and values are not checked here: a call may be unknown, a field may not
exist. Every node keeps its offset in the text, for errors.
"""

import enum
from decimal import Decimal
from typing import TypeAlias

import msgspec


class Literal(msgspec.Struct, frozen=True):
    """A number (exact), a string, `true`, `false` or `null`."""

    value: int | Decimal | str | bool | None
    offset: int


class TimeLiteral(msgspec.Struct, frozen=True):
    """A bare time, as written: `2017-03-02T03:00`."""

    text: str
    offset: int


class Name(msgspec.Struct, frozen=True):
    """A bare identifier where a value may stand: the name of a field or table."""

    text: str
    offset: int


class ListOfValues(msgspec.Struct, frozen=True):
    """A list in brackets."""

    items: tuple["Value", ...]
    offset: int


class Call(msgspec.Struct, frozen=True):
    """A call with its arguments, in order."""

    name: str
    arguments: tuple["Argument", ...]
    offset: int


Value: TypeAlias = Literal | TimeLiteral | Name | ListOfValues | Call


class Named(msgspec.Struct, frozen=True):
    """An argument `name=value`."""

    name: str
    value: Value
    offset: int


class Operator(enum.StrEnum):
    """How a field is compared with a value."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="


class Test(msgspec.Struct, frozen=True):
    """The field stands in this relation to the value."""

    operator: Operator
    value: Value


class Comparison(msgspec.Struct, frozen=True):
    """A field compared with constants; all tests hold.

    `f > 5` has one test; `1 < f <= 9` and `f >< [1, 9]` have two, the lower bound first.
    """

    name: str
    tests: tuple[Test, ...]
    offset: int


Argument: TypeAlias = Value | Named | Comparison


class Statement(msgspec.Struct, frozen=True):
    """Calls to run in order; `table` is None where the text names none."""

    table: Name | None
    calls: tuple[Call, ...]
