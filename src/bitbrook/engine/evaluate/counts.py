"""CountRecords and RowCounts: how many records, in all and by row."""

from typing import Final

import numpy as np
import numpy.typing as npt

from bitbrook.algebra.expressions import All
from bitbrook.algebra.partials import CountPartial, RowCountsPartial
from bitbrook.algebra.questions import CountRecords, RowCounts
from bitbrook.bitmap.group_kernels import count_in_words
from bitbrook.bitmap.rows import Rows
from bitbrook.bitmap.selection import Selection
from bitbrook.bitmap.values import Values
from bitbrook.bitmap.word_kernels import read_only
from bitbrook.engine.evaluate.cubes import COUNT_COST, ROWS_COST, Counted, CubeKey, count_by_cubes
from bitbrook.engine.evaluate.forward import ROWS_MIN, count_by_code
from bitbrook.engine.evaluate.reading import ALL_TIMES, AnyRows, Period, Reading, rows_of
from bitbrook.engine.evaluate.row_order import row_order
from bitbrook.engine.evaluate.select import Selector, plan_selection
from bitbrook.engine.evaluate.sweep import sweep
from bitbrook.engine.evaluate.top_rows import largest_rows, may_prune
from bitbrook.engine.evaluate.totals import selected_words
from bitbrook.engine.shard import Shard
from bitbrook.schema.field_types import FieldSchema, FieldType

ROW_NS: Final = 2_000
CONTAINER_NS: Final = 500
RECORD_NS: Final = 1.0
"""What intersecting a row with a selection costs, a row and a container of it that both fill, and
what reading a record's code from a vector costs."""


def count_records(question: CountRecords, reading: Reading) -> CountPartial:
    """Return how many records are selected."""
    counted = count_by_cubes((), question.filter, reading, cost=COUNT_COST)
    if counted is not None and not counted.others:
        return CountPartial(int(counted.counts))
    selector = plan_selection(question.filter, reading)
    if counted is None:
        shards = map(reading.shard, selector.shards)
        return CountPartial(selector.count_all(shards, reading.budget))
    count = selector.count_all(counted.others, reading.budget)
    return CountPartial(int(counted.counts) + count)


def row_counts(question: RowCounts, reading: Reading) -> RowCountsPartial:
    """Return the rows of a field that selected records have, ascending, with their counts."""
    field = reading.field(question.field)
    period = (question.from_s, question.to_s)
    counted = _by_cubes(question, reading)
    if counted is not None and not counted.others:
        return _ascending(field, counted.counts, reading)
    codes = _restriction(question, field, reading)
    selector = plan_selection(question.filter, reading)
    shards = [reading.shard(number) for number in selector.shards]
    if counted is not None and len(counted.others) < len(shards):
        shards = counted.others
    elif may_prune(question, reading):
        largest = largest_rows(question, selector, reading)
        if largest is not None:
            return _ascending(field, largest, reading)

    def start() -> _RowCounts:
        return _RowCounts(field, period, reading.row_count(field), codes, selector)

    is_heavy = not isinstance(question.filter, All)
    states = sweep(shards, start, reading.budget, is_heavy=is_heavy)
    counts = sum((state.counts for state in states[1:]), states[0].counts)
    if counted is not None:
        counts = counts + counted.counts
    return _ascending(field, counts, reading)


def _by_cubes(question: RowCounts, reading: Reading) -> Counted | None:
    """Return what cubes tell of a question, None if they cannot tell anything."""
    is_of_all = question.rows is None and question.like is None
    if not is_of_all or (question.from_s, question.to_s) != ALL_TIMES:
        return None
    field = reading.field(question.field)
    return count_by_cubes((CubeKey(field),), question.filter, reading, cost=ROWS_COST)


def _restriction(
    question: RowCounts, field: FieldSchema, reading: Reading
) -> npt.NDArray[np.int64] | None:
    """Return the codes of the rows that the question is about, None for all rows."""
    codes = None if question.rows is None else reading.codes_of(field, question.rows)
    if question.like is not None:
        liked = reading.dictionary(field).like(question.like).astype(np.int64)
        codes = liked if codes is None else np.intersect1d(codes, liked)
    return codes


