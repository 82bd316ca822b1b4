"""The bound tree as DuckDB's SQL.

Every name in the SQL is one we made (`r1`, `c0`, `scan1`) or a column of a table, quoted; every
value is a literal we wrote. Nothing of the statement's text gets through.
"""

from decimal import Decimal
from typing import Protocol

from bitbrook.query.sql.functions.definitions import MODIFIERS, cast, duck_type, quoted
from bitbrook.query.sql.tree import (
    MEMBER_SUFFIX,
    Aggregate,
    Call,
    Case,
    Column,
    Constant,
    CteUse,
    Derived,
    Expression,
    InList,
    Joined,
    JoinKind,
    OrderItem,
    Query,
    Rows,
    Scan,
    Select,
    SetOperation,
    Source,
    Subquery,
    SubqueryUse,
    Window,
)
from bitbrook.query.sql.types import Kind, SqlType
from bitbrook.schema.field_types import TimeUnit


class Tables(Protocol):
    """Where the rows of relations come from, asked while a query is written."""

    def materialise(self, query: Query) -> str | None:
        """Return the table that holds the answer of a query, None if the query is to be written.

        The table's columns are c0, c1 and so on.
        """
        ...

    def before(self, select: Select) -> None:
        """Change a SELECT before it is written: conditions may be met already."""
        ...

    def load(self, source: Scan | Rows) -> None:
        """Provide the rows of a relation under the name that `table_of` gives."""
        ...


