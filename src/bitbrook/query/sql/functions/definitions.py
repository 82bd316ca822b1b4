"""What a function is: the arguments it takes, the type it gives, and DuckDB's SQL for it.

The tables of functions (`strings`, `times`, `sets`, `numbers`, `aggregates`) are made of these. A
renderer gets the SQL of the arguments and the call, whose arguments' types it may look at; it never
sees the text of the statement.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bitbrook.query.sql.tree import (
    Aggregate,
    Call,
    Column,
    Constant,
    Expression,
    Subquery,
    is_lambda_part,
    walk,
)
from bitbrook.query.sql.types import Kind, SqlType
from bitbrook.schema.field_types import TimeUnit

ORDERING = "\x02"
"""Stands in an aggregate's SQL where ORDER BY goes: at the end of its arguments."""

MODIFIERS = "\x01"
"""Stands in an aggregate's SQL where FILTER or OVER goes: after each of DuckDB's own aggregates."""

_SPELLED_OUT = {"\0", MODIFIERS, ORDERING}
"""Characters that no literal may hold as they are: DuckDB's end of text, and our own marks."""

Renderer = Callable[[list[str], Call], str]
AggregateRenderer = Callable[[list[str], Aggregate], str]
ResultType = SqlType | Callable[[Sequence[Expression]], SqlType]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: `name` is how errors call its type; a literal one must be known beforehand."""

    name: str
    accepts: Callable[[SqlType], bool]
    is_literal: bool = False
    is_unit: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A scalar function. Parameters beyond `required` may be left out; `repeats`: the last one."""

    parameters: tuple[Parameter, ...]
    returns: ResultType
    render: Renderer
    required: int | None = None
    repeats: bool = False

    def result_type(self, arguments: Sequence[Expression]) -> SqlType:
        """Return the type of a call with these arguments."""
        return self.returns if isinstance(self.returns, SqlType) else self.returns(arguments)


@dataclass(frozen=True, slots=True)
class AggregateFunction:
    """An aggregate. Parameters beyond `required` may be left out.

    An ordered one depends on the order in which it reads its records.
    """

    parameters: tuple[Parameter, ...]
    returns: ResultType
    render: AggregateRenderer
    required: int | None = None
    is_ordered: bool = False

    def result_type(self, arguments: Sequence[Expression]) -> SqlType:
        """Return the type of a call with these arguments."""
        return self.returns if isinstance(self.returns, SqlType) else self.returns(arguments)


def of_kind(*kinds: Kind) -> Callable[[SqlType], bool]:
    """Return a test for types; NULL passes everywhere."""
    allowed = {*kinds, Kind.VOID}
    return lambda kind: kind.kind in allowed


TEXT = Parameter("string", of_kind(Kind.STRING, Kind.VARCHAR))
INTEGER = Parameter("int", of_kind(Kind.INT, Kind.ID))
LITERAL_TEXT = Parameter("string", TEXT.accepts, is_literal=True)
LITERAL_INTEGER = Parameter("int", INTEGER.accepts, is_literal=True)
NUMBER = Parameter("decimal", of_kind(Kind.INT, Kind.ID, Kind.DECIMAL, Kind.DOUBLE))
EXACT = Parameter("decimal", of_kind(Kind.INT, Kind.ID, Kind.DECIMAL))
LITERAL_NUMBER = Parameter("decimal", EXACT.accepts, is_literal=True)
TIME = Parameter("timestamp", of_kind(Kind.TIMESTAMP))
UNIT = Parameter("string", TEXT.accepts, is_literal=True, is_unit=True)
SET = Parameter("set", of_kind(Kind.IDSET, Kind.STRINGSET, Kind.IDSETQ, Kind.STRINGSETQ))
TIMED_SET = Parameter("setq", of_kind(Kind.IDSETQ, Kind.STRINGSETQ))
CONDITION = Parameter("bool", of_kind(Kind.BOOL))
ORDERED = Parameter(
    "decimal",
    of_kind(
        Kind.INT,
        Kind.ID,
        Kind.DECIMAL,
        Kind.DOUBLE,
        Kind.TIMESTAMP,
        Kind.STRING,
        Kind.VARCHAR,
        Kind.BOOL,
    ),
)
LISTED = Parameter("list", lambda kind: kind.is_listed or kind.kind is Kind.VOID)
STRUCT = Parameter("struct", of_kind(Kind.STRUCT))
LAMBDA_BODY = Parameter("lambda", lambda _: True)
VECTOR = Parameter("vector", of_kind(Kind.VECTOR))
ANY = Parameter("any", lambda _: True)


