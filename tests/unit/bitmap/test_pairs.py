"""Pairs are kept once each, as bits or hashed, also where one turns into the other.

Random pairs against a Python set, with the number of possible pairs on either side of the bound.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.bitmap import pairs
from bitbrook.bitmap.pairs import Pairs

BATCHES = st.lists(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0, 1, 5, 63, 64, 2**31])), max_size=20),
    max_size=5,
)


@pytest.mark.parametrize(("group_count", "bits_max"), [(0, 1 << 29), (10, 1 << 29), (10, 200)])
@given(BATCHES)
def test_each_pair_once(
    group_count: int, bits_max: int, batches: list[list[tuple[int, int]]]
) -> None:
    """Whatever is added and how often."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "BITS_MAX", bits_max)
        kept = Pairs(group_count)
        for batch in batches:
            groups, codes = (np.array([p[i] for p in batch], dtype=np.int64) for i in (0, 1))
            kept.add(groups, codes)
    groups, codes = kept.listed()
    listed = list(zip(groups.tolist(), codes.tolist(), strict=True))
    assert sorted(listed) == sorted({pair for batch in batches for pair in batch})
