"""A shard: 2^20 neighbouring record positions, which of them exist, and what their fields hold."""

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from bitbrook.engine.field import FieldShard
from bitbrook.engine.stored import Parts, Stored
from bitbrook.schema.field_types import FieldSchema

EXISTS = "exists"


class Shard:
    """One shard of one partition.

    `number`: the record id (or the partition-wide position) of its first record, divided by 2^20.
    `forms`: `exists` by that name. `fields`: by field id; absent until the first value.
    `applied_sequence`: the last batch that named this shard. `stored_sequence`: the batch up to
    which its snapshot contains everything; the shard is dirty while that lies below.
    `loaded_sequence`: the batch up to which `exists`, as read from a snapshot, contains everything.
    `rested_sequence`: the last batch before all parts were let lie in the block.
    """

    __slots__ = (
        "__weakref__",
        "_stored_count",
        "applied_sequence",
        "fields",
        "forms",
        "loaded_sequence",
        "number",
        "rested_sequence",
        "stored_sequence",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.forms: Parts[BitMap] = Parts()
        self.forms[EXISTS] = BitMap()
        self.fields: dict[int, FieldShard] = {}
        self.applied_sequence = 0
        self.stored_sequence = 0
        self.rested_sequence = 0
        self.loaded_sequence = 0
        self._stored_count = 0

    def store_exists(self, exists: Stored[BitMap], record_count: int) -> object:
        """Let `exists`, of so many records, lie in the shard's block; return what was here."""
        self._stored_count = record_count
        return self.forms.store(EXISTS, exists)

    @property
    def exists(self) -> BitMap:
        """The positions of records that were written and not deleted since."""
        return self.forms[EXISTS]

    @property
    def record_count(self) -> int:
        """How many records exist."""
        exists = self.forms.as_they_are()[EXISTS]
        return self._stored_count if isinstance(exists, Stored) else len(exists)

    @property
    def is_dirty(self) -> bool:
        """Whether a batch changed it since its snapshot."""
        return self.applied_sequence > self.stored_sequence

    @property
    def exists_bytes(self) -> int:
        """Bytes of memory that `exists` holds."""
        exists = self.forms.as_they_are()[EXISTS]
        if isinstance(exists, Stored):
            return exists.size_bytes
        statistics = exists.get_statistics()
        return int(
            statistics["n_bytes_array_containers"]
            + statistics["n_bytes_run_containers"]
            + statistics["n_bytes_bitset_containers"]
        )

    def field_for_writing(self, schema: FieldSchema) -> FieldShard:
        """Return the field's part of this shard, made empty on its first value."""
        field_shard = self.fields.get(schema.id)
        if field_shard is None:
            field_shard = self.fields[schema.id] = FieldShard.empty(schema)
        return field_shard


def bitmap_of(positions: npt.NDArray[np.uint32]) -> BitMap:
    """Return the bitmap of these positions, in any order."""
    # CRoaring takes a buffer at once; from an array it would take one integer after another.
    return BitMap(np.ascontiguousarray(positions).data)
