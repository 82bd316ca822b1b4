"""Statements with parameters: their names, and running them with values of their own.

Values are handed to the parser, which makes literal nodes of them: nothing in them is read as PQL.
What is prepared only reads.
"""

from bitbrook.algebra.budget import Budget
from bitbrook.errors import InvalidStatement
from bitbrook.query.database import Database
from bitbrook.query.parameters import MARK, Parameters
from bitbrook.query.pql.lexer import StatementText, TokenKind, tokenize
from bitbrook.query.pql.parser import parse_pql
from bitbrook.query.pql.run import run_tree
from bitbrook.query.pql.tree import Statement
from bitbrook.query.pql.writes import is_writing


def pql_parameters(text: str) -> tuple[str, ...]:
    """Return the names of a statement's parameters, in the order of their first mark."""
    tokens = tokenize(StatementText(text))
    found = [token.spelling for token in tokens if token.kind is TokenKind.PARAMETER]
    return tuple(dict.fromkeys(spelling.removeprefix(MARK) for spelling in found))


def check_pql(text: str, values: Parameters) -> None:
    """Return if a statement can be read with values like these, and only reads.

    Raises:
        InvalidStatement: it cannot, or it writes.
    """
    _parse(StatementText(text), values)


def run_prepared_pql(text: str, values: Parameters, database: Database, budget: Budget) -> bytes:
    """Return the answer of a statement with these values. Raises what `run_pql` does."""
    statement_text = StatementText(text)
    return run_tree(_parse(statement_text, values), statement_text, database, budget)


def _parse(text: StatementText, values: Parameters) -> Statement:
    statement = parse_pql(text, values)
    for call in statement.calls:
        if is_writing(call):
            raise _writes(text, call.name, call.offset)
    return statement


def _writes(text: StatementText, name: str, offset: int) -> InvalidStatement:
    return text.error(f"{name} writes, and a prepared statement only reads", offset)
