"""Queries, bound: SELECT and the set operations, their clauses in the order in which names appear.

The FROM first, then WHERE, then what is selected (whose aliases the later clauses may name), then
groups, HAVING, ORDER BY and limits.
"""

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from bitbrook.query.sql.bind.expressions import ExpressionBinder
from bitbrook.query.sql.bind.grouping import bind_groups, check_grouped
from bitbrook.query.sql.bind.operators import check_is_condition
from bitbrook.query.sql.bind.places import chain_of, name_of, offset_of
from bitbrook.query.sql.bind.scope import Scope
from bitbrook.query.sql.bind.set_operations import set_operation
from bitbrook.query.sql.bind.sources import SourceBinder, bind_pivot
from bitbrook.query.sql.bind.stars import bind_selected
from bitbrook.query.sql.bind.values import bind_values
from bitbrook.query.sql.tree import (
    Aggregate,
    Column,
    Constant,
    Cte,
    Expression,
    OrderItem,
    Output,
    Query,
    Select,
    SetOperation,
    Window,
    walk,
)
from bitbrook.query.sql.types import Kind, SqlType

if TYPE_CHECKING:
    from sqlglot.expressions import Expression as Node
else:
    Node = exp.Expression

_CLAUSES = frozenset(
    {
        "expressions",
        "from_",
        "joins",
        "where",
        "group",
        "having",
        "qualify",
        "order",
        "limit",
        "offset",
        "distinct",
        "with_",
        "windows",
    }
)
_SET_CLAUSES = frozenset(
    {"this", "expression", "distinct", "order", "limit", "offset", "with_", "by_name"}
)


def bind_query(node: Node, scope: Scope) -> Query:
    """Return a bound query.

    Raises:
        InvalidStatement: a name is unknown, a type does not fit, a clause is not of this SQL.
    """
    match node:
        case exp.Select():
            return _bind_select(node, scope)
        case exp.SetOperation():
            return _bind_set_operation(node, scope)
        case exp.Subquery():
            return _bind_parenthesised(node, scope)
        case exp.Values():
            return bind_values(node, scope, ExpressionBinder(scope, bind_query))
        case exp.Pivot():
            return bind_pivot(node, scope, bind_query)
        case _:
            raise scope.text.error("a SELECT is expected here", offset_of(node))


def _bind_parenthesised(node: exp.Subquery, scope: Scope) -> Query:
    rest = {key for key, value in node.args.items() if value and key not in {"this", "alias"}}
    if rest:
        message = "put the clauses of a parenthesised SELECT inside the parentheses"
        raise scope.text.error(message, offset_of(node))
    return bind_query(node.this, scope)


def _bind_select(node: exp.Select, scope: Scope) -> Select:
    _check_clauses(node, _CLAUSES, scope)
    ctes = _bind_ctes(node, scope)
    binder = ExpressionBinder(scope, bind_query)
    source = SourceBinder(scope, binder, bind_query).bind(node)
    scope.windows = {name_of(each.this): each for each in node.args.get("windows") or ()}
    where = node.args.get("where")
    conditions = _conditions(where.this, binder) if where else []
    for condition in conditions:
        _refuse_aggregates(condition, "WHERE", scope)
    for relation in scope.relations:
        relation.reads_members = True
    outputs = bind_selected(node, scope, binder)
    for output in outputs:
        if output.name:
            scope.aliases.setdefault(output.name, output.expression)
    groups, sets = bind_groups(node.args.get("group"), outputs, scope, binder)
    distinct = node.args.get("distinct")
    having = node.args.get("having")
    having_conditions = _conditions(having.this, binder) if having else []
    qualify = node.args.get("qualify")
    order = _order(node.args.get("order"), outputs, scope, binder)
    bound = Select(
        outputs,
        source,
        conditions,
        groups=groups,
        grouping_sets=sets,
        having=having_conditions,
        qualify=binder.condition(qualify.this) if qualify else None,
        order=order,
        is_distinct=distinct is not None and distinct.args.get("on") is None,
        distinct_on=_distinct_on(distinct, outputs, scope, binder),
        ctes=ctes,
        is_correlated=scope.is_correlated,
    )
    bound.limit, bound.offset = _page(node, scope, binder)
    bound.is_aggregated = bool(groups or having_conditions or sets) or _has_aggregates(bound)
    if bound.is_aggregated:
        check_grouped(bound, scope)
    _check_distinct_order(bound, scope)
    return bound


