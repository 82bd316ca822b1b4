"""Memory that statements share: what each takes is counted, and one too many is told to wait."""

import os
import threading

from bitbrook.errors import Overloaded


def machine_bytes() -> int:
    """Return the bytes of memory that the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class SharedMemory:
    """So many bytes for what all statements of the process gather together."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self._held_bytes = 0
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """What is taken now."""
        return self._held_bytes

    def take(self, size_bytes: int) -> None:
        """Count memory that a statement is about to use.

        Raises:
            Overloaded: others use so much of it that it is not there now.
        """
        with self._lock:
            if not self._fits(size_bytes):
                raise Overloaded(self._refusal(size_bytes))
            self._held_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Count memory that is not used any more."""
        with self._lock:
            self._held_bytes -= size_bytes

    def _fits(self, size_bytes: int) -> bool:
        return self._held_bytes + size_bytes <= self.bytes_max

    def _refusal(self, size_bytes: int) -> str:
        return (
            f"the statement would take {size_bytes:,} bytes of memory and "
            f"{max(self.bytes_max - self._held_bytes, 0):,} of {self.bytes_max:,} are "
            "left by the others that run; send it again, or raise queries_memory_bytes_max"
        )
