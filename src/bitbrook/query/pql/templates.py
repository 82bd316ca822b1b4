"""Trees of reading statements, kept by their text without its literals.

Two statements that differ in numbers and strings only have the same tree but for those, so the
second costs one cut of its text (8 us) instead of being parsed (50 us). Invariant: a tree from here
is the one that `parse_pql` gives, except that places may be those of the statement that came first;
so whoever finds a mistake by it parses the text anew. Statements that write, or whose literals need
more than a look (escapes, long numbers), are always parsed.
"""

import re
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from bitbrook.query.pql.lexer import NUMBER_DIGITS_MAX, StatementText
from bitbrook.query.pql.parser import parse_pql
from bitbrook.query.pql.tree import (
    Argument,
    Call,
    Comparison,
    ListOfValues,
    Literal,
    Named,
    Statement,
    Test,
)
from bitbrook.query.pql.writes import is_writing

TEMPLATES_MAX = 2_000
TEXT_CHARACTERS_MAX = 4_096

# A literal here is a whole token there: what may stand around a number is what the lexer allows.
_LITERAL = re.compile(
    r"""("[^"\\]*"|'[^'\\]*'|(?<![0-9A-Za-z_.:+-])[+-]?[0-9]+(?:\.[0-9]+)?(?![0-9A-Za-z_.:-]))"""
)

Constant: TypeAlias = int | Decimal | str
Build: TypeAlias = Callable[[list[Constant]], Any]
"""Makes a node from the values of the statement's literals, in the order of the text."""


class Parsed(NamedTuple):
    """A statement's tree. `is_exact`: whether its places are those of its own text."""

    statement: Statement
    is_exact: bool


class Templates:
    """The trees of the shapes that were met last; for any thread."""

    def __init__(self) -> None:
        self._builds: dict[tuple[str, ...], Build | None] = {}
        self._lock = threading.Lock()

    def parse(self, text: StatementText) -> Parsed:
        """Return the tree of a statement.

        Raises:
            InvalidStatement: the text does not follow the grammar.
        """
        if len(text.text) > TEXT_CHARACTERS_MAX or not text.text.isascii() or "\\" in text.text:
            return Parsed(parse_pql(text), is_exact=True)
        pieces = _LITERAL.split(text.text)
        shape = tuple(pieces[::2])
        build = self._builds.get(shape)
        if build is not None and max(map(len, pieces)) <= NUMBER_DIGITS_MAX:
            return Parsed(build([_meaning(literal) for literal in pieces[1::2]]), is_exact=False)
        statement = parse_pql(text)
        if shape not in self._builds:
            self._keep(shape, _build_statement(statement, text.text))
        return Parsed(statement, is_exact=True)

    def _keep(self, shape: tuple[str, ...], build: Build | None) -> None:
        with self._lock:
            if len(self._builds) >= TEMPLATES_MAX:
                self._builds.pop(next(iter(self._builds)))
            self._builds[shape] = build


def _meaning(literal: str) -> Constant:
    if literal[0] in "\"'":
        return literal[1:-1]
    return Decimal(literal) if "." in literal else int(literal)


def _build_statement(statement: Statement, text: str) -> Build | None:
    """Return what makes statements of this shape, None if it writes."""
    if any(map(is_writing, statement.calls)):
        return None
    places = {match.start(): index for index, match in enumerate(_LITERAL.finditer(text))}
    table = statement.table
    calls = [_build(call, places) for call in statement.calls]
    return lambda values: Statement(table, tuple([build(values) for build in calls]))


def _build(node: Argument, places: dict[int, int]) -> Build:
    """Return what makes a node; one without a literal is always the same."""
    match node:
        case Literal(offset=offset) if offset in places:
            index = places[offset]
            return lambda values: Literal(values[index], offset)
        case ListOfValues(items=items, offset=offset):
            builds = [_build(item, places) for item in items]
            return lambda values: ListOfValues(tuple([build(values) for build in builds]), offset)
        case Call(name=name, arguments=arguments, offset=offset):
            builds = [_build(argument, places) for argument in arguments]
            return lambda values: Call(name, tuple([build(values) for build in builds]), offset)
        case Named(name=name, value=value, offset=offset):
            inner = _build(value, places)
            return lambda values: Named(name, inner(values), offset)
        case Comparison(name=name, tests=tests, offset=offset):
            sides = [(test.operator, _build(test.value, places)) for test in tests]
            return lambda values: Comparison(
                name, tuple([Test(operator, side(values)) for operator, side in sides]), offset
            )
        case _:
            return lambda _: node


TEMPLATES = Templates()
"""The process's templates: what a text's tree is depends on nothing else."""
