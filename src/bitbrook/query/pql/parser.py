"""PQL text -> tree, by recursive descent.

    statement   table? call+
    table       "[" name "]"
    call        name "(" [ argument { ","? argument } ","? ] ")"
    argument    name "=" value
              | name operator value | name "><" list | value ("<" | "<=") name [("<" | "<=") value]
              | value
    value       number | string | time | "$" name | "true" | "false" | "null" | name | call | list
    list        "[" [ value { ","? value } ","? ] "]"

Knows no call, no field and no type: those are the translation's. Source: the PQL reference of
FeatureBase; commas may be left out and one may trail, as there.
"""

from bitbrook.errors import InvalidStatement
from bitbrook.query.parameters import MARK, Moment, Parameters, ParameterValue
from bitbrook.query.pql.lexer import StatementText, Token, TokenKind, tokenize
from bitbrook.query.pql.tree import (
    Argument,
    Call,
    Comparison,
    ListOfValues,
    Literal,
    Name,
    Named,
    Operator,
    Statement,
    Test,
    TimeLiteral,
    Value,
)

DEPTH_MAX = 100
"""How deep calls and lists may nest; far below where Python's own stack ends."""

_CONSTANTS = {"true": True, "false": False, "null": None}
_BETWEEN = "><"
_MIRRORED = {"<": Operator.GREATER, "<=": Operator.AT_LEAST}
_UPPER = {"<": Operator.LESS, "<=": Operator.AT_MOST}


def parse_pql(statement: StatementText, values: Parameters | None = None) -> Statement:
    """Return the tree of a statement, `values` standing as literals where it names parameters.

    Raises:
        InvalidStatement: the text does not follow the grammar, with line, column and excerpt.
    """
    return _Parser(statement, values or {}).statement()


