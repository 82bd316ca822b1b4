"""Expressions of a statement, bound: names found, types checked, functions looked up.

`ExpressionBinder.bind` is a table from the kinds of node a parsed expression may have to how each
is bound; whatever is not in the table is refused.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from bitbrook.query.parameters import MARK
from bitbrook.query.sql.bind import literals, operators
from bitbrook.query.sql.bind.aggregates import AggregateBinder
from bitbrook.query.sql.bind.calls import scalar
from bitbrook.query.sql.bind.casts import cast_to, type_of_name
from bitbrook.query.sql.bind.moments import MomentBinder
from bitbrook.query.sql.bind.nested import NestedBinder
from bitbrook.query.sql.bind.places import chain_of, name_of, offset_of
from bitbrook.query.sql.bind.predicates import PredicateBinder
from bitbrook.query.sql.bind.quantified import QuantifiedBinder, quantifier_of
from bitbrook.query.sql.bind.scope import Scope
from bitbrook.query.sql.functions.lists import LAMBDAS
from bitbrook.query.sql.functions.table import ALIASES, SCALARS
from bitbrook.query.sql.functions.times import UNITS
from bitbrook.query.sql.tree import (
    GROUPING,
    UNNEST,
    Aggregate,
    Column,
    Constant,
    Expression,
    Query,
    Subquery,
    SubqueryUse,
)
from bitbrook.query.sql.types import (
    BOOL,
    INT,
    STRING,
    VOID,
)

if TYPE_CHECKING:
    from sqlglot.expressions import Expression as Node
else:
    Node = exp.Expression

GROUPING_KEYS_MAX = 32

BindQuery = Callable[[Any, Scope], Query]

_ARITHMETIC: dict[type[Node], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.IntDiv: "//",
    exp.Mod: "%",
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
    exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
    exp.DPipe: "||",
}
_NOW = frozenset({"NOW", "GET_CURRENT_TIMESTAMP", "TRANSACTION_TIMESTAMP"})
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
        self.bind_query = bind_query
        self._predicates = PredicateBinder(self.bind, self.condition, scope)
        self._moments = MomentBinder(self.bind, scope)
        self._nested = NestedBinder(self.bind, scope)
        self._quantified = QuantifiedBinder(self.bind, self._column_query, scope.text)
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
            exp.Is: self._predicates.is_tested,
            exp.Between: self._predicates.between,
            exp.In: self._in,
            exp.Like: self._predicates.like,
            exp.Case: self._predicates.case,
            exp.Cast: self._cast,
            exp.Array: self._array,
            exp.CurrentTimestamp: self._moments.now,
            exp.CurrentDate: self._moments.today,
            exp.Exists: self._exists,
            exp.Subquery: self._scalar_query,
            exp.Select: self._scalar_query,
            exp.Anonymous: self._call,
            exp.Window: self._window,
            exp.Filter: self._filtered,
            exp.WithinGroup: self._aggregates.bind_within_group,
            exp.Struct: self._nested.struct,
            exp.Bracket: self._nested.bracket,
            exp.Dot: self._nested.dot,
            exp.Identifier: self._name,
            exp.ILike: self._predicates.like,
            exp.Glob: self._predicates.like,
            exp.RegexpLike: self._predicates.matches,
            exp.SimilarTo: self._predicates.similar,
            exp.NullSafeEQ: self._predicates.distinct_from,
            exp.NullSafeNEQ: self._predicates.distinct_from,
            exp.TryCast: self._cast,
            exp.Extract: self._moments.extract,
            exp.Pow: self._power,
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
        if isinstance(node, exp.Add | exp.Sub) and isinstance(node.expression, exp.Interval):
            return self._moments.moved(node)
        if kind in _ARITHMETIC:
            left, right = self.bind(node.this), self.bind(node.expression)
            return operators.arithmetic(_ARITHMETIC[kind], left, right, self.text)
        if kind in _COMPARISONS:
            left, quantifier = self.bind(node.this), quantifier_of(node.expression)
            if quantifier is not None:
                is_all, of = quantifier
                return self._quantified.compared(_COMPARISONS[kind], left, of, is_all=is_all)
            return operators.comparison(
                _COMPARISONS[kind], left, self.bind(node.expression), self.text
            )
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

    def unnested(self, node: Node, offset: int) -> Expression:
        """Return a call of unnest() of what a node writes."""
        return self._nested.unnested(node, offset)

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
        names = [
            name_of(part)
            for key in ("catalog", "db", "table", "this")
            if (part := node.args.get(key)) is not None
        ]
        first = next(part for key in _NAMES if (part := node.args.get(key)) is not None)
        offset = offset_of(first if len(names) > 1 else node)
        if len(names) > 1 and (names[0] in self.scope.variables or not self._is_table(names[0])):
            # No table is called so: the fields of a struct.
            found = self._named(None, names[0], offset)
            if found is None:
                raise self.text.error(f"table or view '{names[0]}' not found", offset)
            return self._fields(found, names[1:], offset)
        table, name, *fields = names if len(names) > 1 else [None, *names]
        assert name is not None, "a column has a name"
        column = self._named(table, name, offset)
        if column is not None:
            return self._fields(column, fields, offset)
        if "-" in name and not node.this.args.get("quoted"):
            return self.bind(_as_difference(node))
        raise self.text.error(f"column '{name}' not found", offset)

    def _is_table(self, name: str) -> bool:
        return self.scope.knows_table(name)

    def _named(self, table: str | None, name: str, offset: int) -> Expression | None:
        """Return what a name means, None if it means nothing."""
        if table is None and name in self.scope.variables:
            return self.scope.variables[name]
        if table is None and name in self.scope.merged:
            return self.scope.merged[name]
        column = self.scope.find_column(table, name, offset)
        if column is None and table is None:
            return self.scope.aliases.get(name)
        return column

    def _fields(self, value: Expression, names: Sequence[str | None], offset: int) -> Expression:
        for name in names:
            assert name is not None, "fields have names"
            value = self._nested.field(value, name, offset)
        return value

    def _name(self, node: exp.Identifier) -> Expression:
        """Return what the parameter of a lambda stands for."""
        name, offset = name_of(node), offset_of(node)
        found = self._named(None, name, offset)
        if found is None:
            raise self.text.error(f"column '{name}' not found", offset)
        return found

    def _parameter(self, node: exp.Parameter) -> Expression:
        """Return the column that `@0` means in TRANSFORM."""
        name, offset = node.this.name, offset_of(node)
        if node.meta.get("mark") == MARK:
            message = f"parameter '${name}' has no value; only prepared queries take parameters"
            raise self.text.error(message, offset)
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

    def _in(self, node: exp.In) -> Expression:
        operand = self.bind(node.this)
        query = node.args.get("query")
        if query is not None:
            bound, is_correlated = self._column_query(query)
            probe = Column(0, "", bound.columns[0][1], operand.offset)
            operand = operators.beside_rows(operand, probe, offset_of(query), self.text)
            return Subquery(SubqueryUse.IN, bound, BOOL, operand, is_correlated, operand.offset)
        if node.args.get("unnest") is not None or node.args.get("field") is not None:
            raise self.text.error("IN takes a list in parentheses", offset_of(node))
        items = [self.bind(item) for item in node.expressions]
        return operators.in_list(operand, items, self.text)

    def _cast(self, node: exp.Cast) -> Expression:
        operand = self.bind(node.this)
        kind = type_of_name(node.args["to"], self.text)
        is_tried = isinstance(node, exp.TryCast)
        return cast_to(operand, kind, operand.offset, self.text, is_tried=is_tried)

    def _array(self, node: exp.Array) -> Expression:
        if any(isinstance(member, exp.Comprehension | exp.Array) for member in node.expressions):
            return self._nested.list_of(node)
        written = [literals.member(member, self.text) for member in node.expressions]
        constants = [member for member in written if member is not None]
        if len(constants) < len(written):
            members = [self.bind(member) for member in node.expressions]
            return self._nested.listed(members, offset_of(node))
        return literals.set_of(constants, offset_of(node), self.text)

    def _exists(self, node: exp.Exists) -> Expression:
        bound, inner = self._query(node.this)
        return Subquery(SubqueryUse.EXISTS, bound, BOOL, None, inner.is_correlated, offset_of(node))

    def _scalar_query(self, node: Node) -> Expression:
        bound, is_correlated = self._column_query(node)
        return Subquery(
            SubqueryUse.SCALAR,
            bound,
            bound.columns[0][1],
            None,
            is_correlated,
            offset_of(node),
            self.text.prefix(offset_of(node)),
        )

    def _query(self, node: Node) -> tuple[Query, Scope]:
        inner = self.scope.child()
        bound = self.bind_query(node, inner)
        if inner.is_correlated:
            bound.is_correlated = True
        return bound, inner

    def _column_query(self, node: Node) -> tuple[Query, bool]:
        """Return a query of one column, and whether it names columns around it."""
        bound, inner = self._query(node)
        if len(bound.columns) != 1:
            raise self.text.error("a subquery here must select one column", offset_of(node))
        return bound, inner.is_correlated

    def _call(self, node: exp.Anonymous) -> Expression:
        name, offset = str(node.name).upper(), offset_of(node)
        name = ALIASES.get(name, name)
        if name in _NOW or name == "TODAY":
            if node.expressions:
                raise self.text.error(f"'{name.lower()}' takes nothing", offset)
            return self._moments.now(node) if name in _NOW else self._moments.today(node)
        if name == "TIME_BUCKET":
            return self._moments.bucket(node)
        if name == UNNEST:
            return self._nested.unnest(node)
        if name in {"STRUCT_PACK", "ROW"}:
            return self._nested.struct(node)
        if name == "STRUCT_EXTRACT" and len(node.expressions) == 2:
            field = self.bind(node.expressions[1])
            shown = field.value if isinstance(field, Constant) else None
            if not isinstance(shown, str):
                raise self.text.error("literal expression expected", field.offset)
            return self._nested.field(self.bind(node.expressions[0]), shown.lower(), offset)
        if name in LAMBDAS:
            return self._nested.lambda_call(name, node)
        if name in {"GROUPING", "GROUPING_ID"}:
            return self._grouping(node)
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
                arguments.append(self._nested.argument(name, index, argument))
        return scalar(str(node.name), arguments, offset, self.text)

    def _power(self, node: exp.Pow) -> Expression:
        given = [self.bind(node.this), self.bind(node.expression)]
        return scalar("POW", given, given[0].offset, self.text)

    def _grouping(self, node: exp.Anonymous) -> Expression:
        """Return which of some keys a row of groups is not grouped by, as bits."""
        keys = tuple(self.bind(key) for key in node.expressions)
        if not 1 <= len(keys) <= GROUPING_KEYS_MAX:
            raise self.text.error("grouping() takes keys of GROUP BY", offset_of(node))
        return Aggregate(
            GROUPING,
            keys,
            INT,
            lambda arguments, _: f"CAST(GROUPING({', '.join(arguments)}) AS BIGINT)",
            offset=offset_of(node),
            prefix=self.text.prefix(offset_of(node)),
        )

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


_NAMES = ("catalog", "db", "table", "this")
_OPERANDS = frozenset({"this", "expression"})
_PARTS: dict[type[Node], frozenset[str]] = {
    exp.Column: frozenset(_NAMES),
    exp.Array: frozenset({"expressions", "bracket_notation"}),
    exp.Struct: frozenset({"expressions"}),
    exp.Bracket: frozenset({"this", "expressions", "offset"}),
    exp.ILike: _OPERANDS | {"negate"},
    exp.TryCast: frozenset({"this", "to", "safe", "requires_string"}),
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Div: _OPERANDS | {"typed", "safe"},
    exp.DPipe: _OPERANDS | {"safe"},
    exp.Is: _OPERANDS | {"negate"},
    exp.Like: _OPERANDS | {"negate"},
    exp.Between: frozenset({"this", "low", "high"}),
    exp.In: frozenset({"this", "expressions", "query", "unnest", "field"}),
    exp.Case: frozenset({"this", "ifs", "default"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.Anonymous: frozenset({"this", "expressions"}),
    exp.Window: frozenset({"this", "partition_by", "order", "spec", "over", "alias"}),
    exp.Select: frozenset(exp.Select.arg_types),
}
"""The parts that the binder of a node reads; of others `this` and `expression`."""
