"""The words of a row are its positions at every moment, and counts over them are NumPy's.

Tried with random writes to sets and to moving rows between askings, rows that come from stored
bytes, a bound on memory that lets words go at any time, and shards by the dozen.
"""

from typing import Any

import numpy as np
import pytest
from pyroaring import BitMap

from bitbrook.bitmap import row_words, rows
from bitbrook.bitmap.mutex_rows import MutexRows
from bitbrook.bitmap.row_kernels import NO_ROW
from bitbrook.bitmap.row_words import KeptWords, RowWords, count_common
from bitbrook.bitmap.rows import Rows
from bitbrook.bitmap.thawed import Ledger
from bitbrook.bitmap.word_kernels import SHARD_WORDS

CODES = 5
TOP = 1 << 20


@pytest.fixture(autouse=True)
def _all_rows_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "COUNT_MIN", 1)


def positions_in(words: Any) -> set[int]:
    """The bits that are set."""
    return set(np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little")).tolist())


def assert_words_agree(held: Rows, model: dict[int, set[int]], random: Any) -> int:
    """Ask for some rows' words, some of them twice; return how many there were."""
    found = 0
    for code in random.integers(0, CODES, 8).tolist():
        kept = held.words(code)
        if kept is not None:
            assert positions_in(kept.words) == model.get(code, set())
            found += 1
    return found


@pytest.mark.parametrize("seed", range(6))
def test_sets(seed: int) -> None:
    """Bits are added, removed and cleared; rows are stored and read again."""
    random = np.random.default_rng(seed)
    held, model = Rows(), dict[int, set[int]]()
    found = 0
    for _ in range(60):
        codes = random.integers(0, CODES, 40).astype(np.uint32)
        positions = random.integers(0, TOP, 40).astype(np.uint32)
        match random.integers(0, 6):
            case 0 | 1:
                held.add(codes, positions)
                for code, position in zip(codes.tolist(), positions.tolist(), strict=True):
                    model.setdefault(code, set()).add(position)
            case 2:
                code = int(codes[0])
                gone = sorted(model.get(code, set()))[::3]
                held.remove(np.full(len(gone), code, dtype=np.uint32), np.array(gone, np.uint32))
                model.get(code, set()).difference_update(gone)
            case 3:
                everything = BitMap([p for each in model.values() for p in list(each)[:2]])
                held.remove_positions(everything)
                model = {code: each - set(everything) for code, each in model.items()}
            case 4:
                held.clear_row(int(codes[0]))
                model[int(codes[0])] = set()
            case 5:
                held = Rows.from_bytes(memoryview(held.to_bytes()))
        found += assert_words_agree(held, model, random)
    assert found > 100


@pytest.mark.parametrize("seed", range(6))
def test_moving_rows(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Moves wait, and are made when a row is asked for or when many have gathered."""
    monkeypatch.setattr("bitbrook.bitmap.mutex_rows.MOVES_MAX", 256)
    random = np.random.default_rng(seed)
    held, row_of = MutexRows(), dict[int, int]()
    found = 0
    for _ in range(80):
        positions = random.choice(200, 30, replace=False).astype(np.uint32)
        before = [row_of.get(p, int(NO_ROW)) for p in positions.tolist()]
        after = random.integers(0, CODES, 30).astype(np.uint32)
        held.move(positions, np.array(before, dtype=np.uint32), after)
        row_of.update(zip(positions.tolist(), after.tolist(), strict=True))
        model: dict[int, set[int]] = {}
        for position, code in row_of.items():
            model.setdefault(code, set()).add(position)
        found += assert_words_agree(held, model, random)
    assert found > 100


def test_small_rows_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither has a row that nobody ever had, nor one that is asked for the first time."""
    monkeypatch.setattr(rows, "COUNT_MIN", 3)
    held = Rows()
    held.add(np.array([1, 1, 2, 2, 2], dtype=np.uint32), np.array([5, 6, 5, 6, 7], dtype=np.uint32))
    assert [held.words(code) for code in (0, 1, 1, 2)] == [None] * 4
    kept = held.words(2)
    assert kept is not None
    assert held.words(2) is kept


def test_words_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the fields that had them first go first; what is counted with stays."""
    ledger = row_words.Ledger(6 * 8 * SHARD_WORDS)
    monkeypatch.setattr(row_words, "LEDGER", ledger)
    fields = [RowWords() for _ in range(3)]
    for slot in range(3):
        for field in fields:
            field.keep(slot, np.zeros(SHARD_WORDS, dtype=np.uint64))
    kept = [[field.find(slot) is not None for slot in range(3)] for field in fields]
    assert sum(map(sum, kept)) <= 6
    assert any(map(any, kept))
    fields[2].drop(2)
    assert fields[2].find(2) is None


@pytest.mark.parametrize("rows_count", [1, 2, 3, 7])
@pytest.mark.parametrize("shards_count", [0, 1, 30])
def test_counts(rows_count: int, shards_count: int) -> None:
    """Of any number of rows and shards."""
    random = np.random.default_rng(rows_count)
    shards, expected = [], 0
    for _ in range(shards_count):
        drawn = random.integers(0, 2**64 - 1, (rows_count, SHARD_WORDS), dtype=np.uint64)
        expected += int(np.bitwise_count(np.bitwise_and.reduce(drawn)).sum())
        shards.append([KeptWords(words, words.ctypes.data) for words in drawn])
    assert count_common(shards) == expected


def test_askings_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two find none, the second of which makes them; then they are found until a write."""
    ledger = Ledger(1 << 20)
    monkeypatch.setattr(row_words, "LEDGER", ledger)
    held = Rows()
    codes, positions = np.zeros(9, dtype=np.uint32), np.arange(9, dtype=np.uint32)
    held.add(codes, positions)
    for _ in range(5):
        held.words(0)
    assert (ledger.hits, ledger.misses) == (3, 2)
    held.add(codes, positions + np.uint32(9))
    held.words(0)
    assert (ledger.hits, ledger.misses) == (3, 3)
