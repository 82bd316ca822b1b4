"""Which records a page of an answer holds: by id, by key, or by a field's value.

Records are known here by number: the record id, or the position of the record key. No more is
looked at than a page needs: by id, shards are read until it is full; by value or key, a record is
only kept while it can still be among the first. The first keys of all are known, so that a page of
a filter that selects many is found among them.

A partition of several gives the first `offset + limit` records, since only the merged answer can
tell which to leave out; the only partition of a table gives the page itself.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.algebra.questions import (
    AnyOrder,
    DistanceOrder,
    ExtractRecords,
    Order,
    RecordIds,
)
from bitbrook.bitmap.selection import NONE, Selection
from bitbrook.bitmap.values import Values
from bitbrook.bitmap.word_kernels import SHARD_WIDTH
from bitbrook.engine.columns import SHARD_BITS
from bitbrook.engine.evaluate.distances import Target
from bitbrook.engine.evaluate.key_order import (
    HEAD_COUNT,
    HEAD_PAYS_FROM,
    first_keys,
    least_keys,
    sorted_by_key,
)
from bitbrook.engine.evaluate.ranges import words_between
from bitbrook.engine.evaluate.reading import Reading, present_in
from bitbrook.engine.evaluate.row_order import row_order
from bitbrook.engine.evaluate.select import plan_selection
from bitbrook.engine.evaluate.totals import values_of
from bitbrook.engine.keys import RecordKeys
from bitbrook.engine.shard import Shard
from bitbrook.schema.field_types import FieldSchema, FieldType

RecordNumbers = npt.NDArray[np.uint64]


@dataclass(slots=True, frozen=True)
class Chosen:
    """Record numbers (uint64) in the order asked for; `values` and `nulls` if that has a field."""

    numbers: RecordNumbers
    values: npt.NDArray[Any] | None = None
    nulls: npt.NDArray[np.bool_] | None = None

    def after(self, count: int) -> "Chosen":
        """Return all but the first records."""
        return Chosen(
            self.numbers[count:],
            None if self.values is None else self.values[count:],
            None if self.nulls is None else self.nulls[count:],
        )


def choose_records(question: RecordIds | ExtractRecords, reading: Reading) -> Chosen:
    """Return the records that the partition answers with."""
    stop = None if question.limit is None else question.offset + question.limit
    skipped = question.offset if reading.partition.schema.partition_count == 1 else 0
    if stop is not None and stop <= skipped:
        stop = skipped = 0
    if isinstance(question.order, DistanceOrder):
        return _by_distance(question, question.order, reading, stop).after(skipped)
    if question.order is not None:
        return _by_value(question, question.order, reading, stop).after(skipped)
    if reading.partition.keys is not None:
        return _by_key(question, reading, reading.partition.keys, stop).after(skipped)
    return _by_id(question, reading, skipped, stop)


def _by_id(
    question: RecordIds | ExtractRecords, reading: Reading, skipped: int, stop: int | None
) -> Chosen:
    parts = []
    for shard, selection in _selected(question, reading, stop):
        if skipped >= len(selection):
            skipped -= len(selection)
            stop = None if stop is None else stop - len(selection)
            continue
        positions = selection.positions() if stop is None else selection.first(stop)
        parts.append(_numbers(shard, positions[skipped:]))
        stop = None if stop is None else stop - len(positions)
        skipped = 0
        if stop == 0:
            break
    return Chosen(_joined(parts))


def _by_key(
    question: RecordIds | ExtractRecords, reading: Reading, keys: RecordKeys, stop: int | None
) -> Chosen:
    selected = list(_selected(question, reading, stop))
    if stop is None:
        parts = [_numbers(shard, selection.positions()) for shard, selection in selected]
        return Chosen(sorted_by_key(keys, _joined(parts)))
    count = sum(len(each) for _, each in selected)
    if count >= HEAD_PAYS_FROM and count * HEAD_COUNT >= 2 * stop * len(keys):
        first = _selected_of(first_keys(keys), selected, stop)
        if len(first) == stop:
            return Chosen(first)
    numbers = np.zeros(0, dtype=np.uint64)
    for shard, selection in selected:
        reading.budget.check()
        numbers = least_keys(keys, numbers, _numbers(shard, selection.positions()), stop)
    return Chosen(sorted_by_key(keys, numbers))


def _selected_of(
    numbers: RecordNumbers, selected: "list[tuple[Shard, Selection]]", stop: int
) -> RecordNumbers:
    """Return the first of these records, in their order, that are selected: `stop` at most."""
    is_selected = np.zeros(len(numbers), dtype=np.bool_)
    shard_numbers = numbers >> np.uint64(SHARD_BITS)
    positions = (numbers & np.uint64(SHARD_WIDTH - 1)).astype(np.uint32)
    for shard, selection in selected:
        places = np.flatnonzero(shard_numbers == shard.number)
        asked = Selection.of_positions(positions[places], is_existing=False)
        is_selected[places] = np.isin(positions[places], (selection & asked).positions())
    return numbers[is_selected][:stop]


def _selected(
    question: RecordIds | ExtractRecords, reading: Reading, stop: int | None
) -> "list[tuple[Shard, Selection]] | Any":
    """Give each shard, ascending, with what is selected in it, if that is anything."""
    if stop == 0:
        return
    selector = plan_selection(question.filter, reading)
    for number in sorted(selector.shards):
        reading.budget.check()
        shard = reading.shard(number)
        selection = selector.select(shard)
        if selection:
            yield shard, selection


def _numbers(shard: Shard, positions: npt.NDArray[np.uint32]) -> RecordNumbers:
    return positions.astype(np.uint64) + np.uint64(shard.number << SHARD_BITS)


def _joined(parts: list[RecordNumbers]) -> RecordNumbers:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)


def _by_value(
    question: RecordIds | ExtractRecords, order: Order, reading: Reading, stop: int | None
) -> Chosen:
    field = reading.field(order.field)
    best = _Best(order, field, reading, stop)
    without: list[RecordNumbers] = []
    for shard, selection in _selected(question, reading, stop):
        values = values_of(shard, field.id)
        present = present_in(values, shard)
        if values is not None:
            best.add(shard, values, selection & present)
        if order.includes_null:
            without.append(_numbers(shard, (selection - present).positions()))
    return _with_nulls(best, without, reading, stop)


def _by_distance(
    question: RecordIds | ExtractRecords, order: DistanceOrder, reading: Reading, stop: int | None
) -> Chosen:
    field = reading.field(order.field)
    target = Target(field, order.metric, order.vector)
    best = _Best(order, field, reading, stop)
    without: list[RecordNumbers] = []
    for shard, selection in _selected(question, reading, stop):
        positions, distances = target.distances(shard, selection)
        best.add_ranked(shard, positions, ~distances if order.is_descending else distances)
        if order.includes_null:
            without.append(_numbers(shard, (selection - _positioned(positions)).positions()))
    return _with_nulls(best, without, reading, stop)


def _positioned(positions: npt.NDArray[np.uint32]) -> Selection:
    return Selection.of_positions(positions) if len(positions) else NONE


def _with_nulls(
    best: "_Best", without: list[RecordNumbers], reading: Reading, stop: int | None
) -> Chosen:
    """Return the best records and, after them, those without a value."""
    ranked, numbers = best.in_order()
    nulls = _in_id_order(_joined(without), reading.partition.keys)
    if stop is not None:
        nulls = nulls[: stop - len(numbers)]
    values_in_order = best.values_of(ranked)
    kind = values_in_order.dtype
    filler = np.full(len(nulls), "" if kind == np.object_ else 0, dtype=kind)
    return Chosen(
        np.concatenate([numbers, nulls]),
        np.concatenate([values_in_order, filler]),
        np.arange(len(numbers) + len(nulls)) >= len(numbers),
    )


def _in_id_order(numbers: RecordNumbers, keys: RecordKeys | None) -> RecordNumbers:
    return np.sort(numbers) if keys is None else sorted_by_key(keys, numbers)


class _Best:
    """The records that come first by value, ties by id or key, `stop` of them at most.

    Values are kept as ranks (int64) of which the least comes first: stored numbers, places of a
    mutex's rows among all rows, all bits turned over where the order descends.
    """

    def __init__(
        self, order: AnyOrder, field: FieldSchema, reading: Reading, stop: int | None
    ) -> None:
        self._order = order
        self._field = field
        self._keys = reading.partition.keys
        self._stop = stop
        self._rows = None
        if field.type is FieldType.MUTEX:
            self._rows = row_order(reading.dictionary(field))
        self._ranked = np.zeros(0, dtype=np.int64)
        self._numbers = np.zeros(0, dtype=np.uint64)
        self._waiting: list[tuple[npt.NDArray[np.int64], RecordNumbers]] = []

    def add(self, shard: Shard, values: Values, selection: Selection) -> None:
        """Take selected records that have a value into account."""
        if self._stop is not None and len(self._ranked) == self._stop:
            selection = self._promising(values, selection)
        positions = selection.positions()
        stored, _ = values.get(positions)
        ranked = stored if self._rows is None else self._rows.ranks[stored]
        if self._order.is_descending:
            ranked = ~ranked
        self._take(ranked, _numbers(shard, positions))

    def add_ranked(
        self, shard: Shard, positions: npt.NDArray[np.uint32], ranked: npt.NDArray[np.int64]
    ) -> None:
        """Take records of a shard into account, in any order, whose ranks are known."""
        if self._stop is not None and len(ranked) > self._stop:
            is_near = ranked <= np.partition(ranked, self._stop - 1)[self._stop - 1]
            positions, ranked = positions[is_near], ranked[is_near]
        if not np.all(positions[1:] > positions[:-1]):
            order = np.argsort(positions)
            positions, ranked = positions[order], ranked[order]
        self._take(ranked, _numbers(shard, positions))

    def _take(self, ranked: npt.NDArray[np.int64], numbers: RecordNumbers) -> None:
        if self._stop is None:
            self._waiting.append((ranked, numbers))
            return
        self._ranked, self._numbers = self._first(
            np.concatenate([self._ranked, ranked]), np.concatenate([self._numbers, numbers])
        )

    def _promising(self, values: Values, selection: Selection) -> Selection:
        """Return the records whose value is as good as the last one kept; the others are out."""
        if self._rows is not None or selection.is_sparse:
            return selection
        worst = int(self._ranked.max())
        low, high = values.low, values.high
        if self._order.is_descending:
            low = max(low, ~worst)
        else:
            high = min(high, worst)
        if low > high:
            return selection - selection
        return selection & Selection.of_words(words_between(values, low, high))

    def _first(
        self, ranked: npt.NDArray[np.int64], numbers: RecordNumbers
    ) -> tuple[npt.NDArray[np.int64], RecordNumbers]:
        assert self._stop is not None, "without a limit all are kept"
        if len(ranked) <= self._stop:
            return ranked, numbers
        worst = np.partition(ranked, self._stop - 1)[self._stop - 1]
        better = np.flatnonzero(ranked < worst)
        ties = np.flatnonzero(ranked == worst)
        places = self._stop - len(better)
        tied = numbers[ties]
        if self._keys is None:
            # What was kept comes from earlier shards: numbers ascend.
            tied = tied[:places]
        else:
            tied = least_keys(self._keys, tied[:0], tied, places)
        ranked = np.concatenate([ranked[better], np.full(len(tied), worst)])
        return ranked, np.concatenate([numbers[better], tied])

    def in_order(self) -> tuple[npt.NDArray[np.int64], RecordNumbers]:
        """Return the ranks and numbers of the records, the first one first."""
        ranked = np.concatenate([self._ranked, *(ranked for ranked, _ in self._waiting)])
        numbers = np.concatenate([self._numbers, *(numbers for _, numbers in self._waiting)])
        by_id = (
            np.argsort(numbers)
            if self._keys is None
            else pc.array_sort_indices(
                pa.array(self._keys.keys_at(numbers), pa.string())
            ).to_numpy()
        )
        order = by_id[np.argsort(ranked[by_id], kind="stable")]
        return ranked[order], numbers[order]

    def values_of(self, ranked: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the values that ranks stand for: int64 as stored, of a mutex its rows."""
        ranked = ~ranked if self._order.is_descending else ranked
        return ranked if self._rows is None else self._rows.rows[ranked]
