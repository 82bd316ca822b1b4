"""Operators, and functions of numbers: exact integers and decimals, errors instead of wrong digits.

Integers are 64 bits wide and fail beyond that; a quotient is cut towards zero at the digits of its
operands; a product has the digits of both. The keys of `OPERATORS` are how errors name them.
"""

from collections.abc import Callable, Sequence

from bitbrook.query.sql.functions.definitions import (
    INTEGER,
    LITERAL_INTEGER,
    NUMBER,
    Function,
    Parameter,
    cast,
    constant_of,
    failure,
    out_of_range,
    scaled,
    template,
    unscaled,
)
from bitbrook.query.sql.tree import Call, Expression
from bitbrook.query.sql.types import DOUBLE, INT, STRING, VOID, Kind, SqlType, common_type, decimal
from bitbrook.schema.limits import DECIMAL_SCALE_MAX


def _sum_type(arguments: Sequence[Expression]) -> SqlType:
    kinds = [argument.type for argument in arguments]
    if DOUBLE in kinds:
        return DOUBLE
    if any(kind.kind is Kind.DECIMAL for kind in kinds):
        return decimal(max(kind.scale for kind in kinds))
    return INT


def _product_type(arguments: Sequence[Expression]) -> SqlType:
    kinds = [argument.type for argument in arguments]
    if DOUBLE in kinds:
        return DOUBLE
    if any(kind.kind is Kind.DECIMAL for kind in kinds):
        return decimal(min(DECIMAL_SCALE_MAX, sum(kind.scale for kind in kinds)))
    return INT


def _infix(operator: str) -> Callable[[list[str], Call], str]:
    def render(arguments: list[str], call: Call) -> str:
        left, right = (cast(argument, call.type) for argument in arguments)
        return f"({left} {operator} {right})"

    return render


def _product(arguments: list[str], call: Call) -> str:
    if call.type.kind is not Kind.DECIMAL:
        return _infix("*")(arguments, call)
    scales = [argument.type.scale for argument in call.arguments]
    left, right = (
        f"CAST({sql} AS DECIMAL(19, {scale}))" for sql, scale in zip(arguments, scales, strict=True)
    )
    return cast(f"({left} * {right})", call.type)


def _quotient(arguments: list[str], call: Call) -> str:
    left, right = arguments
    fails = failure(call, "divisor is equal to zero")
    if call.type == DOUBLE:
        left, right = cast(left, DOUBLE), cast(right, DOUBLE)
        return f"CASE WHEN {right} = 0 THEN {fails} ELSE {left} / {right} END"
    if call.type.kind is not Kind.DECIMAL:
        left, right = cast(left, INT), cast(right, INT)
        return f"CASE WHEN {right} = 0 THEN {fails} ELSE {left} // {right} END"
    scale = call.type.scale
    left, right = unscaled(left, scale), unscaled(right, scale)
    quotient = scaled(f"({left} * {10**scale}) // {right}", scale)
    return f"CASE WHEN {right} = 0 THEN {fails} ELSE {quotient} END"


def _remainder(arguments: list[str], call: Call) -> str:
    left, right = (cast(argument, INT) for argument in arguments)
    fails = failure(call, "divisor is equal to zero")
    return f"CASE WHEN {right} = 0 THEN {fails} ELSE {left} % {right} END"


def _shift(operator: str) -> Callable[[list[str], Call], str]:
    def render(arguments: list[str], call: Call) -> str:
        left, right = (cast(argument, INT) for argument in arguments)
        if operator == ">>":
            shifted = f"CASE WHEN {right} > 63 THEN {left} >> 63 ELSE {left} >> {right} END"
        else:
            shifted = (
                f"CASE WHEN {right} > 63 THEN 0 ELSE "
                f"CAST(({left} * (CAST(1 AS HUGEINT) << CAST({right} AS HUGEINT))) AS BIGINT) END"
            )
        return f"CASE WHEN {right} < 0 THEN {out_of_range(call, right)} ELSE {shifted} END"

    return render


def _bits(operator: str) -> Callable[[list[str], Call], str]:
    def render(arguments: list[str], _: Call) -> str:
        left, right = (cast(argument, INT) for argument in arguments)
        return f"({left} {operator} {right})"

    return render


