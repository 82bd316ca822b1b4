"""Keys numbered 0, 1, 2... in the order they first came: an exact hash table in flat arrays.

The bytes of all keys lie end to end in one buffer; key `code` is `octets[bounds[code]:bounds[code +
1]]`. A slot of the table holds a code and one byte of the key's hash (0 for a free slot), so that a
probe reads neighbouring bytes until it meets a likely key, and then compares the key itself: five
bytes a slot, four a bound. Codes depend on the order of the keys alone, never on their hashes,
whose seed is drawn anew for each table so that nobody can prepare keys that collide.

Growing moves a few thousand keys a call: the keys below `moved` are in the new slots, those below
`moved_until` still in the old ones too, and a search asks the new slots first. Codes being
consecutive makes that one number. Invariant: every key is in `slots`, or its code is in
[moved, moved_until) and it is in `old_slots`.

Knows nothing of text, records or rows. Callers see to it that nobody reads while keys are added.
"""

import secrets
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Octets = npt.NDArray[np.uint8]
Bounds = npt.NDArray[np.int32] | npt.NDArray[np.int64] | npt.NDArray[np.uint32]
Codes = npt.NDArray[np.int64]

KEYS_MAX = 2**32 - 2
LOAD_MAX = 0.85
MOVES_PER_CALL_MIN = 4096
MOVES_PER_KEY = 8
REGION_BITS = 14


class Keys(NamedTuple):
    """All keys: bytes (uint8) and bounds (uint32, int64 beyond 4 GiB), with room for more."""

    octets: Octets
    bounds: npt.NDArray[np.uint32] | npt.NDArray[np.int64]


class Slots(NamedTuple):
    """The open-addressed table: `tags` uint8 (0: free) and `codes` uint32, a power of two long."""

    tags: npt.NDArray[np.uint8]
    codes: npt.NDArray[np.uint32]

    @classmethod
    def empty(cls, count: int) -> "Slots":
        """Return `count` free slots."""
        return cls(np.zeros(count, dtype=np.uint8), np.empty(count, dtype=np.uint32))


class Index(NamedTuple):
    """Where keys are looked for. `moved` and `moved_until`: see the module."""

    seed: np.uint64
    slots: Slots
    old_slots: Slots
    moved: int
    moved_until: int


