"""Joins made smaller: of one table only the records that can meet the few selected of the other.

Where a join equates columns of two tables and a condition leaves few records of one, the keys of
those become a condition on the other, which its bitmaps answer. Only a side whose records the join
does not make up is made smaller.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.algebra.expressions import Expression as Selecting
from bitbrook.algebra.partials import CountPartial
from bitbrook.algebra.questions import CountRecords, ExtractRecords
from bitbrook.query.sql.plan.pushdown import open_scans
from bitbrook.query.sql.record_sets import intersection
from bitbrook.query.sql.relations import relations_in, sources_of
from bitbrook.query.sql.tree import (
    MEMBER_SUFFIX,
    Call,
    Column,
    Constant,
    Expression,
    InList,
    Joined,
    JoinKind,
    Query,
    Scan,
    Select,
    Source,
)
from bitbrook.query.sql.types import Kind
from bitbrook.query.sql.where import NotBitmaps

if TYPE_CHECKING:
    from bitbrook.query.sql.plan.execution import Execution

KEYS_MAX = 10_000
"""Records of one side whose keys are looked up in the other."""

GAIN_MIN = 4
"""How many times more records the other side must have for the look-up to pay."""

_TO_RIGHT = frozenset(
    {
        JoinKind.INNER,
        JoinKind.CROSS,
        JoinKind.LEFT,
        JoinKind.SEMI,
        JoinKind.ANTI,
        JoinKind.ASOF,
        JoinKind.ASOF_LEFT,
    }
)
_TO_LEFT = frozenset({JoinKind.INNER, JoinKind.CROSS, JoinKind.SEMI, JoinKind.RIGHT})

Filters = dict[int, list[Selecting]]


def reduce_joins(select: Select, execution: "Execution", filters: Filters) -> None:
    """Add to `filters`, by the relation of the scan, what the other side of a join leaves."""
    if not isinstance(select.source, Joined):
        return
    _reduce(_pairs(select), execution, filters)


def reduce_correlated(
    select: Select, root: Query, execution: "Execution", filters: Filters
) -> None:
    """Add to `filters` what the few records leave that a query is evaluated for, one by one."""
    if not select.is_correlated or select.source is None:
        return
    own = {
        source.relation for source in sources_of(select.source) if not isinstance(source, Joined)
    }
    outer = [s for s in relations_in(root) if isinstance(s, Scan) and s.relation not in own]
    pairs = _equal(select.where, outer, list(open_scans(select.source)))
    _reduce((pair for pair in pairs if pair[2].relation in filters), execution, filters)


def _reduce(
    pairs: Iterable[tuple[Column, Column, Scan, Scan]], execution: "Execution", filters: Filters
) -> None:
    met: set[frozenset[int]] = set()
    for one, other, scan, reduced in pairs:
        chosen = filters.get(scan.relation)
        pair = frozenset({scan.relation, reduced.relation})
        if not chosen or pair in met or any(c.name.endswith(MEMBER_SUFFIX) for c in (one, other)):
            continue
        few = intersection(chosen)
        count = _count(scan, few, execution)
        if count > KEYS_MAX:
            continue
        known = filters.get(reduced.relation, [])
        if _count(reduced, intersection(known), execution) < GAIN_MIN * count:
            continue
        keys = _keys(one, scan, few, execution)
        try:
            matching = execution.conditions(reduced).true_of(InList(other, tuple(keys)))
        except NotBitmaps:
            continue
        filters[reduced.relation] = [*known, matching]
        met.add(pair)


def _count(scan: Scan, selected: Selecting, execution: "Execution") -> int:
    return execution.ask(scan.table, CountRecords(selected), CountPartial).count


def _keys(
    column: Column, scan: Scan, selected: Selecting, execution: "Execution"
) -> list[Constant]:
    fields = () if column.name == "_id" else (column.name,)
    records = execution.read_keys(scan, ExtractRecords(fields, selected))
    values = pc.unique(records.column(column.name))
    if column.type.kind is Kind.TIMESTAMP:
        values = values.cast(pa.int64())
    return [Constant.of(value, column.type) for value in values.to_pylist()]


def _pairs(select: Select) -> Iterator[tuple[Column, Column, Scan, Scan]]:
    """Give equal columns, the scan whose few keys may reduce, and the scan to be reduced."""
    source = select.source
    assert isinstance(source, Joined), "asked for joins only"
    everywhere = [scan for scan in sources_of(source) if isinstance(scan, Scan)]
    yield from _equal(select.where, everywhere, list(open_scans(source)))
    yield from _joined_pairs(source)


def _joined_pairs(source: Source) -> Iterator[tuple[Column, Column, Scan, Scan]]:
    if not isinstance(source, Joined):
        return
    left = [scan for scan in sources_of(source.left) if isinstance(scan, Scan)]
    right = [scan for scan in sources_of(source.right) if isinstance(scan, Scan)]
    if source.kind in _TO_RIGHT:
        yield from _equal(source.conditions, left, list(open_scans(source.right)))
    if source.kind in _TO_LEFT:
        yield from _equal(source.conditions, right, list(open_scans(source.left)))
    yield from _joined_pairs(source.left)
    yield from _joined_pairs(source.right)


def _equal(
    conditions: list[Expression], given: list[Scan], reduced: list[Scan]
) -> Iterator[tuple[Column, Column, Scan, Scan]]:
    for condition in conditions:
        match condition:
            case Call(name="=", arguments=(Column() as one, Column() as other)):
                for from_column, to_column in ((one, other), (other, one)):
                    scans = [scan for scan in given if scan.relation == from_column.relation]
                    targets = [scan for scan in reduced if scan.relation == to_column.relation]
                    if scans and targets and scans[0] is not targets[0]:
                        yield from_column, to_column, scans[0], targets[0]
            case _:
                continue
