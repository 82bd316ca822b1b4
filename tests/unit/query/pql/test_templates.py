"""A tree from a template is the one that parsing gives, but for places, which are never told wrong.

Statements of every form are met again with other literals: numbers of any sign and length, strings
with anything but escapes, times and names that look like numbers; those that write are parsed anew.
"""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.errors import InvalidStatement
from bitbrook.query.pql.lexer import StatementText
from bitbrook.query.pql.parser import parse_pql
from bitbrook.query.pql.templates import Templates

FORMS = [
    "[t]Count(Row(a=%s))",
    "[t]Count(Intersect(Row(a=%s), Row(b-1=%s), Row(c2 > %s)))",
    "Row(%s < a <= %s)",
    "Row(a >< [%s, %s])",
    "Extract(ConstRow(columns=[%s, %s,7]), Rows(a))",
    "TopK(a, k=%s, filter=Row(d=true))Count(All())",
    "Row(t=%s, from=2017-03-02T03:00, to='2018-01-01T00:00')",
    "Row(a=[%s null -1 %s])",
    "UnionRows(Rows(a, previous=%s, limit=%s))",
]
literals = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(-1000, 1000, places=3).map(str),
    st.sampled_from(["+5", "0.50", "''", '"it\'s"', "'?'", "'Row(a=1)'", '"2017-03-02"']),
    st.text("abc ,()[]=<>19-.", max_size=8).map(lambda text: f"'{text}'"),
)


def without_places(node: Any) -> Any:
    """A tree as plain values, its offsets left out."""
    if isinstance(node, msgspec.Struct):
        fields = [name for name in node.__struct_fields__ if name != "offset"]
        return type(node).__name__, [without_places(getattr(node, name)) for name in fields]
    if isinstance(node, tuple):
        return [without_places(each) for each in node]
    return type(node).__name__, node


@given(st.sampled_from(FORMS), st.data())
def test_trees_are_those_of_the_parser(form: str, data: st.DataObject) -> None:
    """Whatever came first of a shape, the next one has its own literals."""
    templates = Templates()
    count = form.count("%s")
    for turn in range(3):
        values = tuple(data.draw(st.lists(literals, min_size=count, max_size=count)))
        text = StatementText(form % values)
        parsed = templates.parse(text)
        assert without_places(parsed.statement) == without_places(parse_pql(text))
        assert turn > 0 or parsed.is_exact


def test_a_second_one_is_not_parsed() -> None:
    templates = Templates()
    assert templates.parse(StatementText("Count(Row(a=1))")).is_exact
    assert not templates.parse(StatementText("Count(Row(a='x y'))")).is_exact


@pytest.mark.parametrize(
    "text",
    [
        "Set(1, a=2)",
        "Count(All())Clear(1, a=2)",
        r"Count(Row(a='it\'s'))",
        "Count(Row(a='ä'))",
        f"Count(Row(a={'9' * 999}))" + " " * 4_000,
    ],
)
def test_what_needs_more_than_a_look_is_parsed_every_time(text: str) -> None:
    templates = Templates()
    assert templates.parse(StatementText(text)).is_exact
    assert templates.parse(StatementText(text)).is_exact


def test_mistakes_are_those_of_the_text_itself() -> None:
    """A number that is too long, and text that only looks like a known shape."""
    templates = Templates()
    templates.parse(StatementText("Count(Row(a=1))"))
    for bad in ("Count(Row(a=%s))" % ("1" * 1_001), "Count(Row(a=1.))", "Count(Row(a=1-1))"):
        with pytest.raises(InvalidStatement) as kept:
            templates.parse(StatementText(bad))
        with pytest.raises(InvalidStatement, match=re.escape(str(kept.value))):
            parse_pql(StatementText(bad))
