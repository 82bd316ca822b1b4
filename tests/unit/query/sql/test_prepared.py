"""A value is a literal in the tree of a prepared query, and nothing else of the tree changes.

Puts values of every type, among them texts that look like SQL, wherever a parameter may stand; the
marks in strings and comments are none.
"""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from bitbrook.errors import InvalidStatement
from bitbrook.query.parameters import Moment
from bitbrook.query.sql.prepared import _with_values, prepare_sql

QUERY = prepare_sql(
    "select a, $x as x from t where b = $x and c in (1, $x) or f($x) > 2 group by a having d < $x"
)
LITERALS = (exp.Literal, exp.Boolean, exp.Null, exp.Neg)

VALUES = (
    st.text()
    | st.integers(-(2**63), 2**64 - 1)
    | st.decimals(-(10**9), 10**9, places=3)
    | st.booleans()
    | st.none()
    | st.integers(-(10**18), 10**18).map(Moment)
    | st.sampled_from(["' or 1=1 --", "1); drop table t; --", "$x", "*/", "\\'", "a.b"])
)


def shape(tree: exp.Expression) -> list[type]:
    return [type(node) for node in tree.walk() if not isinstance(node, (*LITERALS, exp.Parameter))]


@given(VALUES)
def test_a_value_is_a_literal_and_nothing_else(value: Any) -> None:
    tree = _with_values(QUERY, {"x": value})
    assert not list(tree.find_all(exp.Parameter))
    # A name under a mark is a part of the mark.
    before = [kind for kind in shape(QUERY.tree) if kind is not exp.Var]
    assert shape(tree) == before
    if isinstance(value, str):
        found = [n.this for n in tree.find_all(exp.Literal) if n.is_string]
        assert found == [value] * 5
    # The query itself is as it was, for the next values.
    assert len(list(QUERY.tree.find_all(exp.Parameter))) == 5


@given(st.lists(st.integers(0, 9) | st.text(), min_size=1, max_size=5))
def test_a_list_in_an_in_is_its_members(values: list[Any]) -> None:
    for written in ("a in ($x)", "a in $x", "a in (0, $x)"):
        tree = _with_values(prepare_sql(f"select 1 from t where {written}"), {"x": tuple(values)})
        (found,) = tree.find_all(exp.In)
        members = [str(each.this) for each in found.expressions]
        assert members == ["0"] * written.count("0") + [str(each) for each in values]


def test_nothing_is_in_an_empty_list() -> None:
    tree = _with_values(prepare_sql("select 1 from t where not a in ($x)"), {"x": ()})
    assert tree.args["where"].sql() == "WHERE NOT FALSE"


def test_marks_in_strings_and_comments_are_none() -> None:
    prepared = prepare_sql("select '$a', \"$b\", $c /* $d */ from t -- $e")
    assert prepared.names == ("c",)
    assert prepare_sql("select $b, $a, $b").names == ("b", "a")
    assert prepare_sql("select $1 + $2").names == ("1", "2")


def test_a_value_that_is_missing_has_its_place() -> None:
    with pytest.raises(InvalidStatement, match=r"\[1:8\] parameter '\$x' has no value"):
        _with_values(prepare_sql("select $x"), {})


def test_numbers_keep_their_digits() -> None:
    tree = _with_values(prepare_sql("select $x"), {"x": Decimal("-0.050")})
    assert tree.expressions[0].sql() == "-0.050"
