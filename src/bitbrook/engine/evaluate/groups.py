"""GroupRecords: counts and measures by combinations of keys.

Groups are numbered. Where the keys' codes give few combinations, the number is their mixed-radix
value (members first) and accumulators are plain arrays: single-valued keys are combined over whole
vectors and read through the words of the filter, and of a set field with few rows one row after the
other is intersected with the filter. Where combinations are many, or a set has so many rows that
intersecting each costs more than taking records apart, records become entries and groups are
numbered as they are met.
"""

import math
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import Expression, Intersect
from bitbrook.algebra.partials import GroupsPartial
from bitbrook.algebra.questions import GroupRecords, MeasureKind, RowCounts
from bitbrook.bitmap.codes import Codes
from bitbrook.bitmap.group_kernels import refine_groups, refine_groups_at
from bitbrook.bitmap.selection import Selection
from bitbrook.bitmap.word_kernels import SHARD_WIDTH, Positions, read_only
from bitbrook.engine.evaluate.counts import row_counts
from bitbrook.engine.evaluate.cubes import GROUPS_COST, Counted, CubeKey, count_by_cubes
from bitbrook.engine.evaluate.group_keys import (
    AnyKey,
    MemberKey,
    VectorKey,
    plan_key,
    records_with,
)
from bitbrook.engine.evaluate.measures import (
    DistinctValues,
    VectorState,
    count_entries,
    count_groups,
    grown,
    plan_measure,
)
from bitbrook.engine.evaluate.members import Members
from bitbrook.engine.evaluate.reading import Reading, rows_of
from bitbrook.engine.evaluate.scratch import scratch_numbers
from bitbrook.engine.evaluate.select import Selector, plan_selection
from bitbrook.engine.evaluate.sweep import sweep
from bitbrook.engine.shard import Shard

DENSE_GROUPS_MAX: Final = 1 << 20
"""So many groups fit accumulators of a few tens of megabytes a thread."""

INTERSECTED_ROWS_MAX: Final = 256
INTERSECTED_SIZE_MIN: Final = 2000
"""A row is intersected with the filter where rows are few or have many records on average: a pass
over words costs 10 us, taking a record apart 10 ns."""

GATHERED_MAX: Final = SHARD_WIDTH >> 4
"""Up to so many records of a shard, reading each one's codes costs less than those of all."""

COMPARED_GROUPS_MAX: Final = 1 << 16
"""Beyond so many groups a pass of its own counts cheaper than comparing counts before and after."""

ENTRIES_MAX: Final = 1 << 21
"""Entries made at a time: tens of megabytes, and a few hundred milliseconds between two looks at
the budget. Records with many members in several keys make thousands of entries each."""

GROUP_BYTES: Final = 16
KEY_BYTES: Final = 48
MEASURE_BYTES: Final = 64
"""Of a group, while it is counted and in the answer: its number and count; each of its keys, as a
number or a text; each measure, as totals and as an integer of any size."""

CODE_BITS: Final = 32


def group_records(question: GroupRecords, reading: Reading) -> GroupsPartial:
    """Return the groups that the selected records form, in no particular order."""
    if _is_row_counts(question, reading):
        return _as_row_counts(question, reading)
    restricted = Intersect(
        (question.filter, *(records_with(key, reading) for key in question.keys))
    )
    counted = _by_cubes(question, restricted, reading)
    if counted is not None and not counted.others:
        return _of_counts(question, counted.counts, reading)
    selector = plan_selection(restricted, reading)
    shards = [reading.shard(number) for number in sorted(selector.shards)]
    if counted is not None:
        shards = counted.others
    keys = [plan_key(key, reading, shards) for key in question.keys]
    # Members first: their codes are the high digits of a group, so that each row has its own slice.
    layout = sorted(range(len(keys)), key=lambda index: isinstance(keys[index], VectorKey))
    numbering = _numbering([keys[index] for index in layout])
    has_distinct = any(measure.kind is MeasureKind.COUNT_DISTINCT for measure in question.measures)
    is_heavy = isinstance(numbering, _Dense) and not has_distinct

    def start() -> _Groups:
        return _Groups(question, numbering, selector, reading)

    first, *others = sweep(shards, start, reading.budget, is_heavy=is_heavy)
    for state in others:
        first.merge(state)
    if counted is not None:
        # Keys of one code a record keep their order, and so few groups are numbered densely.
        first.counts += counted.counts.reshape(-1)
    return first.partial(layout)


