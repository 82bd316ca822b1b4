"""Comparisons with ANY, SOME or ALL of a query's rows, or of what is in a list, bound.

`x > ALL (...)` is NOT `x <= ANY (...)`, so that what follows knows of ANY alone; `x = ANY (SELECT)`
is IN.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import exp

from bitbrook.query.sql.bind.operators import beside_rows, comparison, connected, in_list, negation
from bitbrook.query.sql.bind.places import offset_of
from bitbrook.query.sql.functions.numbers import OPPOSITE
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.tree import Call, Column, Expression, Query, Subquery, SubqueryUse
from bitbrook.query.sql.types import BOOL

if TYPE_CHECKING:
    from sqlglot.expressions import Expression as Node
else:
    Node = exp.Expression

_QUERIES = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)
_WORDS = frozenset({"ANY", "SOME", "ALL"})


def quantifier_of(node: Node) -> tuple[bool, Node] | None:
    """Return whether ALL stands there, and what it is of; None if neither ANY nor ALL does."""
    if isinstance(node, exp.Any | exp.All):
        return isinstance(node, exp.All), node.this
    is_call = isinstance(node, exp.Anonymous) and len(node.expressions) == 1
    if is_call and node.name.upper() in _WORDS:
        return node.name.upper() == "ALL", node.expressions[0]
    return None


class QuantifiedBinder:
    """Binds such comparisons. `ask` binds a query of one column and tells if it is correlated."""

    def __init__(
        self,
        bind: Callable[[Node], Expression],
        ask: Callable[[Node], tuple[Query, bool]],
        text: StatementText,
    ) -> None:
        self._bind = bind
        self._ask = ask
        self._text = text

    def compared(
        self, operator: str, operand: Expression, node: Node, *, is_all: bool
    ) -> Expression:
        """Return `operand operator ANY (node)`, or ALL."""
        if isinstance(node, _QUERIES):
            return self._with_query(operator, operand, node, is_all=is_all)
        if isinstance(node, exp.Array) and node.expressions:
            members = [self._bind(member) for member in node.expressions]
            if (operator, is_all) in {("=", False), ("<>", True)}:
                found = in_list(operand, members, self._text)
                return negation(found, self._text) if is_all else found
            tests = [comparison(operator, operand, member, self._text) for member in members]
            return connected("AND" if is_all else "OR", tests, self._text)
        return self._with_list(operator, operand, self._bind(node), is_all=is_all)

    def _with_query(
        self, operator: str, operand: Expression, node: Node, *, is_all: bool
    ) -> Expression:
        if is_all:
            other = self._with_query(OPPOSITE[operator], operand, node, is_all=False)
            return negation(other, self._text)
        query, is_correlated = self._ask(node)
        probe = Column(0, "", query.columns[0][1], operand.offset)
        comparison(operator, operand, probe, self._text)
        operand = beside_rows(operand, probe, offset_of(node), self._text)
        use = SubqueryUse.IN if operator == "=" else SubqueryUse.ANY
        offset = offset_of(node)
        return Subquery(use, query, BOOL, operand, is_correlated, offset, operator=operator)

    def _with_list(
        self, operator: str, operand: Expression, listed: Expression, *, is_all: bool
    ) -> Expression:
        if not listed.type.is_listed:
            message = f"ANY and ALL take a query or a list, not a '{listed.type}'"
            raise self._text.error(message, listed.offset)
        if is_all:
            other = self._with_list(OPPOSITE[operator], operand, listed, is_all=False)
            return negation(other, self._text)
        comparison(operator, operand, Column(0, "", listed.type.item, listed.offset), self._text)

        def render(arguments: list[str], _: Call) -> str:
            value, items = arguments
            tests = f"list_transform({items}, lambda item: {value} {operator} item)"
            return (
                f"CASE WHEN {items} IS NULL THEN NULL WHEN list_bool_or({tests}) THEN true "
                f"WHEN list_count({tests}) < len({items}) THEN NULL ELSE false END"
            )

        return Call(f"{operator} ANY", (operand, listed), BOOL, render, operand.offset)
