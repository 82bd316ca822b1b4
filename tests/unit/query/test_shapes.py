"""Statements that differ in literals only have one shape; anything else makes another.

Looks at both languages' quotes and at names that contain digits.
"""

import pytest

from bitbrook.query.shapes import shape_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select a from t where b = 1", "select a from t where b = 23.5"),
        ("select a from t where b = 'x'", "select a from t where b = 'it is 7'"),
        ('[t]Count(Row(a="x"))', '[t]Count(Row(a="y z"))'),
    ],
)
def test_literals_do_not_matter(one: str, other: str) -> None:
    assert shape_of(one) == shape_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select a1 from t", "select a2 from t"),
        ("select a from t limit 1", "select a from t offset 1"),
        ("Row(a=1)", "Row(a=1, b=2)"),
    ],
)
def test_everything_else_does(one: str, other: str) -> None:
    assert shape_of(one) != shape_of(other)
