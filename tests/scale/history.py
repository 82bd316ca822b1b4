"""Whether a history of writes and reads is one that a single copy could have.

Each register is written by one client with increasing numbers, one write after another, and read by
any. Then a history is linearisable if and only if every read gives a number that is not older than
the last write acknowledged before the read began, nor newer than the last begun before it ended,
nor older than what an earlier read gave. A write that was never acknowledged may count or not.
"""

import threading
import time
from collections import defaultdict
from typing import NamedTuple


class Operation(NamedTuple):
    """A write or a read of a register, from its call to its answer. `ended_s`: None if none came.

    `number`: what was written or read; 0 is what a register has in the beginning.
    """

    register: str
    is_write: bool
    number: int
    began_s: float
    ended_s: float | None


class History:
    """Operations as clients saw them, in no order."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._lock = threading.Lock()

    def note(
        self,
        register: str,
        number: int,
        began_s: float,
        *,
        is_write: bool,
        is_answered: bool = True,
    ) -> None:
        """Take note of an operation that ended just now, or never."""
        ended_s = time.monotonic() if is_answered else None
        with self._lock:
            self.operations.append(Operation(register, is_write, number, began_s, ended_s))

    def faults(self) -> list[str]:
        """Return what no single copy could have answered."""
        registers: dict[str, list[Operation]] = defaultdict(list)
        for operation in self.operations:
            registers[operation.register].append(operation)
        return [fault for operations in registers.values() for fault in _faults_of(operations)]


def _faults_of(operations: list[Operation]) -> list[str]:
    writes = [each for each in operations if each.is_write]
    reads = sorted(
        (each for each in operations if not each.is_write), key=lambda each: each.ended_s or 0.0
    )
    faults = []
    for at, read in enumerate(reads):
        assert read.ended_s is not None, "a read without an answer says nothing"
        least = max(
            (w.number for w in writes if w.ended_s is not None and w.ended_s < read.began_s),
            default=0,
        )
        seen = max(
            (r.number for r in reads[:at] if r.ended_s is not None and r.ended_s < read.began_s),
            default=0,
        )
        most = max((w.number for w in writes if w.began_s < read.ended_s), default=0)
        if not max(least, seen) <= read.number <= most:
            faults.append(
                f"{read.register}: {read.number} was read, {least} was acknowledged and {seen} "
                f"read before, {most} was the last sent"
            )
    return faults
