"""The bound tree as DuckDB's SQL.

Every name in the SQL is one we made (`r1`, `c0`, `scan1`) or a column of a table, quoted; every
value is a literal we wrote. Nothing of the statement's text gets through.
"""

from decimal import Decimal
from typing import Protocol

from bitbrook.query.sql.functions.definitions import (
    MODIFIERS,
    ORDERING,
    cast,
    duck_type,
    name_quoted,
    quoted,
)
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
    Given,
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
    Unnested,
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
            return f"SELECT * FROM {name_quoted(table)}"  # noqa: S608 - every name and literal is ours
        match query:
            case Select():
                return self._select(query)
            case SetOperation():
                return self._set_operation(query)

    def expression(self, node: Expression) -> str:
        """Return an expression."""
        match node:
            case Column():
                return f"r{node.relation}.{name_quoted(node.name)}"
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
        chosen = order = ""
        if isinstance(call, Aggregate) and call.filter is not None:
            chosen = f" FILTER (WHERE {self.expression(call.filter)})"
        if call.name.endswith("IGNORE NULLS"):
            order = " IGNORE NULLS"
        if isinstance(call, Aggregate) and call.order:
            order = " ORDER BY " + ", ".join(self._ordered(item) for item in call.order)
        return sql.replace(ORDERING, order).replace(MODIFIERS, chosen + over)

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
            case SubqueryUse.ANY:
                assert node.operand is not None, "ANY compares something"
                return f"({self.expression(node.operand)} {node.operator} ANY ({inner}))"
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
        clauses = [f"{self._with(select)}SELECT {self._distinct(select)}{outputs}"]
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

    def _distinct(self, select: Select) -> str:
        if select.distinct_on:
            keys = ", ".join(self.expression(key) for key in select.distinct_on)
            return f"DISTINCT ON ({keys}) "
        return "DISTINCT " if select.is_distinct else ""

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
            self._side(self.query(side), columns, query.columns)
            for side, columns in zip((query.left, query.right), query.sides, strict=True)
        ]
        body = f"{sides[0]} {query.operator} {sides[1]}"
        order = [
            f"c{index}{' DESC' if is_descending else ''} NULLS {'FIRST' if is_first else 'LAST'}"
            for index, is_descending, is_first in query.order
        ]
        clauses = [f"{self._with(query)}SELECT * FROM ({body}) AS r0"]  # noqa: S608 - every name and literal is ours
        if order:
            clauses.append("ORDER BY " + ", ".join(order))
        return " ".join([*clauses, *_page(query)])

    def _side(self, sql: str, columns: list[int | None], wanted: list[tuple[str, SqlType]]) -> str:
        sources = ["NULL" if column is None else f"c{column}" for column in columns]
        casts = ", ".join(
            (source if kind.kind is Kind.VOID else cast(source, kind)) + f" AS c{index}"
            for index, (source, (_, kind)) in enumerate(zip(sources, wanted, strict=True))
        )
        return f"(SELECT {casts} FROM ({sql}) AS r0)"  # noqa: S608 - every name and literal is ours

    def _with(self, query: Query) -> str:
        if not query.ctes:
            return ""
        recursive = "RECURSIVE " if any(cte.is_recursive for cte in query.ctes) else ""
        definitions = ", ".join(
            f"{name_quoted(cte.name)} AS ({self._cte(cte.query, is_recursive=cte.is_recursive)})"
            for cte in query.ctes
        )
        return f"WITH {recursive}{definitions} "

    def _cte(self, query: Query, *, is_recursive: bool) -> str:
        if not is_recursive or not isinstance(query, SetOperation):
            return self.query(query)
        left, right = self.query(query.left), self.query(query.right)
        return (
            f"{self._side(left, query.sides[0], query.columns)} {query.operator} "
            f"{self._side(right, query.sides[1], query.columns)}"
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
                return f"{name_quoted(source.name)} AS r{source.relation}"
            case Derived():
                lateral = "LATERAL " if source.query.is_correlated else ""
                return f"{lateral}({self.query(source.query)}) AS r{source.relation}"
            case Unnested():
                return self._unnested(source)
            case Given():
                return self._given(source)
            case Joined():
                return self._joined(source)

    def _scan(self, scan: Scan) -> str:
        flattened = sorted(scan.flattened & scan.used.keys())
        if not flattened:
            return f"{table_of(scan)} AS r{scan.relation}"
        members = "".join(
            f", m{index}.m AS {name_quoted(column + MEMBER_SUFFIX)}"
            for index, column in enumerate(flattened)
        )
        unnested = "".join(
            f", LATERAL (SELECT unnest(s.{name_quoted(column)}) AS m) AS m{index}"
            for index, column in enumerate(flattened)
        )
        table, relation = table_of(scan), scan.relation
        return f"(SELECT s.*{members} FROM {table} AS s{unnested}) AS r{relation}"  # noqa: S608 - ours

    def _unnested(self, source: Unnested) -> str:
        sql = self.expression(source.list)
        place = f", unnest(range(1, len({sql}) + 1)) AS c1" if source.is_numbered else ""
        return f"LATERAL (SELECT unnest({sql}) AS c0{place}) AS r{source.relation}"

    def _given(self, source: Given) -> str:
        rows = ", ".join(
            "("
            + ", ".join(self._as(v, kind) for v, kind in zip(row, source.types, strict=True))
            + ")"
            for row in source.rows
        )
        names = ", ".join(f"c{index}" for index in range(len(source.types)))
        return f"(VALUES {rows}) AS r{source.relation}({names})"

    def _joined(self, source: Joined) -> str:
        left, right = self.source(source.left), self.source(source.right)
        if isinstance(source.right, Joined):
            right = f"({right})"
        condition = ""
        if source.kind not in {JoinKind.CROSS, JoinKind.POSITIONAL}:
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
        case tuple() as numbers if node.type.kind is Kind.VECTOR:
            # From one text: a literal a number costs DuckDB's binder ten times as much.
            return cast(quoted(f"[{', '.join(map(repr, numbers))}]"), node.type)
        case tuple() as members:
            items = (quoted(m) if isinstance(m, str) else repr(m) for m in members)
            return f"CAST([{', '.join(items)}] AS {duck_type(node.type)})"
