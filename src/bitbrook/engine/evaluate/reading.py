"""One partition as a question reads it: fields by name, rows by code, and what shards hold.

Everything here is looked up once a question or once a shard, never once a record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import Row
from bitbrook.algebra.partials import Rows as PartialRows
from bitbrook.bitmap.rows import Rows
from bitbrook.bitmap.selection import NONE, Selection
from bitbrook.bitmap.values import Values
from bitbrook.bitmap.views import views_for_range
from bitbrook.bitmap.word_kernels import SHARD_WORDS, Words
from bitbrook.engine.dictionary import RowDictionary
from bitbrook.engine.evaluate.row_order import codes_of
from bitbrook.engine.field import FieldShard
from bitbrook.engine.partition import Partition
from bitbrook.engine.shard import Shard
from bitbrook.schema.field_types import FieldSchema, FieldType

BOOL_ROWS = 2
ALL_TIMES = (None, None)

Period = tuple[int | None, int | None]
Codes = npt.NDArray[np.int64]


@dataclass(slots=True, frozen=True)
class Reading:
    """A partition and what may be spent on reading it."""

    partition: Partition
    budget: Budget

    def field(self, name: str) -> FieldSchema:
        """Return the field of that name.

        Raises:
            FieldNotFound: the table has none.
        """
        return self.partition.schema.field(name)

    def dictionary(self, field: FieldSchema) -> RowDictionary:
        """Return the dictionary of a set, mutex or time field."""
        return self.partition.dictionaries[field.id]

    def row_count(self, field: FieldSchema) -> int:
        """Return the codes that the field's rows may have: they lie below."""
        return BOOL_ROWS if field.type is FieldType.BOOL else len(self.dictionary(field))

    def codes_of(self, field: FieldSchema, rows: Sequence[Row]) -> Codes:
        """Return the codes (int64[]) of those rows that the partition ever met, each once."""
        if field.type is FieldType.BOOL:
            return np.unique(np.array([int(row) for row in rows], dtype=np.int64))
        codes = codes_of(self.dictionary(field), rows)
        return np.unique(codes) if len(codes) > 1 else codes

    def rows_at(self, field: FieldSchema, codes: npt.NDArray[np.integer[Any]]) -> PartialRows:
        """Return the rows of these codes: uint64[n], bool[n], or object[n] of str."""
        if field.type is FieldType.BOOL:
            return codes.astype(np.bool_)
        return self.dictionary(field).rows_at(codes)

    def shard(self, number: int) -> Shard:
        """Return a shard of the partition, an empty one where nothing was written."""
        return self.partition.shards.get(number) or Shard(number)


class UnitedRows:
    """Rows of several views read as one: a record has a row that it has in any of them."""

    def __init__(self, parts: list[Rows]) -> None:
        self._parts = parts

    def row(self, code: int) -> BitMap | None:
        """Return the positions that have the row in any view, None if there are none."""
        found = [row for part in self._parts if (row := part.row(code)) is not None]
        return BitMap.union(*found) if found else None

    def codes(self) -> npt.NDArray[np.uint32]:
        """Return the codes of the rows that have a position, ascending."""
        parts = [part.codes() for part in self._parts]
        return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.uint32)

    def counts(self) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
        """Return the codes of the rows that have a position, ascending, and their sizes."""
        codes = self.codes()
        sizes = [len(self.row(code) or ()) for code in codes.tolist()]
        return codes, np.array(sizes, dtype=np.int64)


AnyRows = Rows | UnitedRows
NO_ROWS = UnitedRows([])


def rows_of(field_shard: FieldShard | None, period: Period = ALL_TIMES) -> AnyRows:
    """Return a shard's rows of a field, of a period if one is given.

    Of a time field without a standard view all its views together stand for it.
    """
    if field_shard is None:
        return NO_ROWS
    if field_shard.rows is not None and period == ALL_TIMES:
        return field_shard.rows
    names = views_for_range(field_shard.schema.quantum, *period, field_shard.views)
    if len(names) == 1:
        return field_shard.views[names[0]]
    return UnitedRows([field_shard.views[name] for name in names])


def whole_words(words: Words) -> Words:
    """Return the words of a vector's presence for the whole shard (uint64[16384])."""
    if len(words) == SHARD_WORDS:
        return words
    whole = np.zeros(SHARD_WORDS, dtype=np.uint64)
    whole[: len(words)] = words
    return whole


def present_in(values: Values | None, shard: Shard) -> Selection:
    """Return the records that have a value."""
    if values is None or values.count == 0:
        return NONE
    if values.count == len(shard.exists):
        return Selection.of_bitmap(shard.exists, is_all=True)
    return Selection.of_words(whole_words(values.present))


def all_of(shard: Shard) -> Selection:
    """Return all records of a shard that exist."""
    return Selection.of_bitmap(shard.exists, is_all=True)
