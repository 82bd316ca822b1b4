"""Kernels over vectors give what NumPy gives, at every width and at awkward lengths.

Vectors end inside a word, numbers lie at the ends of their type, and bounds wrap around zero.
"""

from typing import Any

import numpy as np
import pytest

from bitbrook.bitmap import number_kernels
from bitbrook.bitmap.word_kernels import SHARD_WIDTH, SHARD_WORDS, read_only

LENGTHS = [0, 1, 63, 64, 65, 1000, 4096, 70_001]
SIGNED = [np.int8, np.int16, np.int32, np.int64]


def drawn(kind: Any, length: int) -> tuple[Any, Any, Any]:
    """Numbers of a type, which are selected (bool), and the same as words."""
    random = np.random.default_rng([length, np.dtype(kind).itemsize])
    limits = np.iinfo(kind)
    numbers = random.integers(limits.min, limits.max, length, dtype=kind, endpoint=True)
    numbers[: len(numbers) // 3] = random.choice([limits.min, limits.max, 0], len(numbers) // 3)
    is_in = random.random(length) < 0.5
    bits = np.zeros(SHARD_WIDTH, dtype=np.bool_)
    bits[:length] = is_in
    return numbers, is_in, np.packbits(bits, bitorder="little").view(np.uint64)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", SIGNED)
def test_ranges(kind: Any, length: int) -> None:
    """Signed numbers, reinterpreted, lie in a range that may cross zero."""
    numbers, _, _ = drawn(kind, length)
    limits = np.iinfo(kind)
    unsigned = np.dtype(f"u{numbers.dtype.itemsize}").type
    for low, high in [(limits.min, limits.max), (-3, 90), (0, 0), (limits.max, limits.max)]:
        words = np.full(SHARD_WORDS, 7, dtype=np.uint64)
        wrapped = unsigned(low & int(np.iinfo(unsigned).max))
        viewed = read_only(numbers.view(unsigned))
        number_kernels.words_in_range(viewed, wrapped, unsigned(high - low), words)
        bits = np.unpackbits(words.view(np.uint8), bitorder="little").astype(np.bool_)
        assert np.array_equal(bits[:length], (numbers >= low) & (numbers <= high))
        assert not bits[length:].any()


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", SIGNED)
def test_sums_and_extremes(kind: Any, length: int) -> None:
    """Of the numbers selected; of none, the ends of 64 bits."""
    numbers, is_in, words = drawn(kind, length)
    chosen = [int(number) for number in numbers[is_in]]
    arguments = (read_only(numbers), read_only(words))
    if kind is np.int64:
        upper, lower = number_kernels.halves_in_words(*arguments)
        assert (int(upper) << 32) + int(lower) == sum(chosen)
    least, greatest = number_kernels.extremes_in_words(*arguments)
    assert least == min(chosen, default=2**63 - 1)
    assert greatest == max(chosen, default=-(2**63))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", SIGNED)
def test_sums_in_ranges(kind: Any, length: int) -> None:
    """Of the numbers selected that lie in a range, which may be as wide as a sum of them allows."""
    numbers, is_in, words = drawn(kind, length)
    limits = np.iinfo(kind)
    unsigned = np.dtype(f"u{numbers.dtype.itemsize}").type
    widest = min(number_kernels.NARROW_SPAN_MAX - 1, limits.max)
    ranges = [(limits.min, limits.min), (-3, 90), (0, widest), (limits.min, limits.min + widest)]
    ranges += [(-widest - 1, limits.max), (limits.min, limits.max)]
    for low, high in ranges:
        if (high - low) * length >= 2**63:
            continue
        chosen = [int(n) - low for n in numbers[is_in & (numbers >= low) & (numbers <= high)]]
        is_narrow = high - low < number_kernels.NARROW_SPAN_MAX
        for as_if_narrow in {is_narrow, False}:
            found = number_kernels.sum_in_range(
                read_only(numbers.view(unsigned)),
                unsigned(low & int(np.iinfo(unsigned).max)),
                unsigned(high - low),
                as_if_narrow,
                read_only(words),
            )
            assert found == (sum(chosen), len(chosen))
