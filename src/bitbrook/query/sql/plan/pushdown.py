"""Conditions moved from a SELECT into the scans of the tables they are about.

Below a join a condition may go only to a side whose records the join does not make up: never to the
side that an outer join fills with nulls.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol, TypeGuard

from bitbrook.algebra.expressions import Expression as Selecting
from bitbrook.query.sql.functions.definitions import template
from bitbrook.query.sql.functions.numbers import LOGIC
from bitbrook.query.sql.keys import key_test
from bitbrook.query.sql.tree import (
    MEMBER_SUFFIX,
    Call,
    Column,
    Constant,
    Expression,
    InList,
    Joined,
    JoinKind,
    OrderItem,
    Scan,
    Select,
    Source,
    Subquery,
    Unnested,
    Window,
    walk,
)
from bitbrook.query.sql.types import BOOL, ID, IDSET, STRING, STRINGSET
from bitbrook.query.sql.where import Conditions, NotBitmaps

_BOTH = frozenset({JoinKind.INNER, JoinKind.CROSS})
_LEFT = frozenset({JoinKind.LEFT, JoinKind.SEMI, JoinKind.ANTI})
_ASOF = frozenset({JoinKind.ASOF, JoinKind.ASOF_LEFT})


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
    _imply_members(select, scans, execution, filters)


def _imply_members(
    select: Select,
    scans: list[Scan],
    execution: Translating,
    filters: dict[int, list[Selecting]],
) -> None:
    """Let only records be read whose sets have a member that a condition asks for."""
    unnested = {
        source.relation: source.list
        for source in crossed(select.source)
        if isinstance(source, Unnested) and isinstance(source.list, Column)
    }
    for condition in select.where:
        match condition:
            case Call(name="=", arguments=(Column() as member, Constant() as wanted)):
                wanted_rows = [wanted.value]
            case InList(operand=Column() as member) if all(
                isinstance(item, Constant) for item in condition.items
            ):
                wanted_rows = [item.value for item in condition.items if isinstance(item, Constant)]
            case _:
                continue
        column = unnested.get(member.relation)
        if member.name.endswith(MEMBER_SUFFIX):
            name = member.name.removesuffix(MEMBER_SUFFIX)
            column = replace(member, name=name)
        if column is None:
            continue
        scan = next((scan for scan in scans if scan.relation == column.relation), None)
        field = None if scan is None else scan.field_of(column.name)
        rows = [row for row in wanted_rows if _is_row(row, member)]
        if scan is None or field is None or field.is_single or len(rows) < len(wanted_rows):
            continue
        kind = STRINGSET if member.type.is_text else IDSET
        members = Constant.of(tuple(rows), kind)
        test = Call("SETCONTAINSANY", (column, members), BOOL, template("false"))
        filters.setdefault(scan.relation, []).append(execution.conditions(scan).true_of(test))


def _is_row(row: object, member: Column) -> TypeGuard[int | str]:
    if member.type.is_text:
        return isinstance(row, str)
    return type(row) is int and row >= 0


def crossed(source: Source | None) -> Iterator[Source]:
    """Give the relations whose rows all reach WHERE, each with each."""
    match source:
        case Joined(kind=kind) if kind in _BOTH:
            yield from crossed(source.left)
            yield from crossed(source.right)
        case None | Joined():
            return
        case _:
            yield source


def open_scans(source: Source) -> Iterator[Scan]:
    """Give the scans whose records reach WHERE as they are."""
    match source:
        case Scan():
            yield source
        case Joined():
            # Each record on the left of an ASOF JOIN is met by itself; on the right they are not.
            if source.kind in _BOTH or source.kind in _LEFT or source.kind in _ASOF:
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
    for condition in _with_keys_together(conditions, scans):
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


def _with_keys_together(conditions: list[Expression], scans: list[Scan]) -> Iterator[Expression]:
    """Give conditions, those on the keys of one table as one: both ends of a range leave few."""
    tests: dict[int, list[Expression]] = {}
    for condition in conditions:
        found = next((scan for scan in scans if key_test(condition, scan) is not None), None)
        if found is None:
            yield condition
        else:
            tests.setdefault(found.relation, []).append(condition)
    for together in tests.values():
        yield Call("AND", tuple(together), BOOL, LOGIC["AND"])


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
    elif isinstance(select.source, Scan) and (
        select.order or select.distinct_on or _has_windows(select)
    ):
        table = select.source.table
        keys = [Column(select.source.relation, "_id", STRING if table.is_keyed else ID)]
    else:
        # Without an order or windows DuckDB keeps that of the extract, which is that of the ids.
        return []
    ordered = [item.expression for item in select.order]
    return [OrderItem(key) for key in keys if key not in ordered]


def _has_windows(select: Select) -> bool:
    return any(isinstance(p, Window) for o in select.outputs for p in walk(o.expression))
