"""The words of a statement: sqlglot's tokenizer with FeatureBase's identifiers.

An identifier may hold hyphens (`iris-table`), so words and numbers that hyphens join without a
space become one token. Where no column of such a name exists, the binder reads it as a subtraction.
"""

from typing import ClassVar

from sqlglot.tokenizer_core import Token, TokenType
from sqlglot.tokens import Tokenizer

from bitbrook.query.parameters import MARK

_NEVER_JOINED = frozenset({"END", "NULL", "TRUE", "FALSE"})
_JOINABLE = frozenset({TokenType.VAR, TokenType.NUMBER})


class BitbrookTokenizer(Tokenizer):
    """Splits a statement into tokens."""

    SINGLE_TOKENS: ClassVar[dict[str, TokenType]] = {
        **Tokenizer.SINGLE_TOKENS,
        MARK: TokenType.PARAMETER,
    }
    IDENTIFIERS: ClassVar[list[str | tuple[str, str]]] = ['"', "`"]
    QUOTES: ClassVar[list[tuple[str, str] | str]] = ["'"]
    STRING_ESCAPES: ClassVar[list[str]] = ["'"]
    HEX_STRINGS: ClassVar[list[str | tuple[str, str]]] = []
    COMMENTS: ClassVar[list[str | tuple[str, str]]] = ["--", ("/*", "*/")]
    KEYWORDS: ClassVar[dict[str, TokenType]] = {
        **{
            word: kind
            for word, kind in Tokenizer.KEYWORDS.items()
            if kind is not TokenType.COMMAND and not word.startswith(("{", "/*+"))
        },
        "TOP": TokenType.TOP,
        "QUALIFY": TokenType.QUALIFY,
        "POSITIONAL": TokenType.POSITIONAL,
        "**": TokenType.DSTAR,
        "//": TokenType.DIV,
    }
    COMMANDS: ClassVar[set[TokenType]] = set()

    def tokenize(self, sql: str) -> list[Token]:
        """Return the tokens, hyphenated identifiers as one."""
        return _join_hyphens(super().tokenize(sql), sql)


def _join_hyphens(tokens: list[Token], sql: str) -> list[Token]:
    joined: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        last = index
        if _is_word(token, sql):
            while _continues(tokens, last, sql):
                last += 2
                while last + 1 < len(tokens) and _touches(tokens, last, last + 1, _JOINABLE):
                    last += 1
        if last > index:
            end = tokens[last]
            token = Token(
                TokenType.VAR,
                sql[token.start : end.end + 1],
                end.line,
                end.col,
                token.start,
                end.end,
                token.comments,
            )
        joined.append(token)
        index = last + 1
    return joined


def _is_word(token: Token, sql: str) -> bool:
    first = sql[token.start]
    return (
        (first.isalpha() or first == "_")
        and token.token_type is not TokenType.IDENTIFIER
        and " " not in token.text
        and token.text.upper() not in _NEVER_JOINED
    )


def _continues(tokens: list[Token], index: int, sql: str) -> bool:
    """Whether a hyphen and another word or number follow a token without a space."""
    if index + 2 >= len(tokens) or tokens[index + 1].token_type is not TokenType.DASH:
        return False
    following = tokens[index + 2]
    return (
        tokens[index].end + 1 == tokens[index + 1].start
        and tokens[index + 1].end + 1 == following.start
        and (
            (following.token_type is TokenType.NUMBER and following.text.isdigit())
            or (_is_word(following, sql) and following.token_type is not TokenType.STRING)
        )
    )


def _touches(tokens: list[Token], one: int, other: int, kinds: frozenset[TokenType]) -> bool:
    return tokens[one].end + 1 == tokens[other].start and tokens[other].token_type in kinds
