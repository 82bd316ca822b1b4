"""Record keys by their text, without making text of all of them.

Keys compare by their UTF-8 bytes, which is the order of their characters. Since keys are only ever
added, the first of them stay known: what comes later is compared with the last one of these.
"""

from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.bitmap.key_kernels import keys_below
from bitbrook.bitmap.word_kernels import read_only
from bitbrook.engine.keys import RecordKeys

RecordNumbers = npt.NDArray[np.uint64]

FIRST_BLOCK = 4096

HEAD_COUNT: Final = 4096
"""Keys of a partition that are known in their order, from the first on."""

HEAD_PAYS_FROM: Final = 1 << 11
"""Selected records from which on looking through the first keys is cheaper than sorting theirs, if
twice as many of the first keys as are asked for may be expected among them."""

KEYS_PER_STEP: Final = 1 << 20


@dataclass(slots=True, frozen=True)
class _Head:
    """The first keys, ascending, of those with a position below `known_count`."""

    known_count: int
    numbers: RecordNumbers


_heads: WeakKeyDictionary[RecordKeys, _Head] = WeakKeyDictionary()


def first_keys(keys: RecordKeys) -> RecordNumbers:
    """Return the records (uint64[]) with the first HEAD_COUNT keys, ascending, existing or not."""
    head = _heads.get(keys) or _Head(0, np.zeros(0, dtype=np.uint64))
    while head.known_count < len(keys):
        stop = min(head.known_count + KEYS_PER_STEP, len(keys))
        added = np.arange(head.known_count, stop, dtype=np.uint64)
        # Whoever else is at it comes to the same; a head is replaced, never changed.
        head = _Head(stop, least_keys(keys, head.numbers, added, HEAD_COUNT))
        _heads[keys] = head
    return head.numbers


def sorted_by_key(keys: RecordKeys, numbers: RecordNumbers) -> RecordNumbers:
    """Return records (uint64[n], positions of keys) ascending by their keys."""
    if len(numbers) < 2:
        return numbers
    # The binary order: large_string holds any number of bytes.
    texts = pa.array(keys.keys_at(numbers), type=pa.large_string())
    order: npt.NDArray[np.uint64] = pc.array_sort_indices(texts).to_numpy()
    return numbers[order]


def least_keys(
    keys: RecordKeys, kept: RecordNumbers, added: RecordNumbers, count: int
) -> RecordNumbers:
    """Return the `count` records with the least keys of both lists, ascending by key.

    `kept` is ascending by key already and no longer than `count`. Once that many are known, a key
    is read only until it differs from the last of them, at the speed of memory; since few of a
    random sequence are still among the first, nearly all are left there.
    """
    if count == 0:
        return kept[:0]
    start, block = 0, max(FIRST_BLOCK, 4 * count)
    while start < len(added):
        candidates = added[start : start + block]
        start, block = start + block, 8 * block
        if len(kept) == count:
            candidates = _below(keys, candidates, int(kept[-1]))
        kept = sorted_by_key(keys, np.concatenate([kept, candidates]))[:count]
    return kept


def _below(keys: RecordKeys, numbers: RecordNumbers, bound: int) -> RecordNumbers:
    """Return the records whose key is less than that of record `bound`."""
    octets, bounds = keys.tail(0)
    below = np.empty(len(numbers), dtype=np.uint64)
    count = keys_below(read_only(octets), read_only(bounds), read_only(numbers), bound, below)
    return below[:count]
