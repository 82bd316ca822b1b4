"""A position has at most one row, and every reading sees all moves, made or not.

Tried with random moves between few rows, readings of one row, of many or of the counts at any
moment, a bound on waiting moves of a few, snapshots with moves under way, and readers in threads.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from bitbrook.bitmap import mutex_rows
from bitbrook.bitmap.mutex_rows import MutexRows
from bitbrook.bitmap.row_kernels import NO_ROW

ROWS_COUNT = 14
POSITIONS = st.integers(0, 30) | st.sampled_from([65_536, 2**20 - 1])
MOVES = st.dictionaries(POSITIONS, st.none() | st.integers(0, ROWS_COUNT - 1), max_size=20)
READINGS = st.sampled_from(["nothing", "one", "all", "counts", "stored"])
CHANGES = st.sampled_from(["move"] * 6 + ["add", "remove", "empty", "clear"])


def uint32(numbers: list[int]) -> npt.NDArray[np.uint32]:
    """The numbers as an array."""
    return np.array(numbers, dtype=np.uint32)


def code_of(row: int | None) -> int:
    """The code of a row, or that of none."""
    return int(NO_ROW) if row is None else row


def assert_reads(rows: MutexRows, model: dict[int, int], codes: range) -> None:
    """Each of these rows holds what the model gives it."""
    for code in codes:
        held = {position for position, row in model.items() if row == code}
        assert set(rows.row(code) or ()) == held


def change(rows: MutexRows, model: dict[int, int], kind: str, to: dict[int, int | None]) -> None:
    """Change both alike."""
    code = next((row for row in to.values() if row is not None), 0)
    match kind:
        case "move":
            before = [code_of(model.get(position)) for position in to]
            rows.move(uint32([*to]), uint32(before), uint32([code_of(to[p]) for p in to]))
            model.update({p: row for p, row in to.items() if row is not None})
            for position, row in to.items():
                if row is None:
                    model.pop(position, None)
        case "add":
            new = [position for position in to if position not in model]
            assert rows.add(uint32([code] * len(new)), uint32(new)) == len(new)
            model.update(dict.fromkeys(new, code))
        case "remove":
            held = [position for position in to if model.get(position) == code]
            assert rows.remove(uint32([code] * len(to)), uint32([*to])) == len(held)
            for position in held:
                del model[position]
        case "empty":
            held = [position for position in to if position in model]
            assert rows.remove_positions(BitMap([*to])) == len(held)
            for position in held:
                del model[position]
        case "clear":
            held = [position for position, row in model.items() if row == code]
            assert set(rows.clear_row(code)) == set(held)
            for position in held:
                del model[position]


@given(
    st.lists(st.tuples(CHANGES, MOVES, READINGS), max_size=15),
    st.sampled_from([4, 16, 64]),
    st.sampled_from([16, 10_000]),
)
def test_every_reading_sees_all_moves(
    steps: list[tuple[str, dict[int, int | None], str]], moves_max: int, moves_per_round: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mutex_rows, "MOVES_MAX", moves_max)
        patch.setattr(mutex_rows, "MOVES_PER_ROUND", moves_per_round)
        patch.setattr(mutex_rows, "ROWS_ASKED_MAX", 8)
        rows, model = MutexRows(), {}
        for turn, (kind, to, reading) in enumerate(steps):
            change(rows, model, kind, to)
            match reading:
                case "one":
                    assert_reads(rows, model, range(turn % ROWS_COUNT, turn % ROWS_COUNT + 1))
                case "all":
                    assert_reads(rows, model, range(ROWS_COUNT))
                case "counts":
                    codes, counts = rows.counts()
                    assert codes.tolist() == sorted(set(model.values()))
                    held = list(model.values())
                    assert counts.tolist() == [held.count(code) for code in codes.tolist()]
                case "stored":
                    rows = MutexRows.from_bytes(memoryview(rows.to_bytes()))
        assert_reads(rows, model, range(ROWS_COUNT))
        assert int(rows.counts()[1].sum()) == len(model)


def test_a_row_that_is_ahead_of_a_round_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read while a round of older moves, one row a write, has not come to it yet."""
    monkeypatch.setattr(mutex_rows, "MOVES_MAX", 64)
    monkeypatch.setattr(mutex_rows, "MOVES_PER_ROUND", 10_000)
    rows, positions = MutexRows(), np.arange(64, dtype=np.uint32)
    held = positions % 16
    rows.move(positions, np.full(64, NO_ROW, dtype=np.uint32), held)
    for turn in range(40):
        position, after = turn % 64, uint32([(turn * 7) % 16])
        rows.move(uint32([position]), held[[position]], after)
        held[position] = after[0]
        code = turn % 16
        assert set(rows.row(code) or ()) == set(np.flatnonzero(held == code).tolist())
    assert rows.counts()[1].tolist() == np.bincount(held).tolist()
    for code in range(16):
        assert set(rows.row(code) or ()) == set(np.flatnonzero(held == code).tolist())


def test_a_lent_row_stays_as_it_is_while_others_are_read() -> None:
    """More rows are asked for than make their moves one by one, so all moves are made at once."""
    rows = MutexRows()
    rows_count = 2 * mutex_rows.ROWS_ASKED_MAX
    positions = np.arange(20 * rows_count, dtype=np.uint32)
    nowhere = np.full(len(positions), NO_ROW, dtype=np.uint32)
    rows.move(positions, nowhere, positions % rows_count)
    lent = rows.row(7)
    assert lent is not None
    before = lent.serialize()
    assert [len(rows.row(code) or ()) for code in range(rows_count)] == [20] * rows_count
    assert lent.serialize() == before
    assert rows.row(7) is lent


def test_readers_in_threads_see_the_same() -> None:
    """Eight threads read rows and counts between moves; each must see all of them."""
    generator = np.random.default_rng(11)
    rows = MutexRows()
    held = np.full(1 << 16, NO_ROW, dtype=np.uint32)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(30):
            positions = generator.choice(len(held), 3_000, replace=False).astype(np.uint32)
            after = generator.integers(0, 20, len(positions)).astype(np.uint32)
            rows.move(positions, held[positions], after)
            held[positions] = after
            expected = np.bincount(held[held != NO_ROW], minlength=20).tolist()
            read = pool.map(lambda code: len(rows.row(code) or ()), [*range(20)] * 2)
            counted = pool.submit(rows.counts)
            assert list(read) == expected * 2
            assert counted.result()[1].tolist() == expected
