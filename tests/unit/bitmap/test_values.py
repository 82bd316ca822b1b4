"""Values are what a dictionary of integers would be, in integers as narrow as they may be.

Tried with numbers at and beyond every edge of the integer types in any order, positions at both
ends of a shard, removals of what is not there, and a round through the stored form at any moment.
"""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.bitmap.row_kernels import NO_ROW
from bitbrook.bitmap.values import Values

EDGES = [edge for bits in (7, 15, 31, 63) for edge in (-(2**bits), 2**bits - 1)]
NUMBERS = (
    st.sampled_from(EDGES + [edge + 1 for edge in EDGES[::2]] + [-129, 128, 32_768, 2**31, 0, 1])
    | st.integers(-200, 200)
    | st.integers(-(2**63), 2**63 - 1)
)
CODES = st.sampled_from([0, 1, 255, 256, 65_535, 65_536, 2**32 - 2]) | st.integers(0, 300)
POSITIONS = st.integers(0, 130) | st.sampled_from([65_535, 65_536, 2**20 - 1])


def uint32(numbers: list[int]) -> npt.NDArray[np.uint32]:
    """The numbers as an array."""
    return np.array(numbers, dtype=np.uint32)


def int64(numbers: list[int]) -> npt.NDArray[np.int64]:
    """The numbers as an array."""
    return np.array(numbers, dtype=np.int64)


def assert_holds(values: Values, model: dict[int, int]) -> None:
    """Every way of reading agrees with the model, and the invariants hold."""
    asked = [*range(140), 65_535, 65_536, 2**20 - 1]
    numbers, is_present = values.get(uint32(asked))
    assert is_present.tolist() == [position in model for position in asked]
    assert numbers.tolist() == [model.get(position, 0) for position in asked]
    assert values.count == len(model)
    assert set(values.present_bitmap()) == set(model)
    stored = values.numbers
    assert {p: int(stored[p]) for p in model} == model
    assert np.count_nonzero(stored) == sum(number != 0 for number in model.values())
    assert len(values.present) == -(-len(stored) // 64)
    assert values.is_full == (len(model) == len(stored))
    if model:
        assert values.low <= min(model.values())
        assert values.high >= max(model.values())
        assert np.iinfo(stored.dtype).min <= values.low <= values.high <= np.iinfo(stored.dtype).max
    else:
        assert (values.low, values.high) == (0, -1)


PUTS = st.dictionaries(POSITIONS, NUMBERS, max_size=20)


@given(st.lists(st.tuples(st.sampled_from(["put", "remove", "store"]), PUTS), max_size=10))
def test_values_are_a_dictionary_of_integers(steps: list[tuple[str, dict[int, int]]]) -> None:
    values, model = Values(), dict[int, int]()
    for kind, given_ in steps:
        match kind:
            case "put":
                changed = sum(model.get(position) != number for position, number in given_.items())
                assert values.put(uint32([*given_]), int64([*given_.values()])) == changed
                model |= given_
            case "remove":
                removed = [position for position in given_ if model.pop(position, None) is not None]
                assert values.remove(uint32([*given_])) == len(removed)
            case "store":
                values = Values.from_bytes(memoryview(bytearray(values.to_bytes())))
    assert_holds(values, model)
    stored = values.to_bytes()
    assert_holds(Values.from_bytes(memoryview(stored)), model)
    assert Values.from_bytes(memoryview(stored)).to_bytes() == stored


@given(st.lists(st.dictionaries(POSITIONS, CODES, max_size=20), max_size=6))
def test_exchange_tells_what_moved(puts: list[dict[int, int]]) -> None:
    values, model = Values(is_code=True), dict[int, int]()
    for put in puts:
        moved, before, after = values.exchange(uint32([*put]), int64([*put.values()]))
        expected = [
            (position, model.get(position, int(NO_ROW)), code)
            for position, code in put.items()
            if model.get(position) != code
        ]
        told = zip(moved.tolist(), before.tolist(), after.tolist(), strict=True)
        assert list(told) == expected
        model |= put
    assert values.is_code
    assert values.numbers.dtype.kind == "u"
    assert_holds(values, model)


@pytest.mark.parametrize(
    ("number", "itemsize"),
    [
        (0, 1),
        (127, 1),
        (-128, 1),
        (128, 2),
        (-129, 2),
        (32_767, 2),
        (32_768, 4),
        (-32_769, 4),
        (2**31 - 1, 4),
        (2**31, 8),
        (-(2**31) - 1, 8),
        (2**63 - 1, 8),
        (-(2**63), 8),
    ],
)
def test_numbers_lie_in_the_narrowest_integers(number: int, itemsize: int) -> None:
    """A number that is put beside small ones widens them as far as it needs, and no further."""
    values = Values()
    values.put(uint32([0, 1]), int64([5, -5]))
    assert values.put(uint32([2]), int64([number])) == 1
    assert values.numbers.dtype == np.dtype(f"i{itemsize}")
    assert values.get(uint32([0, 1, 2]))[0].tolist() == [5, -5, number]


@pytest.mark.parametrize(
    ("code", "itemsize"), [(255, 1), (256, 2), (65_535, 2), (65_536, 4), (2**32 - 2, 4)]
)
def test_codes_lie_in_the_narrowest_unsigned_integers(code: int, itemsize: int) -> None:
    values = Values(is_code=True)
    values.exchange(uint32([3]), int64([code]))
    assert values.numbers.dtype == np.dtype(f"u{itemsize}")
    assert values.get(uint32([3]))[0].tolist() == [code]


def test_memory_follows_the_highest_position() -> None:
    values = Values()
    values.put(uint32([10]), int64([1]))
    assert values.size_bytes <= 100
    assert len(values.numbers) == 11
    values.put(uint32([2**20 - 1]), int64([1]))
    assert len(values.numbers) == 2**20
    assert values.size_bytes == 2**20 + 2**17


def test_a_full_vector_says_so() -> None:
    values = Values()
    values.put(np.arange(100, dtype=np.uint32), np.arange(100))
    assert values.is_full
    values.remove(uint32([50]))
    assert not values.is_full
    values.put(uint32([50]), int64([0]))
    assert values.is_full


def test_positions_and_numbers_may_be_read_only_and_strided() -> None:
    positions, numbers = np.arange(0, 40, dtype=np.uint32)[::2], np.arange(40)[::2]
    numbers.flags.writeable = False
    values = Values()
    assert values.put(positions, numbers) == 20
    assert values.get(positions)[0].tolist() == numbers.tolist()