def _check_clauses(node: Node, known: frozenset[str], scope: Scope) -> None:
    for key, value in node.args.items():
        if value and key not in known:
            raise scope.text.unsupported(f"{key.strip('_').upper()} is not supported", 0)


def _distinct_on(
    node: exp.Distinct | None, outputs: list[Output], scope: Scope, binder: ExpressionBinder
) -> list[Expression]:
    on = None if node is None else node.args.get("on")
    if on is None:
        return []
    keys = on.expressions if isinstance(on, exp.Tuple) else [on]
    chosen = [_position_or_alias(key, outputs, scope) or binder.bind(key) for key in keys]
    for key in chosen:
        _refuse_aggregates(key, "DISTINCT ON", scope)
    return chosen


def _conditions(node: Node, binder: ExpressionBinder) -> list[Expression]:
    """Return the conditions that an AND joins."""
    parts = chain_of(node, exp.And)
    if len(parts) == 1:
        return [binder.condition(node)]
    conditions = [binder.bind(part) for part in parts]
    for condition in conditions:
        check_is_condition(condition, "AND", binder.text)
    return conditions


def _refuse_aggregates(expression: Expression, clause: str, scope: Scope) -> None:
    for part in walk(expression):
        if isinstance(part, Aggregate | Window):
            message = f"aggregates are not allowed in {clause}; use HAVING or a subquery"
            raise scope.text.error(message, part.offset)


def _has_aggregates(select: Select) -> bool:
    expressions = [output.expression for output in select.outputs]
    expressions += [item.expression for item in select.order]
    return any(isinstance(part, Aggregate) for each in expressions for part in walk(each))


def _order(
    node: exp.Order | None, outputs: list[Output], scope: Scope, binder: ExpressionBinder
) -> list[OrderItem]:
    if node is None:
        return []
    items = []
    for ordered in _all_in_order(node, outputs):
        if isinstance(ordered, OrderItem):
            items.append(ordered)
            continue
        chosen = _position_or_alias(ordered.this, outputs, scope)
        expression = binder.bind(ordered.this) if chosen is None else chosen
        if expression.type.is_set or expression.type.kind is Kind.VECTOR:
            raise scope.text.error(
                f"unable to sort a column of type '{expression.type}'", offset_of(ordered)
            )
        items.append(
            OrderItem(
                expression,
                bool(ordered.args.get("desc")),
                bool(ordered.args.get("nulls_first")),
            )
        )
    return items


def _all_in_order(node: exp.Order, outputs: list[Output]) -> list[Any]:
    """Return the keys of an ORDER BY, of ORDER BY ALL each output."""
    keys = list(node.expressions)
    if len(keys) == 1 and isinstance(keys[0].this, exp.Column) and keys[0].this.name == "all":
        named = {output.name for output in outputs}
        if keys[0].this.args.get("table") is None and "all" not in named:
            words = [bool(keys[0].args.get(word)) for word in ("desc", "nulls_first")]
            return [OrderItem(output.expression, *words) for output in outputs]
    return keys


def _position_or_alias(node: Node, outputs: list[Output], scope: Scope) -> Expression | None:
    """Return what an ORDER BY key means by a position or an alias, None if it is neither."""
    if isinstance(node, exp.Literal) and not node.is_string:
        position = int(node.this) if str(node.this).isdigit() else 0
        if not 1 <= position <= len(outputs):
            raise scope.text.error(f"value '{node.this}' out of range", offset_of(node))
        return outputs[position - 1].expression
    if isinstance(node, exp.Column) and node.args.get("table") is None:
        named = [output for output in outputs if output.name == name_of(node.this)]
        return named[0].expression if named else None
    return None


def _page(node: Node, scope: Scope, binder: ExpressionBinder) -> tuple[int | None, int]:
    limit, offset = node.args.get("limit"), node.args.get("offset")
    options = None if limit is None else limit.args.get("limit_options")
    if limit is not None and (
        limit.args.get("expressions")
        or (options and (options.args.get("percent") or options.args.get("with_ties")))
    ):
        raise scope.text.error("LIMIT takes a whole number", offset_of(limit))
    count = None
    if isinstance(limit, exp.Fetch):
        count = 1 if limit.args.get("count") is None else _count(limit.args["count"], scope, binder)
    elif limit is not None:
        count = _count(limit.expression, scope, binder)
    start = 0 if offset is None else _count(offset.expression, scope, binder)
    return count, start


