"""The questions that answer aggregates, and their answers as columns.

`ungrouped` asks each field once for all that is wanted of it; `grouped` asks one question for all
groups, or counts the rows of the index where nothing but counts by one key is wanted.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.algebra.expressions import All, HasValue, Not
from bitbrook.algebra.expressions import Expression as Selecting
from bitbrook.algebra.partials import (
    CountPartial,
    GroupsPartial,
    RowCountsPartial,
    TotalsPartial,
    ValueCountsPartial,
)
from bitbrook.algebra.questions import (
    CountRecords,
    GroupKey,
    GroupRecords,
    Measure,
    MeasureKind,
    NumberTotals,
    Period,
    RowCounts,
    ValueCounts,
)
from bitbrook.query.sql.functions.aggregates import AVERAGE_SCALE, SPREAD_SCALE
from bitbrook.query.sql.plan.columns import arrow_type, of_integers, of_keys, rounded_quotient
from bitbrook.query.sql.record_sets import intersection
from bitbrook.query.sql.tree import (
    MEMBER_SUFFIX,
    Aggregate,
    Column,
    Constant,
    Scan,
)
from bitbrook.query.sql.types import INT
from bitbrook.query.sql.where import NotBitmaps
from bitbrook.schema.field_types import FieldSchema

if TYPE_CHECKING:
    from bitbrook.query.sql.plan.execution import Execution

PAGES_MIN = 8
"""So many pages of groups there must be for one of them to be chosen beforehand."""

_EXTREMES = frozenset({"MIN", "MAX"})
_KNOWN = frozenset({"COUNT", "SUM", "AVG", "PERCENTILE", "VAR"}) | _EXTREMES


def ungrouped(
    aggregates: list[Aggregate], scan: Scan, selected: Selecting, execution: "Execution"
) -> pa.Table:
    """Return one row: the aggregates over all selected records, as a0, a1...

    Raises:
        NotBitmaps: bitmaps do not know one of them.
    """
    for aggregate in aggregates:
        _check_known(aggregate, scan)
    totals = _Totals(scan, execution, aggregates)
    columns = []
    for aggregate in aggregates:
        chosen = selected
        if aggregate.filter is not None:
            chosen = intersection([selected, execution.selected(scan, [aggregate.filter])])
        columns.append(totals.column(aggregate, chosen))
    return pa.Table.from_arrays(columns, [f"a{index}" for index in range(len(columns))])


def _check_known(aggregate: Aggregate, scan: Scan) -> None:
    """Return if an aggregate is over every record or over a column of the table."""
    if aggregate.name not in _KNOWN:
        raise NotBitmaps
    if not aggregate.arguments:
        return
    column = aggregate.arguments[0]
    if not isinstance(column, Column) or column.name.endswith(MEMBER_SUFFIX):
        raise NotBitmaps
    if column.relation != scan.relation:
        raise NotBitmaps
    if aggregate.is_distinct and _is_vector(column, scan):
        raise NotBitmaps
    if aggregate.is_distinct and aggregate.name not in _EXTREMES | {"COUNT"}:
        raise NotBitmaps


def _is_vector(column: Column, scan: Scan) -> bool:
    field = scan.field_of(column.name)
    return field is not None and field.is_vector


def _field_of(aggregate: Aggregate, scan: Scan) -> FieldSchema | None:
    """Return the field that an aggregate is over; None: the records themselves."""
    if not aggregate.arguments:
        return None
    column = aggregate.arguments[0]
    assert isinstance(column, Column), "checked before"
    return scan.field_of(column.name)


class _Totals:
    """Aggregates over all records of a selection."""

    def __init__(self, scan: Scan, execution: "Execution", aggregates: list[Aggregate]) -> None:
        self._table = scan.table
        self._scan = scan
        self._execution = execution
        self._wants_sum = {self._name(a) for a in aggregates if a.name in {"SUM", "AVG"}}
        self._wants_extremes = {self._name(a) for a in aggregates if a.name in _EXTREMES}
        self._known: dict[Any, Any] = {}

    def _name(self, aggregate: Aggregate) -> str:
        field = _field_of(aggregate, self._scan)
        return "" if field is None else field.name

    def column(self, aggregate: Aggregate, selected: Selecting) -> pa.Array:
        """Return an aggregate's one value as a column."""
        field = _field_of(aggregate, self._scan)
        if aggregate.name == "COUNT":
            count = self._count(field, selected, is_distinct=aggregate.is_distinct)
            return pa.array([count], pa.int64())
        assert field is not None, "_id is only counted"
        if aggregate.name in _EXTREMES:
            return self._extreme(field, selected, aggregate)
        if aggregate.name in {"SUM", "AVG"} and field.is_number:
            totals = self._totals(field, selected)
            total, count = totals.total, totals.count
        else:
            values, counts = self._distribution(field, selected)
            if aggregate.name == "PERCENTILE":
                return _percentile(values, counts, aggregate)
            if aggregate.name == "VAR":
                return _variance(values, counts, field.scale)
            total = sum(map(int.__mul__, values.tolist(), counts.tolist()))
            count = int(counts.sum())
        if aggregate.name == "SUM":
            return of_integers([total if count else None], aggregate.type, aggregate.prefix)
        return of_integers([_average(total, count, field.scale)], aggregate.type, aggregate.prefix)

    def _count(self, field: FieldSchema | None, selected: Selecting, *, is_distinct: bool) -> int:
        if field is None:
            return int(self._asked(CountRecords(selected), CountPartial).count)
        if not is_distinct:
            having = intersection([selected, HasValue(field.name)])
            return int(self._asked(CountRecords(having), CountPartial).count)
        if field.has_rows:
            return len(self._asked(RowCounts(field.name, selected), RowCountsPartial).counts)
        return len(self._asked(ValueCounts(field.name, selected), ValueCountsPartial).counts)

    def _totals(self, field: FieldSchema, selected: Selecting) -> TotalsPartial:
        question = NumberTotals(
            field.name,
            selected,
            wants_sum=field.name in self._wants_sum,
            wants_extremes=field.name in self._wants_extremes,
        )
        totals: TotalsPartial = self._asked(question, TotalsPartial)
        return totals

    def _extreme(self, field: FieldSchema, selected: Selecting, aggregate: Aggregate) -> pa.Array:
        is_least = aggregate.name == "MIN"
        if field.is_number:
            totals = self._totals(field, selected)
            stored = totals.least if is_least else totals.greatest
            return of_integers([stored], aggregate.type)
        rows = self._asked(RowCounts(field.name, selected), RowCountsPartial).rows
        chosen = rows[:1] if is_least else rows[-1:]
        if len(chosen) == 0:
            return pa.nulls(1, arrow_type(aggregate.type))
        return of_keys(chosen, None, aggregate.type)

    def _distribution(
        self, field: FieldSchema, selected: Selecting
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Return a field's values and how many records have each."""
        if field.is_number:
            numbers = self._asked(ValueCounts(field.name, selected), ValueCountsPartial)
            return numbers.values, numbers.counts
        rows = self._asked(RowCounts(field.name, selected), RowCountsPartial)
        return rows.rows, rows.counts

    def _asked(self, question: Any, kind: type[Any]) -> Any:
        if question not in self._known:
            self._known[question] = self._execution.ask(self._table, question, kind)
        return self._known[question]


def _average(total: int, count: int, scale: int) -> int | None:
    """Return an average with four digits after the point, as an integer of their units."""
    if count == 0:
        return None
    return rounded_quotient(total * 10**AVERAGE_SCALE, count * 10**scale)


def _percentile(
    values: npt.NDArray[Any], counts: npt.NDArray[np.int64], aggregate: Aggregate
) -> pa.Array:
    """Return the value at the nearest rank: of n in order the one at ceil(n * nth / 100)."""
    nth = aggregate.arguments[1]
    assert isinstance(nth, Constant), "checked by the binder"
    assert isinstance(nth.value, int | Decimal), "checked by the binder"
    if len(counts) == 0:
        return pa.nulls(1, arrow_type(aggregate.type))
    up_to = np.cumsum(counts)
    rank = max(1, math.ceil(int(up_to[-1]) * Fraction(nth.value) / 100))
    index = int(np.searchsorted(up_to, rank))
    return of_integers([int(values[index])], aggregate.type)


def _variance(values: npt.NDArray[Any], counts: npt.NDArray[np.int64], scale: int) -> pa.Array:
    """Return the population variance: the mean of the squares less the square of the mean."""
    count = int(counts.sum())
    kind = pa.decimal128(19, SPREAD_SCALE)
    if count == 0:
        return pa.nulls(1, kind)
    numbers, weights = values.astype(np.object_), counts.astype(np.object_)
    total = (numbers * weights).sum()
    squares = (numbers * numbers * weights).sum()
    numerator = squares * count - total * total
    units = rounded_quotient(numerator * 10**SPREAD_SCALE, count * count * 10 ** (2 * scale))
    return pa.array([Decimal(units).scaleb(-SPREAD_SCALE)], kind)


@dataclass(frozen=True, slots=True)
class KeySource:
    """What groups are formed by: a column, or the periods in which its times fall."""

    column: Column
    period: Period | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The groups that are asked for: so many by the value of one aggregate, and those equal."""

    aggregate: int
    count: int
    is_descending: bool


def grouped(
    keys: list[KeySource],
    aggregates: list[Aggregate],
    scan: Scan,
    lacking: "Lacking",
    page: Page | None = None,
) -> pa.Table:
    """Return a row a group: its keys as k0, k1..., the aggregates as a0, a1...

    With a page groups that are surely not on it may be left out.

    Raises:
        NotBitmaps: bitmaps do not know one of the keys or aggregates.
    """
    group_keys = [_group_key(key, scan) for key in keys]
    for aggregate in aggregates:
        _check_grouped(aggregate, scan)
    measures: dict[Measure, int] = {}
    readers = [_reader(aggregate, scan, measures, lacking) for aggregate in aggregates]
    field = scan.field_of(group_keys[0].field)
    if len(keys) == 1 and not measures and field is not None and field.has_rows:
        is_ranking = page is not None and _field_of(aggregates[page.aggregate], scan) is None
        most = page.count if page is not None and is_ranking and page.is_descending else None
        groups = _row_groups(group_keys[0], field, lacking, most)
    else:
        group_keys = [
            GroupKey(
                key.field,
                includes_null=key.includes_null and lacking.count(key.field) > 0,
                period=key.period,
            )
            for key in group_keys
        ]
        question = GroupRecords(tuple(group_keys), lacking.selected, tuple(measures))
        groups = lacking.execution.ask(scan.table, question, GroupsPartial)
    lacking.execution.budget.check_groups(len(groups.counts))
    if page is not None:
        groups = _on_page(groups, readers[page.aggregate](groups), page)
    columns = [
        of_keys(values, nulls, key.column.type)
        for key, values, nulls in zip(keys, groups.keys, groups.key_nulls, strict=True)
    ]
    names = [f"k{index}" for index in range(len(keys))]
    names += [f"a{index}" for index in range(len(aggregates))]
    return pa.Table.from_arrays([*columns, *(read(groups) for read in readers)], names)


def _on_page(groups: GroupsPartial, column: pa.Array, page: Page) -> GroupsPartial:
    """Return the groups that may be on a page; the rest is not worth turning into columns."""
    if column.null_count or not 0 < page.count < len(column) // PAGES_MIN:
        return groups
    direction = "descending" if page.is_descending else "ascending"
    best = pc.select_k_unstable(column, page.count, sort_keys=[("", direction)])
    compare = pc.greater_equal if page.is_descending else pc.less_equal
    kept = np.flatnonzero(compare(column, column[best[-1].as_py()]).to_numpy(zero_copy_only=False))
    return GroupsPartial(
        [keys[kept] for keys in groups.keys],
        [nulls[kept] for nulls in groups.key_nulls],
        groups.counts[kept],
        [measure[kept] for measure in groups.measures],
    )


def _group_key(source: KeySource, scan: Scan) -> GroupKey:
    """Return the key of a question: single-valued fields with null, flattened sets by member."""
    key = source.column
    if key.relation != scan.relation:
        raise NotBitmaps
    name = key.name.removesuffix(MEMBER_SUFFIX)
    field = scan.field_of(name)
    if field is None or field.is_vector or (not field.is_single and name == key.name):
        raise NotBitmaps
    if scan.flattened & scan.used.keys() - {name}:
        raise NotBitmaps
    return GroupKey(name, includes_null=field.is_single, period=source.period)


class Lacking:
    """How many of the selected records have no value in a field.

    Mostly there is none, and groups are formed ten times faster without a group for nulls and
    without counting the values of each group; to know costs a fraction of a millisecond.
    """

    def __init__(self, selected: Selecting, scan: Scan, execution: "Execution") -> None:
        self.selected = selected
        self.table = scan.table
        self.execution = execution
        self._counts: dict[str, int] = {}

    def count(self, field: str) -> int:
        """Return the number of records without a value."""
        if field not in self._counts:
            # Of all records first: that is known without the filter, and mostly it is none.
            without = Not(HasValue(field))
            count = self._counted(without)
            if count and not isinstance(self.selected, All):
                count = self._counted(intersection([self.selected, without]))
            self._counts[field] = count
        return self._counts[field]

    def _counted(self, records: Selecting) -> int:
        return self.execution.ask(self.table, CountRecords(records), CountPartial).count


def _row_groups(
    key: GroupKey, field: FieldSchema, lacking: Lacking, most: int | None
) -> GroupsPartial:
    """Return the groups of one row field from the counts of its rows, or the largest of them."""
    question = RowCounts(field.name, lacking.selected, most=most)
    partial = lacking.execution.ask(lacking.table, question, RowCountsPartial)
    rows, counts = partial.rows, partial.counts
    nulls = np.zeros(len(counts), dtype=np.bool_)
    count = lacking.count(field.name) if key.includes_null else 0
    if count:
        filler: Any = "" if rows.dtype == np.object_ else 0
        rows = np.append(rows, np.array([filler], dtype=rows.dtype))
        counts, nulls = np.append(counts, count), np.append(nulls, True)
    return GroupsPartial([rows], [nulls], counts)


Reader = Callable[[GroupsPartial], pa.Array]


def _check_grouped(aggregate: Aggregate, scan: Scan) -> None:
    """Return if groups can be asked for an aggregate."""
    _check_known(aggregate, scan)
    field = _field_of(aggregate, scan)
    if aggregate.filter is not None:
        raise NotBitmaps
    if field is None:
        return
    is_flattened = scan.flattened & scan.used.keys() and field.name in scan.flattened
    if is_flattened or not (aggregate.name == "COUNT" or field.is_number):
        raise NotBitmaps
    if aggregate.name in {"PERCENTILE", "VAR"}:
        raise NotBitmaps


def _reader(
    aggregate: Aggregate, scan: Scan, measures: dict[Measure, int], lacking: Lacking
) -> Reader:
    """Return how to read an aggregate from the groups; `measures` gets what it needs."""
    field = _field_of(aggregate, scan)
    if field is None:
        return lambda groups: pa.array(groups.counts, pa.int64())

    def measure(kind: MeasureKind) -> int:
        return measures.setdefault(Measure(kind, field.name), len(measures))

    def value_counts() -> Callable[[GroupsPartial], Any]:
        if lacking.count(field.name) == 0:
            return lambda groups: groups.counts.astype(np.object_)
        counted = measure(MeasureKind.COUNT_VALUES)
        return lambda groups: _zeroed(groups.measures[counted])

    kind, scale, place = aggregate.type, field.scale, aggregate.prefix
    if aggregate.name == "COUNT":
        if aggregate.is_distinct:
            distinct = measure(MeasureKind.COUNT_DISTINCT)
            return lambda groups: of_integers(_zeroed(groups.measures[distinct]), INT)
        counts_of = value_counts()
        return lambda groups: of_integers(counts_of(groups), INT)
    if aggregate.name == "AVG":
        total, values_of = measure(MeasureKind.SUM), value_counts()

        def averages(groups: GroupsPartial) -> pa.Array:
            pairs = zip(groups.measures[total], values_of(groups), strict=True)
            return of_integers(
                [_average(one or 0, count, scale) for one, count in pairs], kind, place
            )

        return averages
    index = measure(MeasureKind(aggregate.name.lower()))
    return lambda groups: of_integers(groups.measures[index], kind, place)


def _zeroed(counts: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    return np.where(counts == np.array(None), 0, counts)
