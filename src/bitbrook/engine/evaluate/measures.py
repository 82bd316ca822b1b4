"""What groups are asked besides their count, gathered shard by shard into arrays by group.

Records come as entries: positions, each with its group (a record may be in several). Sums and
extremes also take the words of a selection over dense groups, which is several times faster.
Sums are exact: in 64 bits where the numbers' bounds and count say that every sum fits, else as two
sums of 32-bit halves that are put together as Python integers.
"""

from abc import ABC, abstractmethod
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bitbrook.algebra.expressions import HasValue
from bitbrook.algebra.questions import Measure, MeasureKind
from bitbrook.bitmap.codes import Codes
from bitbrook.bitmap.group_kernels import (
    count_in_words,
    extremes_in_words_by_group,
    extremes_of_entries,
    total_entries,
    total_in_words,
)
from bitbrook.bitmap.pairs import Pairs
from bitbrook.bitmap.word_kernels import Positions, Words, read_only
from bitbrook.engine.evaluate.members import members_of
from bitbrook.engine.evaluate.reading import Reading, rows_of, whole_words
from bitbrook.engine.evaluate.select import plan_selection
from bitbrook.engine.evaluate.totals import values_of
from bitbrook.engine.shard import Shard
from bitbrook.schema.field_types import INT64_MAX, INT64_MIN, FieldSchema

ByGroup = npt.NDArray[np.int64]
Groups = npt.NDArray[np.uint32]
EntryGroups = npt.NDArray[np.int64]
Found = npt.NDArray[np.intp]

LOWER_HALF: Final = 0xFFFFFFFF


def plan_measure(measure: Measure, reading: Reading, size: int) -> "MeasureState":
    """Return an empty state of a measure for groups below `size`."""
    field = reading.field(measure.field)
    match measure.kind:
        case MeasureKind.SUM if _may_overflow(field, reading):
            return _WideSums(field, size)
        case MeasureKind.SUM:
            return Sums(field, size)
        case MeasureKind.MIN:
            return _Extremes(field, size, is_least=True)
        case MeasureKind.MAX:
            return _Extremes(field, size, is_least=False)
        case MeasureKind.COUNT_VALUES:
            return _ValueCounts(field, size, reading)
        case MeasureKind.COUNT_DISTINCT:
            return DistinctValues(field, reading, size)


def _may_overflow(field: FieldSchema, reading: Reading) -> bool:
    """Whether the sum of some of the field's numbers may not fit 64 bits."""
    magnitude = count = 0
    for shard in reading.partition.shards.values():
        values = values_of(shard, field.id)
        if values is not None and values.count:
            magnitude = max(magnitude, -values.low, values.high)
            count += values.count
    return magnitude * count > INT64_MAX


class MeasureState(ABC):
    """One measure of all groups, as far as shards were taken into account."""

    @abstractmethod
    def add_entries(self, shard: Shard, groups: EntryGroups, positions: Positions) -> None:
        """Take entries into account, whether they have a value or not."""

    @abstractmethod
    def results(self, found: Found) -> list[Any]:
        """Return the measure of each of the groups found; None for groups without a value."""

    @abstractmethod
    def merge(self, other: Any) -> None:
        """Take into account what another thread gathered for as many groups."""

    def grow(self, size: int) -> None:  # noqa: B027 - what is not kept by group needs no room
        """Make room for groups below `size`."""


class _NumberState(MeasureState):
    """A measure of a number field in arrays by group; `valued` counts entries with a value."""

    def __init__(self, field: FieldSchema, size: int) -> None:
        self.field = field
        self.valued = np.zeros(size, dtype=np.int64)

    def add_entries(self, shard: Shard, groups: EntryGroups, positions: Positions) -> None:
        """Take entries into account, whether they have a value or not."""
        values = values_of(shard, self.field.id)
        if values is None:
            return
        numbers, is_present = values.get(positions)
        if not is_present.all():
            groups, numbers = groups[is_present], numbers[is_present]
        total_entries(groups, np.ones(len(groups), dtype=np.int64), self.valued)
        self._add_numbers(groups, numbers)

    @abstractmethod
    def _add_numbers(self, groups: EntryGroups, numbers: ByGroup) -> None: ...

    def grow(self, size: int) -> None:
        """Make room for groups below `size`."""
        self.valued = grown(self.valued, size)


