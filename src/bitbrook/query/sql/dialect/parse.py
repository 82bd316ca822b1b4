"""From the text of a statement to sqlglot's tree, with refusals in our own words and places."""

import re
from typing import Any

from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from bitbrook.errors import InvalidStatement
from bitbrook.query.sql.dialect.parser import Bitbrook, BitbrookParser
from bitbrook.query.sql.positions import StatementText

STATEMENT_CHARACTERS_MAX = 16 << 20
NODES_MAX = 500_000

_DIALECT = Bitbrook()
_TOP = re.compile(r"\bSELECT\s+(?:DISTINCT\s+)?TOP\b", re.IGNORECASE)


def tokenize(text: StatementText) -> list[Token]:
    """Return a statement's tokens, without the semicolons that end it.

    Raises:
        InvalidStatement: it is empty, too long or more than one, or a quote is not closed.
    """
    if len(text.text) > STATEMENT_CHARACTERS_MAX:
        raise text.error(
            f"the statement has {len(text.text):,} characters and "
            f"{STATEMENT_CHARACTERS_MAX:,} are allowed",
            0,
        )
    try:
        tokens = _DIALECT.tokenize(text.text)
    except SqlglotError as error:
        start = getattr(error, "start", None)
        raise text.error("a quote or comment is not closed", start or len(text.text)) from None
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        raise text.error("the statement is empty", 0)
    for token in tokens:
        if token.token_type is TokenType.SEMICOLON:
            raise text.error("one statement at a time", token.start)
    return tokens


def new_parser() -> BitbrookParser:
    """Return a parser; each is for one statement at a time."""
    return BitbrookParser(dialect=_DIALECT, error_level=ErrorLevel.IMMEDIATE, max_nodes=NODES_MAX)


def parse_query(text: StatementText) -> exp.Expression:
    """Return the tree of a query.

    Raises:
        InvalidStatement: it is none.
    """
    return parse_query_tokens(tokenize(text), text)


def parse_query_tokens(tokens: list[Token], text: StatementText) -> exp.Expression:
    """Return the tree of a query whose tokens are at hand."""
    if not tokens:
        raise text.error("a SELECT is expected", len(text.text))
    tree = guarded(lambda: new_parser().parse(tokens, text.text)[0], text)
    if not isinstance(tree, exp.Select | exp.SetOperation | exp.Subquery | exp.Values | exp.Pivot):
        raise text.error("a SELECT is expected", tokens[0].start)
    return tree


def guarded(parse: Any, text: StatementText) -> Any:
    """Return what a parse gives, its faults as refusals that point into the text."""
    try:
        return parse()
    except ParseError as error:
        raise _refusal(error, text) from None
    except RecursionError:
        raise text.error("the statement is nested too deeply", 0) from None
    except (SqlglotError, AttributeError, TypeError, ValueError, KeyError, IndexError):
        # The parser trips over some malformed statements that it does not foresee.
        raise text.error("the statement cannot be read", 0) from None


def _refusal(error: ParseError, text: StatementText) -> InvalidStatement:
    detail = error.errors[0] if error.errors else {}
    description = str(detail.get("description") or "the statement cannot be read")
    highlight = str(detail.get("highlight") or "")
    offset = _offset(text, int(detail.get("line") or 0), int(detail.get("col") or 0), highlight)
    if highlight.upper() == "LIMIT" and _TOP.search(text.text, 0, offset):
        # A SELECT takes one of them, so that the parser does not expect the other.
        description = "TOP and LIMIT cannot be used at the same time"
    else:
        description = _in_our_words(description, highlight)
    return text.error(description, offset)


def _in_our_words(description: str, found: str) -> str:
    """Return what the parser says without the names of its inside."""
    shown = f"'{found[:40]}'" if found else "the end"
    if description.startswith("Invalid expression"):
        return f"unexpected {shown}"
    if description.startswith(("Expected", "Expecting")) and "<class" not in description:
        wanted = description.split(" ", 1)[1].split(" but got", maxsplit=1)[0]
        return f"{wanted} expected, found {shown}"
    return f"an expression is expected, found {shown}"


def _offset(text: StatementText, line: int, column: int, highlight: str) -> int:
    """Return the offset of a token that ends in a column of a line."""
    if line < 1:
        return 0
    lines = text.text.split("\n")
    start = sum(len(each) + 1 for each in lines[: line - 1])
    return start + max(0, column - max(1, len(highlight)))
