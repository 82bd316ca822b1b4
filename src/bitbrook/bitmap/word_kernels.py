"""Kernels between the three ways to write down which positions of a shard are meant.

Words (uint64[16384], bit `p & 63` of word `p >> 6`), ascending positions (uint32), and the portable
roaring format (bytes), in which CRoaring takes and gives whole bitmaps at the speed of memory.
Knows nothing of fields. Arrays that are only read come in read-only, so that one compiled kernel
serves views of snapshots and arrays of our own alike.

Source: the RoaringFormatSpec of the roaring project.
"""

from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt

from bitbrook.bitmap.lanes import word_at

Words = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.uint32]

SHARD_WIDTH: Final = 1 << 20
SHARD_WORDS: Final = SHARD_WIDTH >> 6

CONTAINER_WORDS = 1024
ARRAY_MEMBERS_MAX = 4096
COOKIE = 12347
COOKIE_WITHOUT_RUNS = 12346
CONTAINERS_WITHOUT_OFFSETS_MAX = 3
PORTABLE_BYTES_MAX: Final = 8 + 16 * (8 + 8 * CONTAINER_WORDS)


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view of an array that cannot be written through."""
    view = array.view()
    view.flags.writeable = False
    return view


compiled = numba.njit(nogil=True, cache=True, boundscheck=False)
"""How every kernel of this package is compiled: without the interpreter lock, once a machine."""


@compiled
def words_from_portable(octets, words):  # type: ignore[no-untyped-def]
    """Write the words of a portable bitmap (uint8[], read-only) whose positions fit a shard."""
    words[:] = 0
    cookie = _short(octets, 0)
    if cookie == COOKIE:
        size = _short(octets, 2) + 1
        start = (size + 7) // 8
    else:
        size = _short(octets, 4) | (_short(octets, 6) << 16)
        start = np.int64(4)
    header = 4 + start
    has_offsets = cookie != COOKIE or size > CONTAINERS_WITHOUT_OFFSETS_MAX
    body = header + 4 * size + (4 * size if has_offsets else 0)
    for i in range(size):
        key = _short(octets, header + 4 * i)
        members = _short(octets, header + 4 * i + 2) + 1
        first = key * CONTAINER_WORDS
        if cookie == COOKIE and (octets[4 + (i >> 3)] >> (i & 7)) & 1:
            runs = _short(octets, body)
            for run in range(runs):
                low = _short(octets, body + 2 + 4 * run)
                _fill(words, first, low, low + _short(octets, body + 4 + 4 * run))
            body += 2 + 4 * runs
        elif members > ARRAY_MEMBERS_MAX:
            stored = octets[body : body + 8 * CONTAINER_WORDS].view(np.uint64)
            words[first : first + CONTAINER_WORDS] = stored
            body += 8 * CONTAINER_WORDS
        else:
            for member in range(members):
                low = _short(octets, body + 2 * member)
                words[first + (low >> 6)] |= np.uint64(1) << np.uint64(low & 63)
            body += 2 * members


@compiled
def portable_from_words(words, octets):  # type: ignore[no-untyped-def]
    """Write the words' portable bitmap to `octets` (uint8[], large enough); return its length."""
    size = 0
    counts = np.zeros(SHARD_WORDS // CONTAINER_WORDS, dtype=np.int64)
    for key in range(len(counts)):
        for word in range(CONTAINER_WORDS):
            counts[key] += popcount(words[key * CONTAINER_WORDS + word])
        size += counts[key] > 0
    _put_int(octets, 0, COOKIE_WITHOUT_RUNS)
    _put_int(octets, 4, size)
    header, offsets, body = 8, 8 + 4 * size, 8 + 8 * size
    for key in range(len(counts)):
        if counts[key] == 0:
            continue
        _put_short(octets, header, key)
        _put_short(octets, header + 2, counts[key] - 1)
        _put_int(octets, offsets, body)
        header += 4
        offsets += 4
        members = words[key * CONTAINER_WORDS : (key + 1) * CONTAINER_WORDS]
        if counts[key] > ARRAY_MEMBERS_MAX:
            octets[body : body + 8 * CONTAINER_WORDS].view(np.uint64)[:] = members
            body += 8 * CONTAINER_WORDS
            continue
        for i in range(CONTAINER_WORDS):
            word = members[i]
            while word != 0:
                _put_short(octets, body, i * 64 + trailing_zeros(word))
                word &= word - np.uint64(1)
                body += 2
    return body


@compiled
def positions_from_words(words, out):  # type: ignore[no-untyped-def]
    """Write the first positions of the words to `out`, at most as many as it holds.

    Returns how many were written.
    """
    count = 0
    for i in range(len(words)):
        word = words[i]
        while word != 0:
            if count == len(out):
                return count
            out[count] = i * 64 + trailing_zeros(word)
            word &= word - np.uint64(1)
            count += 1
    return count


@compiled
def words_from_positions(positions, words):  # type: ignore[no-untyped-def]
    """Add positions (uint32[], read-only) to words."""
    for position in positions:
        words[position >> 6] |= np.uint64(1) << np.uint64(position & 63)


@compiled
def keep_in_words(positions, words, out):  # type: ignore[no-untyped-def]
    """Write the positions (uint32[], read-only) that the words have to `out`; return how many."""
    count = np.int64(0)
    for position in positions:
        out[count] = position
        count += np.int64((words[position >> 6] >> np.uint64(position & 63)) & np.uint64(1))
    return count


@compiled
def count_in_all(addresses, buffer):  # type: ignore[no-untyped-def]
    """Return how many bits are set in all rows, one shard after the other.

    `addresses`: uint64[shards, rows], where the words of each row in each shard begin; `buffer`:
    uint64[64]. All in one call: the interpreter lock is let go once, however many shards there are.
    """
    count = np.int64(0)
    for shard in range(addresses.shape[0]):
        for start in range(0, SHARD_WORDS, len(buffer)):
            first = addresses[shard, 0]
            for i in range(len(buffer)):
                buffer[i] = word_at(first, start + i)
            for row in range(1, addresses.shape[1]):
                address = addresses[shard, row]
                for i in range(len(buffer)):
                    buffer[i] &= word_at(address, start + i)
            for i in range(len(buffer)):
                count += popcount(buffer[i])
    return count


@compiled
def count_each(addresses, words, counts):  # type: ignore[no-untyped-def]
    """Add to `counts` (int64[rows]) how many bits each row has in common with what is selected.

    `addresses`: uint64[shards, rows], where the words of each row in each shard begin, 0 for a row
    that has none there; `words`: uint64[shards], where those of the selection do.
    """
    for shard in range(addresses.shape[0]):
        selected = words[shard]
        for row in range(addresses.shape[1]):
            address = addresses[shard, row]
            if address != 0:
                count = np.int64(0)
                for i in range(SHARD_WORDS):
                    count += popcount(word_at(address, i) & word_at(selected, i))
                counts[row] += count


@compiled
def _short(octets, at):  # type: ignore[no-untyped-def]
    return np.int64(octets[at]) | (np.int64(octets[at + 1]) << 8)


@compiled
def _put_short(octets, at, value):  # type: ignore[no-untyped-def]
    octets[at] = value & 0xFF
    octets[at + 1] = (value >> 8) & 0xFF


@compiled
def _put_int(octets, at, value):  # type: ignore[no-untyped-def]
    _put_short(octets, at, value)
    _put_short(octets, at + 2, value >> 16)


@compiled
def _fill(words, first, low, high):  # type: ignore[no-untyped-def]
    """Set the bits from `low` to `high`, both inclusive, of the container at word `first`."""
    ones = ~np.uint64(0)
    low_word, high_word = first + (low >> 6), first + (high >> 6)
    low_mask = ones << np.uint64(low & 63)
    high_mask = ones >> np.uint64(63 - (high & 63))
    if low_word == high_word:
        words[low_word] |= low_mask & high_mask
        return
    words[low_word] |= low_mask
    for word in range(low_word + 1, high_word):
        words[word] = ones
    words[high_word] |= high_mask


def _popcount(typing_context, word):  # type: ignore[no-untyped-def] # noqa: ARG001
    """Return the number of set bits of a uint64, as the machine counts them."""

    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def] # noqa: ARG001
        return builder.ctpop(arguments[0])

    return numba.types.int64(numba.types.uint64), emit


def _trailing_zeros(typing_context, word):  # type: ignore[no-untyped-def] # noqa: ARG001
    """Return the number of the lowest set bit of a uint64 that is not zero."""

    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def] # noqa: ARG001
        is_never_zero = context.get_constant(numba.types.boolean, True)  # noqa: FBT003
        return builder.cttz(arguments[0], is_never_zero)

    return numba.types.int64(numba.types.uint64), emit


# Instructions of the machine that neither Python nor numba has a function for.
popcount: Any = numba.extending.intrinsic(_popcount)
trailing_zeros: Any = numba.extending.intrinsic(_trailing_zeros)
