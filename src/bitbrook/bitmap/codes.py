"""Integers numbered 0, 1, 2... in the order they were first met.

Turns values of any size (stored numbers, combinations of group codes) into indices of accumulators.
Lives as long as one question; the lasting dictionaries of rows and record keys are `KeyTable`s.
"""

import numpy as np
import numpy.typing as npt

from bitbrook.bitmap.group_kernels import number_keys

SLOTS_MIN = 1024


class Codes:
    """Integers (int64) and their codes."""

    def __init__(self) -> None:
        self._count = 0
        self._order = np.empty(SLOTS_MIN // 2, dtype=np.int64)
        self._known = np.empty(SLOTS_MIN, dtype=np.int64)
        self._codes = np.full(SLOTS_MIN, -1, dtype=np.int64)

    def __len__(self) -> int:
        return self._count

    @property
    def met(self) -> npt.NDArray[np.int64]:
        """The integers in the order of their codes (int64[])."""
        return self._order[: self._count]

    def of(self, integers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the code (int64[n]) of each integer, new ones for those not met before."""
        out = np.empty(len(integers), dtype=np.int64)
        # In blocks, so that the table grows with what is new and not with what is repeated.
        block = max(SLOTS_MIN // 2, self._count)
        start = 0
        while start < len(integers):
            stop = min(start + block, len(integers))
            self._make_room(stop - start)
            self._count = number_keys(
                np.ascontiguousarray(integers[start:stop]),
                self._known,
                self._codes,
                self._order,
                self._count,
                out[start:stop],
            )
            start, block = stop, max(SLOTS_MIN // 2, self._count)
        return out

    def _make_room(self, more: int) -> None:
        """Make the table at least twice as long as what it may come to hold."""
        needed = self._count + more
        if needed <= len(self._order):
            return
        slots = 1 << (2 * needed - 1).bit_length()
        met = self.met.copy()
        self._order = np.empty(slots // 2, dtype=np.int64)
        self._known = np.empty(slots, dtype=np.int64)
        self._codes = np.full(slots, -1, dtype=np.int64)
        self._count = number_keys(
            met, self._known, self._codes, self._order, 0, np.empty(len(met), dtype=np.int64)
        )
