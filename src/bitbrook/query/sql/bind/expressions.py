"""Expressions of a statement, bound: names found, types checked, functions looked up.

`ExpressionBinder.bind` is a table from the kinds of node a parsed expression may have to how each
is bound; whatever is not in the table is refused.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from bitbrook.query.sql.bind import literals, operators
from bitbrook.query.sql.bind.aggregates import AggregateBinder
from bitbrook.query.sql.bind.calls import scalar
from bitbrook.query.sql.bind.casts import cast_to, type_of_name
from bitbrook.query.sql.bind.places import chain_of, name_of, offset_of
from bitbrook.query.sql.bind.scope import Scope
from bitbrook.query.sql.functions.table import SCALARS
from bitbrook.query.sql.functions.times import UNITS
from bitbrook.query.sql.tree import (
    Case,
    Column,
    Constant,
    Expression,
    Query,
    Subquery,
    SubqueryUse,
)
from bitbrook.query.sql.types import (
    BOOL,
    STRING,
    VOID,
    common_type,
    timestamp,
)
from bitbrook.schema.field_types import TimeUnit

if TYPE_CHECKING:
    from sqlglot.expressions import Expression as Node
else:
    Node = exp.Expression

BindQuery = Callable[[Any, Scope], Query]

_ARITHMETIC: dict[type[Node], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
    exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
    exp.DPipe: "||",
}
_COMPARISONS: dict[type[Node], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}


class ExpressionBinder:
    """Binds the expressions of one SELECT. `bind_query` binds the queries inside them."""

    def __init__(self, scope: Scope, bind_query: BindQuery) -> None:
        self.scope = scope
        self.text = scope.text
        self._bind_query = bind_query
        self._aggregates = AggregateBinder(self.bind, scope)
        self._binders: dict[type[Node], Callable[[Any], Expression]] = {
            exp.Column: self._column,
            exp.Parameter: self._parameter,
            exp.Paren: self._paren,
            exp.And: self._and,
            exp.Or: self._or,
            exp.Not: self._not,
            exp.Neg: self._negative,
            exp.BitwiseNot: self._bit_not,
            exp.Is: self._is,
            exp.Between: self._between,
            exp.In: self._in,
            exp.Like: self._like,
            exp.Case: self._case,
            exp.Cast: self._cast,
            exp.Array: self._array,
            exp.CurrentTimestamp: self._now,
            exp.CurrentDate: self._today,
            exp.Exists: self._exists,
            exp.Subquery: self._scalar_query,
            exp.Select: self._scalar_query,
            exp.Anonymous: self._call,
            exp.Window: self._window,
            exp.Filter: self._filtered,
        }

    def bind(self, node: Node) -> Expression:
        """Return the bound expression.

        Raises:
            InvalidStatement: a name is unknown, or a type does not fit.
        """
        constant = literals.plain(node, self.text)
        if constant is not None:
            return constant
        kind = type(node)
        self._check_parts(node)
        if kind in _ARITHMETIC:
            left, right = self.bind(node.this), self.bind(node.expression)
            return operators.arithmetic(_ARITHMETIC[kind], left, right, self.text)
        if kind in _COMPARISONS:
            left, right = self.bind(node.this), self.bind(node.expression)
            return operators.comparison(_COMPARISONS[kind], left, right, self.text)
        bind = self._binders.get(kind)
        if bind is None:
            raise self.text.error(
                f"'{node.sql()[:40]}' is not an expression that can be used here", offset_of(node)
            )
        return bind(node)

    def _check_parts(self, node: Node) -> None:
        """Refuse what a node says beyond the parts that its binder reads."""
        known = _PARTS.get(type(node), _OPERANDS)
        for part, value in node.args.items():
            if value and part not in known:
                message = f"'{node.sql()[:40]}' is not an expression that can be used here"
                raise self.text.error(message, offset_of(node))

    def condition(self, node: Node) -> Expression:
        """Return a bound condition.

        Raises:
            InvalidStatement: it is neither true nor false.
        """
        bound = self.bind(node)
        if bound.type not in {BOOL, VOID}:
            raise self.text.error("boolean expression expected", bound.offset)
        return bound

    def _column(self, node: exp.Column) -> Expression:
        if isinstance(node.this, exp.Star):
            raise self.text.error("'*' can only be selected or counted", offset_of(node))
        if node.args.get("db") is not None:
            raise self.text.error(f"column '{node.sql()}' not found", offset_of(node))
        table = name_of(node.args["table"]) if node.args.get("table") else None
        name, offset = name_of(node.this), offset_of(node.args.get("table") or node)
        column = self.scope.find_column(table, name, offset)
        if column is not None:
            return column
        if table is None and name in self.scope.aliases:
            return self.scope.aliases[name]
        if "-" in name and not node.this.args.get("quoted"):
            return self.bind(_as_difference(node))
        raise self.text.error(f"column '{name}' not found", offset)

    def _parameter(self, node: exp.Parameter) -> Expression:
        """Return the column that `@0` means in TRANSFORM."""
        name, offset = node.this.name, offset_of(node)
        if any(relation.alias == "@" for relation in self.scope.relations):
            column = self.scope.find_column("@", name, offset)
            if column is not None:
                return column
        raise self.text.error(f"variable '@{name}' not found", offset)

    def _paren(self, node: exp.Paren) -> Expression:
        return self.bind(node.this)

    def _and(self, node: exp.And) -> Expression:
        operands = [self.bind(part) for part in chain_of(node, exp.And)]
        return operators.connected("AND", operands, self.text)

    def _or(self, node: exp.Or) -> Expression:
        operands = [self.bind(part) for part in chain_of(node, exp.Or)]
        return operators.connected("OR", operands, self.text)

    def _not(self, node: exp.Not) -> Expression:
        return operators.negation(self.bind(node.this), self.text)

    def _negative(self, node: exp.Neg) -> Expression:
        if isinstance(node.this, exp.Literal) and not node.this.is_string:
            # Read together, or the least integer would be out of range without its sign.
            return literals.number_negative(node.this, self.text)
        return operators.unary("-", self.bind(node.this), self.text)

    def _bit_not(self, node: exp.BitwiseNot) -> Expression:
        return operators.unary("~", self.bind(node.this), self.text)

    def _is(self, node: exp.Is) -> Expression:
        operand = self.bind(node.this)
        if isinstance(node.expression, exp.Null):
            tested = operators.is_null(operand)
            return operators.negation(tested, self.text) if node.args.get("negate") else tested
        raise self.text.error("IS takes NULL or NOT NULL", offset_of(node.expression))

    def _between(self, node: exp.Between) -> Expression:
        operand = self.bind(node.this)
        low, high = self.bind(node.args["low"]), self.bind(node.args["high"])
        tests = [
            operators.comparison(">=", operand, low, self.text),
            operators.comparison("<=", operand, high, self.text),
        ]
        return operators.connected("AND", tests, self.text)

    def _in(self, node: exp.In) -> Expression:
        operand = self.bind(node.this)
        query = node.args.get("query")
        if query is not None:
            bound, inner = self._query(query)
            self._one_column(bound, offset_of(query))
            output = bound.columns[0][1]
            probe = Column(0, "", output, operand.offset)
            operators.brought_together(operand, probe, self.text)
            return Subquery(
                SubqueryUse.IN, bound, BOOL, operand, inner.is_correlated, operand.offset
            )
        if node.args.get("unnest") is not None or node.args.get("field") is not None:
            raise self.text.error("IN takes a list in parentheses", offset_of(node))
        items = [self.bind(item) for item in node.expressions]
        return operators.in_list(operand, items, self.text)

    def _like(self, node: exp.Like) -> Expression:
        tested = operators.like(self.bind(node.this), self.bind(node.expression), self.text)
        return operators.negation(tested, self.text) if node.args.get("negate") else tested

    def _case(self, node: exp.Case) -> Expression:
        subject = node.this
        branches = []
        kind = VOID
        values = [branch.args["true"] for branch in node.args["ifs"]]
        bound = [self.bind(value) for value in values]
        default = node.args.get("default")
        otherwise = Constant.of(None, VOID) if default is None else self.bind(default)
        for value in (*bound, otherwise):
            together = common_type(kind, value.type)
            if together is None:
                message = f"types '{kind}' and '{value.type}' are not equatable"
                raise self.text.error(message, value.offset)
            kind = together
        for branch, value in zip(node.args["ifs"], bound, strict=True):
            if subject is None:
                condition = self.condition(branch.this)
            else:
                condition = operators.comparison(
                    "=", self.bind(subject), self.bind(branch.this), self.text
                )
            branches.append((condition, value))
        return Case(tuple(branches), otherwise, kind, offset_of(node))

    def _cast(self, node: exp.Cast) -> Expression:
        operand = self.bind(node.this)
        return cast_to(operand, type_of_name(node.args["to"], self.text), operand.offset, self.text)

    def _array(self, node: exp.Array) -> Expression:
        members = [self.bind(member) for member in node.expressions]
        constants = [member for member in members if isinstance(member, Constant)]
        if len(constants) < len(members):
            raise self.text.error("literal expression expected", offset_of(node))
        return literals.set_of(constants, offset_of(node), self.text)

    def _now(self, node: Node) -> Expression:
        now_us = self.scope.statement.now_us
        return Constant.of(now_us, timestamp(TimeUnit.MICROSECOND), offset_of(node))

    def _today(self, node: Node) -> Expression:
        day_us = self.scope.statement.now_us // 86_400_000_000 * 86_400_000_000
        return Constant.of(day_us, timestamp(TimeUnit.MICROSECOND), offset_of(node))

    def _exists(self, node: exp.Exists) -> Expression:
        bound, inner = self._query(node.this)
        return Subquery(SubqueryUse.EXISTS, bound, BOOL, None, inner.is_correlated, offset_of(node))

    def _scalar_query(self, node: Node) -> Expression:
        bound, inner = self._query(node)
        self._one_column(bound, offset_of(node))
        return Subquery(
            SubqueryUse.SCALAR,
            bound,
            bound.columns[0][1],
            None,
            inner.is_correlated,
            offset_of(node),
            self.text.prefix(offset_of(node)),
        )

    def _query(self, node: Node) -> tuple[Query, Scope]:
        inner = self.scope.child()
        bound = self._bind_query(node, inner)
        if inner.is_correlated:
            bound.is_correlated = True
        return bound, inner

    def _one_column(self, query: Query, offset: int) -> None:
        if len(query.columns) != 1:
            raise self.text.error("a subquery here must select one column", offset)

    def _call(self, node: exp.Anonymous) -> Expression:
        name, offset = str(node.name).upper(), offset_of(node)
        if self._aggregates.knows(name):
            return self._aggregates.bind_call(node)
        function = SCALARS.get(name)
        arguments: list[Expression] = []
        for index, argument in enumerate(node.expressions):
            if isinstance(argument, exp.Distinct | exp.Star):
                raise self.text.error(f"'{name.lower()}' takes values", offset)
            takes_unit = (
                function is not None
                and index == 0
                and function.parameters[:1]
                and function.parameters[0].is_unit
            )
            if takes_unit and _is_bare_unit(argument):
                arguments.append(Constant.of(argument.name.upper(), STRING, offset_of(argument)))
            else:
                arguments.append(self.bind(argument))
        return scalar(name, arguments, offset, self.text)

    def _window(self, node: exp.Window) -> Expression:
        return self._aggregates.bind_window(node)

    def _filtered(self, node: exp.Filter) -> Expression:
        return self._aggregates.bind_filtered(node)


def _is_bare_unit(node: Node) -> bool:
    return (
        isinstance(node, exp.Column | exp.Var)
        and node.args.get("table") is None
        and node.name.upper() in UNITS
    )


def _as_difference(column: exp.Column) -> Node:
    """Return `a-b-1`, which no column is called, as the subtraction it writes."""
    first, *others = column.name.split("-")
    start = offset_of(column.this)
    identifier = exp.Identifier(this=first)
    identifier.meta["start"] = start
    table = column.args.get("table")
    node: Node = exp.Column(this=identifier, table=table.copy() if table else None)
    offset = start + len(first) + 1
    for other in others:
        part: Node
        if other.isdigit():
            part = exp.Literal.number(other)
            part.meta["start"] = offset
        else:
            name = exp.Identifier(this=other)
            name.meta["start"] = offset
            part = exp.Column(this=name)
        offset += len(other) + 1
        node = exp.Sub(this=node, expression=part)
    return node


_OPERANDS = frozenset({"this", "expression"})
_PARTS: dict[type[Node], frozenset[str]] = {
    exp.Column: frozenset({"this", "table", "db"}),
    exp.Div: _OPERANDS | {"typed", "safe"},
    exp.DPipe: _OPERANDS | {"safe"},
    exp.Is: _OPERANDS | {"negate"},
    exp.Like: _OPERANDS | {"negate"},
    exp.Between: frozenset({"this", "low", "high"}),
    exp.In: frozenset({"this", "expressions", "query", "unnest", "field"}),
    exp.Case: frozenset({"this", "ifs", "default"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.Array: frozenset({"expressions", "bracket_notation"}),
    exp.Anonymous: frozenset({"this", "expressions"}),
    exp.Window: frozenset({"this", "partition_by", "order", "spec", "over", "alias"}),
    exp.Select: frozenset(exp.Select.arg_types),
}
"""The parts that the binder of a node reads; of others `this` and `expression`."""
