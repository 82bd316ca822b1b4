"""Operators: which types each takes, and how the two sides are brought together.

Types are checked before anything runs, with the reference's messages; a null is accepted wherever a
value is.
"""

from decimal import Decimal

from bitbrook.query.sql.bind import literals
from bitbrook.query.sql.functions.numbers import (
    COMPARISONS,
    LOGIC,
    OPERATORS,
    UNARY_OPERATORS,
)
from bitbrook.query.sql.functions.times import TIME_FUNCTIONS
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.tree import Call, Column, Constant, Expression, InList
from bitbrook.query.sql.types import BOOL, TIMESTAMP, Kind, SqlType, are_equatable
from bitbrook.schema.field_types import INT64_MAX, INT64_MIN

ORDERED = frozenset(
    {Kind.INT, Kind.ID, Kind.DECIMAL, Kind.TIMESTAMP, Kind.STRING, Kind.VARCHAR, Kind.VOID}
)


def incompatible(
    operator: str, operand: Expression, text: StatementText, kind: SqlType | None = None
) -> Exception:
    """Return the refusal of an operand that an operator does not take."""
    shown = operand.type if kind is None else kind
    return text.error(f"operator '{operator}' incompatible with type '{shown}'", operand.offset)


def arithmetic(
    operator: str, left: Expression, right: Expression, text: StatementText
) -> Expression:
    """Return `left operator right` for + - * / // % & | << >> and ||."""
    function = OPERATORS[operator]
    for operand, parameter in zip((left, right), function.parameters, strict=True):
        if not parameter.accepts(operand.type):
            raise incompatible(operator, operand, text)
    folded = _folded(operator, left, right, text)
    if folded is not None:
        return folded
    kind = function.result_type((left, right))
    return Call(
        operator, (left, right), kind, function.render, left.offset, text.prefix(left.offset)
    )


def _folded(
    operator: str, left: Expression, right: Expression, text: StatementText
) -> Constant | None:
    """Return what + - * of two integer constants are, None where there is nothing to fold."""
    if not (isinstance(left, Constant) and isinstance(right, Constant)):
        return None
    one, other = left.value, right.value
    if type(one) is not int or type(other) is not int or left.type.kind is Kind.TIMESTAMP:
        return None
    match operator:
        case "+":
            value = one + other
        case "-":
            value = one - other
        case "*":
            value = one * other
        case _:
            return None
    if not INT64_MIN <= value <= INT64_MAX:
        raise text.error(f"value '{value}' out of range", left.offset)
    return literals.integer(value, left.offset, text)


def unary(operator: str, operand: Expression, text: StatementText) -> Expression:
    """Return `-operand` or `~operand`."""
    function = UNARY_OPERATORS[operator]
    if not function.parameters[0].accepts(operand.type):
        raise incompatible(operator, operand, text)
    if (
        operator == "-"
        and isinstance(operand, Constant)
        and isinstance(operand.value, int | Decimal)
    ):
        return literals.negated(operand, text)
    return Call(
        operator,
        (operand,),
        function.result_type((operand,)),
        function.render,
        operand.offset,
        text.prefix(operand.offset),
    )


def comparison(
    operator: str, left: Expression, right: Expression, text: StatementText
) -> Expression:
    """Return `left operator right` for = <> < <= > >=."""
    left, right = brought_together(left, right, text)
    if operator not in {"=", "<>"}:
        for operand in (left, right):
            if operand.type.kind not in ORDERED:
                raise incompatible(operator, operand, text)
    return Call(operator, (left, right), BOOL, COMPARISONS[operator], left.offset)


def brought_together(
    left: Expression, right: Expression, text: StatementText
) -> tuple[Expression, Expression]:
    """Return two operands with a string that meets a timestamp, or a set a vector, read as one.

    Raises:
        InvalidStatement: their types cannot be compared.
    """
    if left.type.kind is Kind.TIMESTAMP and right.type.is_text:
        right = as_time(right, text)
    elif right.type.kind is Kind.TIMESTAMP and left.type.is_text:
        left = as_time(left, text)
    elif left.type.kind is Kind.VECTOR:
        right = literals.as_vector(right, text)
    elif right.type.kind is Kind.VECTOR:
        left = literals.as_vector(left, text)
    if not are_equatable(left.type, right.type):
        message = f"types '{left.type}' and '{right.type}' are not equatable"
        raise text.error(message, left.offset)
    return left, right


def as_time(operand: Expression, text: StatementText) -> Expression:
    """Return a string as a timestamp."""
    if isinstance(operand, Constant):
        return literals.time_of_text(operand, text)
    function = TIME_FUNCTIONS["PARSETIMESTAMP"]
    prefix = text.prefix(operand.offset)
    return Call("PARSETIMESTAMP", (operand,), TIMESTAMP, function.render, operand.offset, prefix)


def beside_rows(
    operand: Expression, column: Column, offset: int, text: StatementText
) -> Expression:
    """Return an operand that is compared with each row of a query, which stands at `offset`.

    A text beside times is read as one; texts beside a time would have to be, each of them.
    """
    ready, other = brought_together(operand, column, text)
    if other is not column:
        message = f"types '{operand.type}' and '{column.type}' are not equatable"
        raise text.error(message, offset)
    return ready


def in_list(operand: Expression, items: list[Expression], text: StatementText) -> Expression:
    """Return whether an operand equals one of the items."""
    pairs = [brought_together(operand, item, text) for item in items]
    # A string operand among timestamps is read as a time once for all.
    operand = pairs[0][0] if pairs else operand
    return InList(operand, tuple(item for _, item in pairs), operand.offset)


def like(
    operand: Expression, pattern: Expression, text: StatementText, word: str = "LIKE"
) -> Expression:
    """Return whether a string matches a pattern: LIKE, ILIKE of any case, or GLOB."""
    for side in (operand, pattern):
        if not (side.type.is_text or side.type.kind is Kind.VOID):
            raise incompatible(word, side, text)
    return Call(word, (operand, pattern), BOOL, LOGIC[word], operand.offset)


def distinct_from(left: Expression, right: Expression, text: StatementText) -> Expression:
    """Return whether two operands differ, where null differs from all but null."""
    left, right = brought_together(left, right, text)
    return Call("DISTINCT FROM", (left, right), BOOL, LOGIC["DISTINCT FROM"], left.offset)


def negation(operand: Expression, text: StatementText) -> Expression:
    """Return NOT of a condition."""
    check_is_condition(operand, "NOT", text)
    return Call("NOT", (operand,), BOOL, LOGIC["NOT"], operand.offset)


def is_null(operand: Expression) -> Expression:
    """Return whether an operand is null."""
    return Call("IS NULL", (operand,), BOOL, LOGIC["IS NULL"], operand.offset)


def connected(word: str, operands: list[Expression], text: StatementText) -> Expression:
    """Return conditions joined by AND or OR."""
    for operand in operands:
        check_is_condition(operand, word, text)
    return Call(word, tuple(operands), BOOL, LOGIC[word], operands[0].offset)


def check_is_condition(operand: Expression, operator: str, text: StatementText) -> None:
    """Return if an operand is true, false or null."""
    if operand.type.kind not in {Kind.BOOL, Kind.VOID}:
        raise incompatible(operator, operand, text)
