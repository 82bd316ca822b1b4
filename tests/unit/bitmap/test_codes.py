"""Integers get the numbers in which they first came, whatever their size and order.

Hypothesis gives them in several calls; one run is long enough for the table to grow many times.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.bitmap.codes import Codes

integers = st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5)


@given(st.lists(st.lists(integers, max_size=40), max_size=5))
def test_codes_are_the_order_of_first_coming(calls: list[list[int]]) -> None:
    """As a dictionary would number them."""
    codes, known = Codes(), dict[int, int]()
    for call in calls:
        expected = [known.setdefault(integer, len(known)) for integer in call]
        assert codes.of(np.array(call, dtype=np.int64)).tolist() == expected
        assert codes.met.tolist() == list(known)
        assert len(codes) == len(known)


def test_a_table_that_grows() -> None:
    """Half a million integers, most of them several times, neighbours and strangers alike."""
    random = np.random.default_rng(7)
    drawn = random.integers(0, 200_000, 500_000) * random.choice([1, 1 << 32], 500_000)
    codes = Codes()
    given_codes = np.concatenate([codes.of(part) for part in np.array_split(drawn, 3)])
    distinct, first_places = np.unique(drawn, return_index=True)
    by_first_place = np.argsort(first_places)
    assert np.array_equal(codes.met, distinct[by_first_place])
    assert np.array_equal(codes.met[given_codes], drawn)
