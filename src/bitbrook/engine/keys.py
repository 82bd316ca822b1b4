"""The record keys of one partition of a keyed table, and the positions they were given.

Positions count from 0 in the order keys were first written and run through the partition's shards
(shard = position >> 20). A key keeps its position for ever, also when its record is deleted, so a
replayed batch finds the records that it found the first time. Does not know which records exist.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bitbrook.bitmap.key_table import KeyTable
from bitbrook.engine.text import object_strings, string_parts


class RecordKeys:
    """Record keys and their positions in the partition."""

    def __init__(self) -> None:
        self._table = KeyTable()

    def __len__(self) -> int:
        return len(self._table)

    @property
    def size_bytes(self) -> int:
        """Bytes of memory held."""
        return self._table.size_bytes

    def positions_of(self, keys: pa.Array) -> npt.NDArray[np.int64]:
        """Return each key's position (int64[n]), the next free ones for keys not met before."""
        return self._table.find_or_add(*string_parts(keys))

    def find_positions(self, keys: Sequence[str] | pa.Array) -> npt.NDArray[np.int64]:
        """Return each key's position (int64[n]), -1 for keys never met."""
        if not isinstance(keys, pa.Array):
            keys = pa.array(keys, type=pa.string())
        return self._table.find(*string_parts(keys))

    def keys_at(self, positions: npt.NDArray[np.integer]) -> npt.NDArray[np.object_]:
        """Return the keys at these positions as an object array of str."""
        return object_strings(*self._table.take(positions))

    def tail(self, first: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.integer]]:
        """Return the keys from position `first` on as bytes and bounds: views that never change."""
        return self._table.keys_from(first)

    def extend(self, octets: npt.NDArray[np.uint8], bounds: npt.NDArray[np.int64]) -> None:
        """Add keys as `tail` gave them; none of them is known yet."""
        self._table.add_new(octets, bounds)
