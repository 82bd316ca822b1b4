"""Distances between vectors: decimals of nine digits, as bitmaps' side computes them.

A null vector makes the result null, and so does the angle to a vector of zeros.
"""

from bitbrook.algebra.expressions import Metric
from bitbrook.query.sql.functions.definitions import VECTOR, Function, out_of_range, scaled
from bitbrook.query.sql.tree import Call
from bitbrook.query.sql.types import decimal

DISTANCE_SCALE = 9
"""Digits after the point: what the difference of two 32-bit numbers can tell."""

_BEYOND = 9_200_000_000
"""Distances from here on do not fit in 64 bits."""

DISTANCES = {
    "COSINE_DISTANCE": Metric.COSINE,
    "EUCLIDEAN_DISTANCE": Metric.EUCLIDEAN,
    "DOT_PRODUCT": Metric.DOT,
}

_SQL = {
    Metric.COSINE: "array_cosine_distance({0}, {1})",
    Metric.EUCLIDEAN: "array_distance({0}, {1})",
    Metric.DOT: "array_inner_product({0}, {1})",
}


def _distance(arguments: list[str], call: Call) -> str:
    length = max(argument.type.length for argument in call.arguments)
    if length == 0:
        return "NULL"
    wide = [f"CAST({argument} AS DOUBLE[{length}])" for argument in arguments]
    sql = _SQL[DISTANCES[call.name]].format(*wide)
    units = f"CAST(round(({sql}) * {10**DISTANCE_SCALE}) AS HUGEINT)"
    fails = out_of_range(call, sql)
    return (
        f"CASE WHEN {sql} IS NULL OR isnan({sql}) THEN NULL "
        f"WHEN abs({sql}) >= {_BEYOND} THEN {fails} ELSE {scaled(units, DISTANCE_SCALE)} END"
    )


VECTOR_FUNCTIONS = {
    name: Function((VECTOR, VECTOR), decimal(DISTANCE_SCALE), _distance) for name in DISTANCES
}
