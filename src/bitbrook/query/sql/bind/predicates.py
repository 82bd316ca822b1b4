"""Tests and choices, bound: IS, BETWEEN, LIKE, CASE."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import exp

from bitbrook.query.sql.bind import operators
from bitbrook.query.sql.bind.calls import scalar
from bitbrook.query.sql.bind.places import offset_of
from bitbrook.query.sql.bind.scope import Scope
from bitbrook.query.sql.tree import Case, Constant, Expression
from bitbrook.query.sql.types import VOID, Kind, common_type

if TYPE_CHECKING:
    from sqlglot.expressions import Expression as Node
else:
    Node = exp.Expression


class PredicateBinder:
    """Binds tests; `bind` binds what is tested."""

    def __init__(
        self,
        bind: Callable[[Node], Expression],
        condition: Callable[[Node], Expression],
        scope: Scope,
    ) -> None:
        self._bind = bind
        self._condition = condition
        self._scope = scope
        self._text = scope.text

    def is_tested(self, node: exp.Is) -> Expression:
        """Return `x IS NULL`, `x IS TRUE`."""
        operand = self._bind(node.this)
        if isinstance(node.expression, exp.Null):
            tested = operators.is_null(operand)
        elif isinstance(node.expression, exp.Boolean):
            tested = operators.distinct_from(operand, self._bind(node.expression), self._text)
            tested = operators.negation(tested, self._text)
        else:
            raise self._text.error("IS takes NULL, TRUE or FALSE", offset_of(node.expression))
        return operators.negation(tested, self._text) if node.args.get("negate") else tested

    def distinct_from(self, node: Node) -> Expression:
        """Return `x IS [NOT] DISTINCT FROM y`."""
        left, right = self._bind(node.this), self._bind(node.expression)
        tested = operators.distinct_from(left, right, self._text)
        is_same = isinstance(node, exp.NullSafeEQ)
        return operators.negation(tested, self._text) if is_same else tested

    def between(self, node: exp.Between) -> Expression:
        """Return `x BETWEEN y AND z`."""
        operand = self._bind(node.this)
        low, high = self._bind(node.args["low"]), self._bind(node.args["high"])
        tests = [
            operators.comparison(">=", operand, low, self._text),
            operators.comparison("<=", operand, high, self._text),
        ]
        return operators.connected("AND", tests, self._text)

    def like(self, node: exp.Like | exp.ILike | exp.Glob) -> Expression:
        """Return `x LIKE y`, `x ILIKE y` or `x GLOB y`."""
        word = type(node).__name__.upper()
        operand, pattern = self._bind(node.this), self._bind(node.expression)
        tested = operators.like(operand, pattern, self._text, word)
        return operators.negation(tested, self._text) if node.args.get("negate") else tested

    def matches(self, node: exp.RegexpLike) -> Expression:
        """Return `x ~ y`: whether a pattern is found in x."""
        operand, pattern = self._bind(node.this), self._bind(node.expression)
        for side in (operand, pattern):
            if not (side.type.is_text or side.type.kind is Kind.VOID):
                raise operators.incompatible("~", side, self._text)
        return scalar("REGEXP_MATCHES", [operand, pattern], operand.offset, self._text)

    def similar(self, node: exp.SimilarTo) -> Expression:
        """Return `x SIMILAR TO y`."""
        given = [self._bind(node.this), self._bind(node.expression)]
        return scalar("REGEXP_FULL_MATCH", given, given[0].offset, self._text)

    def case(self, node: exp.Case) -> Expression:
        """Return CASE."""
        subject = node.this
        branches = []
        kind = VOID
        values = [branch.args["true"] for branch in node.args["ifs"]]
        bound = [self._bind(value) for value in values]
        default = node.args.get("default")
        otherwise = Constant.of(None, VOID) if default is None else self._bind(default)
        for value in (*bound, otherwise):
            together = common_type(kind, value.type)
            if together is None:
                message = f"types '{kind}' and '{value.type}' are not equatable"
                raise self._text.error(message, value.offset)
            kind = together
        for branch, value in zip(node.args["ifs"], bound, strict=True):
            if subject is None:
                condition = self._condition(branch.this)
            else:
                condition = operators.comparison(
                    "=", self._bind(subject), self._bind(branch.this), self._text
                )
            branches.append((condition, value))
        return Case(tuple(branches), otherwise, kind, offset_of(node))
