"""Rows are what a dictionary of sets would be, through adds, removals, snapshots and thaws.

Tried with random pairs that repeat, codes far apart, rows that become empty and come back, and with
a round through the stored form at any moment, after which rows are touched in any order.
"""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from bitbrook.bitmap.rows import Rows

CODES = st.sampled_from([0, 1, 2, 7, 4095, 4096, 2**31, 2**32 - 2])
POSITIONS = st.integers(0, 40) | st.sampled_from([65_535, 65_536, 2**20 - 1])
PAIRS = st.lists(st.tuples(CODES, POSITIONS), max_size=60)
STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "empty", "clear", "store"]), PAIRS), max_size=12
)


def uint32(numbers: list[int]) -> npt.NDArray[np.uint32]:
    """The numbers as an array."""
    return np.array(numbers, dtype=np.uint32)


def assert_holds(rows: Rows, model: dict[int, set[int]]) -> None:
    """Every way of reading agrees with the model."""
    expected = {code: positions for code, positions in model.items() if positions}
    codes, counts = rows.counts()
    assert codes.dtype == np.uint32
    assert counts.dtype == np.int64
    assert codes.tolist() == rows.codes().tolist() == sorted(expected)
    assert counts.tolist() == [len(expected[code]) for code in sorted(expected)]
    assert {code: set(rows.row(code) or ()) for code in expected} == expected
    assert all(rows.row(code) is None for code in model if not model[code])
    assert rows.row(12_345) is None


@given(STEPS)
def test_rows_are_a_dictionary_of_sets(steps: list[tuple[str, list[tuple[int, int]]]]) -> None:
    rows, model = Rows(), defaultdict(set)
    for kind, pairs in steps:
        codes, positions = uint32([c for c, _ in pairs]), uint32([p for _, p in pairs])
        before = {(c, p) for c, held in model.items() for p in held}
        match kind:
            case "add":
                assert rows.add(codes, positions) == len(set(pairs) - before)
                for code, position in pairs:
                    model[code].add(position)
            case "remove":
                assert rows.remove(codes, positions) == len(set(pairs) & before)
                for code, position in pairs:
                    model[code].discard(position)
            case "empty":
                gone = set(positions.tolist())
                assert rows.remove_positions(BitMap(gone)) == sum(p in gone for _, p in before)
                for held in model.values():
                    held.difference_update(gone)
            case "clear":
                for code in set(codes.tolist()):
                    assert set(rows.clear_row(code)) == model[code]
                    model[code] = set()
            case "store":
                rows = Rows.from_bytes(memoryview(rows.to_bytes()))
        after = {(c, p) for c, held in model.items() for p in held}
        assert int(rows.counts()[1].sum()) == len(after)
    assert_holds(rows, model)
    assert_holds(Rows.from_bytes(memoryview(bytearray(rows.to_bytes()))), model)


def test_large_rows_are_stored_in_runs_and_stay_what_they_are() -> None:
    """All neighbours, every second one and scattered ones: each in its own container."""
    generator = np.random.default_rng(3)
    held = {
        0: np.arange(1 << 20, dtype=np.uint32),
        1: np.arange(0, 1 << 20, 2, dtype=np.uint32),
        2: generator.choice(1 << 20, 5_000, replace=False).astype(np.uint32),
    }
    rows = Rows()
    for code, positions in held.items():
        assert rows.add(np.full(len(positions), code, dtype=np.uint32), positions) == len(positions)
    stored = rows.to_bytes()
    assert len(stored) < (1 << 17) + 4 * len(held[2]), (
        "the row of all positions takes almost nothing"
    )
    again = Rows.from_bytes(memoryview(stored))
    for code, positions in held.items():
        assert again.row(code) == rows.row(code) == BitMap(positions.tolist())
    assert again.to_bytes() == stored


def test_a_stored_row_that_nobody_asked_for_is_stored_again_as_it_was() -> None:
    rows = Rows()
    rows.add(uint32([5, 6, 7]), uint32([1, 2, 3]))
    thawed = Rows.from_bytes(memoryview(rows.to_bytes()))
    assert thawed.add(uint32([6]), uint32([9])) == 1
    again = Rows.from_bytes(memoryview(thawed.to_bytes()))
    assert_holds(again, {5: {1}, 6: {2, 9}, 7: {3}})


def test_readers_thaw_stored_rows_together() -> None:
    """Eight threads ask for the same 500 rows, all of them still bytes, at once."""
    rows = Rows()
    positions = np.arange(5_000, dtype=np.uint32)
    rows.add(positions % 500, positions)
    stored = rows.to_bytes()
    for _ in range(10):
        thawed = Rows.from_bytes(memoryview(stored))
        with ThreadPoolExecutor(8) as pool:
            read = list(pool.map(thawed.row, [*range(500)] * 8))
        assert [len(row or ()) for row in read] == [10] * 4_000
        assert thawed.to_bytes() == stored


def test_size_grows_with_what_is_held() -> None:
    few, many = Rows(), Rows()
    few.add(uint32([1]), uint32([1]))
    many.add(np.arange(10_000, dtype=np.uint32), np.arange(10_000, dtype=np.uint32))
    assert 0 < few.size_bytes < 1_000
    assert 1_000_000 < many.size_bytes < 10_000_000
