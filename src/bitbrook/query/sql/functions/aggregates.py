"""Aggregates and window functions. Bitmaps answer most of them; here is DuckDB's SQL for the rest.

Nulls are skipped; a sum, average, least or greatest of nothing is null, a count is 0. Averages and
variances are rounded to their digits, half away from zero, by exact integer division.
"""

from collections.abc import Callable, Sequence

from bitbrook.query.sql.functions.aggregates_beyond import AGGREGATES_BEYOND
from bitbrook.query.sql.functions.definitions import (
    ANY,
    INTEGER,
    LITERAL_INTEGER,
    LITERAL_NUMBER,
    MODIFIERS,
    NUMBER,
    ORDERED,
    ORDERING,
    AggregateFunction,
    Function,
    Parameter,
    cast,
    constant_of,
    of_kind,
    scaled,
    unscaled,
)
from bitbrook.query.sql.tree import Aggregate, Call, Expression
from bitbrook.query.sql.types import DOUBLE, INT, Kind, SqlType, decimal, list_of

AVERAGE_SCALE = 4
SPREAD_SCALE = 6

EXTREMES_MAX = 10_000
"""Values that min(c, n) and max(c, n) may gather of a group."""

_RANKED = Parameter("decimal", of_kind(Kind.INT, Kind.ID, Kind.DECIMAL, Kind.TIMESTAMP))


def _sum_type(arguments: Sequence[Expression]) -> SqlType:
    kind = arguments[0].type
    return kind if kind.kind in {Kind.DECIMAL, Kind.DOUBLE} else INT


def _average_type(arguments: Sequence[Expression]) -> SqlType:
    return DOUBLE if arguments[0].type == DOUBLE else decimal(AVERAGE_SCALE)


def _first_type(arguments: Sequence[Expression]) -> SqlType:
    return arguments[0].type


def _list_type(arguments: Sequence[Expression]) -> SqlType:
    return list_of(arguments[0].type)


def _distinct(call: Aggregate) -> str:
    return "DISTINCT " if call.is_distinct else ""


def _count(arguments: list[str], call: Aggregate) -> str:
    if not arguments:
        return f"count(*){MODIFIERS}"
    if call.is_distinct and call.arguments[0].type.is_set:
        members = f"list_distinct(flatten(list({arguments[0]}){MODIFIERS}))"
        return f"CAST(coalesce(len({members}), 0) AS BIGINT)"
    return f"count({_distinct(call)}{arguments[0]}){MODIFIERS}"


def _sum(arguments: list[str], call: Aggregate) -> str:
    return cast(f"sum({_distinct(call)}{cast(arguments[0], call.type)}){MODIFIERS}", call.type)


def _average(arguments: list[str], call: Aggregate) -> str:
    if call.type == DOUBLE:
        return f"avg({_distinct(call)}{arguments[0]}){MODIFIERS}"
    scale = call.arguments[0].type.scale
    total = f"CAST(sum({_distinct(call)}{unscaled(arguments[0], scale)}){MODIFIERS} AS HUGEINT)"
    count = f"count({_distinct(call)}{arguments[0]}){MODIFIERS}"
    return average_of(total, count, scale)


def average_of(total: str, count: str, scale: int) -> str:
    """Return SQL of the average from SQL of the unscaled sum and of the count."""
    numerator = f"({total} * {10**AVERAGE_SCALE})"
    divisor = f"(CAST({count} AS HUGEINT) * {10**scale})"
    half = f"CASE WHEN {numerator} < 0 THEN -{divisor} ELSE {divisor} END"
    rounded = f"((2 * {numerator} + {half}) // (2 * {divisor}))"
    return f"CASE WHEN {count} = 0 THEN NULL ELSE {scaled(rounded, AVERAGE_SCALE)} END"


def _extreme(function: str) -> Callable[[list[str], Aggregate], str]:
    return lambda arguments, _: f"{function}({arguments[0]}){MODIFIERS}"


def _extremes(function: str) -> Callable[[list[str], Aggregate], str]:
    return lambda arguments, _: f"{function}({', '.join(arguments)}){MODIFIERS}"


