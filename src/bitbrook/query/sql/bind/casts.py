"""CAST: from which type to which, and DuckDB's SQL for it."""

import re
from collections.abc import Callable

from sqlglot import exp

from bitbrook.query.sql.bind.places import offset_of
from bitbrook.query.sql.functions.definitions import cast, duck_type, failure
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.tree import Call, Expression
from bitbrook.query.sql.types import (
    BOOL,
    DOUBLE,
    ID,
    IDSET,
    INT,
    STRING,
    STRINGSET,
    TIMESTAMP,
    Kind,
    SqlType,
    decimal,
    timestamp,
    varchar,
)
from bitbrook.schema.field_types import TimeUnit
from bitbrook.schema.limits import DECIMAL_SCALE_MAX, ROW_KEY_BYTES_MAX

_INTEGERS = frozenset(
    {Kind.BOOL, Kind.DECIMAL, Kind.DOUBLE, Kind.ID, Kind.INT, Kind.STRING, Kind.TIMESTAMP}
)
_CASTS = {
    Kind.BOOL: frozenset({Kind.BOOL, Kind.ID, Kind.INT, Kind.STRING}),
    Kind.DECIMAL: frozenset({Kind.DECIMAL, Kind.DOUBLE, Kind.INT, Kind.ID, Kind.STRING}),
    Kind.ID: _INTEGERS,
    Kind.INT: _INTEGERS,
    Kind.STRING: _INTEGERS,
    Kind.VARCHAR: _INTEGERS,
    Kind.TIMESTAMP: frozenset({Kind.INT, Kind.STRING, Kind.TIMESTAMP}),
    Kind.IDSET: frozenset({Kind.IDSET, Kind.STRING}),
    Kind.IDSETQ: frozenset({Kind.IDSET, Kind.STRING}),
    Kind.STRINGSET: frozenset({Kind.STRINGSET, Kind.STRING}),
    Kind.STRINGSETQ: frozenset({Kind.STRINGSET, Kind.STRING}),
    Kind.VECTOR: frozenset({Kind.STRING}),
    Kind.DOUBLE: frozenset({Kind.DECIMAL, Kind.DOUBLE, Kind.ID, Kind.INT, Kind.STRING}),
    Kind.LIST: frozenset({Kind.STRING}),
    Kind.STRUCT: frozenset({Kind.STRING}),
}

_NAMED_TYPES = {
    "bool": BOOL,
    "boolean": BOOL,
    "id": ID,
    "int": INT,
    "integer": INT,
    "bigint": INT,
    "string": STRING,
    "text": STRING,
    "varchar": STRING,
    "timestamp": timestamp(TimeUnit.MICROSECOND),
    "double": DOUBLE,
    "float": DOUBLE,
    "real": DOUBLE,
    "idset": IDSET,
    "stringset": STRINGSET,
}


def type_of_name(node: exp.Expression, text: StatementText) -> SqlType:
    """Return the type that CAST names.

    Raises:
        InvalidStatement: it is unknown.
    """
    written = node.sql().lower()
    name, *parameters = re.findall(r"\w+", written)
    if name == "varchar" and parameters and parameters[-1].isdigit():
        length = int(parameters[-1])
        if not 1 <= length <= ROW_KEY_BYTES_MAX:
            raise text.error(f"value '{length}' out of range", offset_of(node))
        return varchar(length)
    if name in {"decimal", "numeric"}:
        scale = int(parameters[-1]) if parameters and parameters[-1].isdigit() else 0
        if scale > DECIMAL_SCALE_MAX:
            raise text.error(f"value '{scale}' out of range", offset_of(node))
        return decimal(scale)
    if name not in _NAMED_TYPES:
        raise text.error(f"unknown type '{written}'", offset_of(node))
    return _NAMED_TYPES[name]


