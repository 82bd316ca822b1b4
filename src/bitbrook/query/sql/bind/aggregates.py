"""Aggregates and window functions, bound: what they run over, filters, orders and windows."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from bitbrook.query.sql.bind.calls import checked
from bitbrook.query.sql.bind.places import offset_of
from bitbrook.query.sql.bind.scope import Scope
from bitbrook.query.sql.bind.windows import WindowBinder
from bitbrook.query.sql.functions.aggregates import (
    AGGREGATES,
    EXTREMES_MAX,
    IGNORING_NULLS,
    WINDOW_FUNCTIONS,
    WITH_COUNT,
)
from bitbrook.query.sql.functions.aggregates_beyond import WITHIN_GROUP
from bitbrook.query.sql.functions.table import ALIASES
from bitbrook.query.sql.tree import (
    Aggregate,
    Call,
    Column,
    Constant,
    Expression,
    OrderItem,
    Window,
    is_unnesting,
    walk,
)
from bitbrook.query.sql.types import BOOL, ID, STRING, VOID, Kind

if TYPE_CHECKING:
    from sqlglot.expressions import Expression as Node
else:
    Node = exp.Expression


class AggregateBinder:
    """Binds aggregates; `bind` binds what is inside them."""

    def __init__(self, bind: Callable[[Node], Expression], scope: Scope) -> None:
        self._bind = bind
        self._scope = scope
        self._text = scope.text
        self._windows = WindowBinder(bind, scope)

    def knows(self, name: str) -> bool:
        """Whether a function is an aggregate, or one for windows alone."""
        name = ALIASES.get(name, name)
        return name in AGGREGATES or name in WINDOW_FUNCTIONS

    def bind_call(self, node: exp.Anonymous, *, is_windowed: bool = False) -> Aggregate:
        """Return a bound aggregate; over a window it may take the aggregates of groups."""
        name, offset = _name_of(node), offset_of(node)
        if name not in AGGREGATES:
            raise self._text.error(f"'{name.lower()}' needs a window: add OVER (...)", offset)
        nodes, ordered, is_distinct = _parted(node)
        return self._aggregate(
            name, nodes, ordered, offset, is_distinct=is_distinct, is_windowed=is_windowed
        )

    def bind_within_group(self, node: exp.WithinGroup) -> Aggregate:
        """Return an aggregate of the values by which WITHIN GROUP orders."""
        call, order = node.this, node.expression
        name = _name_of(call) if isinstance(call, exp.Anonymous) else ""
        if name not in WITHIN_GROUP or not isinstance(order, exp.Order):
            raise self._text.error("WITHIN GROUP goes with percentiles and mode", offset_of(node))
        keys = [item.this for item in order.expressions]
        if len(keys) != 1:
            raise self._text.error("WITHIN GROUP takes one ORDER BY", offset_of(node))
        if order.expressions[0].args.get("desc"):
            raise self._text.unsupported("WITHIN GROUP orders ascending", offset_of(node))
        nodes = [*keys, *call.expressions]
        return self._aggregate(WITHIN_GROUP[name], nodes, None, offset_of(node))

    def _aggregate(
        self,
        name: str,
        nodes: list[Node],
        ordered: exp.Order | None,
        offset: int,
        *,
        is_distinct: bool = False,
        is_windowed: bool = False,
    ) -> Aggregate:
        function = AGGREGATES[name]
        if len(nodes) == 2 and name in WITH_COUNT:
            # By another name, since bitmaps know min and max.
            function, name = WITH_COUNT[name], f"{name} OF N"
        if name == "COUNT" and (not nodes or isinstance(nodes[0], exp.Star)) and len(nodes) < 2:
            arguments: list[Expression] = []
        else:
            arguments = [self._bind(argument) for argument in nodes]
            arguments = checked(name, function, arguments, offset, self._text)
        if not is_windowed:
            self._refuse_nested(arguments)
        self._check(name, arguments)
        order: tuple[OrderItem, ...] = ()
        if function.is_ordered and not is_windowed:
            order = self._order(arguments, ordered, is_distinct=is_distinct)
        return Aggregate(
            name,
            tuple(arguments),
            function.result_type(arguments),
            function.render,
            is_distinct,
            order=order,
            offset=offset,
            prefix=self._text.prefix(offset),
        )

    def _order(
        self, arguments: list[Expression], ordered: exp.Order | None, *, is_distinct: bool
    ) -> tuple[OrderItem, ...]:
        """Return the order in which an aggregate reads; of one table's records that of their ids.

        So what depends on it is the same every time.
        """
        if is_distinct:
            items = () if ordered is None else self._items(ordered)
            if any(item.expression != arguments[0] for item in items):
                message = "with DISTINCT, ORDER BY takes what is aggregated"
                raise self._text.error(message, items[0].expression.offset)
            return items or (OrderItem(arguments[0]),)
        if ordered is not None:
            return self._items(ordered)
        relations = self._scope.relations
        if len(relations) != 1 or relations[0].scan is None:
            return ()
        is_keyed = relations[0].scan.table.is_keyed
        return (OrderItem(Column(relations[0].number, "_id", STRING if is_keyed else ID)),)

    def _items(self, ordered: exp.Order) -> tuple[OrderItem, ...]:
        items = tuple(self._windows.order_item(item) for item in ordered.expressions)
        self._refuse_nested([item.expression for item in items])
        return items

    def bind_filtered(self, node: exp.Filter, *, is_windowed: bool = False) -> Aggregate:
        """Return an aggregate with its FILTER."""
        match node.this:
            case exp.Anonymous():
                call = self.bind_call(node.this, is_windowed=is_windowed)
            case exp.WithinGroup():
                call = self.bind_within_group(node.this)
            case _:
                raise self._text.error("FILTER goes with an aggregate", offset_of(node))
        condition = self._bind(node.expression.this)
        if condition.type not in {BOOL, VOID}:
            raise self._text.error("boolean expression expected", condition.offset)
        if not is_windowed:
            self._refuse_nested([condition])
        return replace(call, filter=condition)

    def bind_window(self, node: exp.Window) -> Window:
        """Return an aggregate or window function over its window."""
        return self._windows.window(self._called(node.this), node)

    def order_item(self, node: exp.Ordered) -> OrderItem:
        """Return a bound key of an order; nulls come last unless asked for first."""
        return self._windows.order_item(node)

    def _called(self, node: Node) -> Aggregate | Call:
        ignores_nulls = False
        if isinstance(node, exp.IgnoreNulls | exp.RespectNulls):
            ignores_nulls = isinstance(node, exp.IgnoreNulls)
            node = node.this
        if isinstance(node, exp.Filter):
            return self.bind_filtered(node, is_windowed=True)
        if not isinstance(node, exp.Anonymous):
            raise self._text.error("a function goes before OVER", offset_of(node))
        name, offset = _name_of(node), offset_of(node)
        function = WINDOW_FUNCTIONS.get(name)
        if function is None:
            if name not in AGGREGATES:
                raise self._text.error(f"unknown function '{name.lower()}'", offset)
            if ignores_nulls:
                message = "IGNORE NULLS goes with first_value, last_value, nth_value, lag and lead"
                raise self._text.error(message, offset)
            return self.bind_call(node, is_windowed=True)
        nodes = list(node.expressions)
        if nodes and isinstance(nodes[-1], exp.IgnoreNulls | exp.RespectNulls):
            ignores_nulls = isinstance(nodes[-1], exp.IgnoreNulls)
            nodes[-1] = nodes[-1].this
        if nodes and isinstance(nodes[0], exp.IgnoreNulls):
            ignores_nulls, nodes[0] = True, nodes[0].this
        arguments = [self._bind(argument) for argument in nodes]
        arguments = checked(name, function, arguments, offset, self._text)
        kind = function.result_type(arguments)
        shown = name
        if ignores_nulls:
            if name not in IGNORING_NULLS:
                raise self._text.error(f"'{name.lower()}' takes no IGNORE NULLS", offset)
            shown = f"{name} IGNORE NULLS"
        return Call(shown, tuple(arguments), kind, function.render, offset)

    def _refuse_nested(self, arguments: list[Expression]) -> None:
        for argument in arguments:
            for part in walk(argument):
                if isinstance(part, Aggregate | Window):
                    raise self._text.error("aggregates cannot be nested", part.offset)
                if is_unnesting(part):
                    raise self._text.error("unnest() goes into FROM or is selected", part.offset)

    def _check(self, name: str, arguments: list[Expression]) -> None:
        first = arguments[0] if arguments else None
        if name in _NOT_OF_ID and isinstance(first, Column) and first.name == "_id":
            message = f"_id column cannot be used in aggregate function '{name.lower()}'"
            raise self._text.error(message, first.offset)
        if name.endswith(" OF N"):
            count = arguments[1]
            assert isinstance(count, Constant), "checked to be a literal"
            if not isinstance(count.value, int) or not 1 <= count.value <= EXTREMES_MAX:
                raise self._text.error(f"value '{count.value}' out of range", count.offset)
        if name in {"PERCENTILE", "QUANTILE_CONT", "QUANTILE_DISC"}:
            nth = arguments[1]
            assert isinstance(nth, Constant), "checked to be a literal"
            most = 100 if name == "PERCENTILE" else 1
            is_rank = isinstance(nth.value, int | Decimal) and 0 <= nth.value <= most
            if not is_rank or nth.type.kind not in {Kind.INT, Kind.DECIMAL}:
                raise self._text.error(f"value '{nth.value}' out of range", nth.offset)


_NOT_OF_ID = frozenset({"SUM", "AVG", "MIN", "MAX", "PERCENTILE", "VAR", "CORR"})
"""The reference's aggregates but COUNT, which take no `_id`."""


def _name_of(node: exp.Anonymous) -> str:
    name = str(node.name).upper()
    return ALIASES.get(name, name)


def _parted(node: exp.Anonymous) -> tuple[list[Node], exp.Order | None, bool]:
    """Return the arguments of a call, the order that stands after them, and if DISTINCT before."""
    nodes, ordered, is_distinct = list(node.expressions), None, False
    if nodes and isinstance(nodes[-1], exp.Order):
        ordered = nodes[-1]
        nodes[-1] = ordered.this
    if len(nodes) == 1 and isinstance(nodes[0], exp.Distinct):
        nodes, is_distinct = list(nodes[0].expressions), True
        if nodes and isinstance(nodes[-1], exp.Order):
            ordered = nodes[-1]
            nodes[-1] = ordered.this
    return nodes, ordered, is_distinct
