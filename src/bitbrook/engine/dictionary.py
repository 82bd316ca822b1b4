"""The rows of one field in one partition, numbered 0, 1, 2... as they were first met.

Rows are row keys (text) or row ids (64-bit integers); the rest of the engine handles only their
codes, which keep value vectors narrow and make groups array indices. Append-only: a code means the
same row for ever, so a later dictionary always fits an earlier shard. Does not know which records
have a row, nor whether any still has.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.bitmap.key_table import KeyTable
from bitbrook.engine.text import object_strings, string_parts, strings_of

ID_BYTES: Final = 8


class RowDictionary:
    """Rows and their codes. A row id is kept as its eight bytes, little endian."""

    def __init__(self, *, is_keyed: bool) -> None:
        self.is_keyed = is_keyed
        self._table = KeyTable()

    def __len__(self) -> int:
        return len(self._table)

    @property
    def size_bytes(self) -> int:
        """Bytes of memory held."""
        return self._table.size_bytes

    def codes_of(self, rows: pa.Array) -> npt.NDArray[np.uint32]:
        """Return the code (uint32[n]) of each row, new codes for rows not met before.

        `rows` is uint64, or string if the field is keyed, without nulls.
        """
        return self._table.find_or_add(*self._parts(rows)).astype(np.uint32)

    def find_codes(self, rows: Sequence[int | str] | pa.Array) -> npt.NDArray[np.int64]:
        """Return the code (int64[n]) of each row, -1 for rows never met."""
        if not isinstance(rows, pa.Array):
            rows = pa.array(rows, type=pa.string() if self.is_keyed else pa.uint64())
        return self._table.find(*self._parts(rows))

    def rows_at(
        self, codes: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.uint64] | npt.NDArray[np.object_]:
        """Return the rows of these codes: uint64[n], or object[n] of str if the field is keyed."""
        octets, bounds = self._table.take(codes)
        if self.is_keyed:
            return object_strings(octets, bounds)
        return octets.view("<u8").astype(np.uint64, copy=False)

    def like(self, pattern: str) -> npt.NDArray[np.uint32]:
        """Return the codes (uint32[]) of row keys that match a LIKE pattern (`%`, `_`)."""
        assert self.is_keyed, "only row keys are text"
        matches = pc.match_like(strings_of(*self._table.keys_from(0)), pattern)
        return np.flatnonzero(matches.to_numpy(zero_copy_only=False)).astype(np.uint32)

    def tail(self, first: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.integer]]:
        """Return the rows of the codes from `first` on: bytes, bounds; views that never change."""
        return self._table.keys_from(first)

    def extend(self, octets: npt.NDArray[np.uint8], bounds: npt.NDArray[np.int64]) -> None:
        """Add rows as `tail` gave them; none of them is known yet."""
        self._table.add_new(octets, bounds)

    def _parts(
        self, rows: pa.Array
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32] | npt.NDArray[np.int64]]:
        if self.is_keyed:
            return string_parts(rows)
        ids = rows.to_numpy(zero_copy_only=False).astype("<u8", copy=False)
        return ids.view(np.uint8), np.arange(0, ids.nbytes + 1, ID_BYTES, dtype=np.int64)
