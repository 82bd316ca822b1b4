"""Moments, bound: that of the statement, others so long before or after, and their parts."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import exp

from bitbrook.query.sql.bind import operators
from bitbrook.query.sql.bind.calls import scalar
from bitbrook.query.sql.bind.places import offset_of
from bitbrook.query.sql.bind.scope import Scope
from bitbrook.query.sql.bind.windows import MOVES, PERIODS, read_interval
from bitbrook.query.sql.tree import Call, Constant, Expression
from bitbrook.query.sql.types import INT, STRING, TIMESTAMP, Kind, timestamp
from bitbrook.schema.field_types import TimeUnit

if TYPE_CHECKING:
    from sqlglot.expressions import Expression as Node
else:
    Node = exp.Expression


class MomentBinder:
    """Binds moments; `bind` binds what they are reckoned from."""

    def __init__(
        self,
        bind: Callable[[Node], Expression],
        scope: Scope,
    ) -> None:
        self._bind = bind
        self._scope = scope
        self._text = scope.text

    def now(self, node: Node) -> Expression:
        """Return the moment of the statement."""
        self._scope.statement.is_fleeting = True
        now_us = self._scope.statement.now_us
        return Constant.of(now_us, timestamp(TimeUnit.MICROSECOND), offset_of(node))

    def today(self, node: Node) -> Expression:
        """Return the day of the statement."""
        self._scope.statement.is_fleeting = True
        day_us = self._scope.statement.now_us // 86_400_000_000 * 86_400_000_000
        return Constant.of(day_us, timestamp(TimeUnit.MICROSECOND), offset_of(node))

    def moved(self, node: Node) -> Expression:
        """Return a time moved by a period, as datetimeadd() does."""
        count, unit = read_interval(node.expression, self._bind, self._scope)
        factor, short = MOVES[unit]
        count *= factor * (-1 if isinstance(node, exp.Sub) else 1)
        operand = self._bind(node.this)
        offset = operand.offset
        if operand.type.is_text:
            operand = operators.as_time(operand, self._text)
        given = [Constant.of(short, STRING, offset), Constant.of(count, INT, offset), operand]
        return scalar("DATETIMEADD", given, offset, self._text)

    def extract(self, node: exp.Extract) -> Expression:
        """Return the part of a time that EXTRACT names."""
        unit, offset = node.this.name.upper(), offset_of(node.expression)
        if unit not in MOVES:
            raise self._text.error(f"'{node.this.name}' is not a valid time unit", offset)
        given = [Constant.of(MOVES[unit][1], STRING, offset), self._bind(node.expression)]
        if unit == "QUARTER":
            return scalar("QUARTER", given[1:], offset, self._text)
        return scalar("DATETIMEPART", given, offset, self._text)

    def bucket(self, node: exp.Anonymous) -> Expression:
        """Return the start of the period of a length in which a time falls."""
        offset = offset_of(node)
        if len(node.expressions) != 2 or not isinstance(node.expressions[0], exp.Interval):
            message = "time_bucket() takes an INTERVAL and a timestamp"
            raise self._text.error(message, offset)
        count, unit = read_interval(node.expressions[0], self._bind, self._scope)
        if count < 1:
            raise self._text.error(f"value '{count}' out of range", offset)
        operand = self._bind(node.expressions[1])
        if operand.type.is_text:
            operand = operators.as_time(operand, self._text)
        if operand.type.kind not in {Kind.TIMESTAMP, Kind.VOID}:
            raise self._text.error(
                f"an expression of type '{operand.type}' cannot be passed to a parameter of type "
                "'timestamp'",
                operand.offset,
            )
        width = f"{PERIODS[unit]}(CAST({count} AS INTEGER))"

        def render(arguments: list[str], _: Call) -> str:
            return f"time_bucket({width}, CAST({arguments[0]} AS TIMESTAMP))"

        name = f"TIME_BUCKET {count} {unit}"
        return Call(name, (operand,), TIMESTAMP, render, offset, self._text.prefix(offset))
