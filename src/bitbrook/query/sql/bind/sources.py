"""FROM, bound: tables, views, queries and joins, and the hints that go with tables."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from bitbrook.errors import NotFound
from bitbrook.query.sql.bind import pivoting
from bitbrook.query.sql.bind.calls import scalar
from bitbrook.query.sql.bind.expressions import ExpressionBinder
from bitbrook.query.sql.bind.operators import comparison
from bitbrook.query.sql.bind.places import chain_of, name_of, offset_of
from bitbrook.query.sql.bind.scope import Relation, Scope
from bitbrook.query.sql.bind.system import find_system_table
from bitbrook.query.sql.bind.values import given_rows
from bitbrook.query.sql.dialect.parse import parse_query
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.tree import (
    UNNEST,
    Aggregate,
    Call,
    Column,
    CteUse,
    Derived,
    Expression,
    Joined,
    JoinKind,
    Query,
    Rows,
    Scan,
    Select,
    Source,
    Unnested,
    Window,
    walk,
)
from bitbrook.query.sql.types import (
    ID,
    INT,
    STRING,
    SqlType,
    type_of_field,
)
from bitbrook.schema.field_types import TableSchema

if TYPE_CHECKING:
    from sqlglot.expressions import Expression as Node
else:
    Node = exp.Expression

_JOINS = {
    ("", ""): JoinKind.INNER,
    ("", "INNER"): JoinKind.INNER,
    ("", "CROSS"): JoinKind.CROSS,
    ("LEFT", ""): JoinKind.LEFT,
    ("LEFT", "OUTER"): JoinKind.LEFT,
    ("RIGHT", ""): JoinKind.RIGHT,
    ("RIGHT", "OUTER"): JoinKind.RIGHT,
    ("FULL", ""): JoinKind.FULL,
    ("FULL", "OUTER"): JoinKind.FULL,
    ("", "OUTER"): JoinKind.FULL,
    ("", "SEMI"): JoinKind.SEMI,
    ("LEFT", "SEMI"): JoinKind.SEMI,
    ("", "ANTI"): JoinKind.ANTI,
    ("LEFT", "ANTI"): JoinKind.ANTI,
}
_METHODS = {
    ("ASOF", "", ""): JoinKind.ASOF,
    ("ASOF", "", "INNER"): JoinKind.ASOF,
    ("ASOF", "LEFT", ""): JoinKind.ASOF_LEFT,
    ("ASOF", "LEFT", "OUTER"): JoinKind.ASOF_LEFT,
    ("POSITIONAL", "", ""): JoinKind.POSITIONAL,
}
_ASOF = frozenset({JoinKind.ASOF, JoinKind.ASOF_LEFT})
_LATERAL = frozenset({JoinKind.CROSS, JoinKind.INNER, JoinKind.LEFT})
_SERIES = frozenset({"RANGE", "GENERATE_SERIES"})
_QUERIES = (exp.Select, exp.SetOperation, exp.Subquery, exp.Pivot)
_TABLE_PARTS = frozenset({"this", "alias", "hints", "joins"})
_ONE_SIDED = frozenset({JoinKind.SEMI, JoinKind.ANTI})


def columns_of(table: TableSchema) -> list[tuple[str, SqlType]]:
    """Return a table's columns, `_id` first."""
    identity = ("_id", STRING if table.is_keyed else ID)
    return [identity, *((field.name, type_of_field(field)) for field in table.fields)]


