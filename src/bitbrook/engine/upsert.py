"""A batch on its way into a partition: operations become writes to fields of shards.

An operation's records are translated all at once (keys to positions, rows to codes), then parted by
shard, then written field by field (`field_writes`). A field, or the existence of a shard's records,
that was read from a snapshot already containing the batch is left as it is: that is all there is to
replaying a log over snapshots taken at different moments. Knows nothing of locks or logs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from bitbrook.engine import field_writes
from bitbrook.engine.arrangement import Arrangement, RecordNumbers, ShardPart
from bitbrook.engine.batch import ID_COLUMN, TIME_SUFFIX, Operation, OperationKind
from bitbrook.engine.columns import (
    SHARD_BITS,
    SHARD_MASK,
    MembersColumn,
    SingleColumn,
    UnknownRows,
    VectorColumn,
    part_by_shard,
    translate_members,
    translate_single,
    translate_vectors,
)
from bitbrook.engine.dictionary import RowDictionary
from bitbrook.engine.field import FieldShard
from bitbrook.engine.keys import RecordKeys
from bitbrook.engine.shard import Shard, bitmap_of
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema


@dataclass(slots=True)
class Upsert:
    """One batch and the parts of the partition that it changes."""

    schema: TableSchema
    shards: dict[int, Shard]
    dictionaries: dict[int, RowDictionary]
    keys: RecordKeys | None
    sequence: int

    def apply(self, operation: Operation) -> int:
        """Apply one operation; return how many values (DELETE: records) it changed."""
        records = operation.records
        match operation.kind:
            case OperationKind.UPSERT:
                return self._write(records)
            case OperationKind.REPLACE:
                self._empty(self._numbers_of(records))
                return self._write(records)
            case OperationKind.CLEAR:
                return self._clear(self._only_known(records))
            case OperationKind.DELETE:
                return self._delete(self._only_known(records))
            case OperationKind.CLEAR_ROW:
                return self._clear_rows(records)

    def _write(self, records: pa.RecordBatch) -> int:
        """Make the records exist and put their values."""
        numbers = self._numbers_of(records)
        arranged = Arrangement(numbers)
        for shard_number, positions in arranged.shards():
            shard = self._shard_for_writing(shard_number)
            if self.sequence > shard.loaded_sequence:
                shard.exists.update(positions.data)
        changed = 0
        for field, column in self._columns_of(records, creates_rows=True):
            if isinstance(column, SingleColumn):
                changed += sum(self._put_single(field, part) for part in arranged.parts_of(column))
            elif isinstance(column, VectorColumn):
                parts = arranged.parts_of(column.lines)
                changed += sum(self._put_vectors(field, part, column) for part in parts)
            else:
                changed += self._add_members(field, column, numbers)
        return changed

    def _put_single(self, field: FieldSchema, part: ShardPart) -> int:
        field_shard = self.shards[part.shard_number].field_for_writing(field)
        if self._contains_batch(field_shard):
            return 0
        if field.is_number:
            return field_writes.put_numbers(field_shard, part.positions, part.numbers)
        return field_writes.put_codes(field_shard, part.positions, part.numbers)

    def _put_vectors(self, field: FieldSchema, part: ShardPart, column: VectorColumn) -> int:
        field_shard = self.shards[part.shard_number].field_for_writing(field)
        if self._contains_batch(field_shard):
            return 0
        vectors = column.vectors[part.numbers]
        return field_writes.put_vectors(field_shard, part.positions, vectors)

    def _add_members(
        self,
        field: FieldSchema,
        column: MembersColumn,
        numbers: RecordNumbers,
    ) -> int:
        changed = 0
        member_numbers = numbers[column.records]
        member_positions = (member_numbers & SHARD_MASK).astype(np.uint32)
        for number, index in part_by_shard(member_numbers >> np.uint64(SHARD_BITS)):
            field_shard = self.shards[number].field_for_writing(field)
            if not self._contains_batch(field_shard):
                changed += field_writes.add_members(
                    field_shard,
                    member_positions[index],
                    column.codes[index],
                    None if column.times_s is None else column.times_s[index],
                    None if column.has_time is None else column.has_time[index],
                )
        return changed

    def _clear(self, records: pa.RecordBatch) -> int:
        """Remove the rows given; of a number field, whatever value is there."""
        numbers = self._numbers_of(records)
        positions = (numbers & SHARD_MASK).astype(np.uint32)
        shard_numbers = numbers >> np.uint64(SHARD_BITS)
        changed = 0
        for field, column in self._columns_of(records, creates_rows=False):
            pairs = column if isinstance(column, MembersColumn) else _pairs_of(column)
            for number, index in part_by_shard(shard_numbers[pairs.records]):
                field_shard = self._field_to_empty(number, field)
                if field_shard is None:
                    continue
                cleared, codes = positions[pairs.records[index]], pairs.codes[index]
                if field.is_number:
                    changed += field_writes.clear_numbers(field_shard, np.unique(cleared))
                elif field.is_vector:
                    changed += field_writes.clear_vectors(field_shard, cleared)
                elif field.is_single:
                    changed += field_writes.clear_codes(field_shard, cleared, codes)
                else:
                    changed += field_writes.clear_members(field_shard, cleared, codes)
        return changed

    def _delete(self, records: pa.RecordBatch) -> int:
        """Remove the records and whatever they hold; return how many there were."""
        numbers = self._numbers_of(records)
        self._empty(numbers)
        deleted = 0
        for number, index in part_by_shard(numbers >> np.uint64(SHARD_BITS)):
            shard = self.shards.get(number)
            if shard is not None and self.sequence > shard.loaded_sequence:
                gone = bitmap_of((numbers[index] & SHARD_MASK).astype(np.uint32))
                deleted += shard.exists.intersection_cardinality(gone)
                shard.exists.difference_update(gone)
        return deleted

    def _empty(self, numbers: RecordNumbers) -> None:
        """Empty every field of these records."""
        numbers = np.unique(numbers)
        for number, index in part_by_shard(numbers >> np.uint64(SHARD_BITS)):
            positions = (numbers[index] & SHARD_MASK).astype(np.uint32)
            for field in self.schema.fields:
                field_shard = self._field_to_empty(number, field)
                if field_shard is not None:
                    field_writes.empty_records(field_shard, positions)

    def _clear_rows(self, records: pa.RecordBatch) -> int:
        """Remove the rows given from every record."""
        changed = 0
        for field, column in self._columns_of(records, creates_rows=False):
            assert field.has_rows, f"field {field.name!r} has no rows to clear"
            if isinstance(column, MembersColumn):
                codes = np.unique(column.codes)
            else:
                assert isinstance(column, SingleColumn), "vectors are no rows"
                given = slice(None) if column.is_given is None else column.is_given
                codes = np.unique(column.numbers[given]).astype(np.uint32)
            for number in self.shards:
                field_shard = self._field_to_empty(number, field)
                if field_shard is not None:
                    changed += sum(
                        field_writes.clear_row(field_shard, code) for code in codes.tolist()
                    )
        return changed

    def _columns_of(
        self, records: pa.RecordBatch, *, creates_rows: bool
    ) -> Iterator[tuple[FieldSchema, SingleColumn | MembersColumn | VectorColumn]]:
        """Give each field that the records have a column of, and that column translated."""
        unknown: UnknownRows = "create" if creates_rows else "drop"
        names = set(records.schema.names)
        for field in self.schema.fields:
            if field.name not in names:
                continue
            column = records.column(field.name)
            if field.is_vector:
                yield field, translate_vectors(column)
                continue
            if field.is_single:
                dictionary = self.dictionaries.get(field.id)
                yield field, translate_single(field, column, dictionary, unknown)
                continue
            times = None
            if field.type is FieldType.TIME and field.name + TIME_SUFFIX in names:
                times = records.column(field.name + TIME_SUFFIX)
            yield field, translate_members(column, times, self.dictionaries[field.id], unknown)

    def _numbers_of(self, records: pa.RecordBatch) -> RecordNumbers:
        """Return the record ids, or the positions that the record keys have or now get."""
        ids = records.column(ID_COLUMN)
        if self.keys is None:
            numbers: RecordNumbers = ids.to_numpy(zero_copy_only=False)
            return numbers
        return self.keys.positions_of(ids).astype(np.uint64)

    def _only_known(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the records without those of keys never met, which hold nothing to remove."""
        if self.keys is None:
            return records
        is_known = self.keys.find_positions(records.column(ID_COLUMN)) >= 0
        return records if is_known.all() else records.filter(pa.array(is_known))

    def _shard_for_writing(self, number: int) -> Shard:
        shard = self.shards.get(number)
        if shard is None:
            shard = self.shards[number] = Shard(number)
        shard.applied_sequence = self.sequence
        return shard

    def _field_to_empty(self, number: int, field: FieldSchema) -> FieldShard | None:
        """Return what a shard holds of a field, None if nothing or if it contains this batch."""
        shard = self.shards.get(number)
        if shard is None:
            return None
        shard.applied_sequence = self.sequence
        field_shard = shard.fields.get(field.id)
        if field_shard is None or self._contains_batch(field_shard):
            return None
        return field_shard

    def _contains_batch(self, field_shard: FieldShard) -> bool:
        return self.sequence <= field_shard.loaded_sequence


def _pairs_of(column: SingleColumn | VectorColumn) -> MembersColumn:
    """Return the column as pairs of record and code; of numbers and vectors no code matters."""
    if isinstance(column, VectorColumn):
        column = column.lines
    if column.is_given is None:
        records = np.arange(len(column.numbers))
    else:
        records = np.flatnonzero(column.is_given)
    return MembersColumn(records, column.numbers[records].astype(np.uint32))
