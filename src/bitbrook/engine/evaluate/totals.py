"""NumberTotals and ValueCounts: what the numbers of the selected records add up to.

Sums are exact whatever the numbers: a shard's sum is taken in 64 bits where the vector's bounds say
that it fits, else as two sums of 32-bit halves; shards are added as Python integers.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from bitbrook.algebra.expressions import All, Expression, InRange, Intersect
from bitbrook.algebra.partials import TotalsPartial, ValueCountsPartial
from bitbrook.algebra.questions import NumberTotals, ValueCounts
from bitbrook.bitmap.codes import Codes
from bitbrook.bitmap.group_kernels import count_in_words, refine_groups
from bitbrook.bitmap.number_kernels import (
    NARROW_SPAN_MAX,
    extremes_in_words,
    halves_in_words,
    sum_in_range,
)
from bitbrook.bitmap.selection import Selection, count_words
from bitbrook.bitmap.values import Values
from bitbrook.bitmap.word_kernels import SHARD_WIDTH, Words, read_only
from bitbrook.engine.evaluate.ranges import (
    as_unsigned,
    stored_between,
    words_between,
    wrapped,
)
from bitbrook.engine.evaluate.reading import Reading, whole_words
from bitbrook.engine.evaluate.select import Selector, plan_selection
from bitbrook.engine.evaluate.sweep import sweep
from bitbrook.engine.shard import Shard
from bitbrook.schema.field_types import INT64_MAX, FieldSchema

DENSE_SPAN_MAX: Final = 1 << 21
"""Numbers within so small a range are counted in an array; others through a hash table."""

WIDE_SPAN_MAX: Final = 1 << 25
SLOTS_PER_VALUE: Final = 4
"""So are numbers in wider ranges if they are many for it: a hash table would be as large."""


def number_totals(question: NumberTotals, reading: Reading) -> TotalsPartial:
    """Return the sum, count and extremes of a number field over the selected records."""
    field = reading.field(question.field)
    narrowed, others_of = _own_range(question)
    selector = plan_selection(others_of, reading)
    shards = [reading.shard(number) for number in selector.shards]

    def start() -> _Totals:
        return _Totals(question, field, selector, narrowed)

    totals, *others = sweep(shards, start, reading.budget, is_heavy=True)
    for state in others:
        totals.merge(state)
    return totals.partial


def _own_range(question: NumberTotals) -> tuple[InRange | None, Expression]:
    """Return a range of the very field that is summed, and what else the filter asks for."""
    expression = question.filter
    if question.wants_extremes:
        return None, expression
    operands = expression.operands if isinstance(expression, Intersect) else (expression,)
    for index, operand in enumerate(operands):
        if isinstance(operand, InRange) and operand.field == question.field:
            others = operands[:index] + operands[index + 1 :]
            return operand, Intersect(others) if others else All()
    return None, expression


class _Totals:
    def __init__(
        self,
        question: NumberTotals,
        field: FieldSchema,
        selector: Selector,
        narrowed: InRange | None,
    ) -> None:
        self._question = question
        self._narrowed = narrowed
        self._field_id = field.id
        self._selector = selector
        self.partial = TotalsPartial()

    def add(self, shard: Shard) -> None:
        """Take a shard into account."""
        values = values_of(shard, self._field_id)
        if values is None:
            return
        selection = self._selector.select(shard)
        bounds = (values.low, values.high)
        if self._narrowed is not None:
            within = stored_between(values, self._narrowed.low, self._narrowed.high)
            if within is None:
                return
            bounds = within
        if selection.is_sparse:
            numbers, is_present = values.get(selection.positions())
            is_in = is_present & (numbers >= bounds[0]) & (numbers <= bounds[1])
            self._add_numbers(numbers[is_in])
            return
        words = selected_words(selection, values, shard)
        total, count = _total_between(values, words, *bounds)
        self.partial.total += total if self._question.wants_sum else 0
        self.partial.count += count
        if self._question.wants_extremes and count:
            self._add_extremes(values, words)

    def _add_numbers(self, numbers: npt.NDArray[np.int64]) -> None:
        if len(numbers) == 0:
            return
        self.partial.count += len(numbers)
        if self._question.wants_sum:
            upper, lower = numbers >> 32, numbers & 0xFFFFFFFF
            self.partial.total += (int(upper.sum()) << 32) + int(lower.sum())
        if self._question.wants_extremes:
            least, greatest = int(numbers.min()), int(numbers.max())
            self._meet_least(least, int(np.count_nonzero(numbers == least)))
            self._meet_greatest(greatest, int(np.count_nonzero(numbers == greatest)))

    def _add_extremes(self, values: Values, words: Words) -> None:
        least, greatest = map(int, extremes_in_words(read_only(values.numbers), read_only(words)))
        if self.partial.least is None or least <= self.partial.least:
            self._meet_least(least, count_words(words_between(values, least, least) & words))
        if self.partial.greatest is None or greatest >= self.partial.greatest:
            equal = words_between(values, greatest, greatest) & words
            self._meet_greatest(greatest, count_words(equal))

    def _meet_least(self, least: int, count: int) -> None:
        if self.partial.least is None or least < self.partial.least:
            self.partial.least, self.partial.least_count = least, count
        elif least == self.partial.least:
            self.partial.least_count += count

    def _meet_greatest(self, greatest: int, count: int) -> None:
        if self.partial.greatest is None or greatest > self.partial.greatest:
            self.partial.greatest, self.partial.greatest_count = greatest, count
        elif greatest == self.partial.greatest:
            self.partial.greatest_count += count

    def merge(self, other: "_Totals") -> None:
        """Take into account what another thread gathered."""
        self.partial.count += other.partial.count
        self.partial.total += other.partial.total
        if other.partial.least is not None:
            self._meet_least(other.partial.least, other.partial.least_count)
        if other.partial.greatest is not None:
            self._meet_greatest(other.partial.greatest, other.partial.greatest_count)


def _total_between(values: Values, words: Words, low: int, high: int) -> tuple[int, int]:
    """Return the sum of the selected values in [low, high], and how many they are."""
    if low > high:
        # Every value was removed again.
        return 0, 0
    if (high - low) * values.count > INT64_MAX:
        words = words & words_between(values, low, high)
        upper, lower = halves_in_words(read_only(values.numbers), read_only(words))
        return (int(upper) << 32) + int(lower), count_words(words)
    numbers = as_unsigned(values.numbers)
    kind = numbers.dtype.type
    above, count = sum_in_range(
        numbers,
        wrapped(low, kind),
        kind(high - low),
        high - low < NARROW_SPAN_MAX,
        read_only(words),
    )
    return int(above) + low * int(count), int(count)


def value_counts(question: ValueCounts, reading: Reading) -> ValueCountsPartial:
    """Return the distinct stored numbers of the selected records, ascending, and their counts."""
    field = reading.field(question.field)
    selector = plan_selection(question.filter, reading)
    shards = [reading.shard(number) for number in selector.shards]
    bounds = number_bounds(shards, field)
    if bounds is None:
        return ValueCountsPartial(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    low, high = bounds
    if high - low < max(DENSE_SPAN_MAX, min(WIDE_SPAN_MAX, _slots_worth_having(shards, field))):
        dense = sweep(
            shards,
            lambda: _DenseCounts(field.id, selector, low, high - low + 1),
            reading.budget,
            # Of an array of hundreds of megabytes one is enough.
            is_heavy=high - low < DENSE_SPAN_MAX,
        )
        counts = sum((state.counts for state in dense[1:]), dense[0].counts)
        found = np.flatnonzero(counts)
        return ValueCountsPartial(found.astype(np.int64) + low, counts[found])
    (hashed,) = sweep(
        shards, lambda: _HashedCounts(field.id, selector), reading.budget, is_heavy=False
    )
    values = hashed.codes.met
    order = np.argsort(values)
    return ValueCountsPartial(values[order], hashed.counts[: len(values)][order])


def _slots_worth_having(shards: list[Shard], field: FieldSchema) -> int:
    """Return how many slots an array may have to be no slower than hashing the field's values."""
    found = (values_of(shard, field.id) for shard in shards)
    return SLOTS_PER_VALUE * sum(values.count for values in found if values is not None)


