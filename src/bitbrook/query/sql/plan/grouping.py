"""Groups and aggregates over one table, answered by bitmaps.

The groups come as a small relation of their own: a column a key (k0, k1...), a column an aggregate
(a0, a1...). What is selected, HAVING and the order are then expressions over that relation; plain
columns are taken as they are, DuckDB evaluates anything else.
"""

from typing import TYPE_CHECKING

import pyarrow as pa

from bitbrook.query.sql.plan.columns import settled
from bitbrook.query.sql.plan.measures import KeySource, Lacking, Page, grouped, ungrouped
from bitbrook.query.sql.tree import (
    Aggregate,
    Column,
    Expression,
    OrderItem,
    Output,
    Rows,
    Scan,
    Select,
    Subquery,
    Window,
    walk,
    with_parts,
)
from bitbrook.query.sql.where import NotBitmaps

if TYPE_CHECKING:
    from bitbrook.query.sql.plan.execution import Execution

GROUPS_RELATION = 0


def answer(select: Select, scan: Scan, execution: "Execution") -> pa.Table:
    """Return the answer of a SELECT with groups, aggregates or DISTINCT.

    Raises:
        NotBitmaps: bitmaps do not know one of its keys or aggregates.
    """
    keys = select.groups
    if not select.is_aggregated:
        # The distinct rows are the groups of all that is selected.
        keys = list(dict.fromkeys(output.expression for output in select.outputs))
    columns = [key for key in keys if isinstance(key, Column)]
    if len(columns) < len(keys):
        raise NotBitmaps
    over = [output.expression for output in select.outputs]
    over += [*select.having, *(item.expression for item in select.order)]
    if any(isinstance(part, Subquery) for each in over for part in walk(each)):
        raise NotBitmaps
    aggregates = list(
        dict.fromkeys(p for each in over for p in walk(each) if isinstance(p, Aggregate))
    )
    selected = execution.selected(scan, select.where)
    if columns:
        sources = [KeySource(column) for column in columns]
        lacking = Lacking(selected, scan, execution)
        records = grouped(sources, aggregates, scan, lacking, page=_page_of(select, aggregates))
    else:
        records = ungrouped(aggregates, scan, selected, execution)
    return _answer_over(_over_groups(select, columns, aggregates, records), execution)


def _page_of(select: Select, aggregates: list[Aggregate]) -> Page | None:
    """Return the page that a SELECT asks for by an aggregate first, if that chooses its groups."""
    if select.limit is None or not select.order or select.having or select.is_distinct:
        return None
    first, *_ = select.order
    over = [output.expression for output in select.outputs]
    has_windows = any(isinstance(part, Window) for each in over for part in walk(each))
    if first.nulls_first or has_windows or first.expression not in aggregates:
        return None
    index = aggregates.index(first.expression)
    return Page(index, select.offset + select.limit, is_descending=first.is_descending)


def _over_groups(
    select: Select, keys: list[Column], aggregates: list[Aggregate], records: pa.Table
) -> Select:
    """Return the SELECT as one over the relation of its groups."""
    known: dict[Expression, Column] = {}
    for index, key in enumerate(keys):
        known[key] = Column(GROUPS_RELATION, f"k{index}", key.type)
    for index, aggregate in enumerate(aggregates):
        known[aggregate] = Column(GROUPS_RELATION, f"a{index}", aggregate.type)

    def rewritten(node: Expression) -> Expression:
        return known[node] if node in known else with_parts(node, rewritten)

    order = [
        OrderItem(rewritten(item.expression), item.is_descending, item.nulls_first)
        for item in select.order
    ]
    ordered = [item.expression for item in order]
    # Groups come in the order of their keys where nothing else is asked for.
    order += [
        OrderItem(known[key]) for key in keys if known[key] not in ordered and not key.type.is_set
    ]
    return Select(
        [Output(output.name, rewritten(output.expression)) for output in select.outputs],
        Rows(GROUPS_RELATION, records),
        [rewritten(condition) for condition in select.having],
        order=order,
        is_distinct=select.is_distinct and select.is_aggregated,
        limit=select.limit,
        offset=select.offset,
    )


def _answer_over(select: Select, execution: "Execution") -> pa.Table:
    outputs = [output.expression for output in select.outputs]
    order = [item.expression for item in select.order]
    names = [column.name for column in outputs if isinstance(column, Column)]
    keys = [column.name for column in order if isinstance(column, Column)]
    is_plain = len(names) == len(outputs) and len(keys) == len(order)
    if (
        not is_plain
        or select.where
        or select.is_distinct
        or any(item.nulls_first for item in select.order)
    ):
        if select.is_distinct:
            select.order = [item for item in select.order if item.expression in outputs]
        return execution.finish(select)
    assert isinstance(select.source, Rows), "made above"
    records = select.source.records
    if keys and records.num_rows > 1:
        directions = ["descending" if item.is_descending else "ascending" for item in select.order]
        records = records.sort_by(list(zip(keys, directions, strict=True)))
    records = records.slice(select.offset, select.limit)
    chosen = pa.Table.from_arrays(
        [records.column(name) for name in names], [f"c{i}" for i in range(len(names))]
    )
    return settled(chosen, [output.type for output in select.outputs])