class VectorState(_NumberState):
    """A measure that also takes a whole vector, read through the words of a selection."""

    def add_words(self, shard: Shard, groups: Groups, words: Words, first: int) -> bool:
        """Take the selected records into account; their groups count from `first`.

        Returns whether every one of the records has a value, so that `valued` counts them all.
        """
        values = values_of(shard, self.field.id)
        if values is None:
            return False
        is_full = values.count == len(shard.exists)
        if not is_full:
            words = words & whole_words(values.present)
        self._add_vector(groups, values.numbers, words, first)
        return is_full

    @abstractmethod
    def _add_vector(
        self, groups: Groups, numbers: npt.NDArray[np.integer[Any]], words: Words, first: int
    ) -> None: ...


class Sums(VectorState):
    """Sums that are known to fit 64 bits."""

    def __init__(self, field: FieldSchema, size: int) -> None:
        super().__init__(field, size)
        self.sums = np.zeros(size, dtype=np.int64)

    def _add_vector(
        self, groups: Groups, numbers: npt.NDArray[np.integer[Any]], words: Words, first: int
    ) -> None:
        total_in_words(
            read_only(groups),
            read_only(numbers),
            read_only(words),
            self.valued[first:],
            self.sums[first:],
        )

    def _add_numbers(self, groups: EntryGroups, numbers: ByGroup) -> None:
        total_entries(groups, numbers, self.sums)

    def results(self, found: Found) -> list[Any]:
        """Return the sum of each group."""
        return _where_valued(self.sums[found].tolist(), self.valued[found])

    def merge(self, other: "Sums") -> None:
        """Take into account what another thread gathered."""
        self.sums += other.sums
        self.valued += other.valued

    def grow(self, size: int) -> None:
        """Make room for groups below `size`."""
        super().grow(size)
        self.sums = grown(self.sums, size)


class _WideSums(Sums):
    """Sums that may not fit: `sums` are those of the lower halves."""

    def __init__(self, field: FieldSchema, size: int) -> None:
        super().__init__(field, size)
        self.upper = np.zeros(size, dtype=np.int64)

    def _add_vector(
        self, groups: Groups, numbers: npt.NDArray[np.integer[Any]], words: Words, first: int
    ) -> None:
        wide = numbers.astype(np.int64)
        super()._add_vector(groups, wide & LOWER_HALF, words, first)
        counted_already = np.zeros(len(self.valued) - first, dtype=np.int64)
        total_in_words(
            read_only(groups),
            read_only(wide >> 32),
            read_only(words),
            counted_already,
            self.upper[first:],
        )

    def _add_numbers(self, groups: EntryGroups, numbers: ByGroup) -> None:
        total_entries(groups, numbers & LOWER_HALF, self.sums)
        total_entries(groups, numbers >> 32, self.upper)

    def results(self, found: Found) -> list[Any]:
        """Return the sum of each group."""
        halves = zip(self.upper[found].tolist(), self.sums[found].tolist(), strict=True)
        return _where_valued([(upper << 32) + lower for upper, lower in halves], self.valued[found])

    def merge(self, other: Any) -> None:
        """Take into account what another thread gathered."""
        super().merge(other)
        self.upper += other.upper

    def grow(self, size: int) -> None:
        """Make room for groups below `size`."""
        super().grow(size)
        self.upper = grown(self.upper, size)


class _Extremes(VectorState):
    def __init__(self, field: FieldSchema, size: int, *, is_least: bool) -> None:
        super().__init__(field, size)
        self._is_least = is_least
        self.least = np.full(size, INT64_MAX, dtype=np.int64)
        self.greatest = np.full(size, INT64_MIN, dtype=np.int64)

    def _add_vector(
        self, groups: Groups, numbers: npt.NDArray[np.integer[Any]], words: Words, first: int
    ) -> None:
        extremes_in_words_by_group(
            read_only(groups),
            read_only(numbers),
            read_only(words),
            self.valued[first:],
            self.least[first:],
            self.greatest[first:],
        )

    def _add_numbers(self, groups: EntryGroups, numbers: ByGroup) -> None:
        extremes_of_entries(groups, numbers, self.least, self.greatest)

    def results(self, found: Found) -> list[Any]:
        """Return the least or greatest number of each group."""
        extremes = self.least if self._is_least else self.greatest
        return _where_valued(extremes[found].tolist(), self.valued[found])

    def merge(self, other: "_Extremes") -> None:
        """Take into account what another thread gathered."""
        self.valued += other.valued
        np.minimum(self.least, other.least, out=self.least)
        np.maximum(self.greatest, other.greatest, out=self.greatest)

    def grow(self, size: int) -> None:
        """Make room for groups below `size`."""
        super().grow(size)
        self.least = grown(self.least, size, INT64_MAX)
        self.greatest = grown(self.greatest, size, INT64_MIN)


