"""Keys (of records, or the rows of a field) as blocks of bytes, each continuing the one before.

A block: the count (8 bytes, little endian), the length of each key (uint32), the keys' bytes.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt

COUNT_BYTES = 8


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
    """Return the block of these keys, as bytes to be laid end to end."""
    lengths = np.diff(bounds).astype("<u4")
    count = len(lengths).to_bytes(COUNT_BYTES, "little")
    return [count, lengths.tobytes(), octets.data]


def decode_keys(body: memoryview, keys: Keys) -> None:
    """Add the keys of a block to `keys`."""
    count = int.from_bytes(body[:COUNT_BYTES], "little")
    lengths = np.frombuffer(body, dtype="<u4", count=count, offset=COUNT_BYTES)
    bounds = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(lengths, out=bounds[1:])
    keys.extend(np.frombuffer(body[COUNT_BYTES + lengths.nbytes :], dtype=np.uint8), bounds)
