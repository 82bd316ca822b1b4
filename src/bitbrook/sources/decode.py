"""A streaming request's bytes become one columnar batch and an outcome per record.

The way: bodies are cut into values (`bodies`), values into columns of leaves (`values`), each
column is converted at once with a fault beside every value that cannot be stored (`convert`,
`times`), and the records without faults make the batch. Only a record at fault is looked at by
itself, to be told why. Invariant: the batch fits the table it was made for
(`engine.columns.check_columns`), so nothing is refused after it. Knows nothing of where records go,
nor of HTTP.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bitbrook.engine.batch import (
    ID_COLUMN,
    TIME_SUFFIX,
    Batch,
    Operation,
    OperationKind,
    column_type,
    id_type,
)
from bitbrook.errors import Conflict, InvalidValue, OutOfRange
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.schema.limits import RECORD_KEY_BYTES_MAX
from bitbrook.sources.bodies import BodyReader, Reading
from bitbrook.sources.config import NANOSECONDS_A_SECOND, SourceType
from bitbrook.sources.convert import (
    BooleanConverter,
    Converted,
    Converter,
    DecimalConverter,
    IntegerConverter,
    Recast,
    RowIdConverter,
    RowIdsConverter,
    RowKeyConverter,
    RowKeysConverter,
    SignedRowConverter,
)
from bitbrook.sources.explain import (
    excerpt_of,
    explain_field,
    explain_identity,
    explain_missing,
)
from bitbrook.sources.faults import Fault
from bitbrook.sources.outcomes import (
    EXCERPTS_MAX,
    REJECTED_BYTES_MAX,
    REJECTED_MAX,
    Outcomes,
    RecordError,
)
from bitbrook.sources.record_ids import TOO_LONG_A_KEY, RecordIds
from bitbrook.sources.schema import SourceField, SourceSchema, field_schema_of, typed_fields
from bitbrook.sources.signed_rows import added_rows, removed_rows
from bitbrook.sources.table_match import added_fields, conflicts_with, settled_references
from bitbrook.sources.times import TimeConverter
from bitbrook.sources.values import Leaf
from bitbrook.sources.vectors import VectorConverter

Mask = npt.NDArray[np.bool_]

MISSING_FIELD = "MissingField"
INVALID_ID = "InvalidId"
TOO_LONG = "TooLong"

_CODES: Mapping[Fault, str] = {
    Fault.MISSING: MISSING_FIELD,
    Fault.OUT_OF_RANGE: OutOfRange.code,
    Fault.INEXACT: InvalidValue.code,
    Fault.TOO_LONG: TOO_LONG,
    Fault.MALFORMED: InvalidValue.code,
}


class Decoded(NamedTuple):
    """The batch of the good records, None if there are none, and what became of every record.

    `rejected`: the values of the last records at fault, with the last of the errors, as they were
    written; b"" for one that has none, or too long a one.
    """

    batch: Batch | None
    outcomes: Outcomes
    rejected: Sequence[bytes] = ()


NOTHING = Decoded(None, Outcomes(0))
"""What a body without records is decoded into."""


class Decoder:
    """Decodes the bodies of one source. May be used by several threads at once."""

    def __init__(self, schema: SourceSchema, table: TableSchema) -> None:
        """Prepare for the records of a checked schema, on their way to a table.

        Raises:
            Conflict: the table contradicts the schema, or lacks a field of it.
        """
        _check_table(schema, table)
        self._fields = typed_fields(schema)
        self._ids = RecordIds(schema, self._fields)
        self._identity = [_index_of(name, self._fields) for name in self._ids.names]
        self._columns = [
            _Column(field, table, is_identity=index in self._identity, schema=schema)
            for index, field in enumerate(self._fields)
        ]
        self._reader = BodyReader([column.leaf for column in self._columns])
        self._record_time = next((c for c in self._columns if c.is_record_time), None)
        self._stored = [(i, c) for i, c in enumerate(self._columns) if c.field is not None]
        self._arrow_schema = self._make_arrow_schema(table)

    @property
    def field_count(self) -> int:
        """How many values are read of each record."""
        return len(self._columns)

    def decode(self, body: bytes, *, is_lines: bool = False) -> Decoded:
        """Return the batch and outcomes of `{"records": [{"value": {...}}, ...]}`.

        With `is_lines` the body has one value a line instead.

        Raises:
            InvalidBody: the body is not JSON or has no list of records.
            LimitExceeded: it has too many records.
        """
        reading = self._reader.read_lines(body) if is_lines else self._reader.read(body)
        if not reading.values:
            outcomes = Outcomes(reading.count, tuple(reading.errors))
            return Decoded(None, outcomes, self._rejected(body, outcomes, is_lines=is_lines))
        leaves = reading.shape.columns(reading.values)
        converted = [
            column.convert(values, as_written=kind is not column.leaf.kind)
            for column, values, kind in zip(self._columns, leaves, reading.shape.kinds, strict=True)
        ]
        ids = self._ids.ids_of([converted[index].column for index in self._identity])
        are_bad = self._find_bad(converted, ids)
        errors = reading.errors
        arrays = [each.column for each in converted]
        if are_bad is not None:
            errors = errors + self._explain(reading, leaves, converted, np.flatnonzero(are_bad))
            errors.sort(key=lambda error: error.index)
            are_good = pa.array(~are_bad)
            arrays = [array.filter(are_good) for array in arrays]
            ids.column = ids.column.filter(are_good)
        outcomes = Outcomes(reading.count, tuple(errors))
        batch = self._make_batch(ids.column, arrays)
        return Decoded(batch, outcomes, self._rejected(body, outcomes, is_lines=is_lines))

    def _rejected(self, body: bytes, outcomes: Outcomes, *, is_lines: bool) -> Sequence[bytes]:
        """Return the values of the last records at fault; costs nothing where none is."""
        if not outcomes.errors:
            return ()
        indexes = [error.index for error in outcomes.errors[-REJECTED_MAX:]]
        values = self._reader.values_as_written(body, indexes, is_lines=is_lines)
        return [value if len(value) <= REJECTED_BYTES_MAX else b"" for value in values]

    def _find_bad(self, converted: Sequence[Converted], ids: Converted) -> Mask | None:
        """Return which records have a fault that keeps them out, None if none has."""
        are_bad: Mask | None = None
        for column, each in zip(self._columns, converted, strict=True):
            if each.faults is not None:
                are_faulty = each.faults >= column.least_error
                are_bad = are_faulty if are_bad is None else are_bad | are_faulty
        if ids.faults is not None:
            are_long = ids.faults != Fault.NONE
            are_bad = are_long if are_bad is None else are_bad | are_long
        return are_bad if are_bad is not None and are_bad.any() else None

    def _explain(
        self,
        reading: Reading,
        leaves: Sequence[list[Any]],
        converted: Sequence[Converted],
        bad: npt.NDArray[np.int64],
    ) -> list[RecordError]:
        """Return the errors of these values: of each the first in the order of the definition."""
        columns = np.full(len(bad), -1)
        faults = np.zeros(len(bad), dtype=np.uint8)
        for number in reversed(range(len(self._columns))):
            of_column = converted[number].faults
            if of_column is not None:
                are_faulty = of_column[bad] >= self._columns[number].least_error
                columns[are_faulty] = number
                faults[are_faulty] = of_column[bad][are_faulty]
        errors: list[RecordError] = []
        # Nobody is shown more of them, and a body of bad records has hundreds of thousands.
        first_shown = len(bad) - EXCERPTS_MAX
        for at, number, fault in zip(bad.tolist(), columns.tolist(), faults.tolist(), strict=True):
            excerpt = excerpt_of(reading.values[at]) if len(errors) >= first_shown else ""
            index = reading.indexes[at]
            if number >= 0:
                value = leaves[number][at]
                errors.append(self._columns[number].explain(index, value, Fault(fault), excerpt))
            else:
                names = self._ids.names
                errors.append(explain_identity(index, TOO_LONG, names, TOO_LONG_A_KEY, excerpt))
        return errors

    def _make_batch(self, ids: pa.Array, arrays: Sequence[pa.Array]) -> Batch | None:
        """Return the batch of good records; `arrays` go with the fields of the source."""
        if len(ids) == 0:
            return None
        stored = [ids]
        removed: dict[str, pa.ListArray] = {}
        times = self._times_of(arrays)
        for index, column in self._stored:
            array = arrays[index]
            if column.is_signed:
                rows = removed_rows(ids, array)
                if rows is not None:
                    removed[column.leaf.field] = rows
                array = added_rows(array)
            stored.append(array)
            if column.takes_time and times is not None:
                stored.append(times)
        records = pa.RecordBatch.from_arrays(stored, schema=self._arrow_schema)
        operations = [Operation(OperationKind.UPSERT, records)]
        if removed:
            operations.append(_clear(ids, removed))
        return Batch(operations)

    def _times_of(self, arrays: Sequence[pa.Array]) -> pa.Int64Array | None:
        """Return the records' times in Unix seconds, None if the source has none."""
        if self._record_time is None:
            return None
        times = arrays[self._columns.index(self._record_time)]
        if not self._record_time.is_identity:
            return times
        nanoseconds = times.to_numpy()  # never null: it identifies the record
        return pa.array(nanoseconds // NANOSECONDS_A_SECOND)

    def _make_arrow_schema(self, table: TableSchema) -> pa.Schema:
        types = [(ID_COLUMN, id_type(table))]
        for _, column in self._stored:
            field = column.field
            assert field is not None, "only columns of fields are stored"
            types.append((field.name, column_type(field)))
            if column.takes_time and self._record_time is not None:
                types.append((field.name + TIME_SUFFIX, pa.int64()))
        return pa.schema(types)


class _Column:
    """How one field of the source is read, and what it becomes.

    `field`: the table's field, None of what identifies records or gives them their time.
    `least_error`: the least fault that keeps a record out.
    """

    def __init__(
        self,
        source: SourceField,
        table: TableSchema,
        *,
        is_identity: bool,
        schema: SourceSchema,
    ) -> None:
        self.is_identity = is_identity
        self.is_record_time = source.type is SourceType.RECORD_TIME
        is_stored = not is_identity and not self.is_record_time
        self.field = table.field(source.name) if is_stored else None
        self.takes_time = self.field is not None and self.field.type is FieldType.TIME
        self.is_signed = is_stored and source.type is SourceType.SIGNED_INT_BOOL_KEY
        allows_missing = schema.allow_missing_fields and not is_identity
        self.least_error = Fault.OUT_OF_RANGE if allows_missing else Fault.MISSING
        self._converter = _converter_of(source, self.field, is_identity=is_identity)
        self._recast = Recast(self._converter)
        self.leaf = Leaf(source.name, source.path, self._converter.kind)

    def convert(self, leaves: list[Any], *, as_written: bool) -> Converted:
        """Return the column of these leaves, which may all be as they were written."""
        converter = self._recast if as_written else self._converter
        return converter.convert(leaves)

    def explain(self, index: int, value: Any, fault: Fault, excerpt: str) -> RecordError:
        """Return the error that a fault is."""
        if fault is Fault.MISSING:
            return explain_missing(
                index, MISSING_FIELD, self.leaf, excerpt, is_identity=self.is_identity
            )
        code = _CODES[fault]
        if self.is_identity and fault is not Fault.TOO_LONG:
            code = INVALID_ID
        advice = self._converter.advice[fault]
        return explain_field(index, code, self.leaf, value, advice, excerpt=excerpt)


def _check_table(schema: SourceSchema, table: TableSchema) -> None:
    settled = settled_references(schema, table)
    faults = conflicts_with(schema, table, [name for name, is_keyed in settled.items() if is_keyed])
    faults += [
        f"field {field.name!r}: table {table.name!r} has none"
        for field in added_fields(schema, table)
    ]
    if faults:
        raise Conflict(
            f"the source does not fit table {table.name!r}: {'; '.join(faults[:3])}", details=faults
        )


def _index_of(name: str, fields: Sequence[SourceField]) -> int:
    return next(index for index, field in enumerate(fields) if field.name == name)


def _converter_of(
    source: SourceField, stored: FieldSchema | None, *, is_identity: bool
) -> Converter:
    """Return what converts a source's field, to what the table's field stores if there is one."""
    config = source.config
    if source.type is SourceType.RECORD_TIME:
        # As part of a key a time keeps all its digits.
        return TimeConverter.for_record_time(config, NANOSECONDS_A_SECOND if is_identity else 1)
    field = stored or field_schema_of(source)
    is_single = stored is None or stored.is_single
    match source.type:
        case SourceType.ID:
            return RowIdConverter(is_single=is_single)
        case SourceType.IDS:
            return RowIdsConverter()
        case SourceType.STRING:
            if stored is None:
                return RowKeyConverter(is_single=True, bytes_max=RECORD_KEY_BYTES_MAX)
            return RowKeyConverter(is_single=is_single)
        case SourceType.STRINGS:
            return RowKeysConverter()
        case SourceType.BOOL:
            return BooleanConverter()
        case SourceType.INT if field.type is FieldType.MUTEX:
            return RowKeyConverter(is_single=True)
        case SourceType.INT:
            low, high = max(config.low, field.min), min(config.high, field.max)
            return IntegerConverter(low, high, config.foreign_table)
        case SourceType.DECIMAL:
            return DecimalConverter(field)
        case SourceType.SIGNED_INT_BOOL_KEY:
            return SignedRowConverter()
        case SourceType.DATE_INT:
            return TimeConverter.for_date_int(field, config)
        case SourceType.TIMESTAMP:
            return TimeConverter.for_timestamp(field, config)
        case SourceType.VECTOR:
            return VectorConverter(field)


def _clear(ids: pa.Array, removed: Mapping[str, pa.ListArray]) -> Operation:
    """Return the removal of these rows, for those records that lose any."""
    records = pa.RecordBatch.from_arrays(
        [ids, *removed.values()], names=[ID_COLUMN, *removed.keys()]
    )
    loses_any = np.zeros(len(ids), dtype=np.bool_)
    for rows in removed.values():
        loses_any |= rows.is_valid().to_numpy(zero_copy_only=False)
    return Operation(OperationKind.CLEAR, records.filter(pa.array(loses_any)))
