"""Literals: their types, and what they become where another type is wanted."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import numpy as np
from sqlglot import exp

from bitbrook.errors import InvalidStatement, InvalidValue
from bitbrook.query.pql.times import NANOSECONDS, parse_time
from bitbrook.query.sql.bind.places import offset_of
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.tree import Constant, Expression
from bitbrook.query.sql.types import (
    BOOL,
    ID,
    IDSET,
    INT,
    STRING,
    STRINGSET,
    VOID,
    Kind,
    SqlType,
    decimal,
    timestamp,
    vector,
)
from bitbrook.schema.field_types import INT64_MAX, INT64_MIN, UINT64_MAX, TimeUnit
from bitbrook.schema.limits import DECIMAL_SCALE_MAX


def number(
    text: str, offset: int, statement: StatementText, *, is_negative: bool = False
) -> Constant:
    """Return a number as written: digits are an int, a point or an exponent makes a decimal.

    `is_negative`: a minus stands before it, without which the least numbers would be out of range.
    """
    sign = "-" if is_negative else ""
    try:
        value = -Decimal(text) if is_negative else Decimal(text)
    except InvalidOperation:
        raise statement.error(f"'{text}' is not a number", offset) from None
    if text.isdigit():
        return integer(-int(text) if is_negative else int(text), offset, statement)
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or not -DECIMAL_SCALE_MAX <= exponent <= DECIMAL_SCALE_MAX:
        raise statement.error(f"value '{sign}{text}' out of range", offset)
    scale = max(0, -exponent)
    if not INT64_MIN <= int(value.scaleb(scale)) <= INT64_MAX:
        raise statement.error(f"value '{sign}{text}' out of range", offset)
    return Constant.of(value.quantize(Decimal(1).scaleb(-scale)), decimal(scale), offset)


def integer(value: int, offset: int, statement: StatementText) -> Constant:
    """Return an integer: of type int, or id beyond what an int holds."""
    if not INT64_MIN <= value <= UINT64_MAX:
        raise statement.error(f"value '{value}' out of range", offset)
    return Constant.of(value, INT if value <= INT64_MAX else ID, offset)


def plain(node: exp.Expression, statement: StatementText) -> Constant | None:
    """Return the constant that a literal, true, false or null is, None if it is none of these."""
    match node:
        case exp.Null():
            return Constant.of(None, VOID, offset_of(node))
        case exp.Boolean():
            return Constant.of(bool(node.this), BOOL, offset_of(node))
        case exp.Literal() if node.is_string:
            text = Constant.of(str(node.this), STRING, offset_of(node))
            # A text is a time only where one is meant; a parameter's value knows what it is.
            return time_of_text(text, statement) if node.meta.get("is_time") else text
        case exp.Literal():
            return number(str(node.this), offset_of(node), statement)
        case _:
            return None


def in_list(
    text: str, offset: int, statement: StatementText, *, is_negative: bool = False
) -> Constant:
    """Return a number of a list: one with more digits than a decimal has may be of a vector."""
    try:
        return number(text, offset, statement, is_negative=is_negative)
    except InvalidStatement:
        if text.isdigit():
            raise
        value = -Decimal(text) if is_negative else Decimal(text)
        return Constant.of(value, decimal(DECIMAL_SCALE_MAX), offset)


def member(node: exp.Expression, statement: StatementText) -> Constant | None:
    """Return the literal that a member of a list is, None if it is more than one."""
    match node:
        case exp.Literal() if not node.is_string:
            return in_list(str(node.this), offset_of(node), statement)
        case exp.Neg(this=exp.Literal() as literal) if not literal.is_string:
            offset = offset_of(literal)
            return in_list(str(literal.this), offset, statement, is_negative=True)
        case _:
            return plain(node, statement)


def negated(constant: Constant, statement: StatementText) -> Constant:
    """Return a number with the other sign."""
    match constant.value:
        case int() as value:
            return integer(-value, constant.offset, statement)
        case Decimal() as value:
            return Constant.of(-value, constant.type, constant.offset)
        case _:
            return constant


def set_of(members: list[Constant], offset: int, statement: StatementText) -> Constant:
    """Return a set literal: of ids or of strings, its members ascending and each once.

    With a decimal or a negative number among its numbers it is a vector.

    Raises:
        InvalidStatement: it is empty, or its members are not all of one of these types.
    """
    if not members:
        raise statement.error("set literal must contain at least one member", offset)
    if all(member.type.is_number for member in members) and any(map(_is_no_id, members)):
        return vector_of([member.value for member in members], offset, statement)
    first = members[0]
    for member in members:
        if member.type.kind not in {Kind.INT, Kind.ID, Kind.STRING}:
            message = f"an expression of type '{member.type}' cannot be a member of a set"
            raise statement.error(message, member.offset)
        if member.type.is_text != first.type.is_text:
            message = f"types '{first.type}' and '{member.type}' are not equatable"
            raise statement.error(message, member.offset)
    if first.type.is_text:
        texts = {member.value for member in members if isinstance(member.value, str)}
        return Constant.of(tuple(sorted(texts)), STRINGSET, offset)
    ids = tuple(member.value for member in members if isinstance(member.value, int))
    return replace(Constant.of(tuple(sorted(set(ids))), IDSET, offset), written=ids)


def _is_no_id(member: Constant) -> bool:
    return not isinstance(member.value, int) or member.value < 0


def vector_of(numbers: Sequence[Any], offset: int, statement: StatementText) -> Constant:
    """Return a vector, each number as the float32 next to it.

    Raises:
        InvalidStatement: a number is beyond those.
    """
    found = np.array(numbers, dtype=np.float64)
    with np.errstate(over="ignore"):
        nearest = found.astype(np.float32)
    if not np.isfinite(nearest).all():
        shown = numbers[int(np.argmin(np.isfinite(nearest)))]
        raise statement.error(f"value '{shown}' out of range", offset)
    return Constant.of(tuple(nearest.tolist()), vector(len(numbers)), offset)


def as_vector(node: Expression, statement: StatementText) -> Expression:
    """Return a set literal of whole numbers as the vector that it may be meant as."""
    if isinstance(node, Constant) and node.written is not None:
        return vector_of(node.written, node.offset, statement)
    return node


def time_of_text(constant: Constant, statement: StatementText) -> Constant:
    """Return a string as the timestamp it writes, exactly.

    Raises:
        InvalidStatement: it writes none.
    """
    if not isinstance(constant.value, str):
        return constant
    try:
        nanoseconds = parse_time(constant.value.strip().replace(" ", "T", 1))
    except InvalidValue:
        message = f"unable to convert '{constant.value}' to type 'timestamp'"
        raise statement.error(message, constant.offset) from None
    return time_of_nanoseconds(nanoseconds, constant.offset)


def time_of_nanoseconds(nanoseconds: int, offset: int) -> Constant:
    """Return a moment in microseconds, or in nanoseconds if it needs them."""
    if nanoseconds % 1000 == 0:
        return Constant.of(nanoseconds // 1000, timestamp(TimeUnit.MICROSECOND), offset)
    return Constant.of(nanoseconds, timestamp(TimeUnit.NANOSECOND), offset)


def exact_value(constant: Constant, kind: SqlType) -> Fraction | None:
    """Return a number or time on the scale on which a column of type `kind` stores it, exactly.

    None of a null.
    """
    match constant.value:
        case bool() | str() | tuple() | None:
            return None
        case Decimal() as value:
            return Fraction(value) * Fraction(10**kind.scale)
        case value if constant.type.kind is Kind.TIMESTAMP:
            return Fraction(value * kind.unit.per_second, constant.type.unit.per_second)
        case value:
            return Fraction(value) * Fraction(10**kind.scale)


def nanoseconds_of(constant: Constant) -> int:
    """Return a timestamp constant as nanoseconds since the Unix epoch."""
    assert isinstance(constant.value, int), "a timestamp is an integer"
    return constant.value * (NANOSECONDS // constant.type.unit.per_second)


def number_negative(node: exp.Literal, statement: StatementText) -> Constant:
    """Return a number literal with a minus before it."""
    return number(str(node.this), offset_of(node), statement, is_negative=True)
