"""RecordIds and ExtractRecords: the chosen records' ids, and their fields as Arrow columns.

Fields are read shard by shard in ascending order of records and put into the order asked for at the
end. Rows become text or ids once a distinct row, not once a record.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bitbrook.algebra.partials import RecordIdsPartial, RecordsPartial
from bitbrook.algebra.questions import ExtractRecords, RecordIds
from bitbrook.bitmap.word_kernels import SHARD_WIDTH
from bitbrook.engine.batch import ID_COLUMN, column_type
from bitbrook.engine.columns import SHARD_BITS
from bitbrook.engine.evaluate.choosing import choose_records
from bitbrook.engine.evaluate.members import members_of
from bitbrook.engine.evaluate.reading import Reading, rows_of
from bitbrook.engine.evaluate.row_order import row_order
from bitbrook.engine.evaluate.totals import values_of
from bitbrook.engine.shard import Shard
from bitbrook.schema.field_types import FieldSchema, FieldType

DECIMAL_DIGITS: Final = 19

ID_BYTES: Final = 24
KEY_BYTES: Final = 120
NUMBER_BYTES: Final = 32
TEXT_BYTES: Final = 48
LIST_BYTES: Final = 64
VECTOR_NUMBER_BYTES: Final = 4
"""What a record, or a value of it, takes in an answer and on the way there. Measured where columns
are made; of sets, of some five members."""

RecordNumbers = npt.NDArray[np.uint64]
Presence = npt.NDArray[np.bool_]


def record_ids(question: RecordIds, reading: Reading) -> RecordIdsPartial:
    """Return the chosen records' ids or keys."""
    chosen = choose_records(question, reading)
    _take_ids(chosen.numbers, reading)
    return RecordIdsPartial(_ids(chosen.numbers, reading), chosen.values, chosen.nulls)


def extract_records(question: ExtractRecords, reading: Reading) -> RecordsPartial:
    """Return the chosen records with the fields asked for."""
    chosen = choose_records(question, reading)
    _take_ids(chosen.numbers, reading)
    is_ascending = bool(np.all(chosen.numbers[1:] > chosen.numbers[:-1]))
    order = None if is_ascending else np.argsort(chosen.numbers)
    runs = _runs(chosen.numbers if order is None else chosen.numbers[order], reading)
    back = None
    if order is not None:
        back = np.empty(len(order), dtype=np.int64)
        back[order] = np.arange(len(order))
    columns = {ID_COLUMN: id_array(chosen.numbers, reading)}
    for name in question.fields:
        reading.budget.check()
        reading.budget.take(len(chosen.numbers) * _value_bytes(reading.field(name)), "values")
        column = _column(reading.field(name), runs, reading)
        columns[name] = column if back is None else column.take(pa.array(back))
    return RecordsPartial(pa.table(columns), chosen.values, chosen.nulls)


def _take_ids(numbers: RecordNumbers, reading: Reading) -> None:
    is_keyed = reading.partition.keys is not None
    reading.budget.take(len(numbers) * (KEY_BYTES if is_keyed else ID_BYTES), "records")


def _value_bytes(field: FieldSchema) -> int:
    """Return the bytes that a value takes while its column is made and in it, about."""
    if field.is_vector:
        return 2 * VECTOR_NUMBER_BYTES * field.dimensions
    if not field.is_single:
        return LIST_BYTES
    return TEXT_BYTES if field.is_keyed else NUMBER_BYTES


@dataclass(slots=True, frozen=True)
class _Run:
    """Neighbouring records of one shard: the places of the answer from `start` on."""

    shard: Shard
    start: int
    positions: npt.NDArray[np.uint32]

    @property
    def places(self) -> slice:
        return slice(self.start, self.start + len(self.positions))


def _runs(numbers: RecordNumbers, reading: Reading) -> list[_Run]:
    """Return ascending records by shard."""
    shard_numbers, starts = np.unique(numbers >> np.uint64(SHARD_BITS), return_index=True)
    positions = (numbers & np.uint64(SHARD_WIDTH - 1)).astype(np.uint32)
    parts = np.split(positions, starts[1:])
    return [
        _Run(reading.shard(number), start, part)
        for number, start, part in zip(shard_numbers.tolist(), starts.tolist(), parts, strict=False)
    ]


def _ids(
    numbers: RecordNumbers, reading: Reading
) -> npt.NDArray[np.uint64] | npt.NDArray[np.object_]:
    keys = reading.partition.keys
    return numbers if keys is None else keys.keys_at(numbers)


