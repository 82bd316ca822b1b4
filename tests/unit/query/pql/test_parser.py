"""Statements give the tree that was written, and mistakes the line and column they stand at.

Cases are lines of `tests/fixtures/pql_valid.pql` and `pql_invalid.pql`; then depth, length and
random texts are pushed at the parser, which may answer with a tree or with InvalidStatement only.
"""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.errors import InvalidStatement
from bitbrook.query.pql.lexer import StatementText
from bitbrook.query.pql.parser import DEPTH_MAX, parse_pql
from bitbrook.query.pql.tree import (
    Argument,
    Call,
    Comparison,
    ListOfValues,
    Literal,
    Name,
    Named,
    Statement,
    TimeLiteral,
)

FIXTURES = Path(__file__).parents[3] / "fixtures"


def cases(file: str) -> list[tuple[str, str]]:
    found = []
    for line in (FIXTURES / file).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            statement, _, expected = line.partition("=>")
            found.append((statement.rstrip(" ").replace("⏎", "\n"), expected.strip()))
    return found


def written(statement: Statement) -> str:
    calls = " ".join(_written(call) for call in statement.calls)
    return calls if statement.table is None else f"[{statement.table.text}] {calls}"


def _written(node: Argument) -> str:
    match node:
        case Call(name=name, arguments=arguments):
            return f"{name}({', '.join(map(_written, arguments))})"
        case Named(name=name, value=value):
            return f"{name} = {_written(value)}"
        case Comparison(name=name, tests=tests):
            return " and ".join(f"{name} {t.operator} {_written(t.value)}" for t in tests)
        case ListOfValues(items=items):
            return f"[{', '.join(map(_written, items))}]"
        case TimeLiteral(text=text):
            return f"@{text}"
        case Name(text=text):
            return text
        case Literal(value=Decimal() as value):
            return f"{value:f}"
        case Literal(value=value):
            return json.dumps(value)


def parse(text: str) -> Statement:
    return parse_pql(StatementText(text))


@pytest.mark.parametrize(("text", "expected"), cases("pql_valid.pql"))
def test_trees(text: str, expected: str) -> None:
    """A statement's tree, written plainly."""
    assert written(parse(text)) == expected


@pytest.mark.parametrize(("text", "expected"), cases("pql_invalid.pql"))
def test_mistakes(text: str, expected: str) -> None:
    """A mistake's line, column and message; the caret of the excerpt stands at the column."""
    with pytest.raises(InvalidStatement) as caught:
        parse(text)
    error = caught.value
    place, _, message = expected.partition(" ")
    assert f"{error.line}:{error.column}" == place
    assert error.message.startswith(message)
    assert error.message.endswith(f"(line {error.line}, column {error.column})")
    line, caret = error.excerpt.split("\n")
    assert line == text.split("\n")[error.line - 1]
    assert caret == " " * (error.column - 1) + "^"


def test_offsets_lead_back_into_the_text() -> None:
    """Every node knows where it was written."""
    text = "[shop]\n Count(Row( age > 5))"
    statement = parse(text)
    (count,) = statement.calls
    (row,) = count.arguments
    assert isinstance(row, Call)
    (comparison,) = row.arguments
    assert isinstance(comparison, Comparison)
    assert statement.table is not None
    assert text[statement.table.offset :].startswith("shop")
    assert text[count.offset :].startswith("Count")
    assert text[row.offset :].startswith("Row")
    assert text[comparison.offset :].startswith("age")
    assert text[comparison.tests[0].value.offset :].startswith("5")


def test_an_excerpt_of_a_long_line_is_cut() -> None:
    """A statement of one long line gives an excerpt of a screen's width around the mistake."""
    text = "Union(" + "Row(f=1), " * 10_000 + "@)"
    with pytest.raises(InvalidStatement) as caught:
        parse(text)
    line, caret = caught.value.excerpt.split("\n")
    assert caught.value.column == text.index("@") + 1
    assert len(line) <= 120
    assert line[len(caret) - 1] == "@"


def test_depth_is_bounded() -> None:
    """Calls and lists nest so deep and no deeper, whatever Python's stack allows."""
    assert parse("Not(" * (DEPTH_MAX - 1) + "All()" + ")" * (DEPTH_MAX - 1))
    for opening, closing in (("Not(", ")"), ("Rows(f, in=[" + "[", "]])")):
        with pytest.raises(InvalidStatement, match="nest deeper than 100"):
            parse(opening * 100_000 + closing * 100_000)


def test_numbers_have_a_bounded_length() -> None:
    """A number of a thousand digits is one; a longer one is refused before it is converted."""
    (row,) = parse(f"Row(f={'9' * 1000})").calls
    assert row.arguments == (Named("f", Literal(10**1000 - 1, 6), 4),)
    with pytest.raises(InvalidStatement, match="at most 1000 digits, this one 10000"):
        parse(f"Row(f={'9' * 10_000})")


pieces = st.sampled_from(
    [
        "Row",
        "(",
        ")",
        "[",
        "]",
        ",",
        "=",
        "==",
        "><",
        "<",
        "f",
        "1",
        "-1.5",
        '"a"',
        "'",
        '"',
        "\\",
        "true",
        "null",
        "2017-03-02T03:00",
        "2017-",
        " ",
        "\n",
        "é",
        "\x00",
        "😀",
    ]
)


@given(st.lists(pieces, max_size=20).map("".join) | st.text(max_size=30))
def test_any_text_is_a_tree_or_a_mistake(text: str) -> None:
    """No text brings the parser to any other error."""
    try:
        parse(text)
    except InvalidStatement as error:
        line, column = error.line, error.column
    else:
        return
    assert line >= 1
    assert 1 <= column <= len(text) + 1


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_strings_survive_quoting(text: str) -> None:
    """What is quoted and escaped, in either quotes, is read back as it was."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'")
    for quote in "\"'":
        (call,) = parse(f"Row(f={quote}{escaped}{quote})").calls
        assert call.arguments == (Named("f", Literal(text, 6), 4),)


@given(st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=9))
def test_numbers_are_exact(number: int | Decimal) -> None:
    """Integers and decimals of any size are read digit by digit."""
    (call,) = parse(
        f"Row(f={number:f})" if isinstance(number, Decimal) else f"Row(f={number})"
    ).calls
    assert call.arguments == (Named("f", Literal(number, 6), 4),)
