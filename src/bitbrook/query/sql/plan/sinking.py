"""Conditions moved into the queries whose columns they are about, so that bitmaps get them.

A condition on the columns of a query in FROM selects the same rows inside it, if it is about what
the query groups by or hands on as it is, and nothing inside counts on the rows that it drops. And
what FROM unnest() makes of a set column and groups by is that column read member by member.
"""

from collections.abc import Callable
from dataclasses import replace

from bitbrook.query.sql.plan.simplify import change_expressions, open_queries, selects_in
from bitbrook.query.sql.relations import expressions_of
from bitbrook.query.sql.tree import (
    MEMBER_SUFFIX,
    Aggregate,
    Column,
    Derived,
    Expression,
    Joined,
    JoinKind,
    Query,
    Scan,
    Select,
    SetOperation,
    Subquery,
    Unnested,
    Window,
    is_unnesting,
    walk,
    with_parts,
)


def sink_conditions(query: Query) -> None:
    """Move the conditions of a query's SELECTs inwards as far as they go."""
    # The outer ones first: what they hand on goes further in.
    for select in reversed(list(selects_in(query))):
        _read_by_member(select)
        if select.source is None:
            continue
        for derived in list(open_queries(select.source)):
            select.where = [each for each in select.where if not _sunk(each, derived)]


def _sunk(condition: Expression, derived: Derived) -> bool:
    """Put a condition into a query, if it is about that alone; whether it could be."""
    parts = list(walk(condition))
    if any(isinstance(part, Subquery | Aggregate | Window) or is_unnesting(part) for part in parts):
        return False
    columns = [part for part in parts if isinstance(part, Column)]
    if not columns or any(column.relation != derived.relation for column in columns):
        return False
    places = {int(column.name[1:]) for column in columns}
    selects = _reached(derived.query, places)
    if selects is None:
        return False
    for select, known in selects:

        def changed(node: Expression, known: dict[int, Expression] = known) -> Expression:
            if isinstance(node, Column):
                return known[int(node.name[1:])]
            return with_parts(node, changed)

        select.where.append(changed(condition))
    return True


Reached = list[tuple[Select, dict[int, Expression]]]


def _reached(query: Query, places: set[int]) -> Reached | None:
    """Return the SELECTs that are to get a condition, with what the columns are in each.

    None if one of them cannot take it.
    """
    if query.limit is not None or query.offset:
        return None
    if isinstance(query, SetOperation):
        reached: Reached = []
        for side, of_side in zip((query.left, query.right), query.sides, strict=True):
            for place in places:
                index = of_side[place]
                if index is None or side.columns[index][1] != query.columns[place][1]:
                    return None
            mapped = {place: of_side[place] for place in places}
            inner = _reached(side, {index for index in mapped.values() if index is not None})
            if inner is None:
                return None
            reached += [
                (
                    select,
                    {place: known[index] for place, index in mapped.items() if index is not None},
                )
                for select, known in inner
            ]
        return reached
    known = {place: query.outputs[place].expression for place in places}
    return [(query, known)] if _takes(query, list(known.values())) else None


def _takes(select: Select, about: list[Expression]) -> bool:
    """Whether a SELECT gives the same rows if those are dropped before it that are dropped after.

    `about` is what decides on them.
    """
    if select.distinct_on or select.qualify is not None or select.source is None:
        return False
    everywhere = [part for each in expressions_of(select) for part in walk(each)]
    if any(isinstance(part, Window) for part in everywhere):
        return False
    parts = [part for each in about for part in walk(each)]
    if any(isinstance(part, Aggregate | Subquery) or is_unnesting(part) for part in parts):
        return False
    if not select.is_aggregated:
        return True
    return select.grouping_sets is None and all(each in select.groups for each in about)


def _read_by_member(select: Select) -> None:
    """Read a set column member by member in place of unnesting it, where members are groups."""
    match select.source:
        case Joined(
            kind=JoinKind.CROSS,
            left=Scan() as scan,
            right=Unnested(list=Column() as column, is_numbered=False) as unnested,
        ):
            pass
        case _:
            return
    field = scan.field_of(column.name) if column.relation == scan.relation else None
    member = Column(unnested.relation, "c0", column.type.item)
    if field is None or field.is_single or scan.flattened or member not in select.groups:
        return
    flattened = Scan(scan.relation, scan.table, frozenset({column.name}), dict(scan.used))
    select.source = flattened
    select.where = list(select.where)
    change_expressions(select, _member_of(unnested.relation, scan.relation, column.name))


def _member_of(unnested: int, scan: int, name: str) -> Callable[[Expression], Expression]:
    def changed(node: Expression) -> Expression:
        if isinstance(node, Column) and node.relation == unnested:
            return replace(node, relation=scan, name=name + MEMBER_SUFFIX)
        return with_parts(node, changed)

    return changed