def name(identifier: str) -> str:
    """Return a quoted identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def table_of(source: Scan | Rows) -> str:
    """Return the name under which DuckDB finds the rows of a relation."""
    return f"scan{source.relation}"


class Renderer:
    """Writes queries over tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def query(self, query: Query) -> str:
        """Return a query whose columns are c0, c1 and so on."""
        table = self._tables.materialise(query)
        if table is not None:
            return f"SELECT * FROM {name(table)}"  # noqa: S608 - every name and literal is ours
        match query:
            case Select():
                return self._select(query)
            case SetOperation():
                return self._set_operation(query)

    def expression(self, node: Expression) -> str:
        """Return an expression."""
        match node:
            case Column():
                return f"r{node.relation}.{name(node.name)}"
            case Constant():
                return constant(node)
            case Call():
                return node.render([self.expression(part) for part in node.arguments], node)
            case Case():
                return self._case(node)
            case InList():
                items = ", ".join(self.expression(item) for item in node.items)
                return f"({self.expression(node.operand)} IN ({items}))"
            case Aggregate():
                return self._called(node, "")
            case Window():
                return self._window(node)
            case Subquery():
                return self._subquery(node)

    def _called(self, call: Aggregate | Call, over: str) -> str:
        sql = call.render([self.expression(part) for part in call.arguments], call)  # type: ignore[arg-type]
        chosen = ""
        if isinstance(call, Aggregate) and call.filter is not None:
            chosen = f" FILTER (WHERE {self.expression(call.filter)})"
        return sql.replace(MODIFIERS, chosen + over)

    def _window(self, node: Window) -> str:
        parts = []
        if node.partition:
            keys = ", ".join(self.expression(part) for part in node.partition)
            parts.append(f"PARTITION BY {keys}")
        if node.order:
            parts.append("ORDER BY " + ", ".join(self._ordered(item) for item in node.order))
        if node.frame:
            parts.append(node.frame)
        return self._called(node.call, f" OVER ({' '.join(parts)})")

    def _case(self, node: Case) -> str:
        branches = " ".join(
            f"WHEN {self.expression(condition)} THEN {self._as(value, node.type)}"
            for condition, value in node.branches
        )
        return f"CASE {branches} ELSE {self._as(node.otherwise, node.type)} END"

    def _as(self, node: Expression, kind: SqlType) -> str:
        sql = self.expression(node)
        return sql if kind.kind is Kind.VOID else cast(sql, kind)

    def _subquery(self, node: Subquery) -> str:
        inner = self.query(node.query)
        match node.use:
            case SubqueryUse.EXISTS:
                return f"EXISTS ({inner})"
            case SubqueryUse.IN:
                assert node.operand is not None, "IN looks for something"
                return f"({self.expression(node.operand)} IN ({inner}))"
            case SubqueryUse.SCALAR:
                return f"({inner})"

    def _ordered(self, item: OrderItem, alias: str | None = None) -> str:
        sql = self.expression(item.expression) if alias is None else alias
        direction = " DESC" if item.is_descending else ""
        return f"{sql}{direction} NULLS {'FIRST' if item.nulls_first else 'LAST'}"

    def _select(self, select: Select) -> str:
        self._tables.before(select)
        outputs = ", ".join(
            f"{self._as(output.expression, output.type)} AS c{index}"
            for index, output in enumerate(select.outputs)
        )
        clauses = [
            f"{self._with(select)}SELECT {'DISTINCT ' if select.is_distinct else ''}{outputs}"
        ]
        if select.source is not None:
            clauses.append(f"FROM {self.source(select.source)}")
        if select.where:
            clauses.append("WHERE " + self._all(select.where))
        if select.groups or select.grouping_sets:
            clauses.append("GROUP BY " + self._groups(select))
        if select.having:
            clauses.append("HAVING " + self._all(select.having))
        if select.qualify is not None:
            clauses.append("QUALIFY " + self.expression(select.qualify))
        if select.order:
            clauses.append("ORDER BY " + ", ".join(self._order(select)))
        return " ".join([*clauses, *_page(select)])

    def _order(self, select: Select) -> list[str]:
        selected = [output.expression for output in select.outputs]
        return [
            self._ordered(
                item,
                f"c{selected.index(item.expression)}" if item.expression in selected else None,
            )
            for item in select.order
        ]

    def _groups(self, select: Select) -> str:
        keys = [self.expression(key) for key in select.groups]
        if select.grouping_sets is None:
            return ", ".join(keys)
        sets = [f"({', '.join(keys[index] for index in each)})" for each in select.grouping_sets]
        return f"GROUPING SETS ({', '.join(sets)})"

    def _set_operation(self, query: SetOperation) -> str:
        sides = [
            self._side(self.query(side), side.columns, query.columns)
            for side in (query.left, query.right)
        ]
        body = f"{sides[0]} {query.operator} {sides[1]}"
        order = [
            f"c{index}{' DESC' if is_descending else ''} NULLS LAST"
            for index, is_descending in query.order
        ]
        clauses = [f"{self._with(query)}SELECT * FROM ({body}) AS r0"]  # noqa: S608 - every name and literal is ours
        if order:
            clauses.append("ORDER BY " + ", ".join(order))
        return " ".join([*clauses, *_page(query)])

    def _side(
        self, sql: str, columns: list[tuple[str, SqlType]], wanted: list[tuple[str, SqlType]]
    ) -> str:
        casts = ", ".join(
            (f"c{index}" if kind.kind is Kind.VOID else cast(f"c{index}", kind)) + f" AS c{index}"
            for index, (_, kind) in enumerate(wanted)
        )
        assert len(columns) == len(wanted), "checked by the binder"
        return f"(SELECT {casts} FROM ({sql}) AS r0)"  # noqa: S608 - every name and literal is ours

    def _with(self, query: Query) -> str:
        if not query.ctes:
            return ""
        recursive = "RECURSIVE " if any(cte.is_recursive for cte in query.ctes) else ""
        definitions = ", ".join(
            f"{name(cte.name)} AS ({self._cte(cte.query, is_recursive=cte.is_recursive)})"
            for cte in query.ctes
        )
        return f"WITH {recursive}{definitions} "

    def _cte(self, query: Query, *, is_recursive: bool) -> str:
        if not is_recursive or not isinstance(query, SetOperation):
            return self.query(query)
        left, right = self.query(query.left), self.query(query.right)
        return (
            f"{self._side(left, query.left.columns, query.columns)} {query.operator} "
            f"{self._side(right, query.right.columns, query.columns)}"
        )

    def source(self, source: Source) -> str:
        """Return a FROM."""
        match source:
            case Scan():
                self._tables.load(source)
                return self._scan(source)
            case Rows():
                self._tables.load(source)
                return f"{table_of(source)} AS r{source.relation}"
            case CteUse():
                return f"{name(source.name)} AS r{source.relation}"
            case Derived():
                return f"({self.query(source.query)}) AS r{source.relation}"
            case Joined():
                return self._joined(source)

    def _scan(self, scan: Scan) -> str:
        flattened = sorted(scan.flattened & scan.used.keys())
        if not flattened:
            return f"{table_of(scan)} AS r{scan.relation}"
        members = "".join(
            f", m{index}.m AS {name(column + MEMBER_SUFFIX)}"
            for index, column in enumerate(flattened)
        )
        unnested = "".join(
            f", LATERAL (SELECT unnest(s.{name(column)}) AS m) AS m{index}"
            for index, column in enumerate(flattened)
        )
        table, relation = table_of(scan), scan.relation
        return f"(SELECT s.*{members} FROM {table} AS s{unnested}) AS r{relation}"  # noqa: S608 - ours

    def _joined(self, source: Joined) -> str:
        left, right = self.source(source.left), self.source(source.right)
        if isinstance(source.right, Joined):
            right = f"({right})"
        condition = ""
        if source.kind is not JoinKind.CROSS:
            condition = f" ON {self._all(source.conditions)}"
        return f"{left} {source.kind} {right}{condition}"

    def _all(self, conditions: list[Expression]) -> str:
        return " AND ".join(self.expression(condition) for condition in conditions) or "true"


def _page(query: Query) -> list[str]:
    clauses = []
    if query.limit is not None:
        clauses.append(f"LIMIT {query.limit}")
    if query.offset:
        clauses.append(f"OFFSET {query.offset}")
    return clauses


def constant(node: Constant) -> str:
    """Return a constant as a literal of its own type."""
    match node.value:
        case None:
            return "NULL" if node.type.kind is Kind.VOID else cast("NULL", node.type)
        case bool() as flag:
            return "true" if flag else "false"
        case int() as number if node.type.kind is Kind.TIMESTAMP:
            if node.type.unit is TimeUnit.NANOSECOND:
                return f"make_timestamp_ns(CAST({number} AS BIGINT))"
            factor = 1_000_000 // node.type.unit.per_second
            return cast(f"make_timestamp(CAST({number * factor} AS BIGINT))", node.type)
        case int() as number:
            return cast(f"{number}", node.type)
        case Decimal() as number:
            return cast(f"'{number:f}'", node.type)
        case str() as text:
            return quoted(text)
        case tuple() as members:
            items = (quoted(m) if isinstance(m, str) else str(m) for m in members)
            return f"CAST([{', '.join(items)}] AS {duck_type(node.type)})"