class _ValueCounts(MeasureState):
    """How many of a group's records have any value in a field."""

    def __init__(self, field: FieldSchema, size: int, reading: Reading) -> None:
        self._having_value = plan_selection(HasValue(field.name), reading)
        self.valued = np.zeros(size, dtype=np.int64)

    def add_entries(self, shard: Shard, groups: EntryGroups, positions: Positions) -> None:
        """Take entries into account, whether they have a value or not."""
        words = self._having_value.select(shard).words
        bits = words[positions >> 6] >> (positions & 63).astype(np.uint64)
        total_entries(groups, (bits & np.uint64(1)).astype(np.int64), self.valued)

    def results(self, found: Found) -> list[Any]:
        """Return the count of each group."""
        counts: list[Any] = self.valued[found].tolist()
        return counts

    def merge(self, other: "_ValueCounts") -> None:
        """Take into account what another thread gathered."""
        self.valued += other.valued

    def grow(self, size: int) -> None:
        """Make room for groups below `size`."""
        self.valued = grown(self.valued, size)


class DistinctValues(MeasureState):
    """The different values of each group, as pairs of a group and a code of the value.

    A value's code may be its own: pairs of several threads do not merge. `size`: how many groups
    there may be, 0 if that is not known.
    """

    def __init__(self, field: FieldSchema, reading: Reading, size: int) -> None:
        self._field = field
        self._reading = reading
        self._is_counted_here = reading.partition.schema.partition_count == 1
        self._numbers = Codes()
        self._pairs = Pairs(size)

    def add_entries(self, shard: Shard, groups: EntryGroups, positions: Positions) -> None:
        """Take entries into account, whether they have a value or not."""
        field_shard = shard.fields.get(self._field.id)
        if field_shard is None:
            return
        if field_shard.values is None:
            records, index = np.unique(positions, return_inverse=True)
            members = members_of(shard, rows_of(field_shard), records)
            groups = np.repeat(groups, members.counts[index])
            codes = members.of(index)
        else:
            codes, is_present = field_shard.values.get(positions)
            groups, codes = groups[is_present], codes[is_present]
            if self._field.is_number:
                codes = self._numbers.of(codes)
        self._pairs.add(groups, codes.astype(np.int64, copy=False))

    def results(self, found: Found) -> list[Any]:
        """Return how many different values each group has; the values if partitions must merge."""
        groups, codes = self._pairs.listed()
        if self._is_counted_here:
            size = int(found.max(initial=-1)) + 1
            counts: list[Any] = np.bincount(groups, minlength=size)[found].tolist()
            return counts
        order = np.argsort(groups, kind="stable")
        values = self._values(codes[order])
        starts = np.searchsorted(groups[order], found).tolist()
        stops = np.searchsorted(groups[order], found, side="right").tolist()
        return [frozenset(values[start:stop]) for start, stop in zip(starts, stops, strict=True)]

    def _values(self, codes: ByGroup) -> list[Any]:
        if len(codes) == 0:
            return []
        distinct, index = np.unique(codes, return_inverse=True)
        if self._field.is_number:
            found: list[Any] = self._numbers.met[codes].tolist()
            return found
        rows: list[Any] = self._reading.rows_at(self._field, distinct)[index].tolist()
        return rows

    def merge(self, other: Any) -> None:  # noqa: ARG002
        """Never happens: one thread goes through all shards."""
        raise AssertionError("distinct values are gathered by one thread")


def count_groups(groups: Groups, words: Words, counts: ByGroup) -> None:
    """Count the selected records of each dense group."""
    count_in_words(read_only(groups), read_only(words), counts)


def count_entries(groups: EntryGroups, counts: ByGroup) -> None:
    """Count the entries of each group."""
    total_entries(groups, np.ones(len(groups), dtype=np.int64), counts)


def grown(array: ByGroup, size: int, empty: int = 0) -> ByGroup:
    """Return the array with room for groups below `size`."""
    if size <= len(array):
        return array
    larger = np.full(max(size, 2 * len(array)), empty, dtype=np.int64)
    larger[: len(array)] = array
    return larger


def _where_valued(results: list[Any], valued: ByGroup) -> list[Any]:
    if valued.all():
        return results
    return [
        result if count else None for result, count in zip(results, valued.tolist(), strict=True)
    ]
