"""An operation's columns as the arrays that upserts work on: positions, stored numbers, row codes.

Translation happens once an operation for all its records, before they are parted by shard, so that
new rows and keys get their codes in the order of the log whatever shards a replay may skip.
"""

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bitbrook.engine.batch import (
    ID_COLUMN,
    TIME_SUFFIX,
    Batch,
    OperationKind,
    column_type,
    id_type,
)
from bitbrook.engine.dictionary import RowDictionary
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

SHARD_BITS = 20
SHARD_MASK = np.uint64((1 << SHARD_BITS) - 1)

Index = npt.NDArray[np.int64] | slice
Positions = npt.NDArray[np.uint32]


@dataclass(slots=True)
class SingleColumn:
    """At most one number a record: what a single-valued field stores (of mutex and bool, codes).

    `numbers`: int64[n]; `is_given`: bool[n], None where every record has a value.
    """

    numbers: npt.NDArray[np.int64]
    is_given: npt.NDArray[np.bool_] | None


@dataclass(slots=True)
class VectorColumn:
    """At most one vector a record: lines of `vectors` (float32[m, length]).

    `lines` says which record has which, as a column of single numbers.
    """

    lines: SingleColumn
    vectors: npt.NDArray[np.float32]


@dataclass(slots=True)
class MembersColumn:
    """Any number of rows a record, of a set or time field, as pairs.

    `records`: int64[m], which of the operation's records; `codes`: uint32[m]. `times_s`: int64[m]
    Unix seconds where `has_time` (bool[m]); both None if no record has a time.
    """

    records: npt.NDArray[np.int64]
    codes: npt.NDArray[np.uint32]
    times_s: npt.NDArray[np.int64] | None = None
    has_time: npt.NDArray[np.bool_] | None = None

    def only(self, chosen: npt.NDArray[np.bool_]) -> "MembersColumn":
        """Return the pairs where `chosen` (bool[m]) is true."""
        return MembersColumn(
            self.records[chosen],
            self.codes[chosen],
            None if self.times_s is None else self.times_s[chosen],
            None if self.has_time is None else self.has_time[chosen],
        )


UnknownRows = Literal["create", "drop"]


def translate_single(
    field: FieldSchema, column: pa.Array, dictionary: RowDictionary | None, unknown: UnknownRows
) -> SingleColumn:
    """Return the column of a mutex, bool, int, decimal or timestamp field as stored numbers.

    With unknown rows to "drop", a record with a row that the dictionary does not know has no value.
    """
    is_given = None
    if column.null_count:
        is_given = column.is_valid().to_numpy(zero_copy_only=False)
    if field.type is FieldType.MUTEX:
        assert dictionary is not None, "a mutex field has a dictionary"
        rows = column.drop_null() if is_given is not None else column
        codes = _codes(rows, dictionary, unknown)
        if is_given is None:
            numbers = codes
        else:
            numbers = np.zeros(len(column), dtype=np.int64)
            numbers[is_given] = codes
        if unknown == "drop":
            is_known = numbers >= 0
            is_given = is_known if is_given is None else is_given & is_known
        return SingleColumn(numbers, is_given)
    if field.type is FieldType.BOOL:
        column = column.cast(pa.int64())
    if is_given is not None:
        column = column.fill_null(0)
    return SingleColumn(column.to_numpy(zero_copy_only=False), is_given)


def translate_vectors(column: pa.FixedSizeListArray) -> VectorColumn:
    """Return the column of a vector field as a matrix of the vectors that are given."""
    is_given = None
    if column.null_count:
        is_given = column.is_valid().to_numpy(zero_copy_only=False)
    vectors = column.flatten().to_numpy(zero_copy_only=False)
    count = len(column) - column.null_count
    # The given ones are numbered through; those between lead nowhere.
    lines = np.arange(len(column)) if is_given is None else np.cumsum(is_given) - is_given
    matrix = vectors.reshape(count, column.type.list_size)
    return VectorColumn(SingleColumn(lines.astype(np.int64, copy=False), is_given), matrix)


def translate_members(
    column: pa.ListArray,
    times: pa.Int64Array | None,
    dictionary: RowDictionary,
    unknown: UnknownRows,
) -> MembersColumn:
    """Return the column of a set or time field as pairs of record and row code."""
    counts = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    records = np.repeat(np.arange(len(column)), counts)
    codes = _codes(column.flatten(), dictionary, unknown)
    members = MembersColumn(records, codes.astype(np.uint32))
    if times is not None and times.null_count < len(times):
        members.times_s = times.fill_null(0).to_numpy(zero_copy_only=False)[records]
        members.has_time = times.is_valid().to_numpy(zero_copy_only=False)[records]
    if unknown == "drop":
        return members.only(codes >= 0)
    return members


def _codes(
    rows: pa.Array, dictionary: RowDictionary, unknown: UnknownRows
) -> npt.NDArray[np.int64]:
    if unknown == "create":
        return dictionary.codes_of(rows).astype(np.int64)
    return dictionary.find_codes(rows)


def check_columns(batch: Batch, schema: TableSchema) -> None:
    """Assert that a batch is made as `engine.batch` says, so that applying it cannot fail.

    What decodes and translates is answerable for that; a batch that were not, once logged, would
    close its table for good.
    """
    for operation in batch.operations:
        records, is_clear_row = operation.records, operation.kind is OperationKind.CLEAR_ROW
        assert is_clear_row != (ID_COLUMN in records.schema.names), "records need ids, rows none"
        for name, column in zip(records.schema.names, records.columns, strict=True):
            if name == ID_COLUMN:
                assert column.type == id_type(schema), f"{name} is {column.type}"
                assert column.null_count == 0, f"{name} has nulls"
                continue
            field = schema.field(name.removesuffix(TIME_SUFFIX))
            if name != field.name:
                assert field.type is FieldType.TIME, f"{name} is of no time field"
                assert column.type == pa.int64(), f"{name} is {column.type}"
                continue
            assert field.has_rows or not is_clear_row, f"{name} has no rows to clear"
            assert column.type == column_type(field), f"{name} is {column.type}"
            if not field.has_values:
                assert column.flatten().null_count == 0, f"{name} has nulls in its lists"
            if field.is_vector:
                vectors = column.flatten().to_numpy(zero_copy_only=False)
                assert np.isfinite(vectors).all(), f"{name} has numbers that are not finite"


def part_by_shard(
    shard_numbers: npt.NDArray[np.uint64],
) -> list[tuple[int, Index]]:
    """Return each shard number that occurs, ascending, and the index of its entries, in order."""
    if len(shard_numbers) == 0:
        return []
    least, greatest = int(shard_numbers.min()), int(shard_numbers.max())
    if least == greatest:
        return [(least, slice(None))]
    if greatest - least < 1 << 16:
        # NumPy sorts 16-bit keys by radix: five times faster here than 64-bit ones.
        keys: npt.NDArray[np.unsignedinteger] = (shard_numbers - np.uint64(least)).astype(np.uint16)
    else:
        keys = shard_numbers
    order = np.argsort(keys, kind="stable")
    in_order = keys[order]
    starts = np.flatnonzero(np.diff(in_order, prepend=in_order[:1])).tolist()
    bounds = [0, *starts, len(order)]
    return [
        (int(shard_numbers[order[start]]), order[start:stop])
        for start, stop in itertools.pairwise(bounds)
    ]
