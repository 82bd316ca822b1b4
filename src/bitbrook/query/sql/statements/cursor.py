"""A statement's tokens, read one after the other."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from bitbrook.errors import InvalidStatement
from bitbrook.query.sql.dialect.parse import guarded, new_parser
from bitbrook.query.sql.positions import StatementText

_CLOSING = {
    TokenType.L_PAREN: TokenType.R_PAREN,
    TokenType.L_BRACKET: TokenType.R_BRACKET,
    TokenType.L_BRACE: TokenType.R_BRACE,
}
_MARKS = {
    TokenType.L_PAREN: "(",
    TokenType.R_PAREN: ")",
    TokenType.L_BRACKET: "[",
    TokenType.R_BRACKET: "]",
    TokenType.L_BRACE: "{",
    TokenType.R_BRACE: "}",
}
_NO_WORDS = frozenset({TokenType.STRING, TokenType.IDENTIFIER, TokenType.NUMBER})


class Cursor:
    """Reads tokens; every `expect_` raises InvalidStatement where something else stands."""

    def __init__(self, tokens: Sequence[Token], text: StatementText) -> None:
        self._tokens = tokens
        self._index = 0
        self.text = text

    @property
    def offset(self) -> int:
        """Where the next token stands, or the end of the last."""
        if self._index < len(self._tokens):
            return self._tokens[self._index].start
        return self._tokens[-1].end + 1 if self._tokens else 0

    @property
    def is_done(self) -> bool:
        """Whether every token is read."""
        return self._index >= len(self._tokens)

    def error(self, expected: str) -> InvalidStatement:
        """Return the refusal of the next token where something else is expected."""
        found = "the end" if self.is_done else f"'{self._peek().text[:40]}'"
        return self.text.error(f"{expected} expected, found {found}", self.offset)

    def _peek(self) -> Token:
        return self._tokens[self._index]

    def sees(self, *words: str) -> bool:
        """Whether these words come next."""
        following = self._tokens[self._index : self._index + len(words)]
        return len(following) == len(words) and all(
            token.token_type not in _NO_WORDS and token.text.upper() == word
            for token, word in zip(following, words, strict=True)
        )

    def take(self, *words: str) -> bool:
        """Read these words if they come next; whether they did."""
        if not self.sees(*words):
            return False
        self._index += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Read these words."""
        if not self.take(*words):
            raise self.error(f"'{' '.join(words)}'")

    def expect_done(self) -> None:
        """Read nothing: the statement is over."""
        if not self.is_done:
            raise self.error("the end of the statement")

    def expect_name(self, what: str) -> str:
        """Read an identifier, folded to lower case."""
        if self.is_done:
            raise self.error(what)
        token = self._peek()
        is_word = token.token_type is TokenType.IDENTIFIER or (
            token.text[:1].isalpha() or token.text[:1] == "_"
        )
        if not is_word or token.token_type in {TokenType.STRING, TokenType.NUMBER}:
            raise self.error(what)
        self._index += 1
        return token.text.lower()

    def expect_string(self) -> str:
        """Read a string in quotes."""
        if self.is_done or self._peek().token_type is not TokenType.STRING:
            raise self.text.error("string expression expected", self.offset)
        self._index += 1
        return self._tokens[self._index - 1].text

    def sees_string(self) -> bool:
        """Whether a string comes next."""
        return not self.is_done and self._peek().token_type is TokenType.STRING

    def expect_number(self) -> Decimal:
        """Read a number, with or without a sign."""
        sign = -1 if self.take("-") else 1
        if self.is_done or self._peek().token_type is not TokenType.NUMBER:
            raise self.text.error("integer expression expected", self.offset)
        self._index += 1
        return sign * Decimal(self._tokens[self._index - 1].text)

    def expect_integer(self) -> int:
        """Read a whole number."""
        offset = self.offset
        number = self.expect_number()
        if number != number.to_integral_value():
            raise self.text.error("integer expression expected", offset)
        return int(number)

    def sees_kind(self, kind: TokenType) -> bool:
        """Whether a token of this kind comes next."""
        return self._index < len(self._tokens) and self._peek().token_type is kind

    def take_kind(self, kind: TokenType) -> bool:
        """Read a token of this kind if it comes next; whether it did."""
        if not self.sees_kind(kind):
            return False
        self._index += 1
        return True

    def expect_kind(self, kind: TokenType) -> None:
        """Read a bracket or another mark."""
        if not self.take_kind(kind):
            raise self.error(f"'{_MARKS[kind]}'")

    def take_before(self, ends: frozenset[TokenType]) -> Token | None:
        """Read the next token if it stands alone before one of `ends`, else return None."""
        following = self._index + 1
        if following >= len(self._tokens) or self._tokens[following].token_type not in ends:
            return None
        self._index = following
        return self._tokens[following - 1]

    def back(self) -> None:
        """Unread the last token."""
        self._index -= 1

    def take_until(self, *words: str) -> list[Token]:
        """Read the tokens before one of these words outside any bracket, or before the end."""
        start, depth = self._index, 0
        while not self.is_done:
            token = self._peek()
            if depth == 0 and any(self.sees(word) for word in words):
                break
            depth += (token.token_type in _CLOSING) - (token.token_type in _CLOSING.values())
            if depth < 0:
                break
            self._index += 1
        return list(self._tokens[start : self._index])

    def take_rest(self) -> list[Token]:
        """Read all tokens that are left."""
        rest = list(self._tokens[self._index :])
        self._index = len(self._tokens)
        return rest

    def take_list(self) -> list[list[Token]]:
        """Read a list in parentheses; return the tokens of each item."""
        self.expect("(")
        items = []
        while True:
            items.append(self.take_until(","))
            if self.take(")"):
                return items
            self.expect(",")

    def parse(self, tokens: list[Token], parse: Callable[[Any], Any]) -> Any:
        """Return what sqlglot's parser makes of some tokens with one of its methods."""
        if not tokens:
            raise self.error("an expression")
        return guarded(lambda: new_parser().parse_with(parse, tokens, self.text.text), self.text)

    def parse_expression(self, tokens: list[Token]) -> exp.Expression:
        """Return the tree of an expression."""
        tree: exp.Expression = self.parse(tokens, lambda parser: parser.read_expression())
        if tree is None:
            raise self.text.error("an expression is expected", tokens[0].start)
        return tree
