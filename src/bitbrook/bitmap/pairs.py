"""A set of pairs of a group and a code: what counts different values by group.

Pairs are bits while few enough are possible, which costs one write each; beyond that they are
numbers in a hash table. Knows nothing of what groups and codes mean.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from bitbrook.bitmap.codes import Codes
from bitbrook.bitmap.group_kernels import list_bits, set_bits

Numbers = npt.NDArray[np.int64]

BITS_MAX: Final = 1 << 29
"""Pairs that may be possible: 64 MiB of bits."""

CODE_BITS: Final = 32


class Pairs:
    """Pairs of a group, below `group_count` (0: of any size), and a code below 2^32."""

    def __init__(self, group_count: int) -> None:
        self._group_count = group_count
        self._bits = np.zeros(0, dtype=np.uint64)
        self._met = Codes()

    def add(self, groups: Numbers, codes: Numbers) -> None:
        """Add the pairs of two arrays (int64[n])."""
        if len(codes) == 0:
            return
        if self._group_count:
            size = (int(codes.max()) + 1) * self._group_count
            if size <= BITS_MAX:
                self._make_room(size)
                set_bits(codes * self._group_count + groups, self._bits)
                return
            groups_before, codes_before = self.listed()
            self._group_count, self._bits = 0, np.zeros(0, dtype=np.uint64)
            self._met.of((groups_before << CODE_BITS) | codes_before)
        self._met.of((groups << CODE_BITS) | codes)

    def listed(self) -> tuple[Numbers, Numbers]:
        """Return the groups and codes of all pairs, each pair once, in no particular order."""
        if not self._group_count:
            return self._met.met >> CODE_BITS, self._met.met & ((1 << CODE_BITS) - 1)
        count = int(np.bitwise_count(self._bits).sum())
        groups, codes = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
        list_bits(self._bits, self._group_count, groups, codes)
        return groups, codes

    def _make_room(self, size: int) -> None:
        words = -(-size // 64)
        if words > len(self._bits):
            larger = np.zeros(min(max(words, 2 * len(self._bits)), BITS_MAX // 64), dtype=np.uint64)
            larger[: len(self._bits)] = self._bits
            self._bits = larger
