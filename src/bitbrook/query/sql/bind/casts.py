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
)
from bitbrook.schema.field_types import TimeUnit
from bitbrook.schema.limits import DECIMAL_SCALE_MAX

_INTEGERS = frozenset({Kind.BOOL, Kind.DECIMAL, Kind.ID, Kind.INT, Kind.STRING, Kind.TIMESTAMP})
_CASTS = {
    Kind.BOOL: frozenset({Kind.BOOL, Kind.ID, Kind.INT, Kind.STRING}),
    Kind.DECIMAL: frozenset({Kind.DECIMAL, Kind.INT, Kind.ID, Kind.STRING}),
    Kind.ID: _INTEGERS,
    Kind.INT: _INTEGERS,
    Kind.STRING: _INTEGERS,
    Kind.VARCHAR: _INTEGERS,
    Kind.TIMESTAMP: frozenset({Kind.INT, Kind.STRING, Kind.TIMESTAMP}),
    Kind.IDSET: frozenset({Kind.IDSET, Kind.STRING}),
    Kind.IDSETQ: frozenset({Kind.IDSET, Kind.STRING}),
    Kind.STRINGSET: frozenset({Kind.STRINGSET, Kind.STRING}),
    Kind.STRINGSETQ: frozenset({Kind.STRINGSET, Kind.STRING}),
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
    if name in {"decimal", "numeric"}:
        scale = int(parameters[-1]) if parameters and parameters[-1].isdigit() else 0
        if scale > DECIMAL_SCALE_MAX:
            raise text.error(f"value '{scale}' out of range", offset_of(node))
        return decimal(scale)
    if name not in _NAMED_TYPES:
        raise text.error(f"unknown type '{written}'", offset_of(node))
    return _NAMED_TYPES[name]


def cast_to(operand: Expression, target: SqlType, offset: int, text: StatementText) -> Expression:
    """Return an expression as another type.

    Raises:
        InvalidStatement: there is no such cast.
    """
    source = operand.type
    if source.kind is not Kind.VOID and target.kind not in _CASTS.get(source.kind, frozenset()):
        raise text.error(f"'{source}' cannot be cast to '{target}'", offset)
    render = _renderer(source, target)
    # The target's text in the name keeps casts to different types different.
    name = f"CAST AS {duck_type(target)}"
    return Call(name, (operand,), target, render, offset, text.prefix(offset))


def _renderer(source: SqlType, target: SqlType) -> Callable[[list[str], Call], str]:
    if source.is_set and target.is_text:
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
