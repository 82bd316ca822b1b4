"""Vectors are what a dictionary of tuples would be, packed, and as far away as arithmetic says.

Tried with positions at both ends of a shard, put, changed and removed in any order, a round through
the stored form at any moment, and distances of whole, sparse and dense selections compared with
NumPy's, those without an angle and those beyond 64 bits included.
"""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.bitmap import selection
from bitbrook.bitmap.selection import Selection
from bitbrook.bitmap.vector_kernels import COSINE, DOT, EUCLIDEAN
from bitbrook.bitmap.vectors import Vectors

LENGTH = 3
POSITIONS = st.integers(0, 40) | st.sampled_from([65_535, 65_536, 2**20 - 1])
NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 2.0**127]) | st.floats(-50, 50, width=32)
VECTORS = st.tuples(*[NUMBERS] * LENGTH)


def uint32(numbers: list[int]) -> npt.NDArray[np.uint32]:
    """The numbers as an array."""
    return np.array(numbers, dtype=np.uint32)


def matrix(vectors: list[tuple[float, ...]]) -> npt.NDArray[np.float32]:
    """The vectors as lines."""
    return np.array(vectors, dtype=np.float32).reshape(-1, LENGTH)


def assert_holds(vectors: Vectors, model: dict[int, tuple[float, ...]]) -> None:
    """Every way of reading agrees with the model."""
    asked = [*range(45), 65_535, 65_536, 2**20 - 1]
    lines, is_present = vectors.get(uint32(asked))
    assert is_present.tolist() == [position in model for position in asked]
    zeros = (0.0,) * LENGTH
    assert lines.tolist() == [list(model.get(position, zeros)) for position in asked]
    assert vectors.count == len(model)
    assert set(vectors.present_bitmap()) == set(model)
    assert set(vectors.present().positions().tolist()) == set(model)


changes = st.lists(
    st.tuples(st.just("put"), st.dictionaries(POSITIONS, VECTORS, max_size=8))
    | st.tuples(st.just("remove"), st.lists(POSITIONS, max_size=8))
    | st.tuples(st.just("store"), st.just(None)),
    max_size=8,
)


@given(changes)
def test_any_changes(steps: list[tuple[str, object]]) -> None:
    """Also how many a change has changed."""
    vectors, model = Vectors(LENGTH), {}
    for kind, given_ in steps:
        if isinstance(given_, dict):
            changed = vectors.put(uint32(list(given_)), matrix(list(given_.values())))
            assert changed == sum(model.get(p) != vector for p, vector in given_.items())
            model |= given_
        elif isinstance(given_, list):
            removed = vectors.remove(uint32(given_))
            assert removed == len(set(given_) & model.keys())
            model = {p: vector for p, vector in model.items() if p not in given_}
        else:
            assert kind == "store"
            vectors = Vectors.from_bytes(memoryview(bytes(vectors.to_bytes())))
        assert_holds(vectors, model)


def test_what_is_stored_may_be_written_to() -> None:
    """Vectors in memory of their own go on from there, in that memory."""
    vectors = Vectors(LENGTH)
    vectors.put(uint32([5, 6]), matrix([(1, 2, 3), (4, 5, 6)]))
    body = memoryview(bytearray(vectors.to_bytes()))
    again = Vectors.from_bytes(body)
    assert again.put(uint32([6]), matrix([(7, 8, 9)])) == 1
    assert Vectors.from_bytes(body).get(uint32([6]))[0].tolist() == [[7, 8, 9]]
    assert again.put(uint32([700]), matrix([(7, 8, 9)])) == 1
    assert_holds(again, {5: (1, 2, 3), 6: (7, 8, 9), 700: (7, 8, 9)} | {})


def test_records_far_apart_take_no_room_between() -> None:
    """A vector at the last position of a shard costs little more than itself."""
    vectors = Vectors(1000)
    vectors.put(uint32([2**20 - 1]), np.ones((1, 1000), dtype=np.float32))
    assert vectors.size_bytes < 5_000_000


def distances_of(
    found: npt.NDArray[np.float64], query: npt.NDArray[np.float64], metric: int
) -> npt.NDArray[np.float64]:
    """As NumPy has them; NaN for none."""
    if metric == DOT:
        return found @ query
    if metric == EUCLIDEAN:
        return np.sqrt(((found - query) ** 2).sum(axis=1))
    sizes = np.linalg.norm(found, axis=1) * np.linalg.norm(query)
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - np.clip(found @ query / sizes, -1, 1)


@pytest.mark.parametrize("metric", [COSINE, EUCLIDEAN, DOT])
@pytest.mark.parametrize("sparse_max", [-1, 4096])
@pytest.mark.parametrize("length", [1, 3, 16, 65])
def test_distances(
    metric: int, sparse_max: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all, and of what a selection has, which may be none of them."""
    monkeypatch.setattr(selection, "SPARSE_COUNT_MAX", sparse_max)
    random = np.random.default_rng(length)
    positions = random.choice(3000, 500, replace=False).astype(np.uint32)
    lines = random.normal(size=(500, length)).astype(np.float32)
    lines[17] = 0
    vectors = Vectors(length)
    vectors.put(positions, lines)
    query = random.normal(size=length).astype(np.float32)
    for chosen in (None, np.arange(1000), np.array([int(positions[17]), 2999]), np.arange(0)):
        selected = None if chosen is None else Selection.of_positions(chosen.astype(np.uint32))
        found, ranks, is_defined = vectors.rank(query, metric, selected)
        kept = np.isin(positions, chosen) if chosen is not None else np.ones(500, dtype=np.bool_)
        expected = distances_of(lines.astype(np.float64), query.astype(np.float64), metric)
        order = np.argsort(found)
        wanted = np.argsort(positions[kept])
        assert found[order].tolist() == positions[kept][wanted].tolist()
        of_kept = expected[kept][wanted]
        assert is_defined[order].tolist() == (~np.isnan(of_kept)).tolist()
        in_billionths = np.nan_to_num(of_kept) * 1e9
        assert np.abs(np.where(is_defined, ranks, 0)[order] - in_billionths).max(initial=0) <= 0.51


def test_what_64_bits_do_not_hold_is_all_alike() -> None:
    """And in order with the rest, on both sides."""
    vectors = Vectors(1)
    found = np.array([[2.0**127], [-(2.0**127)], [1e5], [0.0]], dtype=np.float32)
    vectors.put(uint32([1, 2, 3, 4]), found)
    positions, ranks, _ = vectors.rank(np.array([2.0**100], dtype=np.float32), DOT)
    by_position = dict(zip(positions.tolist(), ranks.tolist(), strict=True))
    assert by_position[1] == by_position[3] > by_position[4] == 0
    assert by_position[2] == -by_position[1]
