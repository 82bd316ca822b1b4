"""SELECT without groups over one table: the order and limit go to the index with the filter."""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.algebra.expressions import Expression as Selecting
from bitbrook.algebra.expressions import Intersect, Records
from bitbrook.algebra.partials import CountPartial
from bitbrook.algebra.questions import (
    AnyOrder,
    CountRecords,
    DistanceOrder,
    ExtractRecords,
    Order,
)
from bitbrook.errors import LimitExceeded
from bitbrook.query.sql.distances import find_distance
from bitbrook.query.sql.plan.columns import settled
from bitbrook.query.sql.tree import (
    MEMBER_SUFFIX,
    Aggregate,
    Column,
    OrderItem,
    Output,
    Scan,
    Select,
    Subquery,
    Window,
    is_unnesting,
    walk,
)
from bitbrook.query.sql.types import ID, STRING
from bitbrook.query.sql.where import NotBitmaps

if TYPE_CHECKING:
    from bitbrook.query.sql.plan.execution import Execution

FEW_RECORDS = 1_000
"""Records of a page whose fields are read record by record, once they are chosen."""

Page = tuple[AnyOrder | None, int | None, int]


def answer(select: Select, scan: Scan, execution: "Execution") -> pa.Table:
    """Return the answer of a SELECT of plain columns in an order that the index knows.

    Raises:
        NotBitmaps: it is more than that.
    """
    columns = [output.expression for output in select.outputs]
    names = [column.name for column in columns if isinstance(column, Column)]
    if len(names) < len(columns) or any(name.endswith(MEMBER_SUFFIX) for name in names):
        raise NotBitmaps
    fields = tuple(dict.fromkeys(name for name in names if name != "_id"))
    try:
        order = _order(select.order, scan)
        selected = execution.selected(scan, select.where)
    except NotBitmaps:
        records = _of_few(select, scan, fields, execution)
    else:
        if select.limit is None and not _names_few(selected):
            _check_size(len(columns), selected, scan, execution)
        question = ExtractRecords(fields, selected, order, select.limit, select.offset)
        records = execution.extract(scan, question)
    chosen = pa.Table.from_arrays(
        [records.column(name) for name in names], [f"c{i}" for i in range(len(names))]
    )
    return settled(chosen, [output.type for output in select.outputs])


def _names_few(selected: Selecting) -> bool:
    """Whether a selection names each record that may be in it, and these are few."""
    match selected:
        case Records(ids):
            return len(ids) <= FEW_RECORDS
        case Intersect(operands):
            return any(map(_names_few, operands))
        case _:
            return False


def _check_size(column_count: int, selected: Selecting, scan: Scan, execution: "Execution") -> None:
    """Return unless an answer is too large however it is written: each value takes a byte.

    Raises:
        LimitExceeded: before any record is read.
    """
    count = execution.ask(scan.table, CountRecords(selected), CountPartial).count
    bytes_max = execution.budget.answer_bytes_max
    if count * column_count > bytes_max:
        raise LimitExceeded(
            f"the answer has {count:,} records of {column_count} columns and {bytes_max:,} bytes "
            "are allowed; select fewer of them with WHERE or LIMIT, or raise answer_bytes_max"
        )


def _of_few(
    select: Select, scan: Scan, fields: tuple[str, ...], execution: "Execution"
) -> pa.Table:
    """Return the fields of a page of records that DuckDB chooses by what WHERE and ORDER BY name.

    Only those columns are read of all records, the others of the chosen ones.

    Raises:
        NotBitmaps: the page is large, or nothing would be saved.
    """
    choosing = [*select.where, *(item.expression for item in select.order)]
    parts = [part for expression in choosing for part in walk(expression)]
    if any(isinstance(part, Subquery) for part in parts):
        raise NotBitmaps
    named = {part.name: None for part in parts if isinstance(part, Column)}
    is_small = select.limit is not None and select.limit <= FEW_RECORDS
    if not is_small or named.keys() >= set(fields) or scan.flattened & scan.used.keys():
        raise NotBitmaps
    identity = Column(scan.relation, "_id", STRING if scan.table.is_keyed else ID)
    chosen = execution.finish(
        Select(
            [Output("_id", identity)],
            Scan(scan.relation, scan.table, used=named),
            list(select.where),
            order=list(select.order),
            limit=select.limit,
            offset=select.offset,
        )
    ).column(0)
    question = ExtractRecords(fields, Records(tuple(chosen.to_pylist())))
    records = execution.extract(scan, question)
    places = pc.index_in(chosen, value_set=records.column("_id").combine_chunks())
    # A record that was deleted in between is left out.
    return records.take(places.drop_null())


def pushed_page(select: Select) -> Page | None:
    """Return the order, limit and offset that the scan of a SELECT can apply, None if none.

    Its conditions must have been moved into the scan already.
    """
    scan = select.source
    if not isinstance(scan, Scan) or select.where or select.limit is None:
        return None
    if select.is_aggregated or select.is_distinct or select.distinct_on:
        return None
    if select.qualify is not None:
        return None
    if select.is_correlated or scan.flattened & scan.used.keys():
        return None
    expressions = [output.expression for output in select.outputs]
    expressions += [item.expression for item in select.order]
    if any(
        isinstance(part, Window | Aggregate | Subquery) or is_unnesting(part)
        for expression in expressions
        for part in walk(expression)
    ):
        return None
    try:
        return _order(select.order, scan), select.limit, select.offset
    except NotBitmaps:
        return None


def _order(items: list[OrderItem], scan: Scan) -> AnyOrder | None:
    """Return the order for a question, None for that of the record ids.

    Raises:
        NotBitmaps: the index knows no such order.
    """
    if not items:
        return None
    first, *others = items
    # Ties stand in the order of record ids anyway.
    if any(item.is_descending or not _is_id(item, scan) for item in others):
        raise NotBitmaps
    if _is_id(first, scan):
        if first.is_descending:
            raise NotBitmaps
        return None
    if first.nulls_first:
        raise NotBitmaps
    distance = find_distance(first.expression, scan)
    if distance is not None:
        return DistanceOrder(
            distance.field,
            distance.metric,
            distance.vector,
            is_descending=first.is_descending,
            includes_null=True,
        )
    column = first.expression
    if not isinstance(column, Column) or column.relation != scan.relation:
        raise NotBitmaps
    field = scan.field_of(column.name)
    if field is None or not field.has_values:
        raise NotBitmaps
    return Order(field.name, is_descending=first.is_descending, includes_null=True)


def _is_id(item: OrderItem, scan: Scan) -> bool:
    column = item.expression
    return isinstance(column, Column) and column.relation == scan.relation and column.name == "_id"