def _count(node: Node, scope: Scope, binder: ExpressionBinder) -> int:
    bound = binder.bind(node)
    if not isinstance(bound, Constant) or type(bound.value) is not int:
        raise scope.text.error("integer expression expected", offset_of(node))
    if bound.value < 0:
        raise scope.text.error(f"value '{bound.value}' out of range", offset_of(node))
    return min(bound.value, 2**62)


def _check_distinct_order(select: Select, scope: Scope) -> None:
    selected = [output.expression for output in select.outputs]
    if select.distinct_on and select.is_aggregated:
        message = "DISTINCT ON goes with records, not with groups"
        raise scope.text.error(message, select.distinct_on[0].offset)
    for item in select.order:
        if select.is_distinct and item.expression not in selected:
            message = "with DISTINCT, ORDER BY takes what is selected"
            raise scope.text.error(message, item.expression.offset)


def _bind_ctes(node: Node, scope: Scope) -> list[Cte]:
    clause: Any = node.args.get("with_")
    ctes: list[Cte] = []
    for definition in clause.expressions if clause else []:
        name, offset = name_of(definition.args["alias"].this), offset_of(definition.args["alias"])
        unique = f"{name}#{scope.statement.next_relation(offset)}"
        renamed = [name_of(column) for column in definition.args["alias"].args["columns"] or ()]
        is_recursive = bool(clause.args.get("recursive"))
        if is_recursive and isinstance(definition.this, exp.SetOperation):
            cte = _bind_recursive(definition.this, unique, name, renamed, scope)
        else:
            cte = Cte(unique, bind_query(definition.this, scope.sibling()))
        columns = cte.query.columns
        scope.ctes[name] = (cte, _renamed(columns, renamed, scope, offset))
        ctes.append(cte)
    return ctes


def _renamed(
    columns: list[tuple[str, SqlType]], names: list[str], scope: Scope, offset: int
) -> list[tuple[str, SqlType]]:
    if not names:
        return columns
    if len(names) != len(columns):
        raise scope.text.error(f"{len(columns)} columns are selected, not {len(names)}", offset)
    return [(name, kind) for name, (_, kind) in zip(names, columns, strict=True)]


def _bind_recursive(
    node: exp.SetOperation, unique: str, name: str, renamed: list[str], scope: Scope
) -> Cte:
    """Return a common table expression whose second half may read the table itself."""
    first = bind_query(node.this, scope.sibling())
    columns = _renamed(first.columns, renamed, scope, offset_of(node))
    inner = scope.sibling()
    inner.ctes[name] = (Cte(unique, first), columns)
    second = bind_query(node.expression, inner)
    joined = set_operation(node, first, second, scope.text)
    joined.columns = first.columns
    return Cte(unique, joined, is_recursive=True)


def _bind_set_operation(node: exp.SetOperation, scope: Scope) -> SetOperation:
    _check_clauses(node, _SET_CLAUSES, scope)
    ctes = _bind_ctes(node, scope)
    left = bind_query(node.this, scope.sibling())
    right = bind_query(node.expression, scope.sibling())
    joined = set_operation(node, left, right, scope.text)
    joined.ctes = ctes
    joined.is_correlated = left.is_correlated or right.is_correlated
    scope.is_correlated = scope.is_correlated or joined.is_correlated
    order = node.args.get("order")
    outputs = [
        Output(name, Column(0, f"c{index}", kind))
        for index, (name, kind) in enumerate(joined.columns)
    ]
    for ordered in order.expressions if order else []:
        chosen = _position_or_alias(ordered.this, outputs, scope)
        if not isinstance(chosen, Column):
            message = "ORDER BY after a set operation takes names or positions of its columns"
            raise scope.text.error(message, offset_of(ordered))
        is_descending = bool(ordered.args.get("desc"))
        nulls_first = bool(ordered.args.get("nulls_first"))
        joined.order.append((int(chosen.name[1:]), is_descending, nulls_first))
    joined.limit, joined.offset = _page(node, scope, ExpressionBinder(scope, bind_query))
    return joined
