"""Where a query failed that names columns of the query around it, and so is no query by itself.

An expression of it is replaced where it stands: by null, and then by something that evaluates no
more than its arguments. If the whole query fails no longer with the first but does with the second,
what fails is among the arguments; if with neither, it is the expression itself.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from bitbrook.query.sql.functions.definitions import cast
from bitbrook.query.sql.tree import (
    Aggregate,
    Call,
    Constant,
    Expression,
    Joined,
    Select,
    Source,
    Subquery,
    Window,
    is_lambda_part,
    is_unnesting,
    parts_of,
    walk,
    with_parts,
)
from bitbrook.query.sql.types import Kind


def place_inside(select: Select, fails: Callable[[], bool]) -> str | None:
    """Return the place of what fails in a correlated SELECT, None if nothing of it does.

    `fails` tells whether the query around it does, while a part of the SELECT is replaced.
    """
    # What is selected goes first: without a condition's value there is nothing to select from.
    return _first(_tops(select), select, fails)


def _find(node: Expression, select: Select, fails: Callable[[], bool]) -> str | None:
    if isinstance(node, Call) and node.prefix and _is_plain(node):
        if _fails_with(Constant.of(None, node.type), node, select, fails):
            return None
        if not _fails_with(_arguments_of(node), node, select, fails):
            return node.prefix
        # It is among the arguments; where that cannot be told of any, this is the nearest place.
        return _first(parts_of(node), select, fails) or node.prefix
    return _first(parts_of(node), select, fails)


def _first(nodes: Iterable[Expression], select: Select, fails: Callable[[], bool]) -> str | None:
    return next(filter(None, (_find(node, select, fails) for node in nodes)), None)


def _is_plain(node: Call) -> bool:
    return not any(
        isinstance(part, Aggregate | Window | Subquery)
        or is_unnesting(part)
        or is_lambda_part(part)
        for part in walk(node)
    )


def _arguments_of(node: Call) -> Call:
    def render(arguments: list[str], call: Call) -> str:
        null = "NULL" if call.type.kind is Kind.VOID else cast("NULL", call.type)
        # Nothing is left of a hash divided by three that is 4, which the optimiser does not know.
        other = f"hash({', '.join(arguments)}) % 3 = 4" if arguments else "false"
        return f"CASE WHEN {other} THEN error('') ELSE {null} END"

    return Call(f"ARGUMENTS {node.name}", node.arguments, node.type, render, node.offset)


def _fails_with(
    new: Expression, old: Expression, select: Select, fails: Callable[[], bool]
) -> bool:
    def change(node: Expression) -> Expression:
        return new if node == old else with_parts(node, change)

    kept = (select.outputs, select.where, select.groups, select.having, select.order)
    joins = [(join, join.conditions) for join in _joins(select.source)]
    select.outputs = [replace(each, expression=change(each.expression)) for each in select.outputs]
    select.where = [change(each) for each in select.where]
    select.groups = [change(each) for each in select.groups]
    select.having = [change(each) for each in select.having]
    select.order = [replace(each, expression=change(each.expression)) for each in select.order]
    for join, conditions in joins:
        join.conditions = [change(each) for each in conditions]
    try:
        return fails()
    finally:
        select.outputs, select.where, select.groups, select.having, select.order = kept
        for join, conditions in joins:
            join.conditions = conditions


def _tops(select: Select) -> Iterator[Expression]:
    yield from (output.expression for output in select.outputs)
    yield from select.having
    yield from (item.expression for item in select.order)
    yield from select.groups
    yield from select.where
    for join in _joins(select.source):
        yield from join.conditions


def _joins(source: Source | None) -> Iterator[Joined]:
    if isinstance(source, Joined):
        yield source
        yield from _joins(source.left)
        yield from _joins(source.right)
