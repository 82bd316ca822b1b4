"""Values put into a statement in place of its `?` marks, as literals that cannot be anything else.

Marks are those outside of strings, quoted names and comments, as the server's own tokenizer sees
them. Every value becomes one token with space around it: it joins nothing before or after it.
Exact: a float becomes the shortest decimal that reads back as it, a time keeps every digit.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from bitbrook.client._foreign import plain, time_text

# Comments nest, and one in braces is a comment too. What is not closed is found as its opening.
_PIECE = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | --[^\r\n]* | \{\#.*?\#\} | /\* | \?
        | ['"`] | \{\#""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_FIRST_WORD = re.compile(r"(?:\s|\(|--[^\r\n]*(?:[\r\n]|$)|/\*.*?\*/)*(\w*)", re.DOTALL)
_READING_WORDS = frozenset({"select", "show", "with", "explain", "values"})
_PQL_WRITES = re.compile(r"\b(?:Set|Clear|ClearRow|Store|Delete)\s*\(")


def bind(statement: str, parameters: Sequence[object]) -> str:
    """Return a statement with its marks replaced, in order, by parameters.

    Raises:
        ValueError: there are more or fewer marks than parameters, a value has no literal, or a
            quote or comment is not closed.
    """
    if not parameters and "?" not in statement:
        return statement
    pieces: list[str] = []
    at = count = 0
    for place in _marks(statement):
        if count < len(parameters):
            pieces += [statement[at:place], " ", literal(parameters[count]), " "]
            at = place + 1
        count += 1
    if count != len(parameters):
        raise ValueError(f"the statement has {count} marks and {len(parameters)} parameters")
    return "".join([*pieces, statement[at:]])


def literal(value: object) -> str:
    """Return a value as SQL writes it.

    None, booleans, whole numbers, Decimal, float, str, UUID, date, datetime (without a zone: UTC),
    and lists, tuples and sets of ids or strings; lists of numbers for vectors.

    Raises:
        ValueError: there is no literal of it.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _string(value)
        case int():
            return str(int(value))
        case Decimal():
            return _decimal(value)
        case float():
            return _decimal(Decimal(float.__repr__(value)))
        case datetime():
            return _time(value)
        case date():
            return f"'{value.isoformat()}'"
        case UUID():
            return f"'{value}'"
        case list() | tuple() | set() | frozenset():
            return _set(value)
        case _:
            return _foreign(value)


def is_reading(statement: str) -> bool:
    """Return whether a SQL statement changes nothing, by its first word; in doubt it does."""
    match = _FIRST_WORD.match(statement)
    return match is not None and match.group(1).lower() in _READING_WORDS


def is_reading_pql(statement: str) -> bool:
    """Return whether a PQL statement has no call that writes; in doubt it has."""
    return _PQL_WRITES.search(statement) is None


def _marks(statement: str) -> Iterator[int]:
    at = 0
    while (match := _PIECE.search(statement, at)) is not None:
        at = match.end()
        match match.group():
            case "?":
                yield match.start()
            case "/*":
                at = _end_of_comment(statement, at)
            case "'" | '"' | "`" | "{#":
                raise ValueError(f"{match.group()} at character {match.start() + 1} is not closed")


def _end_of_comment(statement: str, at: int) -> int:
    depth = 1
    for edge in _COMMENT_EDGE.finditer(statement, at):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    raise ValueError("a comment is not closed")


def _string(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} has half of a surrogate pair, which is no text") from None
    return "'" + text.replace("'", "''") + "'"


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} is no number that SQL can write; use None for no value")
    return format(value, "f")


def _time(value: datetime) -> str:
    # pandas' "not a time" is a datetime that differs from itself.
    return f"'{time_text(value)}'" if value == value else "null"  # noqa: PLR0124


def _set(values: Sequence[object] | set[object] | frozenset[object]) -> str:
    if not values:
        raise ValueError("an empty set has no literal; use None for no members")
    return "[" + ", ".join(literal(each) for each in values) + "]"


def _foreign(value: object) -> str:
    """Return a value of another library, such as NumPy."""
    try:
        return literal(plain(value))
    except TypeError as fault:
        raise ValueError(f"cannot be written in SQL: {fault}") from None
