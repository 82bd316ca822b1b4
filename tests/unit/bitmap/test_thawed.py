"""Rows that were only read are let go when they become many, and nothing that was written is lost.

Ledgers of a few kilobytes make rows go while they are read, written to and stored, by one thread in
random order and by eight readers at once; fields that are gone leave the ledger.
"""

import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bitbrook.bitmap import rows as rows_module
from bitbrook.bitmap.mutex_rows import MutexRows
from bitbrook.bitmap.row_kernels import NO_ROW
from bitbrook.bitmap.rows import Rows
from bitbrook.bitmap.thawed import KEPT_SHARE, Ledger

BYTES_MAX = 20_000
ROWS = 60


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """A ledger that a few dozen rows fill."""
    ledger = Ledger(BYTES_MAX)
    monkeypatch.setattr(rows_module, "LEDGER", ledger)
    yield ledger
    assert ledger._held_bytes <= BYTES_MAX


def stored_rows(random: np.random.Generator) -> tuple[Rows, dict[int, set[int]]]:
    """Rows as they are read from a snapshot, and what they hold."""
    codes = random.integers(0, ROWS, 6_000).astype(np.uint32)
    positions = random.integers(0, 1 << 20, 6_000).astype(np.uint32)
    rows = Rows()
    rows.add(codes, positions)
    model: dict[int, set[int]] = {code: set() for code in range(ROWS)}
    for code, position in zip(codes.tolist(), positions.tolist(), strict=True):
        model[code].add(position)
    return Rows.from_bytes(memoryview(rows.to_bytes())), model


def kept_count(rows: Rows) -> int:
    return sum(bitmap is not None for bitmap in rows._bitmaps)


@pytest.mark.parametrize("seed", range(4))
def test_what_was_written_stays(ledger: Ledger, seed: int) -> None:
    """Several fields in turn: mostly read, here and there written to, stored now and then."""
    random = np.random.default_rng(seed)
    fields = [stored_rows(random) for _ in range(3)]
    for _ in range(1_500):
        place = int(random.integers(3))
        rows, model = fields[place]
        code = int(random.integers(ROWS))
        position = int(random.integers(1 << 20))
        one = np.array([code], dtype=np.uint32), np.array([position], dtype=np.uint32)
        match int(random.integers(20)):
            case 0:
                rows.add(*one)
                model[code].add(position)
            case 1 if model[code]:
                gone = next(iter(model[code]))
                rows.remove(one[0], np.array([gone], dtype=np.uint32))
                model[code].discard(gone)
            case 2:
                fields[place] = Rows.from_bytes(memoryview(rows.to_bytes())), model
            case _:
                assert set(rows.row(code) or ()) == model[code]
    for rows, model in fields:
        again = Rows.from_bytes(memoryview(rows.to_bytes()))
        assert {code: set(again.row(code) or ()) for code in range(ROWS)} == model


def test_rows_go_when_they_become_many(ledger: Ledger) -> None:
    random = np.random.default_rng(9)
    first, _ = stored_rows(random)
    second, _ = stored_rows(random)
    for code in range(5):
        first.row(code)
    assert kept_count(first) == 5
    for code in range(ROWS):
        second.row(code)
    assert kept_count(first) == 0, "what was thawed into first goes first"
    assert kept_count(second) < ROWS
    assert ledger._held_bytes <= BYTES_MAX


def test_what_was_kept_and_was_not_is_counted(ledger: Ledger) -> None:
    stored, _ = stored_rows(np.random.default_rng(9))
    for _ in range(3):
        for code in range(5):
            stored.row(code)
    assert (ledger.hits, ledger.misses) == (10, 5)
    written = Rows()
    written.add(np.zeros(3, dtype=np.uint32), np.arange(3, dtype=np.uint32))
    assert written.row(0) is not None
    assert (ledger.hits, ledger.misses) == (10, 5), "nothing of it is in a block"


def test_fields_that_are_gone_leave_the_ledger(ledger: Ledger) -> None:
    random = np.random.default_rng(3)
    for _ in range(10):
        rows, _ = stored_rows(random)
        for code in range(ROWS // 2):
            rows.row(code)
        del rows
        gc.collect()
    kept, _ = stored_rows(random)
    for code in range(10):
        kept.row(code)
    assert kept_count(kept) == 10
    assert len(ledger._held) == 1
    assert KEPT_SHARE < 1


def test_readers_share_rows_that_come_and_go(ledger: Ledger) -> None:
    """Eight readers; of a mutex's rows some have moves to make, which readers make themselves."""
    random = np.random.default_rng(5)
    codes = random.integers(0, ROWS, 1 << 16).astype(np.uint32)
    positions = np.arange(1 << 16, dtype=np.uint32)
    fresh = MutexRows()
    fresh.move(positions, np.full(1 << 16, NO_ROW, dtype=np.uint32), codes)
    body = fresh.to_bytes()
    moved = np.arange(0, 1 << 16, 700, dtype=np.uint32)
    after = codes.copy()
    after[moved] = 3
    expected = [np.flatnonzero(after == code).tolist() for code in range(ROWS)]
    for _ in range(5):
        rows = MutexRows.from_bytes(memoryview(body))
        rows.move(moved, codes[moved], after[moved])
        barrier = threading.Barrier(8)

        def read(seed: int, rows: MutexRows = rows, barrier: threading.Barrier = barrier) -> bool:
            barrier.wait()
            order = np.random.default_rng(seed).integers(0, ROWS, 200).tolist()
            return all((rows.row(c) or _none).to_array().tolist() == expected[c] for c in order)

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(read, range(8)))


_none = rows_module.BitMap()
