"""Rows and codes translate into each other and back, for row ids and row keys alike.

Tried with any text and any 64-bit id, unknown rows, sliced Arrow arrays, patterns, and a second
dictionary built from the first one's tails.
"""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.engine.dictionary import RowDictionary

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.lists(TEXT | st.sampled_from(["", "a", "b"])))
def test_row_keys_come_back(rows: list[str]) -> None:
    dictionary = RowDictionary(is_keyed=True)
    codes = dictionary.codes_of(pa.array(rows, type=pa.string()))
    assert codes.dtype == np.uint32
    assert dictionary.rows_at(codes).tolist() == rows
    assert dictionary.find_codes(rows).tolist() == codes.tolist()
    assert sorted(set(codes.tolist())) == list(range(len(dictionary)))


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5)))
def test_row_ids_come_back(rows: list[int]) -> None:
    dictionary = RowDictionary(is_keyed=False)
    codes = dictionary.codes_of(pa.array(rows, type=pa.uint64()))
    found = dictionary.rows_at(codes)
    assert found.dtype == np.uint64
    assert found.tolist() == rows
    assert dictionary.find_codes(rows).tolist() == codes.tolist()


def test_unknown_rows_are_not_created_by_looking() -> None:
    dictionary = RowDictionary(is_keyed=True)
    dictionary.codes_of(pa.array(["a"]))
    assert dictionary.find_codes(["b", "a", ""]).tolist() == [-1, 0, -1]
    assert len(dictionary) == 1
    assert dictionary.find_codes([]).tolist() == []


def test_slices_of_arrow_arrays_are_understood() -> None:
    keyed, ids = RowDictionary(is_keyed=True), RowDictionary(is_keyed=False)
    assert keyed.codes_of(pa.array(["x", "y", "z"]).slice(1)).tolist() == [0, 1]
    assert keyed.rows_at(np.array([1, 0])).tolist() == ["z", "y"]
    assert ids.codes_of(pa.array([7, 8, 9], pa.uint64()).slice(1, 1)).tolist() == [0]
    assert ids.rows_at(np.array([0])).tolist() == [8]


def test_patterns_match_whole_keys() -> None:
    dictionary = RowDictionary(is_keyed=True)
    rows = ["apple", "pear", "pineapple", "", "äpple", "a\nb"]
    dictionary.codes_of(pa.array(rows))

    def matching(pattern: str) -> list[str]:
        return dictionary.rows_at(dictionary.like(pattern)).tolist()

    assert matching("%apple") == ["apple", "pineapple"]
    assert matching("_pple") == ["apple", "äpple"]
    assert matching("p%") == ["pear", "pineapple"]
    assert matching("") == [""]
    assert matching("%") == rows
    assert matching("a%b") == ["a\nb"]
    assert matching("a.ple") == []


def test_tails_rebuild_the_dictionary() -> None:
    for is_keyed, rows in ((True, ["a", "", "ccc", "dd"]), (False, [5, 2**64 - 1, 0, 7])):
        first, second = RowDictionary(is_keyed=is_keyed), RowDictionary(is_keyed=is_keyed)
        arrow_type = pa.string() if is_keyed else pa.uint64()
        first.codes_of(pa.array(rows[:3], arrow_type))
        second.extend(*first.tail(0))
        first.codes_of(pa.array(rows[3:], arrow_type))
        second.extend(*first.tail(3))
        assert second.rows_at(np.arange(4)).tolist() == rows
        assert second.find_codes(rows).tolist() == [0, 1, 2, 3]