OPERATORS = {
    "+": Function((NUMBER, NUMBER), _sum_type, _infix("+")),
    "-": Function((NUMBER, NUMBER), _sum_type, _infix("-")),
    "*": Function((NUMBER, NUMBER), _product_type, _product),
    "/": Function((NUMBER, NUMBER), _sum_type, _quotient),
    "//": Function((INTEGER, INTEGER), INT, _quotient),
    "%": Function((INTEGER, INTEGER), INT, _remainder),
    "&": Function((INTEGER, INTEGER), INT, _bits("&")),
    "|": Function((INTEGER, INTEGER), INT, _bits("|")),
    "<<": Function((INTEGER, INTEGER), INT, _shift("<<")),
    ">>": Function((INTEGER, INTEGER), INT, _shift(">>")),
    "||": Function(
        (
            Parameter("string", lambda kind: kind.is_text or kind.kind is Kind.VOID),
            Parameter("string", lambda kind: kind.is_text or kind.kind is Kind.VOID),
        ),
        STRING,
        template("({0} || {1})"),
    ),
}

UNARY_OPERATORS = {
    "-": Function((NUMBER,), _sum_type, lambda a, call: f"(-{cast(a[0], call.type)})"),
    "~": Function((INTEGER,), INT, lambda a, _: f"(~{cast(a[0], INT)})"),
}


def _comparison(operator: str) -> Callable[[list[str], Call], str]:
    def render(arguments: list[str], _: Call) -> str:
        return f"({arguments[0]} {operator} {arguments[1]})"

    return render


COMPARISONS = {operator: _comparison(operator) for operator in ("=", "<>", "<", "<=", ">", ">=")}
OPPOSITE = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
"""What is true of two values where a comparison is false."""

LOGIC: dict[str, Callable[[list[str], Call], str]] = {
    "AND": lambda arguments, _: "(" + " AND ".join(arguments) + ")",
    "OR": lambda arguments, _: "(" + " OR ".join(arguments) + ")",
    "NOT": lambda arguments, _: f"(NOT {arguments[0]})",
    "IS NULL": lambda arguments, _: f"({arguments[0]} IS NULL)",
    "DISTINCT FROM": lambda arguments, _: f"({arguments[0]} IS DISTINCT FROM {arguments[1]})",
    "ILIKE": lambda arguments, _: f"({arguments[0]} ILIKE {arguments[1]})",
    "LIKE": lambda arguments, _: f"({arguments[0]} LIKE {arguments[1]})",
    "GLOB": lambda arguments, _: f"({arguments[0]} GLOB {arguments[1]})",
}


def _rounded(arguments: list[str], call: Call) -> str:
    if call.type == DOUBLE:
        places = f"CAST({arguments[1]} AS INTEGER)" if len(arguments) > 1 else "0"
        return f"round({arguments[0]}, {places})"
    return cast(cast(arguments[0], decimal(call.type.scale)), call.type)


def _round_type(arguments: Sequence[Expression]) -> SqlType:
    if arguments[0].type == DOUBLE:
        return DOUBLE
    if arguments[0].type.kind is not Kind.DECIMAL:
        return INT
    if len(arguments) == 1:
        return decimal(0)
    places = constant_of(arguments[1]).value
    return decimal(max(0, min(int(places), DECIMAL_SCALE_MAX)) if isinstance(places, int) else 0)


def any_type(arguments: Sequence[Expression]) -> SqlType:
    """Return the type that holds all arguments; the binder has checked that there is one."""
    kind = VOID
    for argument in arguments:
        kind = common_type(kind, argument.type) or kind
    return kind


def _of_all(function: str) -> Callable[[list[str], Call], str]:
    def render(arguments: list[str], call: Call) -> str:
        return f"{function}({', '.join(cast(argument, call.type) for argument in arguments)})"

    return render


def _whole(function: str) -> Callable[[list[str], Call], str]:
    def render(arguments: list[str], _: Call) -> str:
        return cast(f"{function}({arguments[0]})", INT)

    return render


ALIKE = Parameter("alike", lambda _: True)
"""A parameter whose arguments must have a type in common."""

NUMBER_FUNCTIONS = {
    "ABS": Function((NUMBER,), _sum_type, lambda a, call: f"abs({cast(a[0], call.type)})"),
    "ROUND": Function((NUMBER, LITERAL_INTEGER), _round_type, _rounded, required=1),
    "FLOOR": Function((NUMBER,), INT, _whole("floor")),
    "CEIL": Function((NUMBER,), INT, _whole("ceil")),
    "COALESCE": Function((ALIKE,), any_type, _of_all("coalesce"), repeats=True),
    "GREATEST": Function((ALIKE,), any_type, _of_all("greatest"), repeats=True),
    "LEAST": Function((ALIKE,), any_type, _of_all("least"), repeats=True),
    "NULLIF": Function((ALIKE, ALIKE), lambda a: a[0].type, template("nullif({0}, {1})")),
}