class KeyTable:
    """Byte strings and their codes. Keys go in and out as (octets uint8[], bounds int[n + 1])."""

    def __init__(self) -> None:
        self._count = 0
        self._keys = Keys(np.empty(64, dtype=np.uint8), np.zeros(16, dtype=np.uint32))
        seed = np.uint64(secrets.randbits(64))
        self._index = Index(seed, Slots.empty(16), Slots.empty(1), 0, 0)

    def __len__(self) -> int:
        return self._count

    @property
    def size_bytes(self) -> int:
        """Bytes of memory in use; room to grow, whose pages were never touched, is left out."""
        slots = (*self._index.slots, *self._index.old_slots)
        bounds_bytes = self._keys.bounds.itemsize * (self._count + 1)
        return sum(array.nbytes for array in slots) + bounds_bytes + self.octets_count

    @property
    def octets_count(self) -> int:
        """Bytes of all keys together."""
        return int(self._keys.bounds[self._count])

    def find_or_add(self, octets: Octets, bounds: Bounds) -> Codes:
        """Return each key's code (int64[n]); keys not met before get the next codes, in order."""
        assert self._count + len(bounds) - 1 <= KEYS_MAX, "a table of keys holds 2^32 - 2 at most"
        self._make_room(len(bounds) - 1, int(bounds[-1]) - int(bounds[0]))
        self._move_some(MOVES_PER_CALL_MIN + MOVES_PER_KEY * (len(bounds) - 1))
        asked = _as_kernels_take_them(octets, bounds)
        codes = np.empty(len(bounds) - 1, dtype=np.int64)
        self._count = _find_or_add(asked, self._index, self._keys, self._count, codes)
        return codes

    def add_new(self, octets: Octets, bounds: Bounds) -> None:
        """Give the next codes to keys that are known to be new and different; the bulk way in."""
        added = len(bounds) - 1
        self._make_room(added, int(bounds[-1]) - int(bounds[0]))
        start, count = self.octets_count, self._count
        stop = start + int(bounds[-1] - bounds[0])
        self._keys.octets[start:stop] = octets[bounds[0] : bounds[-1]]
        self._keys.bounds[count + 1 : count + added + 1] = bounds[1:] - bounds[0] + start
        self._count += added
        _enter(self._keys, self._index.seed, self._index.slots, count, self._count)

    def find(self, octets: Octets, bounds: Bounds) -> Codes:
        """Return each key's code (int64[n]), -1 for keys never met."""
        codes = np.empty(len(bounds) - 1, dtype=np.int64)
        _find(_as_kernels_take_them(octets, bounds), self._index, self._keys, codes)
        return codes

    def take(self, codes: npt.NDArray[np.integer]) -> tuple[Octets, npt.NDArray[np.int64]]:
        """Return the keys of these codes, in their order, as new arrays."""
        starts = self._keys.bounds[codes].astype(np.int64)
        lengths = self._keys.bounds[codes + 1].astype(np.int64) - starts
        bounds = np.zeros(len(codes) + 1, dtype=np.int64)
        np.cumsum(lengths, out=bounds[1:])
        octets = np.empty(int(bounds[-1]), dtype=np.uint8)
        _gather(self._keys.octets, starts, bounds, octets)
        return octets, bounds

    def keys_from(self, first: int) -> tuple[Octets, Bounds]:
        """Return the bytes of the keys of the codes from `first` on, and their bounds.

        Both are views. They stay as they are while keys are added: what is written is never
        written again, and arrays that are outgrown live on for their views.
        """
        bounds = self._keys.bounds[first : self._count + 1]
        octets = self._keys.octets[int(bounds[0]) : int(bounds[-1])]
        return octets, bounds - bounds[0] if first else bounds

    def _make_room(self, keys: int, octets: int) -> None:
        """Make the arrays large enough for that many more keys of that many bytes."""
        count, octets_count = self._count + keys, self.octets_count + octets
        old_octets, old_bounds = self._keys
        new_octets, new_bounds = self._keys
        if octets_count > len(old_octets):
            new_octets = np.empty(max(octets_count, 2 * len(old_octets)), dtype=np.uint8)
            new_octets[: self.octets_count] = old_octets[: self.octets_count]
        if octets_count > np.iinfo(old_bounds.dtype).max:
            new_bounds = old_bounds = old_bounds.astype(np.int64)
        if count + 1 > len(old_bounds):
            new_bounds = np.zeros(max(count + 1, 2 * len(old_bounds)), dtype=old_bounds.dtype)
            new_bounds[: self._count + 1] = old_bounds[: self._count + 1]
        self._keys = Keys(new_octets, new_bounds)
        slots_needed = int(count / LOAD_MAX) + 1
        if slots_needed > len(self._index.slots.tags):
            self._move_some(self._count)
            self._index = self._index._replace(
                slots=Slots.empty(1 << (slots_needed - 1).bit_length()),
                old_slots=self._index.slots,
                moved=0,
                moved_until=self._count,
            )

    def _move_some(self, count: int) -> None:
        """Move the next `count` keys from the old slots to the new ones, if any are left."""
        seed, slots, old_slots, moved, moved_until = self._index
        if moved == moved_until:
            return
        until = min(moved + count, moved_until)
        _enter(self._keys, seed, slots, moved, until)
        if until == moved_until:
            old_slots = Slots.empty(1)
        self._index = Index(seed, slots, old_slots, until, moved_until)


def warm() -> None:
    """Load the kernels, compiling those that no run before has left on disk."""
    table = KeyTable()
    octets, bounds = np.frombuffer(b"ab", dtype=np.uint8), np.array([0, 1, 2])
    table.find_or_add(octets, bounds)
    table.find(octets, bounds)
    table.take(np.array([0]))
    KeyTable().add_new(octets, bounds)


class _Asked(NamedTuple):
    """Keys that are looked for."""

    octets: Octets
    bounds: npt.NDArray[np.int64]


def _as_kernels_take_them(octets: Octets, bounds: Bounds) -> _Asked:
    """Return the arrays read-only and with 64-bit bounds, so that one kernel serves all callers."""
    octets = octets.view()
    octets.flags.writeable = False
    return _Asked(octets, bounds.astype(np.int64))


_compiled = numba.njit(nogil=True, cache=True, boundscheck=False)


