"""FeatureBase's words: hyphens in names, TOP, set and tuple literals, hints; and refusals in place.

Texts that plain SQL reads otherwise, and texts that nobody can read.
"""

import pytest
from sqlglot import exp

from bitbrook.errors import InvalidStatement
from bitbrook.query.sql.dialect.parse import parse_query, tokenize
from bitbrook.query.sql.positions import StatementText


def words(text: str) -> list[str]:
    return [token.text for token in tokenize(StatementText(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("iris-table", ["iris-table"]),
        ("a-b-c", ["a-b-c"]),
        ("a-1", ["a-1"]),
        ("a2-b2", ["a2-b2"]),
        ("a - b", ["a", "-", "b"]),
        ("a -b", ["a", "-", "b"]),
        ("1-a", ["1", "-", "a"]),
        ("count(x)-1", ["count", "(", "x", ")", "-", "1"]),
        ("'a'-1", ["a", "-", "1"]),
        ('"a"-b', ["a", "-", "b"]),
        ("null-1", ["null", "-", "1"]),
        ("t.a-b", ["t", ".", "a-b"]),
        ("a-(1)", ["a", "-", "(", "1", ")"]),
        ("a--b", ["a"]),
        ("a-1.5", ["a", "-", "1.5"]),
    ],
)
def test_hyphens(text: str, expected: list[str]) -> None:
    """A hyphen belongs to a name only where it touches words or whole numbers on both sides."""
    assert words(text) == expected


def test_top_is_a_limit() -> None:
    """TOP n and TOP(n) say what LIMIT says."""
    for text in (
        "select top 5 a from t",
        "select top(5) a from t",
        "select distinct top 5 a from t",
    ):
        tree = parse_query(StatementText(text))
        assert tree.args["limit"].expression.name == "5"


def test_functions_stay_names() -> None:
    """What a function means is not the parser's business: it knows none but CAST and CASE."""
    text = "select replace(a, b), left(a, 1), trim(a), date_trunc('D', a), sum(a), if(a, b, c)"
    tree = parse_query(StatementText(text))
    assert all(type(node) is exp.Anonymous for node in tree.expressions)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "[1:1] the statement is empty"),
        (" ; ", "[1:1] the statement is empty"),
        ("select 1; select 2", "[1:9] one statement at a time"),
        ("select 'abc", "[1:12] a quote or comment is not closed"),
        ("select 1 from", "[1:10] table name expected"),
        ("select (1", "[1:9] ) expected, found"),
        ("select a from t where", "expected"),
        ("select a b c", "[1:12] unexpected 'c'"),
        ("select\n\n  a b c", "[3:7] unexpected 'c'"),
        ("(select 1", "expected"),
    ],
)
def test_refusals_point_at_the_fault(text: str, message: str) -> None:
    """Line and column count from 1."""
    with pytest.raises(InvalidStatement) as caught:
        parse_query(StatementText(text))
    assert message in caught.value.message
    assert caught.value.message.startswith(f"[{caught.value.line}:{caught.value.column}]")