def cast_to(
    operand: Expression,
    target: SqlType,
    offset: int,
    text: StatementText,
    *,
    is_tried: bool = False,
) -> Expression:
    """Return an expression as another type, null where that fails if it only is tried.

    Raises:
        InvalidStatement: there is no such cast.
    """
    source = operand.type
    cast_kind = Kind.STRING if target.is_text else target.kind
    if source.kind is Kind.LIST and target.is_set and is_member(source.item, target):
        return Call(f"CAST AS {target}", (operand,), target, _as_set, offset, text.prefix(offset))
    if source.kind is not Kind.VOID and cast_kind not in _CASTS.get(source.kind, frozenset()):
        raise text.error(f"'{source}' cannot be cast to '{target}'", offset)
    if is_tried and (source.is_text or source.is_number):
        return _only_tried(operand, target, offset)
    render = _renderer(source, target)
    # The target's text in the name keeps casts to different types different.
    name = f"CAST AS {target}"
    return Call(name, (operand,), target, render, offset, text.prefix(offset))


def is_member(item: SqlType, target: SqlType) -> bool:
    """Return whether a list of that type can be made a set."""
    return item.is_text if target.member == STRING else item.is_integer


def _as_set(arguments: list[str], call: Call) -> str:
    listed = f"list_sort(list_distinct({cast(arguments[0], call.type)}))"
    return f"CASE WHEN len({listed}) = 0 THEN NULL ELSE {listed} END"


def _only_tried(operand: Expression, target: SqlType, offset: int) -> Expression:
    def render(arguments: list[str], call: Call) -> str:
        sql = arguments[0]
        if call.arguments[0].type.kind is Kind.DECIMAL and call.type.is_integer:
            sql = f"trunc({sql})"
        return f"TRY_CAST({sql} AS {duck_type(call.type)})"

    return Call(f"TRY_CAST AS {duck_type(target)}", (operand,), target, render, offset)


def _renderer(source: SqlType, target: SqlType) -> Callable[[list[str], Call], str]:
    if target.kind is Kind.VARCHAR:
        whole = _renderer(source, STRING)
        # Cut to the length, as SQL has it for a cast that is written; an INSERT refuses.
        return lambda arguments, call: f"left({whole(arguments, call)}, {target.length})"
    if source.kind is Kind.VECTOR:
        # As JSON, each number in the shortest text that reads as it.
        return lambda arguments, _: f"replace(CAST({arguments[0]} AS VARCHAR), ', ', ',')"
    if (source.is_listed or source.kind is Kind.STRUCT) and target.is_text:
        return lambda arguments, _: f"CAST(to_json({arguments[0]}) AS VARCHAR)"
    if source.kind is Kind.TIMESTAMP and target.kind is Kind.INT:
        return lambda arguments, _: f"(epoch_us(CAST({arguments[0]} AS TIMESTAMP)) // 1000000)"
    if source.kind is Kind.TIMESTAMP and target.is_text:
        return lambda arguments, _: (
            f"strftime(CAST({arguments[0]} AS TIMESTAMP), '%Y-%m-%dT%H:%M:%SZ')"
        )
    if source.is_integer and target.kind is Kind.TIMESTAMP:
        return lambda arguments, _: f"make_timestamp({cast(arguments[0], INT)} * 1000000)"
    if source.is_text and target.kind is Kind.TIMESTAMP:
        return lambda arguments, call: _tried(arguments[0], TIMESTAMP, call)
    if source.kind is Kind.DECIMAL and target.is_integer:
        # Cut towards zero, as integer division is; DuckDB's own cast rounds.
        return lambda arguments, _: cast(f"trunc({arguments[0]})", target)
    if source.is_text:
        return lambda arguments, call: _tried(arguments[0], target, call)
    return lambda arguments, _: cast(arguments[0], target)


def _tried(sql: str, target: SqlType, call: Call) -> str:
    fails = failure(call, f"unable to convert '{{}}' to type '{target}'", sql)
    tried = f"TRY_CAST({sql} AS {duck_type(target)})"
    if target.is_text:
        return sql
    return f"CASE WHEN {sql} IS NOT NULL AND {tried} IS NULL THEN {fails} ELSE {tried} END"