class SourceBinder:
    """Binds the FROM of one SELECT and lets its scope know the names."""

    def __init__(
        self, scope: Scope, binder: ExpressionBinder, bind_query: Callable[[Any, Scope], Query]
    ) -> None:
        self._scope = scope
        self._text = scope.text
        self._binder = binder
        self._bind_query = bind_query

    def bind(self, node: exp.Select) -> Source | None:
        """Return the bound FROM, None of a SELECT without one."""
        clause = node.args.get("from_")
        if clause is None:
            return None
        source = self.relation(clause.this)
        for join in node.args.get("joins") or ():
            source = self._join(source, join)
        return source

    def relation(self, node: Node) -> Source:
        """Return what stands between FROM, commas and JOINs, with its own joins."""
        pivots = node.args.get("pivots")
        match node:
            case exp.Table() | exp.Subquery() if pivots:
                source = self._pivoted(node, list(pivots))
            case exp.Table() if isinstance(node.this, exp.Anonymous):
                source = self._function(node.this, node.args.get("alias"))
            case exp.Table():
                source = self._table(node)
            case exp.Subquery():
                source = self._subquery(node)
            case exp.Lateral() if isinstance(node.this, exp.Anonymous):
                source = self._function(node.this, node.args.get("alias"))
            case exp.Lateral() if isinstance(node.this, exp.Subquery):
                source = self._subquery(node.this, node.args.get("alias"))
            case exp.Unnest():
                source = self._unnest(node)
            case exp.Values():
                source = self._values(node)
            case exp.Paren():
                source = self.relation(node.this)
            case _:
                raise self._text.error("a table, a view or a query is expected", offset_of(node))
        for join in node.args.get("joins") or ():
            source = self._join(source, join)
        return source

    def _pivoted(self, node: Node, pivots: list[exp.Pivot]) -> Source:
        """Return a PIVOT of what stands before it; of several the last is outermost."""
        *others, last = pivots

        def bind_source(own: Scope) -> Source:
            binder = ExpressionBinder(own, self._bind_query)
            inner = SourceBinder(own, binder, self._bind_query)
            if others:
                return inner._pivoted(node, others)
            bare = node.copy()
            bare.set("pivots", None)
            bare.set("joins", None)
            return inner.relation(bare)

        query = pivoting.bind_pivoted(last, bind_source, self._scope, self._bind_query)
        return self._derived(query, last.args.get("alias"), offset_of(node))

    def _derived(self, query: Query, alias: Node | None, offset: int) -> Source:
        number = self._scope.statement.next_relation(offset)
        self._name(number, query.columns, alias, f"#{number}", offset)
        return Derived(number, query)

    def _name(
        self,
        number: int,
        columns: list[tuple[str, SqlType]],
        alias: Node | None,
        default: str,
        offset: int,
        *,
        scan: Scan | None = None,
    ) -> None:
        """Let columns name a relation, by the names that its alias gives to the first of them."""
        name = name_of(alias.this) if alias is not None and alias.this is not None else default
        names = alias.args.get("columns") if alias is not None else None
        stored: dict[str, str] = {}
        if names:
            if len(names) > len(columns):
                message = f"'{name}' has {len(columns)} columns, not {len(names)}"
                raise self._text.error(message, offset_of(names[len(columns)]))
            given = [name_of(each) for each in names]
            given += [known for known, _ in columns[len(given) :]]
            for index, node in enumerate(names):
                if given[index] in given[:index] + given[len(names) :]:
                    message = f"duplicate column '{given[index]}'"
                    raise self._text.error(message, offset_of(node))
            stored = {new: known for new, (known, _) in zip(given, columns, strict=True)}
            columns = [(new, kind) for new, (_, kind) in zip(given, columns, strict=True)]
        relation = Relation(name, number, columns, scan, stored=stored if scan else {})
        self._scope.add(relation, offset)

    def _values(self, node: exp.Values) -> Source:
        given = given_rows(node, self._scope, self._binder)
        columns = [(f"col{index}", kind) for index, kind in enumerate(given.types)]
        default = f"#{given.relation}"
        self._name(given.relation, columns, node.args.get("alias"), default, offset_of(node))
        return given

    def _unnest(self, node: exp.Unnest) -> Source:
        offset = offset_of(node)
        if len(node.expressions) != 1:
            raise self._text.error("unnest() takes one list", offset)
        place = node.args.get("offset")
        alias = node.args.get("alias")
        call = self._binder.unnested(node.expressions[0], offset)
        columns = [("unnest", call.type)]
        if place:
            columns.append((name_of(place) if isinstance(place, Node) else "ordinality", INT))
        number = self._scope.statement.next_relation(offset)
        if alias is not None and place:
            alias = alias.copy()
            named = list(alias.args.get("columns") or ())
            if len(named) == 1:
                named.append(exp.Identifier(this=columns[1][0]))
            alias.set("columns", named)
        self._name(number, columns, alias, "unnest", offset)
        # A relation of one column may be called by the relation's name.
        assert isinstance(call, Call), "a call of unnest"
        return Unnested(number, call.arguments[0], is_numbered=bool(place))

    def _function(self, node: exp.Anonymous, alias: Node | None) -> Source:
        """Return the rows of range(), generate_series() or unnest()."""
        name, offset = node.name.upper(), offset_of(node)
        if name == UNNEST:
            listed = exp.Unnest(expressions=node.expressions, alias=alias)
            listed.meta["start"] = offset
            return self._unnest(listed)
        if name not in _SERIES:
            raise self._text.error(f"'{node.sql()[:40]}' is not a table or view", offset)
        numbers = self._binder.bind(node)
        number = self._scope.statement.next_relation(offset)
        self._name(number, [(name.lower(), INT)], alias, name.lower(), offset)
        return Unnested(number, numbers)

    def _table(self, node: exp.Table) -> Source:
        extra = [key for key, value in node.args.items() if value and key not in _TABLE_PARTS]
        if extra or not isinstance(node.this, exp.Identifier):
            raise self._text.error(f"'{node.sql()[:40]}' is not a table or view", offset_of(node))
        name, offset = name_of(node.this), offset_of(node.this)
        alias = node.args.get("alias")
        number = self._scope.statement.next_relation(offset)
        if name in self._scope.ctes:
            cte, columns = self._scope.ctes[name]
            self._name(number, columns, alias, name, offset)
            return CteUse(number, cte.name)
        system = find_system_table(name, self._scope.statement)
        if system is not None:
            columns, records = system
            self._name(number, columns, alias, name, offset)
            return Rows(number, records)
        try:
            table = self._scope.statement.database.table(name)
        except NotFound:
            return self._view(name, alias, number, offset)
        flattened = self._flattened(node, table)
        scan = Scan(number, table, flattened)
        self._name(number, columns_of(table), alias, name, offset, scan=scan)
        return scan

    def _flattened(self, node: exp.Table, table: TableSchema) -> frozenset[str]:
        names = set()
        for hints in node.args.get("hints") or ():
            for hint in hints.expressions:
                if hint.name.lower() != "flatten" or not isinstance(hint, exp.Anonymous):
                    raise self._text.error(f"unknown query hint '{hint.name}'", offset_of(hint))
                for column in hint.expressions:
                    name = column.name.lower()
                    field = table.find_field(name)
                    if field is None:
                        raise self._text.error(f"column '{name}' not found", offset_of(column))
                    if field.is_single:
                        raise self._text.error("set expression expected", offset_of(column))
                    names.add(name)
        return frozenset(names)

    def _view(self, name: str, alias: Node | None, number: int, offset: int) -> Source:
        statement = self._scope.statement
        definition = statement.database.views().get(name)
        if definition is None:
            raise self._text.error(f"table or view '{name}' not found", offset)
        if name in statement.views_open:
            raise self._text.error(f"view '{name}' reads itself", offset)
        outer_text, opened = statement.text, statement.views_open
        statement.text = StatementText(definition)
        statement.views_open = (*opened, name)
        try:
            query = self._bind_query(parse_query(statement.text), Scope(statement))
        finally:
            statement.text, statement.views_open = outer_text, opened
        self._name(number, query.columns, alias, name, offset)
        return Derived(number, query)

    def _subquery(self, node: exp.Subquery, alias: Node | None = None) -> Source:
        """Return a query in FROM, which may name columns of the relations before it."""
        offset = offset_of(node)
        alias = alias or node.args.get("alias")
        if not isinstance(node.this, _QUERIES):
            if alias is None:
                return self.relation(node.this)
            raise self._text.error("a query is expected in parentheses", offset)
        inner = self._scope.child()
        query = self._bind_query(node.this, inner)
        query.is_correlated = query.is_correlated or inner.is_correlated
        return self._derived(query, alias, offset)

    def _join(self, left: Source, node: exp.Join) -> Source:
        side, kind = str(node.args.get("side") or ""), str(node.args.get("kind") or "")
        method = str(node.args.get("method") or "")
        join = _METHODS.get((method, side, kind))
        if join is None and method in {"", "NATURAL"}:
            join = _JOINS.get((side, kind))
        if join is None:
            words = " ".join(word for word in (method, side, kind) if word)
            raise self._text.unsupported(f"{words} JOIN is not supported", offset_of(node.this))
        known = list(self._scope.relations)
        right = self.relation(node.this)
        if isinstance(right, Derived) and right.query.is_correlated and join not in _LATERAL:
            message = "a query that names columns beside it goes after CROSS, INNER or LEFT JOIN"
            raise self._text.error(message, offset_of(node.this))
        added = [r for r in self._scope.relations if r not in known]
        conditions: list[Expression] = []
        on, using = node.args.get("on"), node.args.get("using")
        if method == "NATURAL":
            using = self._shared(known, added, offset_of(node.this))
        if on is not None:
            conditions = [self._binder.condition(part) for part in chain_of(on, exp.And)]
        elif using:
            conditions = [self._equal(column, known, added, join) for column in using]
            if join in _ASOF:
                conditions[-1] = self._not_later(using[-1], known, added)
        elif join is JoinKind.INNER:
            join = JoinKind.CROSS
        elif join not in {JoinKind.CROSS, JoinKind.POSITIONAL}:
            raise self._text.error("a join needs ON", offset_of(node.this))
        for condition in conditions:
            if any(isinstance(part, Aggregate | Window) for part in walk(condition)):
                raise self._text.error("aggregates are not allowed in ON", condition.offset)
        if join in _ASOF:
            self._check_asof(conditions, offset_of(node.this))
        if join in _ONE_SIDED:
            self._scope.relations = known
        return Joined(join, left, right, conditions)

    def _sides(
        self, node: Node, known: list[Relation], added: list[Relation]
    ) -> tuple[Column, Column]:
        """Return the two columns that one named in USING means."""
        name, offset = node.name.lower(), offset_of(node)
        sides = []
        for relations in (known, added):
            found = [c for r in relations if name not in r.hidden and (c := r.find(name, offset))]
            if not found:
                raise self._text.error(f"column '{name}' not found", offset)
            sides.append(found[0])
        return sides[0], sides[1]

    def _equal(
        self, node: Node, known: list[Relation], added: list[Relation], join: JoinKind
    ) -> Expression:
        """Return the condition that a column named in USING is the same on both sides."""
        left, right = self._sides(node, known, added)
        name, offset = node.name.lower(), offset_of(node)
        # Of the two equal columns the one that is never made up keeps the name.
        for relation in known if join is JoinKind.RIGHT else added:
            if relation.has(name):
                relation.hidden.add(name)
        if join is JoinKind.FULL:
            self._scope.merged[name] = scalar("COALESCE", [left, right], offset, self._text)
        return comparison("=", left, right, self._text)

    def _not_later(self, node: Node, known: list[Relation], added: list[Relation]) -> Expression:
        """Return the condition of the last column that ASOF JOIN ... USING names."""
        for relation in added:
            relation.hidden.discard(node.name.lower())
        left, right = self._sides(node, known, added)
        for relation in added:
            if relation.has(node.name.lower()):
                relation.hidden.add(node.name.lower())
        return comparison(">=", left, right, self._text)

    def _shared(
        self, known: list[Relation], added: list[Relation], offset: int
    ) -> list[exp.Identifier]:
        """Return the columns that both sides of a NATURAL JOIN have."""
        right = {name for relation in added for name, _ in relation.columns}
        names = dict.fromkeys(name for r in known for name, _ in r.columns if name in right)
        if not names:
            raise self._text.error("NATURAL JOIN finds no column that both sides have", offset)
        identifiers = [exp.Identifier(this=name) for name in names]
        for identifier in identifiers:
            identifier.meta["start"] = offset
        return identifiers

    def _check_asof(self, conditions: list[Expression], offset: int) -> None:
        """Return if there is one order among equalities.

        Raises:
            InvalidStatement: there is none, or something else.
        """
        names = [each.name if isinstance(each, Call) else "" for each in conditions]
        orders = [name for name in names if name in {"<", "<=", ">", ">="}]
        if len(orders) != 1 or any(name != "=" for name in names if name not in orders):
            message = "ASOF JOIN takes equal columns and one comparison with <, <=, > or >="
            raise self._text.error(message, offset)


def bind_pivot(node: exp.Pivot, scope: Scope, bind_query: Callable[[Any, Scope], Query]) -> Select:
    """Return the query that `PIVOT t ON ...` or `UNPIVOT t ON ...` is."""

    def bind_source(own: Scope) -> Source:
        binder = ExpressionBinder(own, bind_query)
        return SourceBinder(own, binder, bind_query).relation(node.this)

    return pivoting.bind_pivoted(node, bind_source, scope, bind_query)
