"""How many records a filter is likely to select, from what bitmaps know without evaluating it.

Each row of a filter is counted by itself, ranges by the span of the field's values; that the parts
of a filter have nothing to do with each other is what makes it an estimate.
"""

from collections.abc import Callable
from typing import Any

from bitbrook.algebra.expressions import (
    All,
    Difference,
    Expression,
    HasValue,
    InRange,
    Intersect,
    InValues,
    Not,
    Nothing,
    Records,
    Shift,
    Union,
    WithinDistance,
    Xor,
)
from bitbrook.algebra.partials import CountPartial, TotalsPartial
from bitbrook.algebra.questions import CountRecords, NumberTotals, Question
from bitbrook.schema.field_types import TableSchema

Ask = Callable[[TableSchema, Question, type[Any]], Any]


class Estimates:
    """Estimates of one statement; `ask` answers the counts that they are made of."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: dict[tuple[str, Question], Any] = {}

    def selected(self, table: TableSchema, records: Expression) -> int:
        """Return about how many records a filter selects."""
        total = self._count(table, All())
        share = self._share(table, records, total)
        return max(1, round(share * total)) if share else 0

    def _share(self, table: TableSchema, node: Expression, total: int) -> float:
        """Return the share of a table's records, from 0 to 1."""
        if total == 0 or isinstance(node, Nothing):
            return 0.0
        match node:
            case All() | WithinDistance():
                return 1.0
            case Records():
                return min(len(node.ids), total) / total
            case InRange() | InValues():
                return self._in_span(table, node, total)
            case Not():
                return 1.0 - self._share(table, node.operand, total)
            case Shift():
                return self._share(table, node.operand, total)
            case Intersect() | Union() | Difference() | Xor():
                shares = [self._share(table, each, total) for each in node.operands]
                return _combined(node, shares)
            case _:
                return self._count(table, node) / total

    def _in_span(self, table: TableSchema, node: InRange | InValues, total: int) -> float:
        known: TotalsPartial = self._asked(
            table, NumberTotals(node.field, wants_sum=False), TotalsPartial
        )
        least, greatest = known.least, known.greatest
        if least is None or greatest is None:
            return 0.0
        if isinstance(node, InValues):
            met = sum(least <= value <= greatest for value in node.values)
        else:
            low = least if node.low is None else max(least, node.low)
            high = greatest if node.high is None else min(greatest, node.high)
            met = max(0, high - low + 1)
        having = self._count(table, HasValue(node.field))
        return min(1.0, met / (greatest - least + 1)) * having / total

    def _count(self, table: TableSchema, node: Expression) -> int:
        partial: CountPartial = self._asked(table, CountRecords(node), CountPartial)
        return partial.count

    def _asked(self, table: TableSchema, question: Question, kind: type[Any]) -> Any:
        key = (table.name, question)
        if key not in self._known:
            self._known[key] = self._ask(table, question, kind)
        return self._known[key]


def _combined(node: Expression, shares: list[float]) -> float:
    first, *others = shares or [0.0]
    for other in others:
        match node:
            case Intersect():
                first *= other
            case Union():
                first += other - first * other
            case Difference():
                first = max(0.0, first - other)
            case _:
                first += other - 2 * first * other
    return first