def _percentile(arguments: list[str], call: Aggregate) -> str:
    nth = constant_of(call.arguments[1]).value
    values = f"list_sort(list({arguments[0]}){MODIFIERS})"
    given = f"list_filter({values}, lambda v: v IS NOT NULL)"
    rank = f"ceil(count({arguments[0]}){MODIFIERS} * CAST({nth} AS DECIMAL(18, 6)) / 100)"
    return f"list_extract({given}, greatest(1, CAST({rank} AS BIGINT)))"


def _variance(arguments: list[str], _: Aggregate) -> str:
    return cast(f"var_pop(CAST({arguments[0]} AS DOUBLE)){MODIFIERS}", decimal(SPREAD_SCALE))


def _correlation(arguments: list[str], _: Aggregate) -> str:
    one, other = (f"CAST({argument} AS DOUBLE)" for argument in arguments)
    value = f"corr({one}, {other}){MODIFIERS}"
    return f"CASE WHEN isnan({value}) THEN NULL ELSE {cast(value, decimal(SPREAD_SCALE))} END"


AGGREGATES = {
    "COUNT": AggregateFunction((ANY,), INT, _count),
    "SUM": AggregateFunction((NUMBER,), _sum_type, _sum),
    "AVG": AggregateFunction((NUMBER,), _average_type, _average),
    "MIN": AggregateFunction((ORDERED,), _first_type, _extreme("min")),
    "MAX": AggregateFunction((ORDERED,), _first_type, _extreme("max")),
    "PERCENTILE": AggregateFunction((_RANKED, LITERAL_NUMBER), _first_type, _percentile),
    "VAR": AggregateFunction((NUMBER,), decimal(SPREAD_SCALE), _variance),
    "CORR": AggregateFunction((NUMBER, NUMBER), decimal(SPREAD_SCALE), _correlation),
    **AGGREGATES_BEYOND,
}

WITH_COUNT = {
    "MIN": AggregateFunction((ORDERED, LITERAL_INTEGER), _list_type, _extremes("min")),
    "MAX": AggregateFunction((ORDERED, LITERAL_INTEGER), _list_type, _extremes("max")),
}
"""What aggregates are where a second argument says how many values are wanted."""


def _ranking(function: str) -> Function:
    return Function((), INT, lambda _, __: f"CAST({function}(){MODIFIERS} AS BIGINT)")


def _share(function: str) -> Function:
    return Function((), DOUBLE, lambda _, __: f"{function}(){MODIFIERS}")


def _neighbour(function: str) -> Function:
    def render(arguments: list[str], call: Call) -> str:
        given = [*arguments[:2], *(cast(each, call.type) for each in arguments[2:])]
        return f"{function}({', '.join(given)}{ORDERING}){MODIFIERS}"

    return Function((ANY, LITERAL_INTEGER, ANY), _first_type, render, required=1)


def _edge(function: str) -> Function:
    return Function(
        (ANY,),
        _first_type,
        lambda arguments, _: f"{function}({arguments[0]}{ORDERING}){MODIFIERS}",
    )


def _nth(arguments: list[str], _: Call) -> str:
    return f"nth_value({', '.join(arguments)}{ORDERING}){MODIFIERS}"


def _tile(arguments: list[str], _: Call) -> str:
    return f"ntile({arguments[0]}){MODIFIERS}"


WINDOW_FUNCTIONS = {
    "ROW_NUMBER": _ranking("row_number"),
    "RANK": _ranking("rank"),
    "DENSE_RANK": _ranking("dense_rank"),
    "NTILE": Function((INTEGER,), INT, _tile),
    "LAG": _neighbour("lag"),
    "LEAD": _neighbour("lead"),
    "FIRST_VALUE": _edge("first_value"),
    "LAST_VALUE": _edge("last_value"),
    "NTH_VALUE": Function((ANY, INTEGER), _first_type, _nth),
    "PERCENT_RANK": _share("percent_rank"),
    "CUME_DIST": _share("cume_dist"),
}

IGNORING_NULLS = frozenset({"LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE", "NTH_VALUE"})
"""The window functions that IGNORE NULLS goes with."""
