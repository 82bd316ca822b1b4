"""A batch: a columnar set of writes to one table, as it is logged and applied.

A batch is a list of operations that become durable and visible together, in order. Its columns are
already typed, checked and in stored form: applying a batch cannot fail on account of its values, so
a batch that is in the log is a batch that will be applied, now or by recovery.

Columns of an operation's RecordBatch, by name:

- `_id`: uint64, or string on a keyed table; never null. Absent in CLEAR_ROW.
- a set or time field: list<uint64>, or list<string> if keyed; a time field may go with a column
  `<field>@time` (int64 Unix seconds, nullable): the time of the record's rows.
- a mutex field: uint64, or string if keyed. bool: bool. int, decimal, timestamp: int64 as stored.
- a vector field: a fixed-size list of float32, all of them finite.

Null leaves the field as it is. Of several values for one record in an operation the last one wins
in single-valued fields; sets accumulate.
"""

import enum
import zlib
from dataclasses import dataclass

import msgspec
import pyarrow as pa

from bitbrook.errors import Damaged
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

ID_COLUMN = "_id"
TIME_SUFFIX = "@time"
FORMAT_VERSION = 1


class OperationKind(enum.StrEnum):
    """What an operation does with its records.

    UPSERT adds rows and replaces single values. REPLACE does so after emptying every field of its
    records. CLEAR removes the rows given (of a number field, whatever value is there). DELETE
    removes the records. CLEAR_ROW removes the rows given from every record.
    """

    UPSERT = "upsert"
    REPLACE = "replace"
    CLEAR = "clear"
    DELETE = "delete"
    CLEAR_ROW = "clear_row"


@dataclass(slots=True)
class Operation:
    """One kind of write over a set of records."""

    kind: OperationKind
    records: pa.RecordBatch


@dataclass(slots=True)
class Batch:
    """Operations that become durable and visible together."""

    operations: list[Operation]

    @property
    def record_count(self) -> int:
        """How many records the operations name, counting repetitions."""
        return sum(operation.records.num_rows for operation in self.operations)


def column_type(field: FieldSchema) -> pa.DataType:
    """Return the Arrow type of a field's column in a batch."""
    row = pa.string() if field.is_keyed else pa.uint64()
    match field.type:
        case FieldType.SET | FieldType.TIME:
            return pa.list_(row)
        case FieldType.MUTEX:
            return row
        case FieldType.BOOL:
            return pa.bool_()
        case FieldType.VECTOR:
            return pa.list_(pa.float32(), field.dimensions)
        case _:
            return pa.int64()


def id_type(schema: TableSchema) -> pa.DataType:
    """Return the Arrow type of the `_id` column of a table's batches."""
    return pa.string() if schema.is_keyed else pa.uint64()


class _Envelope(msgspec.Struct, array_like=True, frozen=True):
    """What is logged: format version, then per operation its kind, field ids and an IPC stream."""

    version: int
    operations: list[tuple[str, dict[str, int], bytes]]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Envelope)
# Without threads: to hand six columns to a pool takes longer than to compress them.
_IPC_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)


def encode_batch(batch: Batch, schema: TableSchema) -> bytes:
    """Return the batch as bytes for the log: CRC-32 (4 bytes, little endian), then the envelope."""
    operations = []
    for operation in batch.operations:
        field_ids = {
            name: schema.field(name.removesuffix(TIME_SUFFIX)).id
            for name in operation.records.schema.names
            if name != ID_COLUMN
        }
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, operation.records.schema, options=_IPC_OPTIONS) as stream:
            stream.write_batch(operation.records)
        operations.append((operation.kind.value, field_ids, sink.getvalue().to_pybytes()))
    body = _ENCODER.encode(_Envelope(FORMAT_VERSION, operations))
    return zlib.crc32(body).to_bytes(4, "little") + body


def field_ids_of(encoded: bytes) -> set[int]:
    """Return the fields for which `encode_batch` wrote columns."""
    envelope = _DECODER.decode(memoryview(encoded)[4:])
    return {each for _, field_ids, _ in envelope.operations for each in field_ids.values()}


def decode_batch(encoded: bytes, schema: TableSchema, *, where: str) -> Batch:
    """Return the batch that `encode_batch` wrote, without the columns of fields dropped since.

    `where` names the log entry for the error.

    Raises:
        Damaged: the checksum does not match or the bytes cannot be read.
    """
    body = memoryview(encoded)[4:]
    if len(encoded) < 4 or zlib.crc32(body) != int.from_bytes(encoded[:4], "little"):
        raise Damaged(f"{where}: the checksum does not match; restore it from a backup")
    envelope = _DECODER.decode(body)
    if envelope.version != FORMAT_VERSION:
        raise Damaged(f"{where}: written in format {envelope.version}, this is {FORMAT_VERSION}")
    name_of = {field.id: field.name for field in schema.fields}
    operations = []
    for kind, field_ids, stream in envelope.operations:
        records = pa.ipc.open_stream(stream).read_next_batch()
        kept = [
            name
            for name in records.schema.names
            if name == ID_COLUMN or name_of.get(field_ids[name]) == name.removesuffix(TIME_SUFFIX)
        ]
        operations.append(Operation(OperationKind(kind), records.select(kept)))
    return Batch(operations)
