"""The keys of a GroupRecords as small numbers: of each record, a code for its value in the field.

A single-valued field gives one code a record, read from its vector (`VectorKey`); a set or time
field gives one for each row of the record (`MemberKey`). Codes are row codes, distances from the
least number, or numbers met so far where numbers lie far apart. With `includes_null` code 0 stands
for no value and all others are one higher.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bitbrook.algebra.expressions import (
    All,
    Expression,
    HasRow,
    HasValue,
    Intersect,
    InValues,
    Not,
    Union,
)
from bitbrook.algebra.partials import Rows
from bitbrook.algebra.questions import GroupKey, Period
from bitbrook.bitmap.codes import Codes
from bitbrook.bitmap.word_kernels import SHARD_WIDTH, Positions, read_only
from bitbrook.engine.evaluate.calendar import Calendar
from bitbrook.engine.evaluate.members import Members, members_of
from bitbrook.engine.evaluate.ranges import as_unsigned, wrapped
from bitbrook.engine.evaluate.reading import AnyRows, Reading, rows_of
from bitbrook.engine.evaluate.totals import number_bounds, values_of
from bitbrook.engine.shard import Shard
from bitbrook.schema.field_types import FieldSchema, FieldType

SPAN_MAX: Final = 1 << 21
"""Numbers within so small a range are told apart by their distance from the least."""

KeyColumn = Rows | npt.NDArray[np.int64]
Codes64 = npt.NDArray[np.int64]


@dataclass(slots=True)
class VectorKey:
    """A key of one code a record at most. `low`: the number of code 0. `met`: if hashed."""

    field: FieldSchema
    includes_null: bool
    radix: int
    low: int = 0
    met: Codes | None = None

    @property
    def code_count(self) -> int:
        """How many codes there are by now; all lie below."""
        return self.radix if self.met is None else len(self.met) + self.includes_null

    @property
    def is_made(self) -> bool:
        """Whether its codes have to be made of the field's vector, which does not hold them."""
        return self.includes_null or self.met is not None

    def dense(self, shard: Shard) -> tuple[npt.NDArray[Any], np.integer[Any], np.uint32]:
        """Return an unsigned vector, its base and a first code, as `refine_groups` takes them.

        With null, or without a vector in the shard, the vector covers all of the shard.
        """
        assert self.met is None, "codes of numbers far apart are not in any vector"
        values = values_of(shard, self.field.id)
        if values is None or values.count == 0 or self.includes_null:
            codes = np.zeros(SHARD_WIDTH, dtype=np.uint32)
            if values is not None and values.count:
                positions = np.arange(len(values.numbers), dtype=np.uint32)
                codes[: len(positions)] = self.codes_at(shard, positions)
            return read_only(codes), np.uint32(0), np.uint32(0)
        numbers = as_unsigned(values.numbers)
        base = 0 if self.field.has_rows else values.low
        first = 0 if self.field.has_rows else values.low - self.low
        return numbers, wrapped(base, numbers.dtype.type), np.uint32(first)

    def codes_at(self, shard: Shard, positions: Positions) -> Codes64:
        """Return the codes (int64[n]) of records, 0 for those without a value."""
        values = values_of(shard, self.field.id)
        if values is None:
            return np.zeros(len(positions), dtype=np.int64)
        numbers, is_present = values.get(positions)
        numbers = self._told_apart(numbers)
        if self.met is None:
            codes = numbers - self.low
        elif is_present.all():
            codes = self.met.of(numbers)
        else:
            codes = np.zeros(len(numbers), dtype=np.int64)
            codes[is_present] = self.met.of(numbers[is_present])
        if self.includes_null:
            codes += 1
        codes[~is_present] = 0
        return codes

    def decode(self, codes: Codes64, reading: Reading) -> tuple[KeyColumn, npt.NDArray[np.bool_]]:
        """Return the rows or numbers of codes, and which are null."""
        codes, is_null = _without_null(codes, includes_null=self.includes_null)
        if self.field.has_rows:
            return _rows_at(self.field, codes, is_null, reading), is_null
        if self.met is not None:
            met = self.met.met if len(self.met) else np.zeros(1, dtype=np.int64)
            return self._shown(met[codes]), is_null
        return self._shown(codes + self.low), is_null

    def _told_apart(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the numbers by which records are in one group or in several."""
        return numbers

    def _shown(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the keys that such numbers stand for."""
        return numbers


@dataclass(slots=True)
class PeriodKey(VectorKey):
    """A key of times by the period they fall in: `low` and `met` are of the periods' numbers."""

    calendar: Calendar | None = None

    @property
    def is_made(self) -> bool:
        """Whether its codes have to be made, as those of periods always do."""
        return True

    def dense(self, shard: Shard) -> tuple[npt.NDArray[Any], np.integer[Any], np.uint32]:
        """Return the codes of a shard's periods as a vector; see `VectorKey`."""
        values = values_of(shard, self.field.id)
        if values is None or values.count == 0 or self.includes_null:
            return VectorKey.dense(self, shard)
        assert self.calendar is not None, "planned with one"
        codes = self.calendar.codes(values.numbers, values.low, values.high, self.low)
        return read_only(codes), np.uint32(0), np.uint32(0)

    def _told_apart(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        assert self.calendar is not None, "planned with one"
        return self.calendar.numbers_of(numbers)

    def _shown(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        assert self.calendar is not None, "planned with one"
        return self.calendar.starts_of(numbers)


@dataclass(slots=True)
class MemberKey:
    """A key of any number of codes a record. `codes`: the rows asked for, None for all."""

    field: FieldSchema
    includes_null: bool
    radix: int
    codes: Codes64 | None

    @property
    def code_count(self) -> int:
        """How many codes there are; all lie below."""
        return self.radix

    def rows(self, shard: Shard) -> AnyRows:
        """Return a shard's rows of the field."""
        return rows_of(shard.fields.get(self.field.id))

    def present_codes(self, shard: Shard) -> Codes64:
        """Return the row codes (int64[]), not yet shifted for null, that the shard has."""
        codes = self.rows(shard).codes().astype(np.int64)
        if self.codes is None:
            return codes
        return np.intersect1d(codes, self.codes, assume_unique=True)

    def members(self, shard: Shard, positions: Positions) -> Members:
        """Return the codes of records at ascending positions; one of 0 for those without a row."""
        members = members_of(shard, self.rows(shard), positions, codes=self.codes)
        if not self.includes_null:
            return members
        counts = members.counts
        starts = np.append(0, np.cumsum(np.maximum(counts, 1)))
        codes = np.zeros(int(starts[-1]), dtype=np.int64)
        is_row = np.ones(len(codes), dtype=np.bool_)
        is_row[starts[:-1][counts == 0]] = False
        codes[is_row] = members.codes + 1
        return Members(starts, codes)

    def decode(self, codes: Codes64, reading: Reading) -> tuple[KeyColumn, npt.NDArray[np.bool_]]:
        """Return the rows of codes, and which are null."""
        codes, is_null = _without_null(codes, includes_null=self.includes_null)
        return _rows_at(self.field, codes, is_null, reading), is_null


AnyKey = VectorKey | MemberKey


def plan_key(key: GroupKey, reading: Reading, shards: list[Shard]) -> AnyKey:
    """Return how the records of these shards are told apart by a field."""
    field, includes_null = reading.field(key.field), key.includes_null
    if not field.is_single:
        codes = None if key.rows is None else reading.codes_of(field, key.rows)
        return MemberKey(field, includes_null, reading.row_count(field) + includes_null, codes)
    if field.has_rows:
        return VectorKey(field, includes_null, reading.row_count(field) + includes_null)
    low, high = number_bounds(shards, field) or (0, 0)
    if key.period is not None:
        return _plan_periods(key.period, field, (low, high), includes_null=includes_null)
    if high - low < SPAN_MAX:
        return VectorKey(field, includes_null, high - low + 1 + includes_null, low)
    return VectorKey(field, includes_null, 0, met=Codes())


def _plan_periods(
    period: Period, field: FieldSchema, bounds: tuple[int, int], *, includes_null: bool
) -> PeriodKey:
    calendar = Calendar(period, field.unit)
    low, high = calendar.numbers_of(np.array(bounds, dtype=np.int64)).tolist()
    if high - low < SPAN_MAX:
        radix = high - low + 1 + includes_null
        return PeriodKey(field, includes_null, radix, low, calendar=calendar)
    return PeriodKey(field, includes_null, 0, met=Codes(), calendar=calendar)


def records_with(key: GroupKey, reading: Reading) -> Expression:
    """Return the records that are in a group of the key; without a value only those that exist."""
    field = reading.field(key.field)
    if key.rows is None:
        return All() if key.includes_null else HasValue(key.field)
    named: Expression = HasRow(key.field, key.rows)
    if not field.has_rows:
        named = InValues(key.field, tuple(int(number) for number in key.rows))
    if not key.includes_null:
        return named
    return Union((Intersect((All(), named)), Not(HasValue(key.field))))


def _without_null(codes: Codes64, *, includes_null: bool) -> tuple[Codes64, npt.NDArray[np.bool_]]:
    """Return the codes as they are without null, and where null was (0 stands there)."""
    if not includes_null:
        return codes, np.zeros(len(codes), dtype=np.bool_)
    return np.maximum(codes - 1, 0), codes == 0


def _rows_at(
    field: FieldSchema, codes: Codes64, is_null: npt.NDArray[np.bool_], reading: Reading
) -> Rows:
    if field.type is not FieldType.BOOL and is_null.all():
        # The dictionary may be empty; the slots of null keys hold anything of the type.
        if field.is_keyed:
            return np.full(len(codes), "", dtype=np.object_)
        return np.zeros(len(codes), dtype=np.uint64)
    # Codes are small: a table of those present, not a sort, tells which rows are to be read.
    is_present = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.bool_)
    is_present[codes] = True
    places = np.cumsum(is_present) - 1
    rows: Rows = reading.rows_at(field, np.flatnonzero(is_present))[places[codes]]
    return rows
