"""Windows, bound: what a function over one sees, in which order, and the frame around each record.

A frame is made of known words, whole numbers, decimals and periods alone.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from bitbrook.query.sql.bind.places import name_of, offset_of
from bitbrook.query.sql.bind.scope import Scope
from bitbrook.query.sql.tree import Aggregate, Call, Constant, Expression, OrderItem, Window
from bitbrook.query.sql.types import Kind

if TYPE_CHECKING:
    from sqlglot.expressions import Expression as Node
else:
    Node = exp.Expression

PERIODS = {
    "YEAR": "to_years",
    "QUARTER": "to_quarters",
    "MONTH": "to_months",
    "WEEK": "to_weeks",
    "DAY": "to_days",
    "HOUR": "to_hours",
    "MINUTE": "to_minutes",
    "SECOND": "to_seconds",
    "MILLISECOND": "to_milliseconds",
    "MICROSECOND": "to_microseconds",
}
"""The units of INTERVAL, and DuckDB's function that makes a period of so many of each."""

MOVES = {
    "YEAR": (1, "YY"),
    "QUARTER": (3, "M"),
    "MONTH": (1, "M"),
    "WEEK": (1, "W"),
    "DAY": (1, "D"),
    "HOUR": (1, "HH"),
    "MINUTE": (1, "MI"),
    "SECOND": (1, "S"),
    "MILLISECOND": (1, "MS"),
    "MICROSECOND": (1, "US"),
}
"""The same units as so many of the reference's."""

_EXCLUDED = frozenset({"CURRENT ROW", "GROUP", "TIES", "NO OTHERS"})
_RANGED = frozenset({Kind.INT, Kind.ID, Kind.DECIMAL, Kind.DOUBLE, Kind.TIMESTAMP})


class WindowBinder:
    """Binds windows; `bind` binds what is inside them."""

    def __init__(self, bind: Callable[[Node], Expression], scope: Scope) -> None:
        self._bind = bind
        self._scope = scope
        self._text = scope.text

    def window(self, call: Aggregate | Call, node: exp.Window) -> Window:
        """Return a function over the window that a node writes or names."""
        offset = offset_of(node)
        partition, order, spec = self._parts(node)
        keys = tuple(self._bind(part) for part in partition)
        items = tuple(self.order_item(item) for item in (order.expressions if order else ()))
        frame = self._frame(spec, items, offset)
        return Window(call, keys, items, frame, call.type, offset)

    def order_item(self, node: exp.Ordered) -> OrderItem:
        """Return a bound key of an order; nulls come last unless asked for first."""
        nulls_first = bool(node.args.get("nulls_first"))
        return OrderItem(self._bind(node.this), bool(node.args.get("desc")), nulls_first)

    def _parts(
        self, node: exp.Window
    ) -> tuple[Sequence[Node], exp.Order | None, exp.WindowSpec | None]:
        """Return partition, order and frame, those of the window it is built on among them."""
        partition = node.args.get("partition_by") or ()
        order, spec = node.args.get("order"), node.args.get("spec")
        named = node.args.get("alias")
        if named is None:
            return partition, order, spec
        name, offset = name_of(named), offset_of(named)
        known = self._scope.windows.get(name)
        if known is None:
            raise self._text.error(f"window '{name}' not found", offset)
        base_partition, base_order, base_spec = self._parts(known)
        if partition or (order and base_order) or (spec and base_spec):
            message = f"window '{name}' has a partition, an order or a frame already"
            raise self._text.error(message, offset)
        return base_partition, order or base_order, spec or base_spec

    def _frame(self, spec: exp.WindowSpec | None, order: tuple[OrderItem, ...], offset: int) -> str:
        """Return the frame in DuckDB's words."""
        if spec is None:
            return ""
        kind = str(spec.args.get("kind") or "ROWS").upper()
        if kind not in {"ROWS", "RANGE", "GROUPS"}:
            raise self._text.error("a frame begins with ROWS, RANGE or GROUPS", offset)
        start = self._bound(spec, "start", kind, order)
        end = self._bound(spec, "end", kind, order) or "CURRENT ROW"
        excluded = spec.args.get("exclude")
        ending = ""
        if excluded is not None:
            word = str(getattr(excluded, "name", excluded)).upper()
            if word not in _EXCLUDED:
                raise self._text.error("EXCLUDE takes CURRENT ROW, GROUP, TIES, NO OTHERS", offset)
            ending = f" EXCLUDE {word}"
        return f"{kind} BETWEEN {start} AND {end}{ending}"

    def _bound(
        self, spec: exp.WindowSpec, side: str, kind: str, order: tuple[OrderItem, ...]
    ) -> str:
        bound = spec.args.get(side)
        if bound is None:
            return ""
        direction = str(spec.args.get(f"{side}_side") or "").upper()
        word = str(bound).upper() if isinstance(bound, str) else ""
        if word == "CURRENT ROW":
            return word
        if direction not in {"PRECEDING", "FOLLOWING"}:
            raise self._text.error("PRECEDING or FOLLOWING expected", offset_of(spec))
        if word != "UNBOUNDED":
            word = self._distance(bound, kind, order)
        return f"{word} {direction}"

    def _distance(self, bound: object, kind: str, order: tuple[OrderItem, ...]) -> str:
        """Return how far a frame reaches from the record it belongs to."""
        if not isinstance(bound, Node):
            raise self._text.error("integer expression expected", 0)
        key = order[0].expression.type.kind if len(order) == 1 else Kind.VOID
        if kind == "RANGE" and key not in _RANGED:
            message = "RANGE with a distance needs an ORDER BY of one number or timestamp"
            raise self._text.error(message, offset_of(bound))
        if isinstance(bound, exp.Interval):
            if kind != "RANGE" or key is not Kind.TIMESTAMP:
                message = "an INTERVAL goes with RANGE and an ORDER BY of a timestamp"
                raise self._text.error(message, offset_of(bound))
            count, unit = read_interval(bound, self._bind, self._scope)
            return f"{PERIODS[unit]}(CAST({count} AS INTEGER))"
        number = self._bind(bound)
        value = number.value if isinstance(number, Constant) else None
        is_whole = type(value) is int and number.type.kind is Kind.INT
        if key is Kind.TIMESTAMP and kind == "RANGE":
            raise self._text.error("an INTERVAL is expected", number.offset)
        if not is_whole and not (kind == "RANGE" and isinstance(value, Decimal)):
            raise self._text.error("integer expression expected", number.offset)
        assert isinstance(value, int | Decimal), "checked above"
        if value < 0:
            raise self._text.error(f"value '{value}' out of range", number.offset)
        return f"{value:f}" if isinstance(value, Decimal) else str(value)


def read_interval(
    node: exp.Interval, bind: Callable[[Node], Expression], scope: Scope
) -> tuple[int, str]:
    """Return how many of which unit a written period is.

    Raises:
        InvalidStatement: it is no whole number of one unit.
    """
    offset = offset_of(node)
    unit = str(getattr(node.args.get("unit"), "name", "") or "").upper().removesuffix("S")
    if unit not in PERIODS or node.this is None:
        raise scope.text.error("an INTERVAL is a whole number of one unit, as in 2 DAY", offset)
    text = node.this.name if isinstance(node.this, exp.Literal) else ""
    if not text.removeprefix("-").isdigit():
        bound = bind(node.this)
        text = str(bound.value) if isinstance(bound, Constant) and type(bound.value) is int else ""
    if not text or abs(int(text)) >= 2**31:
        raise scope.text.error("integer expression expected", offset)
    return int(text), unit
