"""A shard as a block, part by part, each with the batches that it contains.

The parts are the records that exist, and of each field its rows, values, vectors and views. They
are taken one after another, each under the read lock of its own, so that a checkpoint never keeps a
write waiting for a whole shard; that is why every part names its own sequence. The two forms of a
mutex or bool are taken together: they always agree. The many rows of a set are taken a few at a
time, so that they contain batches of different moments; what a batch does to a bit of them does not
depend on what was there, so replaying every batch since the first of these moments makes all of
them right.

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
from bitbrook.bitmap.rows import Rows, TakenRows, encode_rows
from bitbrook.bitmap.values import Values
from bitbrook.bitmap.vectors import Vectors
from bitbrook.engine.field import ROWS, VALUES, VECTORS, FieldShard
from bitbrook.engine.partition import Partition
from bitbrook.engine.shard import EXISTS, Shard
from bitbrook.engine.stored import Parts, Stored
from bitbrook.schema.field_types import FieldSchema, TableSchema
from bitbrook.stores.snapshots import Piece

SLOTS_PER_HOLD = 512
BYTES_PER_HOLD = 256 << 10
"""A hold of the lock takes a millisecond; 10,000 rows at once took 55, with every reader behind a
waiting writer."""

Reading = Callable[[], AbstractContextManager[None]]
Body = bytes | memoryview | Piece


class PartKind(enum.StrEnum):
    """What a part holds."""

    EXISTS = EXISTS
    ROWS = ROWS
    VALUES = VALUES
    VECTORS = VECTORS
    VIEW = "view"


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One part of a block; the pieces come in the order of the list.

    It contains every batch up to `sequence`, and of those up to `last_sequence` some.
    """

    kind: PartKind
    sequence: int
    last_sequence: int
    field_id: int = 0
    view: str = ""

    @property
    def name(self) -> str:
        """What it is called among the forms or the views of its field."""
        return self.view or self.kind


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
        self._parts.append(Part(PartKind.EXISTS, self.sequence, self.sequence))
        yield _compact(taken) if isinstance(taken, BitMap) else taken.piece.read()
        for field_id in field_ids:
            for body in self._take_field(field_id):
                yield body.read() if isinstance(body, Piece) else body
        yield _ENCODER.encode(_Contents(shard.number, record_count, self._parts))

    def _take_field(self, field_id: int) -> Iterator[Body]:
        """Give a field's parts, those not touched as they lie in their block."""
        with self._reading():
            field_shard = self._shard.fields.get(field_id)
            if field_shard is None:
                return
            if field_shard.schema.is_single:
                taken = self._take_forms(field_id, field_shard)
        if field_shard.schema.is_single:
            yield from taken
            return
        forms = [(PartKind.ROWS, name) for name in field_shard.forms]
        for kind, name in (*forms, *((PartKind.VIEW, view) for view in list(field_shard.views))):
            body = self._take_rows(field_id, kind, name)
            if body is not None:
                yield body

    def _take_forms(self, field_id: int, field_shard: FieldShard) -> list[Body]:
        sequence = self._partition.applied_sequence
        taken: list[Body] = []
        for name, part in field_shard.forms.as_they_are().items():
            self._parts.append(Part(PartKind(name), sequence, sequence, field_id))
            taken.append(part.piece if isinstance(part, Stored) else part.to_bytes())
        return taken

    def _take_rows(self, field_id: int, kind: PartKind, name: str) -> Body | None:
        """Return rows of a set or time field, a few with each hold of the lock; None if gone."""
        rows: Rows | Stored[Rows] | None = None
        taken: list[TakenRows] = []
        first_sequence, place = 0, 0
        while True:
            with self._reading():
                now = _rows_now(self._shard, field_id, kind, name)
                sequence = self._partition.applied_sequence
                if now is not rows:
                    # Met first, or a view that was dropped meanwhile and began anew.
                    rows, taken, first_sequence, place = now, [], sequence, 0
                if rows is None:
                    return None
                if isinstance(rows, Rows):
                    slots, place = rows.take(place, SLOTS_PER_HOLD, BYTES_PER_HOLD)
                    taken.append(slots)
                is_last = isinstance(rows, Stored) or place >= rows.slots_count
            if is_last:
                view = name if kind is PartKind.VIEW else ""
                self._parts.append(Part(kind, first_sequence, sequence, field_id, view))
                return rows.piece if isinstance(rows, Stored) else encode_rows(taken)