def _by_cubes(question: GroupRecords, restricted: Expression, reading: Reading) -> Counted | None:
    """Return what cubes tell of a question, None if they cannot tell anything."""
    if question.measures or any(key.period for key in question.keys):
        return None
    keys = [CubeKey(reading.field(key.field), key.includes_null) for key in question.keys]
    return count_by_cubes(keys, restricted, reading, cost=GROUPS_COST)


def _is_row_counts(question: GroupRecords, reading: Reading) -> bool:
    """Whether all that is asked is the count of each row of one field."""
    if len(question.keys) != 1 or question.measures or question.keys[0].includes_null:
        return False
    return reading.field(question.keys[0].field).has_rows


def _as_row_counts(question: GroupRecords, reading: Reading) -> GroupsPartial:
    key = question.keys[0]
    partial = row_counts(RowCounts(key.field, question.filter, rows=key.rows), reading)
    nulls = np.zeros(len(partial.counts), dtype=np.bool_)
    return GroupsPartial([partial.rows], [nulls], partial.counts)


def _of_counts(
    question: GroupRecords, counts: npt.NDArray[np.int64], reading: Reading
) -> GroupsPartial:
    """Return the groups whose counts are these, an axis for each key."""
    found = np.nonzero(counts)
    keys, nulls = [], []
    for key, codes in zip(question.keys, found, strict=True):
        column, is_null = plan_key(key, reading, []).decode(codes, reading)
        keys.append(column)
        nulls.append(is_null)
    _take_groups(len(found[0]), _group_bytes(question), reading.budget)
    return GroupsPartial(keys, nulls, counts[found])


def _group_bytes(question: GroupRecords) -> int:
    """Return the bytes of a group, while it is counted and in the answer."""
    return GROUP_BYTES + MEASURE_BYTES * len(question.measures) + KEY_BYTES * len(question.keys)


def _take_groups(count: int, group_bytes: int, budget: Budget) -> None:
    """Count the memory of groups that are answered."""
    budget.check_groups(count, group_bytes)
    budget.take(count * group_bytes, "groups")


