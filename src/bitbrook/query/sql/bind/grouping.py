"""GROUP BY, bound: its keys, its sets, and what may be selected beside them."""

from itertools import combinations
from typing import TYPE_CHECKING

from sqlglot import exp

from bitbrook.query.sql.bind.expressions import ExpressionBinder
from bitbrook.query.sql.bind.places import offset_of
from bitbrook.query.sql.bind.scope import Scope
from bitbrook.query.sql.tree import (
    GROUPING,
    Aggregate,
    Column,
    Constant,
    Expression,
    Output,
    Select,
    Window,
    is_unnesting,
    parts_of,
    walk,
)

if TYPE_CHECKING:
    from sqlglot.expressions import Expression as Node
else:
    Node = exp.Expression

CUBE_KEYS_MAX = 10
SETS_MAX = 4_096

GroupingSets = list[tuple[int, ...]] | None


def bind_groups(
    node: exp.Group | None, outputs: list[Output], scope: Scope, binder: ExpressionBinder
) -> tuple[list[Expression], GroupingSets]:
    """Return the group keys, and the sets of them to group by (None: all together)."""
    if node is None:
        return [], None
    keys: list[Expression] = []
    plain: list[int] = []
    sets: list[tuple[int, ...]] | None = None
    if node.args.get("all"):
        return _all_keys(outputs), None
    for part in node.expressions:
        if isinstance(part, exp.GroupingSets | exp.Rollup | exp.Cube):
            # Several lists make every combination of theirs.
            more = _sets(part, keys, outputs, scope, binder)
            sets = [(*one, *other) for one in sets or [()] for other in more]
            if len(sets) > SETS_MAX:
                message = f"{len(sets):,} sets of groups here and {SETS_MAX:,} are allowed"
                raise scope.text.error(message, offset_of(part))
        else:
            plain.append(_index(_key(part, outputs, scope, binder), keys))
    if any(node.args.get(key) for key in ("grouping_sets", "cube", "rollup", "totals")):
        message = "write GROUP BY GROUPING SETS (...), ROLLUP (...) or CUBE (...)"
        raise scope.text.error(message, offset_of(node))
    if sets is None:
        return keys, None
    return keys, [tuple(dict.fromkeys((*plain, *members))) for members in sets]


def _all_keys(outputs: list[Output]) -> list[Expression]:
    """Return what GROUP BY ALL groups by: all that is selected and no aggregate."""
    keys = [output.expression for output in outputs]
    return list(
        dict.fromkeys(
            key
            for key in keys
            if not any(isinstance(part, Aggregate | Window | Constant) for part in walk(key))
        )
    )


def _sets(
    node: Node,
    keys: list[Expression],
    outputs: list[Output],
    scope: Scope,
    binder: ExpressionBinder,
) -> list[tuple[int, ...]]:
    lists = []
    for member in node.expressions:
        if isinstance(member, exp.Rollup | exp.Cube | exp.GroupingSets):
            lists += _sets(member, keys, outputs, scope, binder)
            continue
        parts = _members(member)
        lists.append(tuple(_index(_key(part, outputs, scope, binder), keys) for part in parts))
    if isinstance(node, exp.GroupingSets):
        return lists
    if len(lists) > CUBE_KEYS_MAX:
        message = f"{len(lists)} keys here and {CUBE_KEYS_MAX} are allowed"
        raise scope.text.error(message, offset_of(node))
    chosen: list[tuple[tuple[int, ...], ...]]
    if isinstance(node, exp.Rollup):
        chosen = [tuple(lists[:count]) for count in range(len(lists), -1, -1)]
    else:
        counts = range(len(lists), -1, -1)
        chosen = [some for count in counts for some in combinations(lists, count)]
    return [tuple(index for part in parts for index in part) for parts in chosen]


def _members(node: Node) -> list[Node]:
    match node:
        case exp.Tuple():
            return list(node.expressions)
        case exp.Paren():
            return [node.this]
        case _:
            return [node]


def _index(key: Expression, keys: list[Expression]) -> int:
    if key not in keys:
        keys.append(key)
    return keys.index(key)


def _key(node: Node, outputs: list[Output], scope: Scope, binder: ExpressionBinder) -> Expression:
    """Return a group key: a position in the select list, a column, an alias or an expression."""
    if isinstance(node, exp.Literal) and not node.is_string:
        position = int(node.this) if str(node.this).isdigit() else 0
        if not 1 <= position <= len(outputs):
            raise scope.text.error(f"value '{node.this}' out of range", offset_of(node))
        key = outputs[position - 1].expression
    else:
        key = binder.bind(node)
    for part in walk(key):
        if is_unnesting(part):
            raise scope.text.error("unnest() goes into FROM or is selected", offset_of(node))
        if isinstance(part, Aggregate | Window):
            raise scope.text.error("aggregates are not allowed in GROUP BY", offset_of(node))
    return key


def check_grouped(select: Select, scope: Scope) -> None:
    """Return if everything selected is a group key or an aggregate, or made of these.

    Raises:
        InvalidStatement: a column is neither, in the reference's wording.
    """
    own = {relation.number for relation in scope.relations}
    names = {output.expression: output.name for output in select.outputs}
    checked = [output.expression for output in select.outputs]
    checked += select.having
    checked += [item.expression for item in select.order]
    if select.qualify is not None:
        checked.append(select.qualify)
    waiting = checked[::-1]
    while waiting:
        expression = waiting.pop()
        if isinstance(expression, Aggregate) and expression.name == GROUPING:
            for key in expression.arguments:
                if key not in select.groups:
                    message = "grouping() takes keys of GROUP BY"
                    raise scope.text.error(message, key.offset)
        if expression in select.groups or isinstance(expression, Aggregate):
            continue
        if isinstance(expression, Window):
            waiting += [*expression.call.arguments, *expression.partition]
            waiting += [item.expression for item in expression.order]
            continue
        if isinstance(expression, Column) and expression.relation in own:
            shown = expression.name.removesuffix("@member")
            shown = names.get(expression) or shown
            raise scope.text.error(
                f"column '{shown}' invalid in select list because it is not aggregated or grouped",
                expression.offset,
            )
        waiting += list(parts_of(expression))[::-1]
