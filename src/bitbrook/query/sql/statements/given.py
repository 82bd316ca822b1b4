"""The values of an INSERT, read from its tokens.

Nearly all are literals, which are read as they stand; only what is more than that goes through the
parser and the binder, so that rows of literals cost a fraction.
"""

from collections.abc import Callable

from sqlglot.tokenizer_core import Token, TokenType

from bitbrook.query.pql.times import NANOSECONDS
from bitbrook.query.sql.bind import literals
from bitbrook.query.sql.bind.expressions import ExpressionBinder
from bitbrook.query.sql.bind.literals import nanoseconds_of, set_of, time_of_text
from bitbrook.query.sql.bind.queries import bind_query
from bitbrook.query.sql.session import Session
from bitbrook.query.sql.statements.cursor import Cursor
from bitbrook.query.sql.statements.values import Given, TimedMembers
from bitbrook.query.sql.tree import Constant
from bitbrook.query.sql.types import BOOL, STRING, VOID, Kind

_ENDS = frozenset({TokenType.COMMA, TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE})


class GivenReader:
    """Reads rows of values."""

    def __init__(self, cursor: Cursor, session: Session) -> None:
        self._cursor = cursor
        self._session = session
        self._text = session.text
        self._binder = ExpressionBinder(session.scope(), bind_query)

    def row(self) -> list[Given]:
        """Return the next row: values in parentheses."""
        return self._values(TokenType.L_PAREN, TokenType.R_PAREN, self._value)

    def _values(
        self, opening: TokenType, closing: TokenType, read: Callable[[], Given]
    ) -> list[Given]:
        cursor = self._cursor
        cursor.expect_kind(opening)
        if cursor.take_kind(closing):
            return []
        values = [read()]
        while cursor.take_kind(TokenType.COMMA):
            values.append(read())
        cursor.expect_kind(closing)
        return values

    def _value(self) -> Given:
        literal = self._cursor.take_before(_ENDS)
        if literal is not None:
            constant = self._literal(literal)
            if constant is not None:
                return constant
            self._cursor.back()
        if self._cursor.sees_kind(TokenType.L_BRACKET):
            return self._set()
        if self._cursor.sees_kind(TokenType.L_BRACE):
            return self._timed()
        tokens = self._cursor.take_until(",")
        bound = self._binder.bind(self._cursor.parse_expression(tokens))
        return self._session.execution().evaluate(bound)

    def _member(self) -> Given:
        """Return the next member of a list, of which there may be thousands."""
        cursor = self._cursor
        is_negative = cursor.take_kind(TokenType.DASH)
        literal = cursor.take_before(_ENDS)
        if literal is not None and literal.token_type is TokenType.NUMBER:
            start = literal.start
            return literals.in_list(literal.text, start, self._text, is_negative=is_negative)
        for _ in range((literal is not None) + is_negative):
            cursor.back()
        return self._value()

    def _literal(self, token: Token) -> Constant | None:
        match token.token_type:
            case TokenType.NUMBER:
                return literals.number(token.text, token.start, self._text)
            case TokenType.STRING:
                return Constant.of(token.text, STRING, token.start)
            case TokenType.NULL:
                return Constant.of(None, VOID, token.start)
            case TokenType.TRUE | TokenType.FALSE:
                is_true = token.token_type is TokenType.TRUE
                return Constant.of(is_true, BOOL, token.start)
            case _:
                return None

    def _set(self) -> Constant:
        offset = self._cursor.offset
        values = self._values(TokenType.L_BRACKET, TokenType.R_BRACKET, self._member)
        members = [value for value in values if isinstance(value, Constant)]
        if len(members) < len(values):
            raise self._text.error("literal expression expected", offset)
        return set_of(members, offset, self._text)

    def _timed(self) -> TimedMembers:
        """Return what `{time, [members]}` writes; a number is Unix seconds."""
        offset = self._cursor.offset
        parts = self._values(TokenType.L_BRACE, TokenType.R_BRACE, self._value)
        constants = [part for part in parts if isinstance(part, Constant)]
        if len(parts) != 2 or len(constants) != 2:
            raise self._text.error("a tuple is a time and a set, as in {'2022-01-01', [1]}", offset)
        moment, members = constants
        if not members.type.is_set:
            raise self._text.error("set expression expected", members.offset)
        if moment.type.kind is Kind.INT and isinstance(moment.value, int):
            return TimedMembers(members, moment.value, offset)
        if moment.type.is_text:
            moment = time_of_text(moment, self._text)
        if moment.type.kind is not Kind.TIMESTAMP:
            message = (
                f"an expression of type '{moment.type}' cannot be assigned to type 'timestamp'"
            )
            raise self._text.error(message, moment.offset)
        return TimedMembers(members, nanoseconds_of(moment) // NANOSECONDS, offset)
