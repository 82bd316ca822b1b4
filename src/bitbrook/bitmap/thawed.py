"""How much memory the rows take that were thawed to be read, of all fields together.

A row that was thawed and not written to since may be let go at any time: its bytes are still in its
shard's block. Those of the fields that were thawed into first go first, all of a field's together.
The bound is generous, for a table that fits shall not thaw a row twice; it lets a table that does
not fit be read nevertheless.
"""

import threading
from typing import Final, Protocol
from weakref import WeakKeyDictionary

from bitbrook.algebra.memory import machine_bytes

SHARE: Final = 4
"""A fourth of the machine's memory may hold thawed rows."""

KEPT_SHARE: Final = 0.75
"""So much of the bound stays when it is reached, so that rows are let go many at a time."""


class Thawing(Protocol):
    """Rows of a field in a shard, as the ledger sees them."""

    def refreeze(self) -> None:
        """Let go of the rows that were only read."""
        ...


class Ledger:
    """Who holds how many bytes of thawed rows. `lock` is held for every change of who does.

    `hits`, `misses`: how often one was asked for that was kept, or was not.
    """

    def __init__(self, bytes_max: int) -> None:
        self.lock = threading.Lock()
        self.bytes_max = bytes_max
        # Counted without the lock, which a row that is at hand does not take.
        self.hits = 0
        self.misses = 0
        self._held: WeakKeyDictionary[Thawing, int] = WeakKeyDictionary()
        self._held_bytes = 0

    @property
    def held_bytes(self) -> int:
        """Bytes of thawed rows that are kept, about."""
        return self._held_bytes

    def note(self, rows: Thawing, size_bytes: int) -> None:
        """Take note of a thawed row, and let others go if they have become too many."""
        self._held[rows] = self._held.get(rows, 0) + size_bytes
        self._held_bytes += size_bytes
        if self._held_bytes <= self.bytes_max:
            return
        # Some may have gone with their tables; nobody told.
        self._held_bytes = sum(self._held.values())
        for other in list(self._held):
            if self._held_bytes <= KEPT_SHARE * self.bytes_max:
                break
            other.refreeze()
            self._held_bytes -= self._held.pop(other)


LEDGER: Final = Ledger(machine_bytes() // SHARE)
"""The process's own."""
