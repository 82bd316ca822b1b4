"""Distances of a table's vectors from one that is given: what the index measures by itself."""

from typing import NamedTuple

from bitbrook.algebra.expressions import Difference, Expression, Metric, Nothing, WithinDistance
from bitbrook.query.pql.tree import Operator
from bitbrook.query.pql.values import bounds_of
from bitbrook.query.sql import tree
from bitbrook.query.sql.bind.literals import exact_value
from bitbrook.query.sql.functions.vectors import DISTANCE_SCALE, DISTANCES
from bitbrook.query.sql.tree import Call, Column, Constant, Scan
from bitbrook.query.sql.types import Kind, decimal
from bitbrook.schema.field_types import INT64_MAX, INT64_MIN


class Distance(NamedTuple):
    """How far a vector field is from a vector."""

    field: str
    metric: Metric
    vector: tuple[float, ...]

    def within(self, low: int | None, high: int | None) -> Expression:
        """Return the records that are so far away, in billionths."""
        return WithinDistance(self.field, self.metric, self.vector, low, high)


def find_distance(node: tree.Expression, scan: Scan) -> Distance | None:
    """Return the distance that an expression is, None if it is none between column and constant."""
    if not isinstance(node, Call) or node.name not in DISTANCES:
        return None
    # Every distance is the same from either side.
    match node.arguments:
        case (Column() as column, Constant() as constant):
            pass
        case (Constant() as constant, Column() as column):
            pass
        case _:
            return None
    field = scan.field_of(column.name) if column.relation == scan.relation else None
    if field is None or not field.is_vector or constant.type.kind is not Kind.VECTOR:
        return None
    if not isinstance(constant.value, tuple):
        return None
    vector = tuple(float(number) for number in constant.value)
    return Distance(field.name, DISTANCES[node.name], vector)


def within(distance: Distance, operator: Operator, constant: Constant) -> Expression:
    """Return the records whose distance compares so with a constant."""
    exact = exact_value(constant, decimal(DISTANCE_SCALE))
    if exact is None:
        return Nothing()
    if operator is Operator.NOT_EQUAL:
        equal = within(distance, Operator.EQUAL, constant)
        return Difference((distance.within(None, None), equal))
    bounds = bounds_of([(operator, exact)])
    low = INT64_MIN if bounds.low is None else bounds.low
    high = INT64_MAX if bounds.high is None else bounds.high
    low, high = max(low, INT64_MIN), min(high, INT64_MAX)
    return distance.within(low, high) if low <= high else Nothing()