def number_bounds(shards: list[Shard], field: FieldSchema) -> tuple[int, int] | None:
    """Return bounds of the field's numbers in these shards, None if there are none."""
    found = [
        values
        for shard in shards
        if (values := values_of(shard, field.id)) is not None and values.count
    ]
    if not found:
        return None
    return min(values.low for values in found), max(values.high for values in found)


def values_of(shard: Shard, field_id: int) -> Values | None:
    """Return a shard's vector of a field, None if it has none."""
    field_shard = shard.fields.get(field_id)
    return None if field_shard is None else field_shard.values


def selected_words(selection: Selection, values: Values, shard: Shard) -> Words:
    """Return the words of the selected records that have a value."""
    if selection.is_existing and values.count == len(shard.exists) and not selection.is_all:
        return selection.words
    present = whole_words(values.present)
    return present if selection.is_all else selection.words & present


class _DenseCounts:
    def __init__(self, field_id: int, selector: Selector, low: int, span: int) -> None:
        self._field_id = field_id
        self._selector = selector
        self._low = low
        self.counts = np.zeros(span, dtype=np.int64)

    def add(self, shard: Shard) -> None:
        """Take a shard into account."""
        values = values_of(shard, self._field_id)
        if values is None:
            return
        selection = self._selector.select(shard)
        if selection.is_sparse:
            numbers, is_present = values.get(selection.positions())
            np.add.at(self.counts, numbers[is_present] - self._low, 1)
            return
        numbers = as_unsigned(values.numbers)
        groups = np.zeros(SHARD_WIDTH, dtype=np.uint32)
        # From the shard's own low bound: a distance from the least of all may not fit its type.
        base = wrapped(values.low, numbers.dtype.type)
        refine_groups(numbers, base, np.uint32(0), np.uint32(1), groups)
        above = self.counts[values.low - self._low :]
        count_in_words(
            read_only(groups), read_only(selected_words(selection, values, shard)), above
        )


class _HashedCounts:
    def __init__(self, field_id: int, selector: Selector) -> None:
        self._field_id = field_id
        self._selector = selector
        self.codes = Codes()
        self.counts = np.zeros(0, dtype=np.int64)

    def add(self, shard: Shard) -> None:
        """Take a shard into account."""
        values = values_of(shard, self._field_id)
        if values is None:
            return
        numbers, is_present = values.get(self._selector.select(shard).positions())
        codes = self.codes.of(numbers[is_present])
        if len(self.codes) > len(self.counts):
            grown = np.zeros(2 * len(self.codes), dtype=np.int64)
            grown[: len(self.counts)] = self.counts
            self.counts = grown
        found = np.bincount(codes, minlength=len(self.codes))
        self.counts[: len(found)] += found