class _Dense:
    """Groups as mixed-radix numbers of the keys' codes."""

    def __init__(self, keys: list[AnyKey]) -> None:
        self.keys = keys
        self.size = math.prod(key.code_count for key in keys)

    def refine(
        self, index: int, groups: npt.NDArray[np.int64], codes: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Return the groups of entries by keys up to `index`, given those by the keys before."""
        return groups * self.keys[index].code_count + codes

    def split(self, groups: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
        """Return the codes of each key that make up these groups."""
        columns = []
        for key in reversed(self.keys):
            columns.append(groups % key.code_count)
            groups = groups // key.code_count
        return columns[::-1]


class _Met:
    """Groups numbered as they are met: each key refines the groups of the keys before it."""

    def __init__(self, keys: list[AnyKey]) -> None:
        self.keys = keys
        # The codes of the first key number its groups as they are.
        self._levels = [Codes() for _ in keys[1:]]

    @property
    def size(self) -> int:
        """How many groups were met; of one key alone, how many there may be."""
        return len(self._levels[-1]) if self._levels else self.keys[0].code_count

    def refine(
        self, index: int, groups: npt.NDArray[np.int64], codes: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Return the groups of entries by keys up to `index`, given those by the keys before."""
        if index == 0:
            return codes
        return self._levels[index - 1].of((groups << CODE_BITS) | codes)

    def split(self, groups: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
        """Return the codes of each key that make up these groups."""
        columns = []
        for level in reversed(self._levels):
            pairs = level.met[groups]
            columns.append(pairs & ((1 << CODE_BITS) - 1))
            groups = pairs >> CODE_BITS
        return [groups, *columns[::-1]]


def _numbering(keys: list[AnyKey]) -> _Dense | _Met:
    if any(isinstance(key, VectorKey) and key.met is not None for key in keys):
        return _Met(keys)
    dense = _Dense(keys)
    return dense if dense.size <= DENSE_GROUPS_MAX else _Met(keys)


class _Apart(NamedTuple):
    """Records of a shard taken apart: of each key their codes or, of a set, their members.

    An entry is a record, by its place in `records`, once for each combination of its members.
    """

    shard: Shard
    records: Positions
    columns: list[npt.NDArray[np.int64] | Members]


class _Groups:
    """All groups, as far as one thread has gone through the shards."""

    def __init__(
        self,
        question: GroupRecords,
        numbering: _Dense | _Met,
        selector: Selector,
        reading: Reading,
    ) -> None:
        self._numbering = numbering
        self._selector = selector
        self._reading = reading
        self._members = [key for key in numbering.keys if isinstance(key, MemberKey)]
        self._vectors = [key for key in numbering.keys if isinstance(key, VectorKey)]
        size = numbering.size if isinstance(numbering, _Dense) else 0
        self.counts = np.zeros(size, dtype=np.int64)
        self.measures = [plan_measure(measure, reading, size) for measure in question.measures]
        self._by_vector = [state for state in self.measures if isinstance(state, VectorState)]
        self._by_entry = [state for state in self.measures if not isinstance(state, VectorState)]
        self._vector_groups = np.zeros(0, dtype=np.uint32)
        self._vector_group_count = math.prod(key.code_count for key in self._vectors)
        self._group_bytes = _group_bytes(question)
        self._is_plain = not self._members and not any(key.is_made for key in self._vectors)

    def add(self, shard: Shard) -> None:
        """Take a shard into account."""
        selection = self._selector.select(shard)
        if not selection:
            return
        is_dense = isinstance(self._numbering, _Dense) and not selection.is_sparse
        if is_dense and self._is_plain and len(selection) <= GATHERED_MAX:
            self._add_gathered(shard, selection.positions())
        elif is_dense and self._prefers_rows(shard):
            self._combine_vectors(shard)
            self._add_by_rows(shard, selection, 0, 0)
        else:
            self._add_entries_of(shard, selection)

    def _prefers_rows(self, shard: Shard) -> bool:
        """Whether intersecting the rows of all members costs less than taking records apart."""
        combinations, sizes = 1, []
        for key in self._members:
            codes = key.present_codes(shard)
            combinations *= max(1, len(codes))
            _, counts = key.rows(shard).counts()
            sizes.append(counts.mean() if len(counts) else 0)
        return combinations <= INTERSECTED_ROWS_MAX or (
            len(sizes) == 1 and sizes[0] >= INTERSECTED_SIZE_MIN
        )

    def _add_gathered(self, shard: Shard, positions: Positions) -> None:
        """Add records to their groups by reading the vectors at their positions alone."""
        groups = np.zeros(len(positions), dtype=np.uint32)
        for key in self._vectors:
            numbers, base, first = key.dense(shard)
            radix = np.uint32(key.code_count)
            refine_groups_at(read_only(positions), numbers, base, first, radix, groups)
        self._add_entries(shard, groups.astype(np.int64), positions)

    def _combine_vectors(self, shard: Shard) -> None:
        """Give each position the group of its codes in all single-valued keys."""
        groups = self._vector_groups = scratch_numbers()
        if not self._vectors:
            groups[:] = 0
        for index, key in enumerate(self._vectors):
            numbers, base, first = key.dense(shard)
            # A radix of 0 forgets what was there.
            radix = np.uint32(key.code_count if index else 0)
            refine_groups(numbers, base, first, radix, groups)

    def _add_by_rows(self, shard: Shard, selection: Selection, index: int, group: int) -> None:
        """Add the selected records to the groups of every row of the members from `index` on."""
        if index == len(self._members):
            self._add_selection(shard, selection, group * self._vector_group_count)
            return
        key, rows = self._members[index], self._members[index].rows(shard)
        group *= key.code_count
        for code in key.present_codes(shard).tolist():
            self._reading.budget.check()
            row = rows.row(code)
            if row is not None:
                chosen = selection & Selection.of_bitmap(row)
                if chosen:
                    next_group = group + code + key.includes_null
                    self._add_by_rows(shard, chosen, index + 1, next_group)
        if key.includes_null:
            found = rows_of(shard.fields.get(key.field.id))
            without = selection
            for code in found.codes().tolist():
                row = found.row(code)
                if row is not None:
                    without = without - Selection.of_bitmap(row)
            if without:
                self._add_by_rows(shard, without, index + 1, group)

    def _add_selection(self, shard: Shard, selection: Selection, first: int) -> None:
        """Add selected records to their groups by vectors, counted from `first`."""
        if selection.is_sparse or self._by_entry:
            positions = selection.positions()
            entry_groups = self._vector_groups[positions].astype(np.int64) + first
            if selection.is_sparse:
                self._add_entries(shard, entry_groups, positions)
                return
            for measure in self._by_entry:
                measure.add_entries(shard, entry_groups, positions)
        groups, words = self._vector_groups, selection.words
        last = first + self._vector_group_count
        is_counted = False
        for state in self._by_vector:
            reuses = not is_counted and self._vector_group_count <= COMPARED_GROUPS_MAX
            before = state.valued[first:last].copy() if reuses else None
            is_full = state.add_words(shard, groups, words, first)
            if is_full and before is not None:
                # The pass over the numbers has counted as well.
                self.counts[first:last] += state.valued[first:last] - before
                is_counted = True
        if not is_counted:
            count_groups(groups, words, self.counts[first:])

    def _add_entries_of(self, shard: Shard, selection: Selection) -> None:
        """Take selected records apart into entries, one a combination of their rows."""
        records = selection.positions()
        columns = [
            key.codes_at(shard, records)
            if isinstance(key, VectorKey)
            else key.members(shard, records)
            for key in self._numbering.keys
        ]
        groups = np.zeros(len(records), dtype=np.int64)
        self._expand(_Apart(shard, records, columns), 0, groups, np.arange(len(records)))

    def _expand(
        self,
        apart: "_Apart",
        index: int,
        groups: npt.NDArray[np.int64],
        entries: npt.NDArray[np.int64],
    ) -> None:
        """Add entries, which are in these groups by the keys before `index`."""
        if index == len(apart.columns):
            self._reading.budget.check_groups(self._numbering.size, self._group_bytes)
            self._add_entries(apart.shard, groups, apart.records[entries])
            return
        column = apart.columns[index]
        if isinstance(column, Members):
            counts = column.counts[entries]
            ends = np.cumsum(counts)
            breaks = np.flatnonzero(np.diff(ends // ENTRIES_MAX)) + 1
            if len(breaks):
                for run in np.split(np.arange(len(ends)), breaks):
                    self._expand(apart, index, groups[run], entries[run])
                return
            codes = column.of(entries)
            groups, entries = np.repeat(groups, counts), np.repeat(entries, counts)
        else:
            codes = column[entries]
        self._reading.budget.check()
        groups = self._numbering.refine(index, groups, codes)
        self._expand(apart, index + 1, groups, entries)

    def _add_entries(
        self, shard: Shard, groups: npt.NDArray[np.int64], positions: Positions
    ) -> None:
        self.counts = grown(self.counts, self._numbering.size)
        count_entries(groups, self.counts)
        for measure in self.measures:
            measure.grow(self._numbering.size)
            measure.add_entries(shard, groups, positions)

    def merge(self, other: "_Groups") -> None:
        """Take into account what another thread gathered."""
        self.counts += other.counts
        for ours, theirs in zip(self.measures, other.measures, strict=True):
            assert not isinstance(ours, DistinctValues), "distinct values are not swept apart"
            ours.merge(theirs)

    def partial(self, layout: list[int]) -> GroupsPartial:
        """Return the groups; `layout[i]` is the question's index of the numbering's key i."""
        found = np.flatnonzero(self.counts)
        _take_groups(len(found), self._group_bytes, self._reading.budget)
        columns = self._numbering.split(found.astype(np.int64))
        keys: list[Any] = [None] * len(columns)
        nulls: list[Any] = [None] * len(columns)
        for index, key, codes in zip(layout, self._numbering.keys, columns, strict=True):
            keys[index], nulls[index] = key.decode(codes, self._reading)
        measures = []
        for state in self.measures:
            column = np.empty(len(found), dtype=np.object_)
            column[:] = state.results(found)
            measures.append(column)
        return GroupsPartial(keys, nulls, self.counts[found], measures)