def _rows_now(shard: Shard, field_id: int, kind: PartKind, name: str) -> Rows | Stored[Rows] | None:
    field_shard = shard.fields.get(field_id)
    if field_shard is None:
        return None
    parts: Parts[Any] = field_shard.views if kind is PartKind.VIEW else field_shard.forms
    found: Rows | Stored[Rows] | None = parts.as_they_are().get(name)
    return found


def open_shard(pieces: Sequence[Piece], sequence: int, schema: TableSchema) -> Shard:
    """Return the shard of a block, without the fields that the schema no longer has.

    `sequence`: the batch up to which the manifest says that all of the block contains everything.

    Raises:
        Damaged: the list of contents is not what was written.
    """
    contents = _DECODER.decode(pieces[-1].read())
    shard = Shard(contents.number)
    shard.applied_sequence = shard.stored_sequence = shard.rested_sequence = sequence
    fields = {field.id: field for field in schema.fields}
    for part, piece in zip(contents.parts, pieces, strict=False):
        if part.kind is PartKind.EXISTS:
            shard.loaded_sequence = part.sequence
            shard.store_exists(Stored(piece, _bitmap_of), contents.record_count)
        elif part.field_id in fields:
            field_shard = shard.fields.setdefault(part.field_id, FieldShard(fields[part.field_id]))
            _load_up_to(field_shard, part)
            _store_part(field_shard, part, piece)
    return shard


def store_parts(shard: Shard, pieces: Sequence[Piece]) -> list[object]:
    """Let the parts that a shard has lie in its block, which has them as they are.

    Returns what is let go of.
    """
    contents = _DECODER.decode(pieces[-1].read())
    gone: list[object] = []
    for part, piece in zip(contents.parts, pieces, strict=False):
        if part.kind is PartKind.EXISTS:
            gone.append(shard.store_exists(Stored(piece, _bitmap_of), contents.record_count))
        else:
            field_shard = shard.fields.get(part.field_id)
            # A field or a view may have been dropped since.
            if field_shard is not None and part.name in _parts_of(field_shard, part):
                gone.append(_store_part(field_shard, part, piece))
    return gone


def move_untouched(shard: Shard, pieces: Sequence[Piece]) -> None:
    """Let the parts of a shard that nobody touched lie in the block of these pieces.

    It holds all that the block before held of them, which may go then.
    """
    contents = _DECODER.decode(pieces[-1].read())
    for part, piece in zip(contents.parts, pieces, strict=False):
        if part.kind is PartKind.EXISTS:
            shard.forms.move(EXISTS, piece)
        elif (field_shard := shard.fields.get(part.field_id)) is not None:
            _parts_of(field_shard, part).move(part.name, piece)


def _parts_of(field_shard: FieldShard, part: Part) -> Parts[Any]:
    return field_shard.views if part.kind is PartKind.VIEW else field_shard.forms


def _load_up_to(field_shard: FieldShard, part: Part) -> None:
    """Take note of what a part contains: everything is what all parts contain."""
    first = part.sequence
    if field_shard.last_loaded_sequence:
        first = min(first, field_shard.loaded_sequence)
    field_shard.loaded_sequence = first
    field_shard.last_loaded_sequence = max(field_shard.last_loaded_sequence, part.last_sequence)


def _store_part(field_shard: FieldShard, part: Part, piece: Piece) -> object:
    """Let a part lie in its piece; return what was there before."""
    stored = Stored(piece, _made_from(part.kind, field_shard.schema))
    return _parts_of(field_shard, part).store(part.name, stored)


def _made_from(kind: PartKind, field: FieldSchema) -> Callable[[memoryview], Any]:
    """Return what makes a part of its bytes."""
    if kind is PartKind.VALUES:
        return Values.from_bytes
    if kind is PartKind.VECTORS:
        return Vectors.from_bytes
    is_mutex = kind is PartKind.ROWS and field.is_single
    return MutexRows.from_bytes if is_mutex else Rows.from_bytes


def _bitmap_of(body: memoryview) -> BitMap:
    return BitMap.deserialize(bytes(body))


def _compact(bitmap: BitMap) -> bytes:
    """Return the bytes of a bitmap that is nobody else's."""
    bitmap.run_optimize()
    body: bytes = bitmap.serialize()
    return body
