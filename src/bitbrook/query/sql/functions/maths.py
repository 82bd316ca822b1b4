"""Functions of numbers that are no whole numbers: doubles, as DuckDB reckons them.

What has no value, such as a root of less than nothing, is no number, and a logarithm of nothing is
infinite: isnan() and isinf() tell, and answers write null.
"""

from bitbrook.query.sql.functions.definitions import (
    INTEGER,
    NUMBER,
    Function,
    call_of,
    cast,
    failure,
    out_of_range,
)
from bitbrook.query.sql.functions.numbers import OPERATORS
from bitbrook.query.sql.tree import Call
from bitbrook.query.sql.types import BOOL, DOUBLE, INT

_OF_ONE = (
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "cbrt",
    "cos",
    "cosh",
    "cot",
    "degrees",
    "exp",
    "gamma",
    "lgamma",
    "ln",
    "log10",
    "log2",
    "radians",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
)
_OF_TWO = ("atan2", "fdiv", "fmod", "nextafter", "pow")
_ABOUT = ("isfinite", "isinf", "isnan", "signbit")


def _doubles(function: str, count: int) -> Function:
    def render(arguments: list[str], _: Call) -> str:
        return f"{function}({', '.join(cast(each, DOUBLE) for each in arguments)})"

    return Function((NUMBER,) * count, DOUBLE, render)


def _integers(function: str, count: int) -> Function:
    def render(arguments: list[str], _: Call) -> str:
        given = ", ".join(cast(each, INT) for each in arguments)
        return cast(f"{function}({given})", INT)

    return Function((INTEGER,) * count, INT, render)


def _about(function: str) -> Function:
    return Function((NUMBER,), BOOL, lambda a, _: f"{function}({cast(a[0], DOUBLE)})")


def _logarithm(arguments: list[str], _: Call) -> str:
    return f"log({', '.join(cast(each, DOUBLE) for each in arguments)})"


def _factorial(arguments: list[str], call: Call) -> str:
    number = arguments[0]
    return (
        f"CASE WHEN {number} < 0 OR {number} > 20 THEN {out_of_range(call, number)} "
        f"ELSE CAST(factorial(CAST({number} AS INTEGER)) AS BIGINT) END"
    )


def _whole_quotient(arguments: list[str], call: Call) -> str:
    left, right = (cast(argument, INT) for argument in arguments)
    fails = failure(call, "divisor is equal to zero")
    return f"CASE WHEN {right} = 0 THEN {fails} ELSE {left} // {right} END"


MATH_FUNCTIONS = {
    **{function.upper(): _doubles(function, 1) for function in _OF_ONE},
    **{function.upper(): _doubles(function, 2) for function in _OF_TWO},
    **{function.upper(): _about(function) for function in _ABOUT},
    "LOG": Function((NUMBER, NUMBER), DOUBLE, _logarithm, required=1),
    "PI": call_of("pi", returns=DOUBLE),
    "SIGN": Function((NUMBER,), INT, lambda a, _: f"CAST(sign({a[0]}) AS BIGINT)"),
    "TRUNC": Function((NUMBER,), INT, lambda a, _: cast(f"trunc({a[0]})", INT)),
    "EVEN": Function((NUMBER,), INT, lambda a, _: cast(f"even({cast(a[0], DOUBLE)})", INT)),
    "GCD": _integers("gcd", 2),
    "LCM": _integers("lcm", 2),
    "BIT_COUNT": _integers("bit_count", 1),
    "XOR": _integers("xor", 2),
    "FACTORIAL": Function((INTEGER,), INT, _factorial),
    "DIVIDE": Function((INTEGER, INTEGER), INT, _whole_quotient),
    "MOD": OPERATORS["%"],
}

MATH_ALIASES = {
    "GREATEST_COMMON_DIVISOR": "GCD",
    "LEAST_COMMON_MULTIPLE": "LCM",
    "POWER": "POW",
}
"""Names of the same functions elsewhere."""
