"""Aggregates that the reference does not have: lists of values, orders, spreads, regressions.

DuckDB evaluates them, so what they are of is extracted. An ordered one reads its records in the
order that it is given. What is no whole number or exact decimal is a double.
"""

from collections.abc import Callable, Sequence

from bitbrook.query.sql.functions.definitions import (
    ANY,
    CONDITION,
    INTEGER,
    LITERAL_NUMBER,
    LITERAL_TEXT,
    MODIFIERS,
    NUMBER,
    ORDERED,
    ORDERING,
    TEXT,
    AggregateFunction,
    Parameter,
    cast,
    constant_of,
)
from bitbrook.query.sql.tree import Aggregate, Expression
from bitbrook.query.sql.types import BOOL, DOUBLE, INT, STRING, SqlType, list_of, struct_of


def _first_type(arguments: Sequence[Expression]) -> SqlType:
    return arguments[0].type


def _list_type(arguments: Sequence[Expression]) -> SqlType:
    return list_of(arguments[0].type)


def _counts_type(arguments: Sequence[Expression]) -> SqlType:
    return list_of(struct_of([("key", arguments[0].type), ("value", INT)]))


def _called(function: str, arguments: list[str], call: Aggregate) -> str:
    distinct = "DISTINCT " if call.is_distinct else ""
    return f"{function}({distinct}{', '.join(arguments)}{ORDERING}){MODIFIERS}"


def _plain(
    function: str, parameters: tuple[Parameter, ...], kind: SqlType, *, is_ordered: bool = False
) -> AggregateFunction:
    return AggregateFunction(
        parameters,
        kind,
        lambda arguments, call: cast(_called(function, arguments, call), kind),
        is_ordered=is_ordered,
    )


def _of_doubles(function: str, count: int = 1) -> AggregateFunction:
    def render(arguments: list[str], call: Aggregate) -> str:
        return _called(function, [cast(argument, DOUBLE) for argument in arguments], call)

    return AggregateFunction((NUMBER,) * count, DOUBLE, render)


def _kept(function: str, *parameters: Parameter) -> AggregateFunction:
    """Return an aggregate that picks one of the values."""
    return AggregateFunction(
        parameters,
        _first_type,
        lambda arguments, call: _called(function, arguments, call),
        is_ordered=True,
    )


def _of_extreme(function: str) -> AggregateFunction:
    """Return an aggregate of the value where another is extreme, or of so many in a list."""

    def kind(arguments: Sequence[Expression]) -> SqlType:
        return _first_type(arguments) if len(arguments) == 2 else _list_type(arguments)

    return AggregateFunction(
        (ANY, ORDERED, LITERAL_NUMBER),
        kind,
        lambda arguments, call: _called(function, arguments, call),
        required=2,
        is_ordered=True,
    )


def _strings(arguments: list[str], call: Aggregate) -> str:
    separator = arguments[1] if len(arguments) > 1 else "','"
    return _called("string_agg", [arguments[0], separator], call)


def _counts(arguments: list[str], call: Aggregate) -> str:
    kind = _counts_type(call.arguments)
    return cast(f"map_entries(histogram({arguments[0]}){MODIFIERS})", kind)


def _geometric_mean(arguments: list[str], _: Aggregate) -> str:
    return f"exp(avg(ln({cast(arguments[0], DOUBLE)})){MODIFIERS})"


def _weighted(arguments: list[str], _: Aggregate) -> str:
    value, weight = (cast(argument, DOUBLE) for argument in arguments)
    known = f"CASE WHEN {value} IS NULL THEN NULL ELSE {weight} END"
    return f"(sum({value} * {weight}){MODIFIERS} / nullif(sum({known}){MODIFIERS}, 0))"


def _at(function: str, kind: SqlType | None) -> Callable[[list[str], Aggregate], str]:
    def render(arguments: list[str], call: Aggregate) -> str:
        value = arguments[0] if kind is None else cast(arguments[0], kind)
        nth = constant_of(call.arguments[1]).value
        return _called(function, [value, f"CAST('{nth}' AS DOUBLE)"], call)

    return render