def _ascending(
    field: FieldSchema, counts: npt.NDArray[np.int64], reading: Reading
) -> RowCountsPartial:
    """Return the rows that were counted, by id or key."""
    if field.type is FieldType.BOOL:
        found = np.flatnonzero(counts)
        return RowCountsPartial(found.astype(np.bool_), counts[found])
    found = np.flatnonzero(counts)
    if 4 * len(found) < len(counts):
        rows = reading.rows_at(field, found)
        order = np.argsort(rows, kind="stable")
        return RowCountsPartial(rows[order], counts[found][order])
    order_of_all = row_order(reading.dictionary(field))
    ordered = counts[order_of_all.codes]
    is_found = ordered > 0
    return RowCountsPartial(order_of_all.rows[is_found], ordered[is_found])


class _RowCounts:
    """Counts by code (int64)."""

    def __init__(
        self,
        field: FieldSchema,
        period: Period,
        row_count: int,
        codes: npt.NDArray[np.int64] | None,
        selector: Selector,
    ) -> None:
        self._field = field
        self._period = period
        self._codes = codes
        self._selector = selector
        self.counts = np.zeros(row_count, dtype=np.int64)

    def add(self, shard: Shard) -> None:
        """Take a shard into account."""
        field_shard = shard.fields.get(self._field.id)
        if field_shard is None:
            return
        rows = rows_of(field_shard, self._period)
        selection = self._selector.select(shard)
        if selection.is_all:
            self._add_all(rows)
            return
        if not selection:
            return
        values = field_shard.values
        if values is not None and selection.is_sparse:
            codes, is_present = values.get(selection.positions())
            self._add_codes(codes[is_present])
            return
        rows_count = self._most_rows(rows)
        if values is not None and _prefers_vector(rows_count, selection):
            self._add_vector(values, selection, shard)
            return
        if isinstance(rows, Rows) and rows_count >= ROWS_MIN:
            counts = np.zeros(len(self.counts), dtype=np.int64)
            count_by_code(shard, rows, selection, counts)
            self._add_counts(counts)
            return
        self._add_rows(rows, self._wanted(rows), selection)

    def _add_all(self, rows: AnyRows) -> None:
        if self._codes is not None:
            sizes = [len(rows.row(code) or ()) for code in self._codes.tolist()]
            self.counts[self._codes] += np.array(sizes, dtype=np.int64)
            return
        codes, counts = rows.counts()
        self.counts[codes] += counts

    def _most_rows(self, rows: AnyRows) -> int:
        """Return how many rows are to be counted at most, without looking at each."""
        known = rows.slots_count if isinstance(rows, Rows) else len(rows.codes())
        return known if self._codes is None else min(known, len(self._codes))

    def _wanted(self, rows: AnyRows) -> npt.NDArray[np.int64]:
        """Return the codes to be counted of those that the shard has."""
        codes = rows.codes().astype(np.int64)
        if self._codes is None:
            return codes
        return np.intersect1d(codes, self._codes, assume_unique=True)

    def _add_codes(self, codes: npt.NDArray[np.int64]) -> None:
        self._add_counts(np.bincount(codes, minlength=len(self.counts)))

    def _add_counts(self, counts: npt.NDArray[np.int64]) -> None:
        if self._codes is None:
            self.counts += counts
        else:
            self.counts[self._codes] += counts[self._codes]

    def _add_vector(self, values: Values, selection: Selection, shard: Shard) -> None:
        counts = np.zeros(len(self.counts), dtype=np.int64)
        words = selected_words(selection, values, shard)
        count_in_words(read_only(values.numbers), read_only(words), counts)
        self._add_counts(counts)

    def _add_rows(self, rows: AnyRows, codes: npt.NDArray[np.int64], selection: Selection) -> None:
        bitmap = selection.bitmap
        found = [rows.row(code) for code in codes.tolist()]
        self.counts[codes] += np.array(
            [0 if row is None else row.intersection_cardinality(bitmap) for row in found],
            dtype=np.int64,
        )


def _prefers_vector(row_count: int, selection: Selection) -> bool:
    """Whether a pass over the codes of a vector costs less than intersecting every row."""
    return len(selection) * RECORD_NS < row_count * (ROW_NS + CONTAINER_NS)