def call_of(function: str, *parameters: Parameter, returns: ResultType) -> Function:
    """Return a function that DuckDB has under a name, with arguments as they are."""
    return Function(parameters, returns, lambda a, _: f"{function}({', '.join(a)})")


def template(text: str) -> Renderer:
    """Return a renderer that fills `{0}`, `{1}`... with the arguments."""
    return lambda arguments, _: text.format(*arguments)


def quoted(text: str) -> str:
    """Return a text as a string literal of DuckDB's."""
    literal = "'" + text.replace("'", "''") + "'"
    for code in _SPELLED_OUT & set(text):
        literal = literal.replace(code, f"' || chr({ord(code)}) || '")
    return f"({literal})" if _SPELLED_OUT & set(text) else literal


def failure(call: Call | Aggregate, message: str, shown: str | None = None) -> str:
    """Return SQL that fails with a message; `{}` in it stands for the value of the SQL `shown`."""
    if shown is None:
        return f"error({quoted(f'{call.prefix} {message}')})"
    before, after = f"{call.prefix} {message}".split("{}")
    return f"error({quoted(before)} || CAST({shown} AS VARCHAR) || {quoted(after)})"


def out_of_range(call: Call | Aggregate, shown: str) -> str:
    """Return SQL that fails because a value is out of range."""
    return failure(call, "value '{}' out of range", shown)


def largest(call: Call, once: int, each: int, each_of_list: int) -> int:
    """Return which of three sizes a call may make: once, for each record, or in a lambda."""
    parts = list(walk(call))
    if any(map(is_lambda_part, parts)):
        return each_of_list
    return each if any(isinstance(part, Column | Subquery) for part in parts) else once


def sized(size: str, is_too_large: str, fails: str, made: Callable[[str], str]) -> str:
    """Return SQL of something that has a size, or that fails if it is too large.

    DuckDB makes what is constant before it looks at conditions: the size goes into `made` as
    nothing where it is too large.
    """
    within = f"CASE WHEN {is_too_large} THEN 0 ELSE {size} END"
    return f"CASE WHEN {is_too_large} THEN {fails} ELSE {made(within)} END"


def constant_of(expression: Expression) -> Constant:
    """Return an argument that was checked to be a constant."""
    assert isinstance(expression, Constant), "checked by the binder"
    return expression


def duck_type(kind: SqlType) -> str:
    """Return DuckDB's name of a type."""
    match kind.kind:
        case Kind.ID:
            return "UBIGINT"
        case Kind.INT:
            return "BIGINT"
        case Kind.DECIMAL:
            return f"DECIMAL(38, {kind.scale})"
        case Kind.BOOL:
            return "BOOLEAN"
        case Kind.TIMESTAMP:
            suffix = "" if kind.unit is TimeUnit.MICROSECOND else f"_{kind.unit.upper()}"
            return f"TIMESTAMP{suffix}"
        case Kind.IDSET | Kind.IDSETQ:
            return "UBIGINT[]"
        case Kind.STRINGSET | Kind.STRINGSETQ:
            return "VARCHAR[]"
        case Kind.VECTOR:
            return f"FLOAT[{kind.length}]"
        case Kind.DOUBLE:
            return "DOUBLE"
        case Kind.LIST:
            return f"{duck_type(kind.item)}[]"
        case Kind.STRUCT:
            fields = (f"{name_quoted(name)} {duck_type(each)}" for name, each in kind.fields)
            return f"STRUCT({', '.join(fields)})"
        case Kind.STRING | Kind.VARCHAR | Kind.VOID:
            return "VARCHAR"


def name_quoted(identifier: str) -> str:
    """Return a quoted identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def cast(sql: str, kind: SqlType) -> str:
    """Return SQL cast to a type."""
    return f"CAST({sql} AS {duck_type(kind)})"


def unscaled(sql: str, scale: int) -> str:
    """Return SQL of a number as the exact integer of its last digit's units."""
    if scale == 0:
        return f"CAST({sql} AS HUGEINT)"
    # Of 38 digits the factor takes scale + 1, which leaves 19 for the number at the largest scale.
    number = f"CAST({sql} AS DECIMAL({37 - scale}, {scale}))"
    return f"CAST({number} * CAST({10**scale} AS DECIMAL({scale + 1}, 0)) AS HUGEINT)"


def scaled(sql: str, scale: int) -> str:
    """Return SQL of a decimal from the exact integer of its last digit's units."""
    if scale == 0:
        return f"CAST({sql} AS DECIMAL(38, 0))"
    unit = f"0.{1:0>{scale}}"
    return f"(CAST({sql} AS DECIMAL({38 - scale}, 0)) * CAST({unit} AS DECIMAL({scale}, {scale})))"
