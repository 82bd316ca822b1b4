"""How many bytes the batches hold that wait to be durable and visible, and may hold.

One number for all sources of a server. A batch that would go beyond it is refused before anything
of it is logged; one alone is always taken, however large.
"""

from bitbrook.algebra.memory import SharedMemory
from bitbrook.engine.batch import Batch

BATCHES_BYTES_MAX = 256 << 20


class BatchMemory(SharedMemory):
    """The memory of waiting batches."""

    def __init__(self, bytes_max: int = BATCHES_BYTES_MAX) -> None:
        super().__init__(bytes_max)

    def _fits(self, size_bytes: int) -> bool:
        return not self._held_bytes or super()._fits(size_bytes)

    def _refusal(self, size_bytes: int) -> str:  # noqa: ARG002 - it is the others that are many
        return (
            f"batches of {self._held_bytes:,} bytes wait to be stored and "
            f"{self.bytes_max:,} may; nothing was applied; send it again"
        )


def size_of(batch: Batch) -> int:
    """Return the bytes of a batch's columns."""
    return sum(operation.records.nbytes for operation in batch.operations)
