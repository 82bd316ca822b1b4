"""Selections do what Python's sets do, in whichever form their operands are.

Hypothesis draws positions in all the shapes that roaring has containers for (scattered, crowded, in
runs, at the ends of the shard) and holds each operand as roaring, as words, or as both.
"""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from bitbrook.bitmap import selection as module
from bitbrook.bitmap.selection import NONE, Selection, count_words
from bitbrook.bitmap.word_kernels import SHARD_WIDTH, SHARD_WORDS

LAST = SHARD_WIDTH - 1


@st.composite
def position_sets(draw: st.DrawFn) -> frozenset[int]:
    """Positions of several shapes together."""
    positions: set[int] = set(draw(st.lists(st.integers(0, LAST), max_size=20)))
    positions |= set(draw(st.lists(st.sampled_from([0, 63, 64, 65_535, 65_536, LAST]))))
    for _ in range(draw(st.integers(0, 2))):
        start, length = draw(st.integers(0, LAST)), draw(st.integers(1, 70_000))
        step = draw(st.sampled_from([1, 2, 17]))
        positions |= set(range(start, min(start + length, SHARD_WIDTH), step))
    return frozenset(positions)


def as_roaring(positions: frozenset[int]) -> Selection:
    return Selection.of_bitmap(BitMap(positions), is_existing=False)


def as_runs(positions: frozenset[int]) -> Selection:
    bitmap = BitMap(positions)
    bitmap.run_optimize()
    return Selection.of_bitmap(bitmap, is_existing=False)


def as_words(positions: frozenset[int]) -> Selection:
    bits = np.zeros(SHARD_WIDTH, dtype=np.bool_)
    bits[list(positions)] = True
    words = np.packbits(bits, bitorder="little").view(np.uint64)
    return Selection.of_words(words, is_existing=False)


def as_both(positions: frozenset[int]) -> Selection:
    both = as_words(positions)
    assert both.bitmap == BitMap(positions)
    return both


forms = st.sampled_from([as_roaring, as_runs, as_words, as_both])
Form = Callable[[frozenset[int]], Selection]


def held(selection: Selection) -> set[int]:
    """The positions of a selection, which all its forms and counts agree on."""
    positions = selection.positions()
    assert positions.dtype == np.uint32
    assert np.all(positions[1:] > positions[:-1])
    assert len(selection) == len(positions) == count_words(selection.words)
    assert bool(selection) == (len(positions) > 0)
    assert selection.bitmap == BitMap(positions.tolist())
    return set(positions.tolist())


@given(position_sets(), forms)
def test_forms_convert_into_each_other(positions: frozenset[int], form: Form) -> None:
    """Roaring, with and without runs, and words, from and to every container."""
    assert held(form(positions)) == positions
    shuffled = np.array(list(positions), dtype=np.uint32)
    assert held(Selection.of_positions(shuffled)) == positions


@pytest.mark.parametrize("sparse_max", [-1, 4096])
def test_algebra(sparse_max: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And, or, without, exclusive or; neither operand changes."""
    monkeypatch.setattr(module, "SPARSE_COUNT_MAX", sparse_max)

    @given(position_sets(), forms, position_sets(), forms)
    def check(one: frozenset[int], form: Form, other: frozenset[int], other_form: Form) -> None:
        left, right = form(one), other_form(other)
        assert left.and_count(right) == len(one & other)
        assert held(left & right) == one & other
        assert held(left | right) == one | other
        assert held(left - right) == one - other
        assert held(left ^ right) == one ^ other
        assert held(left) == one
        assert held(right) == other

    check()


@given(position_sets(), forms, position_sets(), forms)
def test_all_is_a_shortcut_only_for_what_exists(
    existing: frozenset[int], form: Form, more: frozenset[int], more_form: Form
) -> None:
    """Everything that exists, and a selection that may lie beyond or may not."""
    everyone = Selection.of_bitmap(BitMap(existing), is_all=True)
    beyond, within = more_form(more), form(existing & more)
    within.is_existing = True
    assert held(everyone & beyond) == existing & more == held(beyond & everyone)
    assert held(everyone | beyond) == existing | more == held(beyond | everyone)
    assert held(everyone - beyond) == existing - more
    assert (everyone & within) is within
    assert held(within | everyone) == existing == held(everyone | within)
    assert everyone.and_count(within) == len(within) == within.and_count(everyone)
    assert (everyone & beyond).is_existing
    assert (everyone | beyond).is_existing == (not more)


@given(position_sets(), forms, st.integers(0, 400))
def test_the_first_positions(positions: frozenset[int], form: Form, count: int) -> None:
    """As many as asked for, from the start."""
    assert form(positions).first(count).tolist() == sorted(positions)[:count]


def test_nothing() -> None:
    """No position, in any form."""
    assert held(NONE) == set()
    assert not NONE
    assert held(Selection.of_words(np.zeros(SHARD_WORDS, dtype=np.uint64))) == set()
