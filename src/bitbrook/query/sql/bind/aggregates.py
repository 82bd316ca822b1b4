"""Aggregates and window functions, bound: what they run over, filters and windows."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from bitbrook.query.sql.bind.calls import checked
from bitbrook.query.sql.bind.places import offset_of
from bitbrook.query.sql.bind.scope import Scope
from bitbrook.query.sql.functions.aggregates import AGGREGATES, WINDOW_FUNCTIONS
from bitbrook.query.sql.tree import (
    Aggregate,
    Call,
    Column,
    Constant,
    Expression,
    OrderItem,
    Window,
    walk,
)
from bitbrook.query.sql.types import BOOL, Kind

if TYPE_CHECKING:
    from sqlglot.expressions import Expression as Node
else:
    Node = exp.Expression

_BOUNDS = {
    "UNBOUNDED": "UNBOUNDED",
    "CURRENT ROW": "CURRENT ROW",
}


class AggregateBinder:
    """Binds aggregates; `bind` binds what is inside them."""

    def __init__(self, bind: Callable[[Node], Expression], scope: Scope) -> None:
        self._bind = bind
        self._scope = scope
        self._text = scope.text

    def knows(self, name: str) -> bool:
        """Whether a function is an aggregate, or one for windows alone."""
        return name in AGGREGATES or name in WINDOW_FUNCTIONS

    def bind_call(self, node: exp.Anonymous, *, is_windowed: bool = False) -> Aggregate:
        """Return a bound aggregate; over a window it may take the aggregates of groups."""
        name, offset = str(node.name).upper(), offset_of(node)
        if name not in AGGREGATES:
            raise self._text.error(f"'{name.lower()}' needs a window: add OVER (...)", offset)
        nodes, is_distinct = list(node.expressions), False
        if len(nodes) == 1 and isinstance(nodes[0], exp.Distinct):
            nodes, is_distinct = list(nodes[0].expressions), True
        function = AGGREGATES[name]
        if name == "COUNT" and len(nodes) == 1 and isinstance(nodes[0], exp.Star):
            arguments: list[Expression] = []
        else:
            arguments = [self._bind(argument) for argument in nodes]
            arguments = checked(name, function, arguments, offset, self._text)
        if not is_windowed:
            self._refuse_nested(arguments)
        self._check(name, arguments)
        kind = function.result_type(arguments)
        prefix = self._text.prefix(offset)
        return Aggregate(
            name, tuple(arguments), kind, function.render, is_distinct, None, offset, prefix
        )

    def bind_filtered(self, node: exp.Filter) -> Aggregate:
        """Return an aggregate with its FILTER."""
        if not isinstance(node.this, exp.Anonymous):
            raise self._text.error("FILTER goes with an aggregate", offset_of(node))
        call = self.bind_call(node.this)
        condition = self._bind(node.expression.this)
        if condition.type != BOOL:
            raise self._text.error("boolean expression expected", condition.offset)
        return Aggregate(
            call.name,
            call.arguments,
            call.type,
            call.render,
            call.is_distinct,
            condition,
            call.offset,
            call.prefix,
        )

    def bind_window(self, node: exp.Window) -> Window:
        """Return an aggregate or window function over its window."""
        offset = offset_of(node)
        if node.args.get("alias") is not None or not isinstance(
            node.this, exp.Anonymous | exp.Filter
        ):
            raise self._text.error("write the window in OVER (...)", offset)
        partition = tuple(self._bind(part) for part in node.args.get("partition_by") or ())
        order = node.args.get("order")
        items = tuple(self.order_item(item) for item in (order.expressions if order else ()))
        call = self._called(node.this)
        return Window(call, partition, items, self._frame(node.args.get("spec")), call.type, offset)

    def order_item(self, node: exp.Ordered) -> OrderItem:
        """Return a bound key of an order; nulls come last unless asked for first."""
        nulls_first = bool(node.args.get("nulls_first"))
        return OrderItem(self._bind(node.this), bool(node.args.get("desc")), nulls_first)

    def _called(self, node: exp.Anonymous | exp.Filter) -> Aggregate | Call:
        if isinstance(node, exp.Filter):
            return self.bind_filtered(node)
        name, offset = str(node.name).upper(), offset_of(node)
        function = WINDOW_FUNCTIONS.get(name)
        if function is None:
            if name not in AGGREGATES:
                raise self._text.error(f"unknown function '{name.lower()}'", offset)
            return self.bind_call(node, is_windowed=True)
        arguments = [self._bind(argument) for argument in node.expressions]
        arguments = checked(name, function, arguments, offset, self._text)
        kind = function.result_type(arguments)
        return Call(name, tuple(arguments), kind, function.render, offset)

    def _refuse_nested(self, arguments: list[Expression]) -> None:
        for argument in arguments:
            for part in walk(argument):
                if isinstance(part, Aggregate | Window):
                    raise self._text.error("aggregates cannot be nested", part.offset)

    def _check(self, name: str, arguments: list[Expression]) -> None:
        first = arguments[0] if arguments else None
        if name != "COUNT" and isinstance(first, Column) and first.name == "_id":
            message = f"_id column cannot be used in aggregate function '{name.lower()}'"
            raise self._text.error(message, first.offset)
        if name == "PERCENTILE":
            nth = arguments[1]
            assert isinstance(nth, Constant), "checked to be a literal"
            is_rank = isinstance(nth.value, int | Decimal) and 0 <= nth.value <= 100
            if not is_rank or nth.type.kind not in {Kind.INT, Kind.DECIMAL}:
                raise self._text.error(f"value '{nth.value}' out of range", nth.offset)

    def _frame(self, spec: exp.WindowSpec | None) -> str:
        """Return the frame in DuckDB's words, made of known words and whole numbers alone."""
        if spec is None:
            return ""
        kind = str(spec.args.get("kind") or "ROWS").upper()
        if kind not in {"ROWS", "RANGE", "GROUPS"} or spec.args.get("exclude"):
            raise self._text.error("a frame begins with ROWS, RANGE or GROUPS", offset_of(spec))
        start = self._bound(spec.args.get("start"), spec.args.get("start_side"))
        end = self._bound(spec.args.get("end"), spec.args.get("end_side"))
        return f"{kind} BETWEEN {start} AND {end or 'CURRENT ROW'}"

    def _bound(self, bound: object, side: object) -> str:
        if bound is None:
            return ""
        word = _BOUNDS.get(str(bound).upper())
        if word is None:
            offset = self._bind(bound) if isinstance(bound, Node) else None
            if not isinstance(offset, Constant) or type(offset.value) is not int:
                raise self._text.error("integer expression expected", 0)
            word = str(offset.value)
        direction = str(side or "").upper()
        return f"{word} {direction}" if direction in {"PRECEDING", "FOLLOWING"} else word
