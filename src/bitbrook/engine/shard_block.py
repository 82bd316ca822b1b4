"""A shard as a block, part by part, each with the last batch that it contains.

The parts are the records that exist, and of each field its rows, its values and its views. They are
taken one field at a time, each under the read lock of its own, so that a checkpoint never keeps a
write waiting for a whole shard; that is why every part names its own sequence. The parts of one
field are taken together: its two forms always agree.

Opening a block reads its list of contents, the last of its pieces (msgpack); every part stays in
its piece until it is touched. A part that nobody touched goes from block to block as it is.
"""

import enum
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import msgspec
from pyroaring import BitMap

from bitbrook.bitmap.mutex_rows import MutexRows
from bitbrook.bitmap.rows import Rows
from bitbrook.bitmap.values import Values
from bitbrook.engine.field import ROWS, VALUES, FieldShard
from bitbrook.engine.partition import Partition
from bitbrook.engine.shard import EXISTS, Shard
from bitbrook.engine.stored import Parts, Stored
from bitbrook.schema.field_types import FieldSchema, TableSchema
from bitbrook.stores.snapshots import Piece

Reading = Callable[[], AbstractContextManager[None]]


class PartKind(enum.StrEnum):
    """What a part holds."""

    EXISTS = EXISTS
    ROWS = ROWS
    VALUES = VALUES
    VIEW = "view"


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One part of a block; the pieces come in the order of the list."""

    kind: PartKind
    sequence: int
    field_id: int = 0
    view: str = ""


class _Contents(msgspec.Struct, frozen=True, array_like=True):
    number: int
    record_count: int
    parts: list[Part]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Contents)


class ShardPieces:
    """The pieces of a shard's block as it is being written. Iterated over once.

    `reading` gives the read lock that keeps batches from being applied. `sequence`, known from the
    first piece on: all of the block contains every batch up to it.
    """

    def __init__(self, partition: Partition, shard: Shard, reading: Reading) -> None:
        self.sequence = 0
        self._partition = partition
        self._shard = shard
        self._reading = reading
        self._parts: list[Part] = []

    def __iter__(self) -> Iterator[bytes | memoryview]:
        shard = self._shard
        with self._reading():
            self.sequence = self._partition.applied_sequence
            record_count = shard.record_count
            exists = shard.forms.as_they_are()[EXISTS]
            taken = exists.copy() if isinstance(exists, BitMap) else exists
            field_ids = list(shard.fields)
        self._parts.append(Part(PartKind.EXISTS, self.sequence))
        yield _compact(taken) if isinstance(taken, BitMap) else taken.piece.read()
        for field_id in field_ids:
            for body in self._take_field(field_id):
                yield body if isinstance(body, bytes) else body.read()
        yield _ENCODER.encode(_Contents(shard.number, record_count, self._parts))

    def _take_field(self, field_id: int) -> list[bytes | Piece]:
        """Return a field's parts, those not touched as they lie in their block."""
        with self._reading():
            field_shard = self._shard.fields.get(field_id)
            if field_shard is None:
                return []
            sequence = self._partition.applied_sequence
            taken: list[bytes | Piece] = []
            for name, part in field_shard.forms.as_they_are().items():
                self._parts.append(Part(PartKind(name), sequence, field_id))
                taken.append(part.piece if isinstance(part, Stored) else part.to_bytes())
            for view, rows in field_shard.views.as_they_are().items():
                self._parts.append(Part(PartKind.VIEW, sequence, field_id, view))
                taken.append(rows.piece if isinstance(rows, Stored) else rows.to_bytes())
            return taken


def open_shard(pieces: Sequence[Piece], sequence: int, schema: TableSchema) -> Shard:
    """Return the shard of a block, without the fields that the schema no longer has.

    `sequence`: the batch up to which the manifest says that all of the block contains everything.

    Raises:
        Damaged: the list of contents is not what was written.
    """
    contents = _DECODER.decode(pieces[-1].read())
    fields = {field.id: field for field in schema.fields}
    shard = Shard.of_block(contents.number, sequence, record_count=contents.record_count)
    for part, piece in zip(contents.parts, pieces, strict=False):
        if part.kind is PartKind.EXISTS:
            shard.forms.store(EXISTS, Stored(piece, _bitmap_of))
            shard.loaded_sequence = part.sequence
        elif part.field_id in fields:
            field = fields[part.field_id]
            field_shard = shard.fields.setdefault(field.id, FieldShard(field))
            field_shard.loaded_sequence = part.sequence
            stored = Stored(piece, _made_from(part.kind, field))
            _parts_of(field_shard, part).store(part.view or part.kind, stored)
    return shard


def move_untouched(shard: Shard, pieces: Sequence[Piece]) -> None:
    """Let the parts of a shard that nobody touched lie in the block of these pieces.

    It holds all that the block before held of them, which may go then.
    """
    contents = _DECODER.decode(pieces[-1].read())
    for part, piece in zip(contents.parts, pieces, strict=False):
        if part.kind is PartKind.EXISTS:
            shard.forms.move(EXISTS, piece)
        elif (field_shard := shard.fields.get(part.field_id)) is not None:
            _parts_of(field_shard, part).move(part.view or part.kind, piece)


def _parts_of(field_shard: FieldShard, part: Part) -> Parts[Any]:
    return field_shard.views if part.kind is PartKind.VIEW else field_shard.forms


def _made_from(kind: PartKind, field: FieldSchema) -> Callable[[memoryview], Any]:
    """Return what makes a part of its bytes."""
    if kind is PartKind.VALUES:
        return Values.from_bytes
    is_mutex = kind is PartKind.ROWS and field.is_single
    return MutexRows.from_bytes if is_mutex else Rows.from_bytes


def _bitmap_of(body: memoryview) -> BitMap:
    return BitMap.deserialize(bytes(body))


def _compact(bitmap: BitMap) -> bytes:
    """Return the bytes of a bitmap that is nobody else's."""
    bitmap.run_optimize()
    body: bytes = bitmap.serialize()
    return body
