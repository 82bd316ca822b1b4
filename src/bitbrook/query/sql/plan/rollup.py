"""Groups by expressions, and sums of them: formed finely by bitmaps, then rolled up by DuckDB.

`datetimepart(yy, t)` is the same for all times of a year, `sum(price * discount)` the sum over the
discounts of each times the sum of its prices. So the records are grouped by what such expressions
depend on (periods of time, rows, numbers of few values) and DuckDB gets those groups in place of
the records. Sums stay exact; what cannot be put together from groups is left to others.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from bitbrook.algebra.expressions import All
from bitbrook.algebra.expressions import Expression as Selecting
from bitbrook.algebra.partials import RowCountsPartial, TotalsPartial
from bitbrook.algebra.questions import NumberTotals, Period, RowCounts
from bitbrook.query.sql.functions.aggregates import AGGREGATES, average_of
from bitbrook.query.sql.functions.definitions import MODIFIERS, cast, unscaled
from bitbrook.query.sql.plan.linear import linear_form
from bitbrook.query.sql.plan.measures import KeySource, Lacking, grouped, ungrouped
from bitbrook.query.sql.record_sets import intersection
from bitbrook.query.sql.tree import (
    GROUPING,
    MEMBER_SUFFIX,
    Aggregate,
    Call,
    Column,
    Constant,
    Expression,
    OrderItem,
    Output,
    Rows,
    Scan,
    Select,
    Subquery,
    parts_of,
    walk,
    with_parts,
)
from bitbrook.query.sql.types import INT, Kind
from bitbrook.query.sql.where import NotBitmaps
from bitbrook.schema.field_types import FieldSchema

if TYPE_CHECKING:
    from bitbrook.query.sql.plan.execution import Execution

RELATION = 0

VALUES_MAX = 1_000
"""Different values (their span) of a number that groups may be formed by beside those asked for."""

ROWS_MAX = 100_000
"""Rows of a field that the statement itself groups by in some way."""

_PERIODS = {
    "YY": Period.YEAR,
    "M": Period.MONTH,
    "D": Period.DAY,
    "W": Period.DAY,
    "WD": Period.DAY,
    "YD": Period.DAY,
    "HH": Period.HOUR,
    "MI": Period.MINUTE,
}
_PARTS = frozenset({"DATETIMEPART", "DATETIMENAME", "DATE_TRUNC"})
_FINER = list(Period)


def answer(select: Select, scan: Scan, execution: "Execution") -> pa.Table:
    """Return the answer of a SELECT with groups or aggregates.

    Raises:
        NotBitmaps: it cannot be rolled up from groups that bitmaps form.
    """
    over = [output.expression for output in select.outputs]
    over += [*select.having, *(item.expression for item in select.order)]
    if not select.is_aggregated or scan.flattened & scan.used.keys():
        raise NotBitmaps
    if any(isinstance(p, Subquery) for each in [*over, *select.where] for p in walk(each)):
        raise NotBitmaps
    aggregates = dict.fromkeys(
        p for each in over for p in walk(each) if isinstance(p, Aggregate) and p.name != GROUPING
    )
    if not all(_may_roll_up(aggregate) for aggregate in aggregates):
        raise NotBitmaps
    conditions, left = _known_conditions(select.where, scan, execution)
    fine = _Fine(scan, conditions, execution)
    for expression in select.groups:
        fine.depend_on(expression, is_asked=True)
    for expression in left:
        fine.depend_on(expression, is_asked=False)
    known = {aggregate: fine.rolled_up(aggregate) for aggregate in aggregates}
    records = fine.records()

    def rewritten(node: Expression) -> Expression:
        if isinstance(node, Aggregate) and node.name != GROUPING:
            return fine.rewritten(known[node])
        return fine.rewritten_part(node, rewritten)

    return execution.finish(
        replace(
            select,
            outputs=[Output(o.name, rewritten(o.expression)) for o in select.outputs],
            source=Rows(RELATION, records),
            where=[rewritten(condition) for condition in left],
            groups=[rewritten(key) for key in select.groups],
            having=[rewritten(condition) for condition in select.having],
            order=[
                OrderItem(rewritten(i.expression), i.is_descending, i.nulls_first)
                for i in select.order
            ],
        )
    )


def _may_roll_up(aggregate: Aggregate) -> bool:
    """Whether an aggregate of this kind can be put together from those of groups."""
    is_extreme = aggregate.name in {"MIN", "MAX"}
    is_known = is_extreme or aggregate.name in {"COUNT", "SUM", "AVG"}
    return is_known and aggregate.filter is None and (is_extreme or not aggregate.is_distinct)


def _known_conditions(
    where: list[Expression], scan: Scan, execution: "Execution"
) -> tuple[Selecting, list[Expression]]:
    """Return the records of the conditions that bitmaps know, and the other conditions."""
    selected, left = [], []
    for condition in where:
        try:
            selected.append(execution.selected(scan, [condition]))
        except NotBitmaps:
            left.append(condition)
    return intersection(selected), left


def _unit_of(node: Expression) -> tuple[str, Column] | None:
    """Return the unit and column of a call that depends on the period of a time alone."""
    match node:
        case Call(name=name, arguments=(Constant(value=str() as unit), Column() as column)) if (
            name in _PARTS and unit.upper() in _PERIODS and column.type.kind is Kind.TIMESTAMP
        ):
            return unit.upper(), column
        case _:
            return None


@dataclass(slots=True)
class _Fine:
    """The fine groups: what they are formed by, and what is asked of each."""

    scan: Scan
    selected: Selecting
    execution: "Execution"
    raw: dict[Column, None] = field(default_factory=dict)
    periods: dict[Column, Period] = field(default_factory=dict)
    asked: dict[Aggregate, None] = field(default_factory=dict)
    lacking: Lacking = field(init=False)

    def __post_init__(self) -> None:
        self.lacking = Lacking(self.selected, self.scan, self.execution)

    def depend_on(self, expression: Expression, *, is_asked: bool) -> None:
        """Form the groups so that an expression has one value in each.

        `is_asked`: the statement itself groups by it.
        """
        for column, period in _dependencies(expression):
            schema = self.scan.field_of(column.name)
            if column.relation != self.scan.relation or schema is None or not schema.has_values:
                raise NotBitmaps
            if period is not None:
                known = self.periods.get(column, period)
                self.periods[column] = max(known, period, key=_FINER.index)
                continue
            self._check_few(column, schema, ROWS_MAX if is_asked else VALUES_MAX)
            self.raw[column] = None

    def _check_few(self, column: Column, schema: FieldSchema, rows_max: int) -> None:
        if schema.has_rows:
            rows = self.execution.ask(self.scan.table, RowCounts(column.name), RowCountsPartial)
            if len(rows.counts) > rows_max:
                raise NotBitmaps
            return
        # Of all records first: without a filter their span costs next to nothing.
        for records in (All(), self.selected):
            question = NumberTotals(column.name, records, wants_sum=False)
            totals = self.execution.ask(self.scan.table, question, TotalsPartial)
            least, greatest = totals.least, totals.greatest
            if least is None or greatest is None or greatest - least < VALUES_MAX:
                return
        raise NotBitmaps

    def rolled_up(self, aggregate: Aggregate) -> Aggregate:
        """Return an aggregate over the groups that is the given one over the records."""
        if not aggregate.arguments:
            return _sum_of_counts(self._ask("COUNT", None), aggregate)
        argument = aggregate.arguments[0]
        match aggregate.name:
            case "MIN" | "MAX" if isinstance(argument, Column):
                return replace(aggregate, arguments=(self._ask(aggregate.name, argument),))
            case "COUNT" if isinstance(argument, Column):
                return _sum_of_counts(self._ask("COUNT", argument), aggregate)
            case "AVG" if isinstance(argument, Column):
                parts = (self._ask("SUM", argument), self._ask("COUNT", argument))
                return replace(aggregate, arguments=parts, render=_average)
            case "SUM" if isinstance(argument, Column):
                return replace(aggregate, arguments=(self._ask("SUM", argument),))
            case "SUM":
                return self._sum(aggregate, argument)
            case _:
                raise NotBitmaps

    def _ask(self, name: str, column: Column | None) -> Aggregate:
        """Return an aggregate that is to be asked of each fine group."""
        arguments = () if column is None else (column,)
        function = AGGREGATES[name]
        asked = Aggregate(name, arguments, function.result_type(arguments), function.render)
        self.asked[asked] = None
        return asked

    def _sum(self, aggregate: Aggregate, argument: Expression) -> Aggregate:
        form = linear_form(argument)
        if form is not None:
            return self._linear_sum(aggregate, form)
        match argument:
            case Call(name="*", arguments=(Column() as column, factor)):
                return self._product_sum(aggregate, column, factor)
            case Call(name="*", arguments=(factor, Column() as column)):
                return self._product_sum(aggregate, column, factor)
            case _:
                raise NotBitmaps

    def _linear_sum(self, aggregate: Aggregate, form: tuple[dict[Column, int], int]) -> Aggregate:
        """Return sum(a - b) as sum(a) - sum(b), which it is if neither lacks a value."""
        factors, constant = form
        if not factors or any(self.lacking.count(column.name) for column in factors):
            raise NotBitmaps
        parts = tuple(self._ask("SUM", column) for column in factors)
        parts += (self._ask("COUNT", None),)
        weights = [*factors.values(), constant]
        scale = aggregate.type.scale

        def render(arguments: list[str], call: Aggregate) -> str:
            sums = [
                f"sum(CAST({sql} AS DECIMAL(38, {scale}))) * {weight}"
                for sql, weight in zip(arguments, weights, strict=True)
            ]
            return cast(f"({' + '.join(sums)})", call.type) + MODIFIERS

        return replace(aggregate, arguments=parts, render=render)

    def _product_sum(self, aggregate: Aggregate, column: Column, factor: Expression) -> Aggregate:
        """Return sum(a * f(b)) as the sum over the values of b of f(b) times the sum of a."""
        one, other = (column, factor)
        try:
            self.depend_on(other, is_asked=False)
        except NotBitmaps:
            if not isinstance(factor, Column):
                raise
            one, other = factor, column
            self.depend_on(other, is_asked=False)
        total = self._ask("SUM", one)
        scales = (total.type.scale, other.type.scale)

        def render(arguments: list[str], call: Aggregate) -> str:
            left, right = (
                f"CAST({sql} AS DECIMAL(19, {scale}))"
                for sql, scale in zip(arguments, scales, strict=True)
            )
            return cast(f"sum({left} * {right})", call.type) + MODIFIERS

        return replace(aggregate, arguments=(total, other), render=render)

    def records(self) -> pa.Table:
        """Return the fine groups: keys k0, k1..., aggregates a0, a1..."""
        keys = self._keys()
        aggregates = list(self.asked)
        if not keys:
            return ungrouped(aggregates, self.scan, self.selected, self.execution)
        return grouped(keys, aggregates, self.scan, self.lacking)

    def _keys(self) -> list[KeySource]:
        plain = [KeySource(column) for column in self.raw]
        return plain + [
            KeySource(column, period)
            for column, period in self.periods.items()
            if column not in self.raw
        ]

    def rewritten(self, aggregate: Aggregate) -> Aggregate:
        """Return an aggregate over the columns of the fine groups."""
        places = list(self.asked)

        def change(node: Expression) -> Expression:
            if isinstance(node, Aggregate):
                return Column(RELATION, f"a{places.index(node)}", node.type)
            return self.rewritten_part(node, change)

        return replace(aggregate, arguments=tuple(change(a) for a in aggregate.arguments))

    def rewritten_part(self, node: Expression, change: "object") -> Expression:
        """Return an expression over the keys of the fine groups."""
        if isinstance(node, Column):
            columns = [key.column for key in self._keys()]
            if node not in columns:
                raise NotBitmaps
            return Column(RELATION, f"k{columns.index(node)}", node.type, node.offset)
        return with_parts(node, change)  # type: ignore[arg-type]


def _dependencies(expression: Expression) -> Iterator[tuple[Column, Period | None]]:
    """Give the columns that an expression depends on, with a period if on that of a time alone."""
    match expression:
        case Column():
            if expression.name.endswith(MEMBER_SUFFIX):
                raise NotBitmaps
            yield expression, None
        case _:
            unit = _unit_of(expression)
            if unit is not None:
                yield unit[1], _PERIODS[unit[0]]
                return
            for part in parts_of(expression):
                yield from _dependencies(part)


def _sum_of_counts(asked: Aggregate, aggregate: Aggregate) -> Aggregate:
    def render(arguments: list[str], _: Aggregate) -> str:
        return cast(f"coalesce(sum({arguments[0]}), 0)", INT) + MODIFIERS

    return replace(aggregate, arguments=(asked,), is_distinct=False, render=render)


def _average(arguments: list[str], call: Aggregate) -> str:
    asked = call.arguments[0]
    total = f"CAST(sum({unscaled(arguments[0], asked.type.scale)}) AS HUGEINT)"
    return average_of(total, f"sum({arguments[1]})", asked.type.scale) + MODIFIERS
