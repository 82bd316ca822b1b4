"""A key table numbers keys exactly as a dictionary does, in the order they come.

Compared with a dictionary over drawn keys (empty ones, shared prefixes, lengths around the eight
bytes that are hashed at a time, any bytes), in calls of drawn sizes so that growing is caught in
the middle; with a hash that collides for every key; and with keys that tell nothing but their
length apart.
"""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.bitmap import key_table
from bitbrook.bitmap.key_table import KeyTable

KEYS = st.binary(max_size=20) | st.sampled_from([b"", b"a", b"a" * 7, b"a" * 8, b"a" * 9, b"\0"])


def flat(keys: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    octets = np.frombuffer(b"".join(keys), dtype=np.uint8)
    bounds = np.concatenate([[0], np.cumsum([len(key) for key in keys])]).astype(np.int64)
    return octets, bounds


def unflat(octets: np.ndarray, bounds: np.ndarray) -> list[bytes]:
    return [octets[a:b].tobytes() for a, b in pairwise(bounds.tolist())]


@given(st.lists(st.lists(KEYS, max_size=30), max_size=8))
def test_codes_are_those_of_a_dictionary(calls: list[list[bytes]]) -> None:
    table = KeyTable()
    model: dict[bytes, int] = {}
    for keys in calls:
        unknown = [key for key in keys if key not in model]
        assert table.find(*flat(unknown)).tolist() == [-1] * len(unknown)
        expected = [model.setdefault(key, len(model)) for key in keys]
        assert table.find_or_add(*flat(keys)).tolist() == expected
        assert len(table) == len(model)
        assert table.find(*flat(keys)).tolist() == expected
    codes = np.arange(len(model))[::-1]
    assert unflat(*table.take(codes)) == list(model)[::-1]
    assert unflat(*table.keys_from(0)) == list(model)


def test_growing_loses_no_key() -> None:
    """Small calls after large ones keep the move to new slots going for many calls."""
    table = KeyTable()
    keys = [b"key-%d" % number for number in range(60_000)]
    sizes = [1, 3, 20_000, 1, 1, 2, 30_000, 5, 1]
    start = 0
    while start < len(keys):
        for size in sizes:
            stop = min(start + size, len(keys))
            codes = table.find_or_add(*flat(keys[start:stop]))
            assert codes.tolist() == list(range(start, stop))
            probes = keys[max(0, start - 3) : stop] + keys[:3]
            expected = [*range(max(0, start - 3), stop), *range(min(3, stop))]
            assert table.find(*flat(probes)).tolist()[: len(expected)] == expected
            start = stop
    assert table.find(*flat(keys)).tolist() == list(range(len(keys)))


def test_keys_added_in_bulk_are_found() -> None:
    """`add_new` continues a table, also one whose slots are being moved."""
    table = KeyTable()
    keys = [b"%d" % number for number in range(40_000)]
    table.find_or_add(*flat(keys[:14]))
    table.add_new(*flat(keys[14:9_000]))
    table.find_or_add(*flat(keys[9_000:9_001]))
    table.add_new(*flat(keys[9_001:]))
    assert table.find(*flat(keys)).tolist() == list(range(len(keys)))
    assert unflat(*table.keys_from(39_998)) == keys[39_998:]


def test_slices_of_arrow_buffers_are_understood() -> None:
    """Bounds may begin above zero, as those of a sliced Arrow array do."""
    octets, bounds = flat([b"skipped", b"x", b"yy"])
    table = KeyTable()
    assert table.find_or_add(octets, bounds[1:].astype(np.int32)).tolist() == [0, 1]
    table.add_new(*(flat([b"skipped", b"z"])[0], flat([b"skipped", b"z"])[1][1:]))
    assert unflat(*table.keys_from(0)) == [b"x", b"yy", b"z"]


def test_views_of_keys_outlive_growth() -> None:
    """A checkpoint writes the keys it was shown while others are added."""
    table = KeyTable()
    table.find_or_add(*flat([b"first", b"second"]))
    octets, bounds = table.keys_from(0)
    table.find_or_add(*flat([b"%d" % number for number in range(10_000)]))
    assert unflat(octets, bounds) == [b"first", b"second"]


def test_equal_hashes_are_told_apart_by_the_key() -> None:
    """Two keys whose tag and slot are the same stay two keys; found by search, not by luck."""
    table = KeyTable()
    seen: dict[tuple[int, int], bytes] = {}
    for number in range(100_000):
        key = b"%d" % number
        octets, _ = flat([key])
        hashed = int(key_table._hash(octets, 0, len(key), table._index.seed))
        place = (hashed >> 56 or 1, hashed % 16)
        if place in seen:
            pair = [seen[place], key]
            assert table.find_or_add(*flat(pair)).tolist() == [0, 1]
            assert table.find(*flat(pair[::-1])).tolist() == [1, 0]
            return
        seen[place] = key
    pytest.fail("no two keys share a tag and a slot")


def test_size_counts_what_is_used() -> None:
    """Beside the keys themselves a large table costs less than 17 bytes a key."""
    table = KeyTable()
    keys = [b"device-%08d" % number for number in range(200_000)]
    for start in range(0, len(keys), 50_000):
        table.find_or_add(*flat(keys[start : start + 50_000]))
    table.find_or_add(*flat(keys[:10]))
    assert (table.size_bytes - table.octets_count) / len(keys) < 17