def id_array(numbers: RecordNumbers, reading: Reading) -> pa.Array:
    """Return the ids or keys of records."""
    kind = pa.uint64() if reading.partition.keys is None else pa.string()
    return pa.array(_ids(numbers, reading), type=kind)


def _column(field: FieldSchema, runs: list[_Run], reading: Reading) -> pa.Array:
    if field.is_vector:
        return _vector_column(field, runs)
    if not field.is_single:
        return _member_column(field, runs, reading)
    numbers, is_present = _stored(field, runs)
    match field.type:
        case FieldType.INT:
            return pa.array(numbers, mask=~is_present)
        case FieldType.DECIMAL:
            return _decimals(numbers, is_present, field.scale)
        case FieldType.TIMESTAMP:
            return pa.array(numbers, mask=~is_present).cast(pa.timestamp(field.unit.value))
        case FieldType.BOOL:
            return pa.array(numbers.astype(np.bool_), mask=~is_present)
        case _:
            return rows_array(field, numbers, reading, is_present)


def _stored(field: FieldSchema, runs: list[_Run]) -> tuple[npt.NDArray[np.int64], Presence]:
    """Return the numbers or codes of all runs, and whether there is one."""
    count = sum(len(run.positions) for run in runs)
    numbers, is_present = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    for run in runs:
        values = values_of(run.shard, field.id)
        if values is not None:
            numbers[run.places], is_present[run.places] = values.get(run.positions)
    return numbers, is_present


def _vector_column(field: FieldSchema, runs: list[_Run]) -> pa.FixedSizeListArray:
    """Return the vectors of all runs, null where there is none."""
    count = sum(len(run.positions) for run in runs)
    vectors = np.zeros((count, field.dimensions), dtype=np.float32)
    is_present = np.zeros(count, dtype=np.bool_)
    for run in runs:
        field_shard = run.shard.fields.get(field.id)
        if field_shard is not None and field_shard.vectors is not None:
            vectors[run.places], is_present[run.places] = field_shard.vectors.get(run.positions)
    return pa.FixedSizeListArray.from_arrays(
        pa.array(vectors.reshape(-1)), type=column_type(field), mask=pa.array(~is_present)
    )


def _decimals(
    numbers: npt.NDArray[np.int64], is_present: Presence, scale: int
) -> pa.Decimal128Array:
    """Return stored numbers as decimals: 128-bit integers, sign extended."""
    wide = np.empty((len(numbers), 2), dtype=np.int64)
    wide[:, 0] = numbers
    wide[:, 1] = numbers >> 63
    validity = np.packbits(is_present, bitorder="little")
    return pa.Decimal128Array.from_buffers(
        pa.decimal128(DECIMAL_DIGITS, scale),
        len(numbers),
        [pa.py_buffer(validity), pa.py_buffer(wide)],
    )


def rows_array(
    field: FieldSchema,
    codes: npt.NDArray[np.int64],
    reading: Reading,
    is_present: Presence | None = None,
) -> pa.Array:
    """Return the rows of these codes, null where there is none."""
    distinct, index = np.unique(
        codes if is_present is None else codes[is_present], return_inverse=True
    )
    kind = pa.string() if field.is_keyed else pa.uint64()
    rows = pa.array(reading.rows_at(field, distinct), type=kind)
    if is_present is None:
        return rows.take(pa.array(index))
    places = np.zeros(len(codes), dtype=np.int64)
    places[is_present] = index
    return rows.take(pa.array(places, mask=~is_present))


def _member_column(field: FieldSchema, runs: list[_Run], reading: Reading) -> pa.Array:
    """Return the rows of a set or time field as lists, ascending; null for none."""
    count = sum(len(run.positions) for run in runs)
    lengths = np.zeros(count, dtype=np.int64)
    parts: list[npt.NDArray[Any]] = [np.zeros(0, dtype=np.int64)]
    ranks = row_order(reading.dictionary(field)).ranks if runs else None
    for run in runs:
        reading.budget.check()
        members = members_of(
            run.shard, rows_of(run.shard.fields.get(field.id)), run.positions, ranks=ranks
        )
        lengths[run.places] = members.counts
        parts.append(members.codes)
    rows = rows_array(field, np.concatenate(parts), reading)
    bounds = np.zeros(count + 1, dtype=np.int32)
    np.cumsum(lengths, out=bounds[1:])
    # A null bound makes the list that begins there null.
    is_null = np.append(lengths == 0, [False])
    return pa.ListArray.from_arrays(pa.array(bounds, mask=is_null), rows)