_SPREADS = (
    "stddev_pop",
    "stddev_samp",
    "var_pop",
    "var_samp",
    "skewness",
    "kurtosis",
    "kurtosis_pop",
    "sem",
    "mad",
    "median",
    "product",
    "kahan_sum",
    "favg",
)
_PAIRED = (
    "covar_pop",
    "covar_samp",
    "regr_avgx",
    "regr_avgy",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
)

AGGREGATES_BEYOND = {
    "LIST": AggregateFunction(
        (ANY,), _list_type, lambda a, call: _called("list", a, call), is_ordered=True
    ),
    "STRING_AGG": AggregateFunction(
        (TEXT, LITERAL_TEXT), STRING, _strings, required=1, is_ordered=True
    ),
    "FIRST": _kept("first", ANY),
    "LAST": _kept("last", ANY),
    "ANY_VALUE": _kept("any_value", ANY),
    "MODE": _kept("mode", ORDERED),
    "ARG_MAX": _of_extreme("arg_max"),
    "ARG_MIN": _of_extreme("arg_min"),
    "BIT_AND": _plain("bit_and", (INTEGER,), INT),
    "BIT_OR": _plain("bit_or", (INTEGER,), INT),
    "BIT_XOR": _plain("bit_xor", (INTEGER,), INT),
    "BOOL_AND": _plain("bool_and", (CONDITION,), BOOL),
    "BOOL_OR": _plain("bool_or", (CONDITION,), BOOL),
    "COUNT_IF": _plain("count_if", (CONDITION,), INT),
    "APPROX_COUNT_DISTINCT": _plain("approx_count_distinct", (ANY,), INT),
    "REGR_COUNT": _plain("regr_count", (NUMBER, NUMBER), INT),
    "ENTROPY": _plain("entropy", (ORDERED,), DOUBLE),
    "GEOMEAN": AggregateFunction((NUMBER,), DOUBLE, _geometric_mean),
    "WEIGHTED_AVG": AggregateFunction((NUMBER, NUMBER), DOUBLE, _weighted),
    "HISTOGRAM": AggregateFunction((ORDERED,), _counts_type, _counts),
    "QUANTILE_CONT": AggregateFunction(
        (NUMBER, LITERAL_NUMBER), DOUBLE, _at("quantile_cont", DOUBLE)
    ),
    "QUANTILE_DISC": AggregateFunction(
        (ORDERED, LITERAL_NUMBER), _first_type, _at("quantile_disc", None)
    ),
    **{function.upper(): _of_doubles(function) for function in _SPREADS},
    **{function.upper(): _of_doubles(function, 2) for function in _PAIRED},
}

AGGREGATE_ALIASES = {
    "ARBITRARY": "FIRST",
    "ARGMAX": "ARG_MAX",
    "ARGMIN": "ARG_MIN",
    "ARRAY_AGG": "LIST",
    "COUNTIF": "COUNT_IF",
    "COUNT_STAR": "COUNT",
    "EVERY": "BOOL_AND",
    "FSUM": "KAHAN_SUM",
    "GEOMETRIC_MEAN": "GEOMEAN",
    "GROUP_CONCAT": "STRING_AGG",
    "LISTAGG": "STRING_AGG",
    "MAX_BY": "ARG_MAX",
    "MEAN": "AVG",
    "MIN_BY": "ARG_MIN",
    "QUANTILE": "QUANTILE_DISC",
    "STDDEV": "STDDEV_SAMP",
    "SUMKAHAN": "KAHAN_SUM",
    "VARIANCE": "VAR_SAMP",
    "WAVG": "WEIGHTED_AVG",
}
"""Names of the same aggregates elsewhere."""

WITHIN_GROUP = {
    "MODE": "MODE",
    "PERCENTILE_CONT": "QUANTILE_CONT",
    "PERCENTILE_DISC": "QUANTILE_DISC",
    "QUANTILE_CONT": "QUANTILE_CONT",
    "QUANTILE_DISC": "QUANTILE_DISC",
}
"""What goes before WITHIN GROUP, and the aggregate that it is."""
