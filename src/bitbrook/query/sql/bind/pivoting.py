"""PIVOT and UNPIVOT, bound as the queries that they stand for.

PIVOT groups by its rows and its columns' keys together, which bitmaps answer, and spreads those few
groups over columns; UNPIVOT makes a row of each of its columns. Without a list of values those that
there are become the columns, in order; they are asked for while the statement is bound.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sqlglot import exp

from bitbrook.query.sql.bind.expressions import ExpressionBinder
from bitbrook.query.sql.bind.literals import plain
from bitbrook.query.sql.bind.operators import comparison, connected, is_null
from bitbrook.query.sql.bind.places import name_of, offset_of
from bitbrook.query.sql.bind.scope import Scope
from bitbrook.query.sql.bind.stars import matching_columns
from bitbrook.query.sql.functions.aggregates import AGGREGATES
from bitbrook.query.sql.functions.numbers import LOGIC
from bitbrook.query.sql.functions.table import SCALARS
from bitbrook.query.sql.tree import (
    UNNEST,
    Aggregate,
    Call,
    Column,
    Constant,
    Derived,
    Expression,
    OrderItem,
    Output,
    Select,
    Source,
    walk,
)
from bitbrook.query.sql.types import BOOL, INT, STRING, VOID, Kind, SqlType, common_type, list_of

if TYPE_CHECKING:
    from sqlglot.expressions import Expression as Node
else:
    Node = exp.Expression

COLUMNS_MAX = 1_000
"""Columns that PIVOT may make."""

VALUES_MAX = 200
"""Different values of a key that PIVOT makes columns of where none are listed."""

_COUNTS = frozenset({"COUNT", "COUNT_IF", "APPROX_COUNT_DISTINCT", "REGR_COUNT"})
_KEYS = frozenset({Kind.ID, Kind.INT, Kind.STRING, Kind.VARCHAR, Kind.BOOL, Kind.DECIMAL})

BindSource = Callable[[Scope], Source]


@dataclass(slots=True)
class _Key:
    """What the columns of a PIVOT stand for: an expression, and the values with their names."""

    expression: Expression
    values: list[tuple[Constant, str]]


def bind_pivoted(node: exp.Pivot, bind_source: BindSource, scope: Scope, bind_query: Any) -> Select:
    """Return the query that a PIVOT or UNPIVOT of a source is.

    `bind_source` binds the source anew into a scope.
    """
    own = scope.sibling()
    source = bind_source(own)
    binder = ExpressionBinder(own, bind_query)
    if node.args.get("unpivot"):
        return _Unpivot(node, source, own, binder).bound()
    return _Pivot(node, source, own, binder, bind_source).bound()


class _Pivot:
    """One PIVOT while it is bound."""

    def __init__(
        self,
        node: exp.Pivot,
        source: Source,
        scope: Scope,
        binder: ExpressionBinder,
        bind_source: BindSource,
    ) -> None:
        self._node = node
        self._source = source
        self._scope = scope
        self._binder = binder
        self._bind_source = bind_source
        self._text = scope.text
        self._offset = offset_of(node)

    def bound(self) -> Select:
        """Return the SELECT over the groups."""
        for relation in self._scope.relations:
            relation.reads_members = True
        is_standard = bool(self._node.args.get("fields"))
        keys = [
            self._key(each) for each in self._node.args["fields" if is_standard else "expressions"]
        ]
        written = self._node.expressions if is_standard else self._node.args.get("using") or []
        aggregates = [self._aggregate(each, len(written) > 1) for each in written]
        if not aggregates:
            count = AGGREGATES["COUNT"]
            aggregates = [(Aggregate("COUNT", (), INT, count.render), "")]
        groups = self._groups([key.expression for key in keys], [each for each, _ in aggregates])
        inner = [*groups, *(Output("", key.expression) for key in keys)]
        by = list(dict.fromkeys(output.expression for output in inner))
        inner += [Output("", each) for each, _ in aggregates]
        grouped = Select(inner, self._source, is_aggregated=True, groups=by)
        grouped.is_correlated = self._scope.is_correlated
        return self._spread(grouped, groups, keys, aggregates)

    def _spread(
        self,
        grouped: Select,
        groups: list[Output],
        keys: list[_Key],
        aggregates: list[tuple[Expression, str]],
    ) -> Select:
        number = self._scope.statement.next_relation(self._offset)
        columns = [
            Column(number, f"c{index}", output.type) for index, output in enumerate(grouped.outputs)
        ]
        rows, rest = columns[: len(groups)], columns[len(groups) :]
        found, values = rest[: len(keys)], rest[len(keys) :]
        outputs = [Output(output.name, column) for output, column in zip(groups, rows, strict=True)]
        chosen = list(product(*(key.values for key in keys)))
        if len(chosen) * len(values) > COLUMNS_MAX:
            message = f"PIVOT makes at most {COLUMNS_MAX:,} columns; list the values it is to have"
            raise self._text.error(message, self._offset)
        for combination in chosen:
            tests = [
                comparison("=", column, value, self._text)
                for column, (value, _) in zip(found, combination, strict=True)
            ]
            condition = tests[0] if len(tests) == 1 else connected("AND", tests, self._text)
            name = "_".join(shown for _, shown in combination)
            for column, (aggregate, suffix) in zip(values, aggregates, strict=True):
                shown = f"{name}_{suffix}" if suffix else name
                outputs.append(Output(shown, _only(column, condition, aggregate)))
        return Select(
            outputs,
            Derived(number, grouped),
            is_aggregated=True,
            groups=list(rows),
            order=[OrderItem(row) for row in rows if not row.type.is_listed],
            is_correlated=grouped.is_correlated,
        )

    def _key(self, node: Node) -> _Key:
        """Return what the columns are of: `y`, or `y IN (...)`."""
        if not isinstance(node, exp.In):
            expression = self._binder.bind(node)
            self._check_key(expression)
            return _Key(expression, self._found(node))
        expression = self._binder.bind(node.this)
        self._check_key(expression)
        if node.args.get("query") is not None or node.args.get("field") is not None:
            raise self._text.error("PIVOT takes a list of values", offset_of(node))
        values = []
        for item in node.expressions:
            alias = item.args.get("alias") if isinstance(item, exp.PivotAlias | exp.Alias) else None
            bound = self._binder.bind(item if alias is None else item.this)
            if not isinstance(bound, Constant) or bound.value is None:
                raise self._text.error("literal expression expected", offset_of(item))
            comparison("=", expression, bound, self._text)
            values.append((bound, _shown(bound) if alias is None else alias.name))
        return _Key(expression, values)

    def _check_key(self, key: Expression) -> None:
        if key.type.kind not in _KEYS:
            message = f"an expression of type '{key.type}' cannot be pivoted on"
            raise self._text.error(message, key.offset)
        _refuse_aggregates(key, self._text)

    def _found(self, node: Node) -> list[tuple[Constant, str]]:
        """Return the values that a key has, ascending."""
        scope = self._scope.sibling()
        source = self._bind_source(scope)
        key = ExpressionBinder(scope, self._binder.bind_query).bind(node)
        present = Call("NOT", (is_null(key),), BOOL, LOGIC["NOT"], key.offset)
        query = Select(
            [Output("", key)],
            source,
            [present],
            order=[OrderItem(key)],
            is_distinct=True,
            limit=VALUES_MAX + 1,
            is_correlated=scope.is_correlated,
        )
        if query.is_correlated or self._scope.statement.answer is None:
            raise self._text.error("list the values that PIVOT is to have", offset_of(node))
        answer: pa.Table = self._scope.statement.answer(query)
        if answer.num_rows > VALUES_MAX:
            message = f"PIVOT finds more than {VALUES_MAX} values; list those it is to have"
            raise self._text.error(message, offset_of(node))
        values = [Constant.of(v, key.type, key.offset) for v in answer.column(0).to_pylist()]
        return [(value, _shown(value)) for value in values]

    def _aggregate(self, node: Node, is_one_of_many: bool) -> tuple[Expression, str]:  # noqa: FBT001
        alias = node.args.get("alias") if isinstance(node, exp.Alias) else None
        bound = self._binder.bind(node if alias is None else node.this)
        if not any(isinstance(part, Aggregate) for part in walk(bound)):
            raise self._text.error("PIVOT takes aggregates", offset_of(node))
        if alias is not None:
            return bound, name_of(alias)
        return bound, node.sql().lower() if is_one_of_many else ""

    def _groups(self, keys: list[Expression], aggregates: list[Expression]) -> list[Output]:
        """Return the rows: what GROUP BY names, or all columns that nothing else names."""
        group = self._node.args.get("group")
        if group is not None:
            outputs = []
            for node in group.expressions:
                bound = self._binder.bind(node)
                _refuse_aggregates(bound, self._text)
                outputs.append(
                    Output(node.name.lower() if isinstance(bound, Column) else "", bound)
                )
            return outputs
        named = {p for each in [*keys, *aggregates] for p in walk(each) if isinstance(p, Column)}
        outputs = []
        for relation in self._scope.visible():
            for name, kind in list(relation.columns):
                if kind.kind in {Kind.STRUCT, Kind.VECTOR}:
                    continue
                column = relation.peek(name)
                if column is not None and column not in named:
                    outputs.append(Output(name, relation.find(name, 0) or column))
        return outputs


class _Unpivot:
    """One UNPIVOT while it is bound."""

    def __init__(
        self, node: exp.Pivot, source: Source, scope: Scope, binder: ExpressionBinder
    ) -> None:
        self._node = node
        self._source = source
        self._scope = scope
        self._binder = binder
        self._text = scope.text
        self._offset = offset_of(node)

    def bound(self) -> Select:
        """Return the SELECT that makes a row of each column."""
        name, values, nodes = self._written()
        groups = [group for node in nodes for group in self._columns(node, len(values))]
        if not groups:
            raise self._text.error("UNPIVOT needs columns", self._offset)
        labels = [Constant.of(label, STRING, self._offset) for _, label in groups]
        made = list(zip(*(columns for columns, _ in groups), strict=True))
        kinds = [self._common(columns) for columns in made]
        named = [column for columns in made for column in columns]
        rest = [
            Output(shown, relation.find(shown, 0) or peeked)
            for relation in self._scope.visible()
            for shown, _ in list(relation.columns)
            if (peeked := relation.peek(shown)) is not None and peeked not in named
        ]
        listed = SCALARS["LIST_VALUE"]
        lists = [
            Call("LIST_VALUE", tuple(parts), list_of(item), listed.render, self._offset)
            for parts, item in ((labels, STRING), *zip(made, kinds, strict=True))
        ]
        unnested = [
            Output(shown, Call(UNNEST, (each,), each.type.item, lambda a, _: f"unnest({a[0]})"))
            for shown, each in zip((name, *values), lists, strict=True)
        ]
        inner = Select([*rest, *unnested], self._source, is_correlated=self._scope.is_correlated)
        number = self._scope.statement.next_relation(self._offset)
        outputs = [
            Output(shown, Column(number, f"c{index}", of))
            for index, (shown, of) in enumerate(inner.columns)
        ]
        where: list[Expression] = []
        if not self._node.args.get("include_nulls"):
            tests = [is_null(output.expression) for output in outputs[-len(values) :]]
            where = [Call("NOT", (test,), BOOL, LOGIC["NOT"], self._offset) for test in tests]
        return Select(
            outputs, Derived(number, inner), where, is_correlated=self._scope.is_correlated
        )

    def _common(self, columns: tuple[Column, ...]) -> SqlType:
        kind = VOID
        for column in columns:
            together = common_type(kind, column.type)
            if together is None:
                message = f"types '{kind}' and '{column.type}' are not equatable"
                raise self._text.error(message, column.offset)
            kind = together
        return kind

    def _written(self) -> tuple[str, list[str], list[Node]]:
        """Return what the columns of names and values are called, and the nodes of the columns."""
        fields = self._node.args.get("fields")
        if not fields:
            into = self._node.args.get("into")
            if into is None:
                return "name", ["value"], list(self._node.expressions)
            return (
                name_of(into.this),
                [name_of(each) for each in into.expressions],
                list(self._node.expressions),
            )
        [field, *others] = fields
        values = self._node.expressions
        if others or len(values) != 1:
            raise self._text.unsupported("UNPIVOT makes one column of names", self._offset)
        written = values[0].expressions if isinstance(values[0], exp.Tuple) else values
        return (
            field.this.name.lower(),
            [each.name.lower() for each in written],
            list(field.expressions),
        )

    def _columns(self, node: Node, width: int) -> list[tuple[list[Column], str]]:
        """Return columns, as many as there are columns of values, and what they are called."""
        alias = node.args.get("alias") if isinstance(node, exp.PivotAlias | exp.Alias) else None
        written = node if alias is None else node.this
        if width == 1 and not isinstance(written, exp.Tuple):
            return [([column], name) for column, name in self._named(written, alias)]
        parts = written.expressions if isinstance(written, exp.Tuple) else [written]
        named = [pair for part in parts for pair in self._named(part, None)]
        if len(named) != width:
            message = f"UNPIVOT makes {width} columns of values; {len(named)} columns stand here"
            raise self._text.error(message, offset_of(node))
        label = "_".join(name for _, name in named) if alias is None else alias.name
        return [([column for column, _ in named], label)]

    def _named(self, written: Node, alias: Node | None) -> list[tuple[Column, str]]:
        constant = plain(written, self._text)
        if constant is not None:
            raise self._text.error("a column is expected", constant.offset)
        if isinstance(written, exp.Anonymous) and written.name.upper() == "COLUMNS":
            outputs = matching_columns(written, self._scope, self._binder)
            selected = [(output.name, output.expression) for output in outputs]
        else:
            selected = [(written.name.lower(), self._binder.bind(written))]
        columns = []
        for name, bound in selected:
            if not isinstance(bound, Column):
                raise self._text.error("a column is expected", offset_of(written))
            columns.append((bound, name if alias is None else alias.name))
        return columns


def _only(column: Column, condition: Expression, aggregate: Expression) -> Expression:
    """Return the one value of a column where a condition holds; a count of nothing is 0."""
    function = AGGREGATES["ANY_VALUE"]
    found = Aggregate("ANY_VALUE", (column,), column.type, function.render, filter=condition)
    if not isinstance(aggregate, Aggregate) or aggregate.name not in _COUNTS:
        return found
    zero = Constant.of(0, INT)
    return Call("COALESCE", (found, zero), INT, SCALARS["COALESCE"].render)


def _shown(value: Constant) -> str:
    match value.value:
        case bool() as truth:
            return str(truth).lower()
        case Decimal() as number:
            return f"{number:f}"
        case other:
            return str(other)


def _refuse_aggregates(expression: Expression, text: Any) -> None:
    for part in walk(expression):
        if isinstance(part, Aggregate):
            raise text.error("aggregates are not allowed in GROUP BY", part.offset)
