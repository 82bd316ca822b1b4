"""A shard: 2^20 neighbouring record positions, which of them exist, and what their fields hold."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from bitbrook.engine.field import FieldShard
from bitbrook.schema.field_types import FieldSchema


@dataclass(slots=True)
class Shard:
    """One shard of one partition.

    `number`: the record id (or the partition-wide position) of its first record, divided by 2^20.
    `exists`: the positions of records that were written and not deleted since.
    `fields`: by field id; absent until the first value.
    `applied_sequence`: the last batch that named this shard. `stored_sequence`: the batch up to
    which its snapshot contains everything; the shard is dirty while that lies below.
    `loaded_sequence`: the batch up to which `exists`, as read from a snapshot, contains everything.
    """

    number: int
    exists: BitMap = field(default_factory=BitMap)
    fields: dict[int, FieldShard] = field(default_factory=dict)
    applied_sequence: int = 0
    stored_sequence: int = 0
    loaded_sequence: int = 0

    @property
    def is_dirty(self) -> bool:
        """Whether a batch changed it since its snapshot."""
        return self.applied_sequence > self.stored_sequence

    @property
    def exists_bytes(self) -> int:
        """Bytes of memory that `exists` holds."""
        statistics = self.exists.get_statistics()
        return (
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
