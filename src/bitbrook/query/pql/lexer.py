"""PQL text as tokens, and the one place that turns an offset into an error with a position.

The whole text is cut before anything is parsed, so that the parser looks ahead freely. A token
keeps its spelling and its offset; what a number or a string means is decided here too, so that an
escape that cannot be is refused where it stands.
"""

import enum
import re
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from bitbrook.errors import InvalidStatement

NUMBER_DIGITS_MAX = 1000
EXCERPT_COLUMNS = 60


class TokenKind(enum.StrEnum):
    """What a token is; punctuation and operators are told apart by their spelling."""

    NAME = "name"
    NUMBER = "number"
    TIME = "time"
    STRING = "string"
    PARAMETER = "parameter"
    OPERATOR = "operator"
    PUNCTUATION = "punctuation"
    END = "end"


class Token(msgspec.Struct, frozen=True):
    """A piece of the statement; `value` is a number's or a string's meaning."""

    kind: TokenKind
    spelling: str
    offset: int
    value: int | Decimal | str | None = None

    def __str__(self) -> str:
        """How an error names the token."""
        return "the end of the statement" if self.kind is TokenKind.END else f"'{self.spelling}'"


@dataclass(slots=True, frozen=True)
class StatementText:
    """The text of a statement, and errors that point into it."""

    text: str

    def error(self, message: str, offset: int) -> InvalidStatement:
        """Return an error at an offset: the message ends with line and column.

        Its excerpt is the part of the line around the place, with a caret below the place.
        """
        line_start = self.text.rfind("\n", 0, offset) + 1
        line_end = self.text.find("\n", offset)
        line = self.text[line_start : line_end if line_end >= 0 else len(self.text)]
        number = self.text.count("\n", 0, offset) + 1
        column = offset - line_start + 1
        # A statement of megabytes may be one line.
        cut = max(0, column - EXCERPT_COLUMNS)
        excerpt = line[cut : column + EXCERPT_COLUMNS].replace("\t", " ")
        return InvalidStatement(
            f"{message} (line {number}, column {column})",
            line=number,
            column=column,
            excerpt=f"{excerpt}\n{' ' * (column - cut - 1)}^",
        )


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<time>   [0-9]{4}-[0-9]{2}-[0-9]{2}
                  (?:[Tt][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?)?
                  (?![0-9A-Za-z_:.+-]))
    | (?P<number> [+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+) (?![0-9A-Za-z_.:-]))
    | (?P<name>   [A-Za-z_][A-Za-z0-9_-]*)
    | (?P<string> "[^"\\]*(?:\\.[^"\\]*)*" | '[^'\\]*(?:\\.[^'\\]*)*')
    | (?P<parameter> \$[A-Za-z_][A-Za-z0-9_]* (?![A-Za-z0-9_-]))
    | (?P<operator> >< | == | != | <= | >= | = | < | >)
    | (?P<punctuation> [\[\](),])
    )""",
    re.VERBOSE | re.DOTALL,
)
_KINDS: dict[str | None, TokenKind] = {kind.value: kind for kind in TokenKind}
_WORD = re.compile(r"[0-9A-Za-z_.:+-]*")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_SIMPLE_ESCAPES = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "b": "\b",
    "f": "\f",
    "0": "\0",
    "/": "/",
    "\\": "\\",
    '"': '"',
    "'": "'",
}


def tokenize(statement: StatementText) -> list[Token]:
    """Return the tokens of a statement, ending with one of kind END.

    Raises:
        InvalidStatement: a character that begins nothing, an unfinished string, a bad escape, or a
            number of more than 1000 digits.
    """
    text, end = statement.text, len(statement.text.rstrip())
    tokens = []
    read = 0
    while read < end:
        match = _TOKEN.match(text, read)
        if match is None:
            raise _unreadable(statement, end - len(text[read:end].lstrip()))
        kind = _KINDS[match.lastgroup]
        spelling, offset = match[kind], match.start(kind)
        tokens.append(Token(kind, spelling, offset, _meaning(statement, kind, spelling, offset)))
        read = match.end()
    tokens.append(Token(TokenKind.END, "", end))
    return tokens


def _meaning(
    statement: StatementText, kind: TokenKind, spelling: str, offset: int
) -> int | Decimal | str | None:
    if kind is TokenKind.NUMBER:
        if len(spelling) > NUMBER_DIGITS_MAX:
            message = f"a number has at most {NUMBER_DIGITS_MAX} digits, this one {len(spelling)}"
            raise statement.error(message, offset)
        return Decimal(spelling) if "." in spelling else int(spelling)
    if kind is TokenKind.STRING:
        return _unescape(statement, spelling[1:-1], offset + 1)
    return None


def _unescape(statement: StatementText, quoted: str, offset: int) -> str:
    r"""Return what stands between the quotes with its `\` escapes resolved."""
    if "\\" in quoted:

        def resolve(escape: re.Match[str]) -> str:
            digits = escape[1] or escape[2] or escape[3]
            if digits and int(digits, 16) <= 0x10FFFF:
                return chr(int(digits, 16))
            if not digits and escape[4] in _SIMPLE_ESCAPES:
                return _SIMPLE_ESCAPES[escape[4]]
            message = f"unknown escape {escape[0]} in a string; write \\\\ for a backslash"
            raise statement.error(message, offset + escape.start())

        quoted = _ESCAPE.sub(resolve, quoted)
    if quoted.isascii():
        return quoted
    try:
        # Characters beyond the basic plane may come as two \u escapes.
        return quoted.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        message = "a string with half of a surrogate pair is no text"
        raise statement.error(message, offset) from None


def _unreadable(statement: StatementText, offset: int) -> InvalidStatement:
    """Return the error about a place where no token begins."""
    character = statement.text[offset]
    if character in "\"'":
        return statement.error(f"a string that begins with {character} is not closed", offset)
    word = _WORD.match(statement.text, offset)
    if word is not None and word.group():
        message = (
            f"'{word.group()[:EXCERPT_COLUMNS]}' is not a number, a time or a name; "
            "names begin with a letter, strings stand in quotes"
        )
        return statement.error(message, offset)
    return statement.error(f"unexpected character {character!r}", offset)