class _Parser:
    """A place in a statement's tokens."""

    def __init__(self, statement: StatementText, values: Parameters) -> None:
        self._text = statement
        self._values = values
        self._tokens = tokenize(statement)
        self._index = 0
        self._depth = 0

    def statement(self) -> Statement:
        table = None
        if self._accept("["):
            token = self._expect(TokenKind.NAME, "a table name")
            table = Name(token.spelling, token.offset)
            self._expect_spelling("]", "after the table name")
        calls = [self._outer_call()]
        while self._next.kind is not TokenKind.END:
            calls.append(self._outer_call())
        return Statement(table, tuple(calls))

    def _outer_call(self) -> Call:
        name = self._expect(TokenKind.NAME, "a call such as Row(field=1)")
        self._expect_spelling("(", f"after '{name.spelling}'")
        return self._call(name)

    def _call(self, name: Token) -> Call:
        """Parse a call whose name and opening parenthesis are behind us."""
        self._deepen(name)
        arguments = []
        while not self._accept(")"):
            arguments.append(self._argument())
            if not self._accept(",") and self._next.kind is TokenKind.END:
                raise self._unexpected(f"')' to close {name.spelling}(")
        self._depth -= 1
        return Call(name.spelling, tuple(arguments), name.offset)

    def _argument(self) -> Argument:
        first = self._next
        if first.kind is TokenKind.NAME and self._following.kind is TokenKind.OPERATOR:
            self._advance()
            operator = self._advance().spelling
            if operator == "=":
                return Named(first.spelling, self._value(), first.offset)
            if operator == _BETWEEN:
                return self._between(first)
            tests = (Test(Operator(operator), self._value()),)
            return Comparison(first.spelling, tests, first.offset)
        value = self._value()
        if self._next.kind is TokenKind.OPERATOR:
            return self._two_sided(value)
        return value

    def _between(self, field: Token) -> Comparison:
        bounds = self._value()
        if not isinstance(bounds, ListOfValues) or len(bounds.items) != 2:
            message = f"'{field.spelling} ><' takes a list of two bounds such as [1, 9]"
            raise self._text.error(message, bounds.offset)
        low, high = bounds.items
        tests = (Test(Operator.AT_LEAST, low), Test(Operator.AT_MOST, high))
        return Comparison(field.spelling, tests, field.offset)

    def _two_sided(self, low: Value) -> Comparison:
        operator = self._advance()
        if operator.spelling not in _MIRRORED:
            message = (
                f"'{operator.spelling}' after a value; write the field first, or both bounds "
                "as 1 < field <= 9"
            )
            raise self._text.error(message, operator.offset)
        field = self._expect(TokenKind.NAME, f"a field name after '{operator.spelling}'")
        tests = [Test(_MIRRORED[operator.spelling], low)]
        if self._next.spelling in _UPPER and self._next.kind is TokenKind.OPERATOR:
            tests.append(Test(_UPPER[self._advance().spelling], self._value()))
        return Comparison(field.spelling, tuple(tests), field.offset)

    def _value(self) -> Value:
        if self._next.kind is TokenKind.END:
            raise self._unexpected("a value")
        token = self._advance()
        match token.kind:
            case TokenKind.NUMBER | TokenKind.STRING:
                return Literal(token.value, token.offset)
            case TokenKind.TIME:
                return TimeLiteral(token.spelling, token.offset)
            case TokenKind.PARAMETER:
                return self._parameter(token)
            case TokenKind.NAME if self._accept("("):
                return self._call(token)
            case TokenKind.NAME if token.spelling in _CONSTANTS:
                return Literal(_CONSTANTS[token.spelling], token.offset)
            case TokenKind.NAME:
                return Name(token.spelling, token.offset)
            case TokenKind.PUNCTUATION if token.spelling == "[":
                return self._list(token)
        self._index -= 1
        raise self._unexpected("a value")

    def _parameter(self, token: Token) -> Value:
        name = token.spelling.removeprefix(MARK)
        if name not in self._values:
            message = f"parameter '{token.spelling}' has no value"
            raise self._text.error(message, token.offset)
        return literal_of(self._values[name], token.offset)

    def _list(self, opening: Token) -> ListOfValues:
        self._deepen(opening)
        items = []
        while not self._accept("]"):
            items.append(self._value())
            if not self._accept(",") and self._next.kind is TokenKind.END:
                raise self._unexpected("']' to close the list")
        self._depth -= 1
        return ListOfValues(tuple(items), opening.offset)

    def _deepen(self, token: Token) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            message = f"calls nest deeper than {DEPTH_MAX}"
            raise self._text.error(message, token.offset)

    @property
    def _next(self) -> Token:
        return self._tokens[self._index]

    @property
    def _following(self) -> Token:
        return self._tokens[min(self._index + 1, len(self._tokens) - 1)]

    def _advance(self) -> Token:
        token = self._tokens[self._index]
        if token.kind is not TokenKind.END:
            self._index += 1
        return token

    def _accept(self, punctuation: str) -> bool:
        """Step over a punctuation mark if it comes next."""
        token = self._next
        if token.kind is TokenKind.PUNCTUATION and token.spelling == punctuation:
            self._index += 1
            return True
        return False

    def _expect(self, kind: TokenKind, expected: str) -> Token:
        if self._next.kind is not kind:
            raise self._unexpected(expected)
        return self._advance()

    def _expect_spelling(self, punctuation: str, where: str) -> None:
        if not self._accept(punctuation):
            raise self._unexpected(f"'{punctuation}' {where}")

    def _unexpected(self, expected: str) -> InvalidStatement:
        return self._text.error(f"expected {expected}, found {self._next}", self._next.offset)


def literal_of(value: ParameterValue, offset: int) -> Value:
    """Return the node that a parameter's value is in a tree."""
    match value:
        case Moment():
            return TimeLiteral(value.text, offset)
        case tuple():
            return ListOfValues(tuple(literal_of(each, offset) for each in value), offset)
        case _:
            return Literal(value, offset)
