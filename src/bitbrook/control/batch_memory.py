"""How many bytes the batches hold that wait to be durable and visible, and may hold.

One number for all sources of a server. A batch that would go beyond it is refused before anything
of it is logged; one alone is always taken, however large.
"""

import threading

from bitbrook.engine.batch import Batch
from bitbrook.errors import Overloaded

BATCHES_BYTES_MAX = 256 << 20


class BatchMemory:
    """The memory of waiting batches."""

    def __init__(self, bytes_max: int = BATCHES_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._held_bytes = 0
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """How many bytes wait at the moment."""
        return self._held_bytes

    def take(self, size_bytes: int) -> None:
        """Count a batch that is about to wait.

        Raises:
            Overloaded: all together would hold too much.
        """
        with self._lock:
            if self._held_bytes and self._held_bytes + size_bytes > self._bytes_max:
                raise Overloaded(
                    f"batches of {self._held_bytes:,} bytes wait to be stored and "
                    f"{self._bytes_max:,} may; nothing was applied; send it again"
                )
            self._held_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Count a batch that waits no more."""
        with self._lock:
            self._held_bytes -= size_bytes


def size_of(batch: Batch) -> int:
    """Return the bytes of a batch's columns."""
    return sum(operation.records.nbytes for operation in batch.operations)
