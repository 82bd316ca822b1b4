"""FROM, bound: tables, views, queries and joins, and the hints that go with tables."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from bitbrook.errors import NotFound
from bitbrook.query.sql.bind.expressions import ExpressionBinder
from bitbrook.query.sql.bind.operators import comparison
from bitbrook.query.sql.bind.places import chain_of, name_of, offset_of
from bitbrook.query.sql.bind.scope import Relation, Scope
from bitbrook.query.sql.bind.system import find_system_table
from bitbrook.query.sql.dialect.parse import parse_query
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.tree import (
    Aggregate,
    CteUse,
    Derived,
    Expression,
    Joined,
    JoinKind,
    Query,
    Rows,
    Scan,
    Source,
    Window,
    walk,
)
from bitbrook.query.sql.types import ID, STRING, SqlType, type_of_field
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
        source = self._relation(clause.this)
        for join in node.args.get("joins") or ():
            source = self._join(source, join)
        return source

    def _relation(self, node: Node) -> Source:
        match node:
            case exp.Table():
                source = self._table(node)
            case exp.Subquery():
                source = self._subquery(node)
            case exp.Paren():
                source = self._relation(node.this)
            case _:
                raise self._text.error("a table, a view or a query is expected", offset_of(node))
        for join in node.args.get("joins") or ():
            source = self._join(source, join)
        return source

    def _table(self, node: exp.Table) -> Source:
        extra = [key for key, value in node.args.items() if value and key not in _TABLE_PARTS]
        if extra or not isinstance(node.this, exp.Identifier):
            raise self._text.error(f"'{node.sql()[:40]}' is not a table or view", offset_of(node))
        name, offset = name_of(node.this), offset_of(node.this)
        alias = name_of(node.args["alias"].this) if node.args.get("alias") else name
        if node.args.get("alias") and node.args["alias"].args.get("columns"):
            raise self._text.unsupported("names of columns after a table are not supported", offset)
        number = self._scope.statement.next_relation(offset)
        if name in self._scope.ctes:
            cte, columns = self._scope.ctes[name]
            self._scope.add(Relation(alias, number, columns), offset)
            return CteUse(number, cte.name)
        system = find_system_table(name, self._scope.statement)
        if system is not None:
            columns, records = system
            self._scope.add(Relation(alias, number, columns), offset)
            return Rows(number, records)
        try:
            table = self._scope.statement.database.table(name)
        except NotFound:
            return self._view(name, alias, number, offset)
        flattened = self._flattened(node, table)
        scan = Scan(number, table, flattened)
        self._scope.add(Relation(alias, number, columns_of(table), scan), offset)
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

    def _view(self, name: str, alias: str, number: int, offset: int) -> Source:
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
        self._scope.add(Relation(alias, number, query.columns), offset)
        return Derived(number, query)

    def _subquery(self, node: exp.Subquery) -> Source:
        offset = offset_of(node)
        if not isinstance(node.this, exp.Select | exp.SetOperation | exp.Subquery):
            if node.args.get("alias") is None:
                return self._relation(node.this)
            raise self._text.error("a query is expected in parentheses", offset)
        query = self._bind_query(node.this, self._scope.sibling())
        number = self._scope.statement.next_relation(offset)
        alias = name_of(node.args["alias"].this) if node.args.get("alias") else f"#{number}"
        names = node.args["alias"].args.get("columns") if node.args.get("alias") else None
        columns = query.columns
        if names:
            if len(names) != len(columns):
                message = f"{len(columns)} columns are selected, not {len(names)}"
                raise self._text.error(message, offset)
            columns = [(name_of(n), kind) for n, (_, kind) in zip(names, columns, strict=True)]
        self._scope.add(Relation(alias, number, columns), offset)
        return Derived(number, query)

    def _join(self, left: Source, node: exp.Join) -> Source:
        side, kind = str(node.args.get("side") or ""), str(node.args.get("kind") or "")
        method = str(node.args.get("method") or "")
        join = _JOINS.get((side, kind))
        if join is None or method:
            words = " ".join(word for word in (method, side, kind) if word)
            raise self._text.unsupported(f"{words} JOIN is not supported", offset_of(node.this))
        known = list(self._scope.relations)
        right = self._relation(node.this)
        added = [r for r in self._scope.relations if r not in known]
        conditions: list[Expression] = []
        on, using = node.args.get("on"), node.args.get("using")
        if on is not None:
            conditions = [self._binder.condition(part) for part in chain_of(on, exp.And)]
        elif using:
            conditions = [self._equal(column, known, added) for column in using]
        elif join is JoinKind.INNER:
            join = JoinKind.CROSS
        elif join is not JoinKind.CROSS:
            raise self._text.error("a join needs ON", offset_of(node.this))
        for condition in conditions:
            if any(isinstance(part, Aggregate | Window) for part in walk(condition)):
                raise self._text.error("aggregates are not allowed in ON", condition.offset)
        if join in _ONE_SIDED:
            self._scope.relations = known
        return Joined(join, left, right, conditions)

    def _equal(self, node: Node, known: list[Relation], added: list[Relation]) -> Expression:
        """Return the condition that a column named in USING is the same on both sides."""
        name, offset = node.name.lower(), offset_of(node)
        sides = []
        for relations in (known, added):
            found = [c for r in relations if (c := r.find(name, offset)) is not None]
            if not found:
                raise self._text.error(f"column '{name}' not found", offset)
            sides.append(found[0])
        for relation in added:
            # Of the two equal columns the left one keeps the name.
            relation.columns = [
                (f"{known_name}#" if known_name == name else known_name, kind)
                for known_name, kind in relation.columns
            ]
        return comparison("=", sides[0], sides[1], self._text)
