"""Conditions moved from a SELECT into the scans of the tables they are about.

Below a join a condition may go only to a side whose records the join does not make up: never to the
side that an outer join fills with nulls.
"""

from collections.abc import Iterator
from typing import Protocol

from bitbrook.algebra.expressions import Expression as Selecting
from bitbrook.query.sql.tree import (
    MEMBER_SUFFIX,
    Column,
    Expression,
    Joined,
    JoinKind,
    OrderItem,
    Scan,
    Select,
    Source,
    Subquery,
    Window,
    walk,
)
from bitbrook.query.sql.types import ID, STRING
from bitbrook.query.sql.where import Conditions, NotBitmaps

_BOTH = frozenset({JoinKind.INNER, JoinKind.CROSS})
_LEFT = frozenset({JoinKind.LEFT, JoinKind.SEMI, JoinKind.ANTI})


class Translating(Protocol):
    """What gives translators."""

    def conditions(self, scan: Scan) -> Conditions:
        """Return the translator of conditions on a table's records."""
        ...


def push_down(select: Select, execution: Translating, filters: dict[int, list[Selecting]]) -> None:
    """Move what can be moved of WHERE and ON into `filters`, by the relation of the scan."""
    if isinstance(select.source, Joined):
        _push_joins(select.source, execution, filters)
    scans = list(open_scans(select.source)) if select.source is not None else []
    select.where = _kept(select.where, scans, execution, filters)


def open_scans(source: Source) -> Iterator[Scan]:
    """Give the scans whose records reach WHERE as they are."""
    match source:
        case Scan():
            yield source
        case Joined():
            if source.kind in _BOTH or source.kind in _LEFT:
                yield from open_scans(source.left)
            if source.kind in _BOTH or source.kind is JoinKind.RIGHT:
                yield from open_scans(source.right)


def _push_joins(
    source: Source, execution: Translating, filters: dict[int, list[Selecting]]
) -> None:
    if not isinstance(source, Joined):
        return
    scans: list[Scan] = []
    if source.kind in _BOTH or source.kind is JoinKind.RIGHT:
        scans += open_scans(source.left)
    if source.kind in _BOTH or source.kind in _LEFT:
        scans += open_scans(source.right)
    source.conditions = _kept(source.conditions, scans, execution, filters)
    _push_joins(source.left, execution, filters)
    _push_joins(source.right, execution, filters)


def _kept(
    conditions: list[Expression],
    scans: list[Scan],
    execution: Translating,
    filters: dict[int, list[Selecting]],
) -> list[Expression]:
    """Return the conditions that could not be moved."""
    kept = []
    for condition in conditions:
        scan = _only_scan(condition, scans)
        if scan is None:
            kept.append(condition)
            continue
        try:
            chosen = execution.conditions(scan).true_of(condition)
        except NotBitmaps:
            kept.append(condition)
            continue
        filters.setdefault(scan.relation, []).append(chosen)
    return kept


def _only_scan(condition: Expression, scans: list[Scan]) -> Scan | None:
    """Return the one scan whose columns a condition names, None if there is not just one."""
    relations = set()
    for part in walk(condition):
        if isinstance(part, Subquery) and part.is_correlated:
            return None
        if isinstance(part, Column):
            if part.name.endswith(MEMBER_SUFFIX):
                return None
            relations.add(part.relation)
    if len(relations) != 1:
        return None
    return next((scan for scan in scans if scan.relation in relations), None)


def tie_breakers(select: Select) -> list[OrderItem]:
    """Return what the rows of a SELECT are ordered by after all it asks for itself.

    So an answer is the same every time: groups come by their keys, distinct rows by their columns,
    records of one table by their ids.
    """
    if select.is_distinct:
        keys = [output.expression for output in select.outputs]
    elif select.is_aggregated:
        keys = list(select.groups)
    elif isinstance(select.source, Scan) and (select.order or _has_windows(select)):
        table = select.source.table
        keys = [Column(select.source.relation, "_id", STRING if table.is_keyed else ID)]
    else:
        # Without an order or windows DuckDB keeps that of the extract, which is that of the ids.
        return []
    ordered = [item.expression for item in select.order]
    return [OrderItem(key) for key in keys if key not in ordered]


def _has_windows(select: Select) -> bool:
    return any(isinstance(p, Window) for o in select.outputs for p in walk(o.expression))
