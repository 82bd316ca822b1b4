"""Expressions made ready for one partition: what each selects in a shard.

`plan_selection` looks up fields, rows and record keys once; the selectors it returns are then
asked shard by shard. A selector knows in which shards it can select anything, so that a look-up by
id goes to one shard. `narrow` is the intersection with what is selected already, which a selector
may do more cheaply than by selecting on its own.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import reduce
from operator import and_, or_, xor
from typing import Final, cast

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import (
    All,
    Difference,
    Expression,
    HasRow,
    HasRowLike,
    HasValue,
    InNumbers,
    InRange,
    Intersect,
    InValues,
    Not,
    Nothing,
    Records,
    Shift,
    Union,
    WithinDistance,
    Xor,
)
from bitbrook.bitmap.row_words import KeptWords, count_common
from bitbrook.bitmap.rows import Rows
from bitbrook.bitmap.selection import NONE, Selection
from bitbrook.bitmap.word_kernels import SHARD_WIDTH, Words
from bitbrook.engine.columns import SHARD_BITS
from bitbrook.engine.evaluate.distances import Target
from bitbrook.engine.evaluate.positions import owned, positions_by_shard
from bitbrook.engine.evaluate.ranges import select_range, select_values, stored_between
from bitbrook.engine.evaluate.reading import (
    ALL_TIMES,
    Period,
    Reading,
    all_of,
    present_in,
    rows_of,
)
from bitbrook.engine.shard import Shard
from bitbrook.schema.field_types import UINT64_MAX, FieldSchema

ShardNumbers = frozenset[int]
Combine = Callable[[Selection, Selection], Selection]

CROWDED_COUNT_MIN: Final = 1 << 16
"""From so many positions in a shard on, roaring keeps bits and no arrays."""

UNITED_ROWS_MAX: Final = 512
"""Rows of a single-valued field that are united; of more, one pass over its vector finds all."""

_WHOLE_SHARD: Final = BitMap(range(SHARD_WIDTH))


class Selector(ABC):
    """What an expression selects. `shards`: the numbers of shards where that may be anything."""

    shards: ShardNumbers

    @abstractmethod
    def select(self, shard: Shard) -> Selection:
        """Return the positions selected in a shard."""

    def narrow(self, shard: Shard, selection: Selection) -> Selection:
        """Return the positions of the selection that this one selects too."""
        return selection & self.select(shard)

    def count(self, shard: Shard) -> int:
        """Return how many positions are selected in a shard."""
        return len(self.select(shard))

    def count_all(self, shards: Iterable[Shard], budget: Budget) -> int:
        """Return how many positions are selected in these shards together."""
        count = 0
        for shard in shards:
            budget.check()
            count += self.count(shard)
        return count


def plan_selection(expression: Expression, reading: Reading) -> Selector:
    """Return the selector of an expression.

    Raises:
        FieldNotFound: it names a field that the table does not have.
    """
    everywhere = frozenset(reading.partition.shards)
    match expression:
        case All():
            return _All(everywhere)
        case Nothing():
            return _Nothing()
        case HasRow(name, rows, from_s, to_s):
            field = reading.field(name)
            codes = reading.codes_of(field, rows)
            return _HasRow(everywhere, field, codes.tolist(), (from_s, to_s))
        case HasRowLike(name, pattern):
            field = reading.field(name)
            liked = reading.dictionary(field).like(pattern)
            return _HasRow(everywhere, field, liked.tolist(), ALL_TIMES)
        case InRange(name, low, high):
            return _InRange(everywhere, reading.field(name), low, high)
        case InValues(name, values):
            return _InValues(everywhere, reading.field(name), values)
        case HasValue(name):
            return _HasValue(everywhere, reading.field(name))
        case WithinDistance(name, metric, vector, low, high):
            target = Target(reading.field(name), metric, vector)
            return _WithinDistance(everywhere, target, low, high)
        case Records(ids):
            return _Records(positions_by_shard(ids, reading))
        case InNumbers(low, high):
            return _InNumbers(everywhere, low, UINT64_MAX if high is None else high)
        case Not(operand):
            return _Difference(_All(everywhere), [plan_selection(operand, reading)])
        case Shift(operand, count):
            return _Shift(plan_selection(operand, reading), count, reading)
        case _:
            return _plan_operands(cast("Union | Intersect | Difference | Xor", expression), reading)


def _plan_operands(expression: Union | Intersect | Difference | Xor, reading: Reading) -> Selector:
    operands = [plan_selection(operand, reading) for operand in expression.operands]
    match expression:
        case Intersect():
            return _Intersect(operands)
        case Difference():
            return _Difference(operands[0], operands[1:]) if operands[1:] else operands[0]
        case Union():
            return _Combined(or_, operands)
        case Xor():
            return _Combined(xor, operands)


class _All(Selector):
    def __init__(self, shards: ShardNumbers) -> None:
        self.shards = shards

    def select(self, shard: Shard) -> Selection:
        return all_of(shard)

    def count(self, shard: Shard) -> int:
        return len(shard.exists)


class _Nothing(Selector):
    shards: ShardNumbers = frozenset()

    def select(self, shard: Shard) -> Selection:  # noqa: ARG002
        return NONE


class _HasRow(Selector):
    def __init__(
        self, shards: ShardNumbers, field: FieldSchema, codes: list[int], period: Period
    ) -> None:
        self.shards = shards if codes else frozenset()
        self._field_id = field.id
        self._codes = codes
        self._period = period

    def select(self, shard: Shard) -> Selection:
        kept = self.words(shard)
        return self.select_roaring(shard, None if kept is None else kept.words)

    def select_roaring(self, shard: Shard, words: Words | None = None) -> Selection:
        """Return the positions selected in a shard without asking for words of theirs."""
        field_shard = shard.fields.get(self._field_id)
        if len(self._codes) > UNITED_ROWS_MAX and field_shard is not None:
            values = field_shard.values
            if values is not None:
                return select_values(values, self._codes)
        rows = rows_of(field_shard, self._period)
        found = [row for code in self._codes if (row := rows.row(code)) is not None]
        if not found:
            return NONE
        return Selection(found[0] if len(found) == 1 else BitMap.union(*found), words)

    def words(self, shard: Shard) -> KeptWords | None:
        """Return the words of what is selected in a shard if they are at hand."""
        if len(self._codes) != 1:
            return None
        rows = rows_of(shard.fields.get(self._field_id), self._period)
        return rows.words(self._codes[0]) if isinstance(rows, Rows) else None


class _InRange(Selector):
    def __init__(
        self, shards: ShardNumbers, field: FieldSchema, low: int | None, high: int | None
    ) -> None:
        self.shards = shards
        self._field_id = field.id
        self._low, self._high = low, high

    def select(self, shard: Shard) -> Selection:
        field_shard = shard.fields.get(self._field_id)
        values = None if field_shard is None else field_shard.values
        return select_range(values, self._low, self._high, shard)

    def narrow(self, shard: Shard, selection: Selection) -> Selection:
        field_shard = shard.fields.get(self._field_id)
        if field_shard is None or field_shard.values is None or not selection.is_sparse:
            return selection & self.select(shard)
        positions = selection.positions()
        numbers, is_present = field_shard.values.get(positions)
        bounds = stored_between(field_shard.values, self._low, self._high)
        if bounds is None:
            return NONE
        is_in = is_present & (numbers >= bounds[0]) & (numbers <= bounds[1])
        return Selection.of_positions(positions[is_in])


class _InValues(Selector):
    def __init__(self, shards: ShardNumbers, field: FieldSchema, values: tuple[int, ...]) -> None:
        self.shards = shards if values else frozenset()
        self._field_id = field.id
        self._values = values

    def select(self, shard: Shard) -> Selection:
        field_shard = shard.fields.get(self._field_id)
        return select_values(None if field_shard is None else field_shard.values, self._values)


class _HasValue(Selector):
    def __init__(self, shards: ShardNumbers, field: FieldSchema) -> None:
        self.shards = shards
        self._field = field

    def select(self, shard: Shard) -> Selection:
        field_shard = shard.fields.get(self._field.id)
        if field_shard is None:
            return NONE
        if field_shard.values is not None:
            return present_in(field_shard.values, shard)
        if field_shard.vectors is not None:
            return field_shard.vectors.present()
        rows = rows_of(field_shard)
        found = [row for code in rows.codes().tolist() if (row := rows.row(code)) is not None]
        return Selection.of_bitmap(BitMap.union(*found)) if found else NONE

    def count(self, shard: Shard) -> int:
        field_shard = shard.fields.get(self._field.id)
        if field_shard is not None and field_shard.values is not None:
            return field_shard.values.count
        return len(self.select(shard))


class _WithinDistance(Selector):
    def __init__(
        self, shards: ShardNumbers, target: Target, low: int | None, high: int | None
    ) -> None:
        self.shards = shards
        self._target = target
        self._low, self._high = low, high

    def select(self, shard: Shard) -> Selection:
        return self._target.within(shard, self._low, self._high)

    def narrow(self, shard: Shard, selection: Selection) -> Selection:
        # Only what is selected already is measured.
        return self._target.within(shard, self._low, self._high, selection)


class _Records(Selector):
    def __init__(self, positions: dict[int, npt.NDArray[np.uint32]]) -> None:
        self.shards = frozenset(positions)
        self._positions = positions

    def select(self, shard: Shard) -> Selection:
        positions = self._positions.get(shard.number)
        if positions is None:
            return NONE
        return Selection.of_positions(positions, is_existing=False)


class _InNumbers(Selector):
    def __init__(self, shards: ShardNumbers, low: int, high: int) -> None:
        first, last = low >> SHARD_BITS, high >> SHARD_BITS
        self.shards = frozenset(number for number in shards if first <= number <= last)
        self._low, self._high = low, high

    def select(self, shard: Shard) -> Selection:
        start = shard.number << SHARD_BITS
        low, stop = max(self._low - start, 0), min(self._high + 1 - start, SHARD_WIDTH)
        if (low, stop) == (0, SHARD_WIDTH):
            return all_of(shard)
        if low >= stop:
            return NONE
        return Selection.of_bitmap(shard.exists & BitMap(range(low, stop)))


class _Intersect(Selector):
    def __init__(self, operands: list[Selector]) -> None:
        self.shards = reduce(and_, (operand.shards for operand in operands))
        # What is cheap to select and selects little comes first; a range is better narrowed.
        self._first, *self._others = sorted(operands, key=_eagerness)
        rows = [operand for operand in operands if isinstance(operand, _HasRow)]
        self._rows = rows if len(rows) == len(operands) else []

    def select(self, shard: Shard) -> Selection:
        selection = self._first.select(shard)
        for operand in self._others:
            if not selection:
                return NONE
            selection = operand.narrow(shard, selection)
        return selection

    def narrow(self, shard: Shard, selection: Selection) -> Selection:
        for operand in (self._first, *self._others):
            if not selection:
                return NONE
            selection = operand.narrow(shard, selection)
        return selection

    def count_all(self, shards: Iterable[Shard], budget: Budget) -> int:
        if len(self._rows) < 2:
            return super().count_all(shards, budget)
        count = 0
        at_hand = []
        for shard in shards:
            budget.check()
            kept = [words for each in self._rows if (words := each.words(shard)) is not None]
            if len(kept) == len(self._rows):
                at_hand.append(kept)
            else:
                count += self.count(shard)
        return count + count_common(at_hand)

    def count(self, shard: Shard) -> int:
        if not self._others:
            return self._first.count(shard)
        if self._rows:
            return _count_common([each.select_roaring(shard) for each in self._rows])
        selection = self._first.select(shard)
        *between, last = self._others
        for operand in between:
            if not selection:
                return 0
            selection = operand.narrow(shard, selection)
        if isinstance(last, _HasRow):
            return selection.and_count(last.select(shard))
        return len(last.narrow(shard, selection)) if selection else 0


def _count_common(selections: list[Selection]) -> int:
    """Return how many positions all of several roaring selections have."""
    selections.sort(key=len)
    if not selections[0]:
        return 0
    if len(selections[-1]) * len(selections[-2]) > SHARD_WIDTH * CROWDED_COUNT_MIN:
        # What two large rows share is made in one pass over their bits, while what a small and a
        # large one share must be made into arrays: 10 us against 60.
        selections.reverse()
    *before, last = selections
    return reduce(and_, before).and_count(last)


def _eagerness(selector: Selector) -> int:
    order = (_Nothing, _Records, _InNumbers, _HasRow, _HasValue, _Combined, _Intersect)
    kind = type(selector)
    return order.index(kind) if kind in order else len(order)


class _Combined(Selector):
    """A union, or an exclusive or."""

    def __init__(self, combine: Combine, operands: list[Selector]) -> None:
        self.shards = reduce(or_, (operand.shards for operand in operands), frozenset())
        self._combine = combine
        self._operands = operands

    def select(self, shard: Shard) -> Selection:
        return reduce(self._combine, (each.select(shard) for each in self._operands), NONE)


class _Difference(Selector):
    def __init__(self, first: Selector, others: list[Selector]) -> None:
        self.shards = first.shards
        self._first = first
        self._others = others

    def select(self, shard: Shard) -> Selection:
        return self._without_others(shard, self._first.select(shard))

    def count(self, shard: Shard) -> int:
        if isinstance(self._first, _All) and len(self._others) == 1:
            [other] = self._others
            if isinstance(other, _HasRow | _HasValue):
                # What has a row or a value exists.
                return shard.record_count - other.count(shard)
        return len(self.select(shard))

    def narrow(self, shard: Shard, selection: Selection) -> Selection:
        return self._without_others(shard, self._first.narrow(shard, selection))

    def _without_others(self, shard: Shard, selection: Selection) -> Selection:
        for operand in self._others:
            if not selection:
                return NONE
            selection = selection - operand.select(shard)
        return selection


class _Shift(Selector):
    """Shifted positions come from the one or two shards that lie `count` below."""

    def __init__(self, operand: Selector, count: int, reading: Reading) -> None:
        self._operand = operand
        self._reading = reading
        self._shards_up, self._positions_up = count >> SHARD_BITS, count & (SHARD_WIDTH - 1)
        reached = {
            number + self._shards_up + further for number in operand.shards for further in (0, 1)
        }
        self.shards = owned(
            (number for number in reached if 0 <= number <= UINT64_MAX >> SHARD_BITS), reading
        )

    def select(self, shard: Shard) -> Selection:
        source = shard.number - self._shards_up
        shifted = self._moved(source, self._positions_up)
        if self._positions_up:
            shifted |= self._moved(source - 1, self._positions_up - SHARD_WIDTH)
        return Selection.of_bitmap(shifted, is_existing=False)

    def _moved(self, number: int, up: int) -> BitMap:
        """Return the operand's positions in a shard moved up; what leaves the shard is lost."""
        if number not in self._operand.shards:
            return BitMap()
        selected = self._operand.select(self._reading.shard(number))
        return selected.bitmap.shift(up) & _WHOLE_SHARD