@_compiled
def _hash(octets, start, stop, seed):  # type: ignore[no-untyped-def]
    """Return 64 bits that depend on every bit of the key: FNV's idea, eight bytes at a time."""
    state = seed ^ (np.uint64(stop - start) * np.uint64(0x9E3779B97F4A7C15))
    position = start
    while position + 8 <= stop:
        word = np.uint64(0)
        for i in range(8):
            word |= np.uint64(octets[position + i]) << np.uint64(8 * i)
        state = (state ^ word) * np.uint64(0xD6E8FEB86659FD93)
        state ^= state >> np.uint64(32)
        position += 8
    word = np.uint64(0)
    for i in range(stop - position):
        word |= np.uint64(octets[position + i]) << np.uint64(8 * i)
    state = (state ^ word) * np.uint64(0xD6E8FEB86659FD93)
    state = (state ^ (state >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return state ^ (state >> np.uint64(32))


@_compiled
def _tag(hashed):  # type: ignore[no-untyped-def]
    """Return the byte (1 to 255) that a slot keeps of a hash; the slot's number uses other bits."""
    tag = np.uint8(hashed >> np.uint64(56))
    return tag if tag != 0 else np.uint8(1)


@_compiled
def _search(asked, i, hashed, slots, keys):  # type: ignore[no-untyped-def]
    """Return (code, slot) of key `i`, or (-1, the free slot where the search ended)."""
    start = asked.bounds[i]
    length = asked.bounds[i + 1] - start
    last = np.uint64(len(slots.tags) - 1)
    tag = _tag(hashed)
    slot = hashed & last
    while slots.tags[slot] != 0:
        if slots.tags[slot] == tag:
            code = np.int64(slots.codes[slot])
            key_start = np.int64(keys.bounds[code])
            if np.int64(keys.bounds[code + 1]) - key_start == length:
                is_same = True
                for j in range(length):
                    if keys.octets[key_start + j] != asked.octets[start + j]:
                        is_same = False
                        break
                if is_same:
                    return code, slot
        slot = (slot + np.uint64(1)) & last
    return np.int64(-1), slot


@_compiled
def _find_or_add(asked, index, keys, count, out):  # type: ignore[no-untyped-def]
    """Write each key's code to `out`, adding new keys from code `count` on; return the count."""
    for i in range(len(out)):
        start, stop = asked.bounds[i], asked.bounds[i + 1]
        hashed = _hash(asked.octets, start, stop, index.seed)
        code, slot = _search(asked, i, hashed, index.slots, keys)
        if code < 0 and index.moved < index.moved_until:
            code, _ = _search(asked, i, hashed, index.old_slots, keys)
        if code < 0:
            code = np.int64(count)
            index.slots.tags[slot] = _tag(hashed)
            index.slots.codes[slot] = code
            key_start = np.int64(keys.bounds[code])
            for j in range(stop - start):
                keys.octets[key_start + j] = asked.octets[start + j]
            keys.bounds[code + 1] = key_start + stop - start
            count += 1
        out[i] = code
    return count


@_compiled
def _find(asked, index, keys, out):  # type: ignore[no-untyped-def]
    """Write each key's code to `out`, -1 where the key is in neither table."""
    for i in range(len(out)):
        hashed = _hash(asked.octets, asked.bounds[i], asked.bounds[i + 1], index.seed)
        code, _ = _search(asked, i, hashed, index.slots, keys)
        if code < 0 and index.moved < index.moved_until:
            code, _ = _search(asked, i, hashed, index.old_slots, keys)
        out[i] = code


@_compiled
def _enter(keys, seed, slots, first, until):  # type: ignore[no-untyped-def]
    """Enter the keys of the codes [first, until), none of which is in the slots, into them.

    The slots are gone through in their order, a region that the caches hold at a time: 10 M keys
    enter in 0.9 s instead of 2.0.
    """
    last = np.uint64(len(slots.tags) - 1)
    count = until - first
    hashes = np.empty(count, dtype=np.uint64)
    # The keys by region, as a counting sort does it.
    starts = np.zeros((len(slots.tags) >> REGION_BITS) + 2, dtype=np.int64)
    for i in range(count):
        start, stop = np.int64(keys.bounds[first + i]), np.int64(keys.bounds[first + i + 1])
        hashes[i] = _hash(keys.octets, start, stop, seed)
        starts[((hashes[i] & last) >> np.uint64(REGION_BITS)) + np.uint64(1)] += 1
    starts = np.cumsum(starts)
    by_region = np.empty(count, dtype=np.uint32)
    for i in range(count):
        region = (hashes[i] & last) >> np.uint64(REGION_BITS)
        by_region[starts[region]] = i
        starts[region] += 1
    for i in by_region:
        slot = hashes[i] & last
        while slots.tags[slot] != 0:
            slot = (slot + np.uint64(1)) & last
        slots.tags[slot] = _tag(hashes[i])
        slots.codes[slot] = first + i


@_compiled
def _gather(key_octets, starts, bounds, out):  # type: ignore[no-untyped-def]
    """Copy key i from `starts[i]` to `out[bounds[i]:bounds[i + 1]]`."""
    for i in range(len(starts)):
        start = starts[i]
        for j in range(bounds[i], bounds[i + 1]):
            out[j] = key_octets[start + j - bounds[i]]
