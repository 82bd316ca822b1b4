"""SELECT as FeatureBase writes it: sqlglot's parser, with its functions left by name.

Functions, aggregates among them, stay calls of a name: what they mean is the table of functions'
business, not the parser's. Every leaf remembers where it stands.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot import exp, parser
from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import Token, TokenType

from bitbrook.query.parameters import MARK
from bitbrook.query.sql.dialect.tokens import BitbrookTokenizer

_LAST_CLAUSES = frozenset({TokenType.ORDER_BY, TokenType.LIMIT, TokenType.OFFSET, TokenType.FETCH})


def _placed(parse: Callable[..., Any]) -> Callable[..., Any]:
    """Return a parser of a primary expression that notes where it stands."""

    def parse_and_place(self: parser.Parser, token: Token) -> Any:
        node = parse(self, token)
        if isinstance(node, exp.Expression) and "start" not in node.meta:
            node.update_positions(token)
        return node

    return parse_and_place


class BitbrookParser(parser.Parser):
    """Parses queries and expressions into sqlglot's tree."""

    FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
        "CAST": lambda self: self._parse_cast(strict=True),
        "EXTRACT": lambda self: self._parse_extract(),
        "TRY_CAST": lambda self: self._parse_cast(False, safe=True),  # noqa: FBT003 - its name
    }
    NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
        "CASE": lambda self: self._parse_case(),
    }
    PRIMARY_PARSERS: ClassVar[dict[TokenType, Callable[..., Any]]] = {
        token: _placed(parse) for token, parse in parser.Parser.PRIMARY_PARSERS.items()
    }
    STATEMENT_PARSERS: ClassVar[dict[TokenType, Callable[..., Any]]] = {
        TokenType.PIVOT: lambda self: self._parse_pivoted(is_unpivot=False),
        TokenType.UNPIVOT: lambda self: self._parse_pivoted(is_unpivot=True),
    }
    RANGE_PARSERS: ClassVar[dict[TokenType, Callable[..., Any]]] = {
        **parser.Parser.RANGE_PARSERS,
        TokenType.TILDE: parser.binary_range_parser(exp.RegexpLike),
    }
    PLACEHOLDER_PARSERS: ClassVar[dict[TokenType, Callable[..., Any]]] = {
        **parser.Parser.PLACEHOLDER_PARSERS,
        TokenType.PARAMETER: lambda self: self._parse_marked(),
    }
    EXPONENT: ClassVar[dict[TokenType, type[exp.Expr]]] = {
        TokenType.DSTAR: exp.Pow,
        TokenType.CARET: exp.Pow,
    }
    SUPPORTS_IMPLICIT_UNNEST = False
    ADJACENT_STRINGS_CANNOT_BE_CONNECTED = True

    def parse_with(self, method: Callable[[Any], Any], tokens: list[Token], text: str) -> Any:
        """Return what a method of the parser makes of some of a statement's tokens."""
        return self._parse(method, tokens, text)[0]

    def read_expression(self) -> Any:
        """Return the expression that comes next."""
        return self._parse_expression()

    def _parse_lambda(self, alias: bool = False) -> Any:  # noqa: FBT001, FBT002 - as it is called
        """Parse an argument: an expression, `x -> x + 1` or `lambda x: x + 1`."""
        index = self._index
        if self._match_text_seq("LAMBDA"):
            names = self._parse_csv(self._parse_lambda_arg)
            if names and self._match(TokenType.COLON):
                body = self._replace_lambda(self._parse_assignment(), names)
                return self.expression(exp.Lambda(this=body, expressions=names))
            self._retreat(index)
        return super()._parse_lambda(alias=alias)

    def _parse_pivoted(self, *, is_unpivot: bool) -> Any:
        """Parse PIVOT or UNPIVOT, and what orders and limits its rows: a query from it."""
        pivoted = self._parse_simplified_pivot(is_unpivot=is_unpivot)
        if self._curr is None or self._curr.token_type not in _LAST_CLAUSES:
            return pivoted
        rows = exp.Subquery(this=pivoted)
        query = exp.Select(expressions=[exp.Star()], from_=exp.From(this=rows))
        return self._parse_query_modifiers(query)

    def _parse_marked(self) -> Any:
        """Parse a name after its mark: `$name` of a prepared query, `@0` of a TRANSFORM."""
        token = self._prev
        node = self._parse_parameter()
        if token.text == MARK:
            node.update_positions(token)
            node.meta["mark"] = MARK
        return node

    def _parse_primary(self) -> Any:
        token = self._curr
        node = super()._parse_primary()
        if node is not None and "start" not in node.meta and token:
            node.update_positions(token)
        return node


class Bitbrook(Dialect):
    """FeatureBase's SQL."""

    TYPED_DIVISION = True
    SAFE_DIVISION = False
    INDEX_OFFSET = 0
    NULL_ORDERING = "nulls_are_last"

    Tokenizer = BitbrookTokenizer
    Parser = BitbrookParser
