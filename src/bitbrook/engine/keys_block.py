"""Keys (of records, or the rows of a field) as blocks of bytes, each continuing the one before.

A block has two pieces: the length of each key (uint32), and the keys' bytes end to end.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bitbrook.stores.snapshots import Piece


class Keys(Protocol):
    """What is numbered 0, 1, 2... and only grows: RecordKeys and RowDictionary."""

    def __len__(self) -> int: ...

    def tail(self, first: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.integer]]:
        """Return the bytes of the keys from `first` on and their bounds; both stay as they are."""
        ...

    def extend(self, octets: npt.NDArray[np.uint8], bounds: npt.NDArray[np.int64]) -> None:
        """Add keys that are not known yet."""
        ...


def encode_keys(
    octets: npt.NDArray[np.uint8], bounds: npt.NDArray[np.integer]
) -> list[bytes | memoryview]:
    """Return the pieces of the block of these keys."""
    return [np.diff(bounds).astype("<u4").tobytes(), octets.data]


def decode_keys(pieces: Sequence[Piece], keys: Keys) -> None:
    """Add the keys of a block to `keys`.

    Raises:
        Damaged: the block is not what was written.
    """
    lengths, octets = (piece.read() for piece in pieces)
    bounds = np.zeros(len(lengths) // 4 + 1, dtype=np.int64)
    np.cumsum(np.frombuffer(lengths, dtype="<u4"), out=bounds[1:])
    keys.extend(np.frombuffer(octets, dtype=np.uint8), bounds)
