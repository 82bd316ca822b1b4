"""A shard as a block of bytes, part by part, each with the last batch that it contains.

The parts are the records that exist, and of each field its rows, its values and its views. They are
taken one field at a time, each under the read lock of its own, so that a checkpoint never keeps a
write waiting for a whole shard; that is why every part names its own sequence. The parts of one
field are taken together: its two forms always agree.

The block: length of the contents list (8 bytes, little endian), the list (msgpack), then the parts,
each beginning at a multiple of 64 bytes.
"""

import enum
from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec
from pyroaring import BitMap

from bitbrook.bitmap.mutex_rows import MutexRows
from bitbrook.bitmap.rows import Rows
from bitbrook.bitmap.values import Values
from bitbrook.engine.field import FieldShard
from bitbrook.engine.partition import Partition
from bitbrook.engine.shard import Shard
from bitbrook.schema.field_types import TableSchema

ALIGNMENT = 64
LENGTH_BYTES = 8


class PartKind(enum.StrEnum):
    """What a part holds."""

    EXISTS = "exists"
    ROWS = "rows"
    VALUES = "values"
    VIEW = "view"


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One part of a block. `start` counts from the end of the contents list, padding included."""

    kind: PartKind
    sequence: int
    start: int
    size_bytes: int
    field_id: int = 0
    view: str = ""


class _Contents(msgspec.Struct, frozen=True, array_like=True):
    number: int
    parts: list[Part]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Contents)


class _Taken(msgspec.Struct):
    """A part and its bytes, before its place is known."""

    kind: PartKind
    sequence: int
    body: bytes
    field_id: int = 0
    view: str = ""


def encode_shard(
    partition: Partition, shard: Shard, reading: Callable[[], AbstractContextManager[None]]
) -> tuple[list[bytes], int]:
    """Return the block of a shard, as bytes to be laid end to end, and its least sequence.

    `reading` gives the read lock that keeps batches from being applied.
    """
    with reading():
        sequence = partition.applied_sequence
        taken = [_Taken(PartKind.EXISTS, sequence, shard.exists.serialize())]
        field_ids = list(shard.fields)
    for field_id in field_ids:
        with reading():
            field_shard = shard.fields.get(field_id)
            if field_shard is not None:
                taken += _take_field(field_id, field_shard, partition.applied_sequence)
    return _lay_out(shard.number, taken), sequence


def decode_shard(body: memoryview, sequence: int, schema: TableSchema) -> Shard:
    """Return the shard of a block, without the fields that the schema no longer has.

    `sequence`: the batch up to which the manifest says that all of the block contains everything.
    """
    contents_stop = LENGTH_BYTES + int.from_bytes(body[:LENGTH_BYTES], "little")
    contents = _DECODER.decode(body[LENGTH_BYTES:contents_stop])
    parts_start = _aligned(contents_stop)
    fields = {field.id: field for field in schema.fields}
    shard = Shard(contents.number, applied_sequence=sequence, stored_sequence=sequence)
    for part in contents.parts:
        # Each part in memory of its own, which is let go when the part is outgrown or thawed.
        part_body = memoryview(bytearray(body[parts_start + part.start :][: part.size_bytes]))
        if part.kind is PartKind.EXISTS:
            shard.exists = BitMap.deserialize(bytes(part_body))
            shard.loaded_sequence = part.sequence
        elif part.field_id in fields:
            field_shard = shard.field_for_writing(fields[part.field_id])
            field_shard.loaded_sequence = part.sequence
            _restore(field_shard, part, part_body)
    return shard


def _take_field(field_id: int, field_shard: FieldShard, sequence: int) -> list[_Taken]:
    taken = []
    if field_shard.rows is not None:
        taken.append(_Taken(PartKind.ROWS, sequence, field_shard.rows.to_bytes(), field_id))
    if field_shard.values is not None:
        taken.append(_Taken(PartKind.VALUES, sequence, field_shard.values.to_bytes(), field_id))
    for view, rows in field_shard.views.items():
        taken.append(_Taken(PartKind.VIEW, sequence, rows.to_bytes(), field_id, view))
    return taken


def _restore(field_shard: FieldShard, part: Part, body: memoryview) -> None:
    match part.kind:
        case PartKind.ROWS:
            rows_class = MutexRows if field_shard.schema.is_single else Rows
            field_shard.rows = rows_class.from_bytes(body)
        case PartKind.VALUES:
            field_shard.values = Values.from_bytes(body)
        case PartKind.VIEW:
            field_shard.views[part.view] = Rows.from_bytes(body)


def _lay_out(number: int, taken: list[_Taken]) -> list[bytes]:
    parts, pieces, start = [], [], 0
    for each in taken:
        parts.append(
            Part(each.kind, each.sequence, start, len(each.body), each.field_id, each.view)
        )
        padding = _aligned(len(each.body)) - len(each.body)
        pieces += [each.body, bytes(padding)]
        start += len(each.body) + padding
    contents = _ENCODER.encode(_Contents(number, parts))
    head = len(contents).to_bytes(LENGTH_BYTES, "little") + contents
    return [head, bytes(_aligned(len(head)) - len(head)), *pieces]


def _aligned(count: int) -> int:
    """Return the next multiple of the alignment."""
    return -(-count // ALIGNMENT) * ALIGNMENT
