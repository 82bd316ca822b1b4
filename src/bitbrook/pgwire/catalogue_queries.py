"""What clients ask of PostgreSQL's catalogue, answered by a locked-down DuckDB.

A statement is parsed as PostgreSQL's and written anew for DuckDB: names of the catalogue's tables
are those of our own, its functions are macros, and what casts to regclass and its like mean is put
in their place. A table that is none of the catalogue's is refused, so nothing else can be read.
"""

import re
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from bitbrook.pgwire.catalogue_functions import PREFIX, TABLES_OF_MACROS, macros
from bitbrook.pgwire.problems import ProtocolFault
from bitbrook.query.parameters import Moment, Parameters, ParameterValue
from bitbrook.query.sql.finish import open_locked

MEMORY_BYTES_MAX = 128 << 20
TIMEOUT_S = 15.0
CONNECTIONS_KEPT = 2

_QUOTED = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
_ABOUT_CATALOGUE = re.compile(
    r"""\bpg_\w+ | \binformation_schema\b | ::\s*reg\w+
      | \b(?:version | current_schemas? | current_database | current_setting | set_config
           | has_\w+_privilege | (?:obj|col|shobj)_description | txid_current | inet_\w+_addr
           | format_type | to_reg\w+ )\s*\(
      | \b(?:current_catalog | current_user | session_user | current_role | current_schema)\b""",
    re.VERBOSE | re.IGNORECASE,
)
_SCHEMAS = frozenset({"pg_catalog", "information_schema"})
_TABLE_FUNCTIONS = (exp.Unnest, exp.Explode, exp.GenerateSeries, exp.ExplodingGenerateSeries)
_ARRAY = re.compile(r"\{(\d*(?:,\d+)*)\}")
_TEXTS = frozenset(
    {"text", "name", "char", '"char"', "varchar", "bpchar", "regproc", "regprocedure", "regrole"}
)
_NUMBERS = frozenset({"oid", "xid", "cid", "int2vector", "oidvector"})
_FUNCTIONS = {"format": "pg_format"}
_TELL_NOTHING = frozenset({"json_build_object", "to_json", "row_to_json", "json_agg", "acldefault"})
"""Functions about what there is none of here (identities, privileges), whatever they are given."""


def is_about_catalogue(statement: str) -> bool:
    """Return whether a query asks about PostgreSQL's catalogue or its server, and not of tables."""
    return _ABOUT_CATALOGUE.search(_QUOTED.sub(" ", statement)) is not None


class CatalogueQueries:
    """A pool of DuckDB connections that answer them."""

    def __init__(self) -> None:
        self._idle: list[duckdb.DuckDBPyConnection] = []
        self._lock = threading.Lock()

    def run(
        self,
        statement: str,
        values: Parameters,
        tables: Mapping[str, pa.Table],
        facts: Mapping[str, Any],
    ) -> pa.Table:
        """Return the answer. `facts`: what functions such as `current_database` tell, by name.

        Raises:
            ProtocolFault: it cannot be understood, or asks for something else.
        """
        sql = translated(statement, values, frozenset(tables), facts)
        connection = self._taken(tables)
        used = [name for name in tables if _is_used(_name_in_duckdb(name), sql)]
        try:
            for name in used:
                connection.register(_name_in_duckdb(name), tables[name])
            timer = threading.Timer(TIMEOUT_S, connection.interrupt)
            timer.start()
            try:
                answer = connection.sql(sql).to_arrow_table()
            finally:
                timer.cancel()
        except duckdb.Error as error:
            connection.close()
            reason = str(error).partition("\n")[0][:300]
            raise ProtocolFault(
                f"this cannot be asked of the catalogue: {reason}", "0A000"
            ) from None
        except BaseException:
            connection.close()
            raise
        # The next statement may be another organisation's.
        for name in used:
            connection.register(_name_in_duckdb(name), tables[name].schema.empty_table())
        self._give_back(connection)
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _taken(self, tables: Mapping[str, pa.Table]) -> duckdb.DuckDBPyConnection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        connection = open_locked(MEMORY_BYTES_MAX)
        # A macro is bound to the tables that it names when it is made, and again when it is used.
        for name, rows in tables.items():
            connection.register(_name_in_duckdb(name), rows.schema.empty_table())
        for macro in macros():
            connection.execute(macro)
        return connection

    def _give_back(self, connection: duckdb.DuckDBPyConnection) -> None:
        with self._lock:
            if len(self._idle) < CONNECTIONS_KEPT:
                self._idle.append(connection)
                return
        connection.close()


def translated(
    statement: str, values: Parameters, tables: frozenset[str], facts: Mapping[str, Any]
) -> str:
    """Return a statement about the catalogue as DuckDB takes it.

    Raises:
        ProtocolFault: it cannot be understood, or reads what is no part of the catalogue.
    """
    try:
        parsed = sqlglot.parse(statement, read="postgres")
    except (SqlglotError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise ProtocolFault(f"the statement cannot be read: {reason[:200]}", "42601") from None
    trees = [tree for tree in parsed if tree is not None]
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        raise ProtocolFault("a query is expected", "42601")
    translator = _Translator(values, tables, facts)
    _name_outputs(trees[0])
    # From the leaves up, since what stands for a node holds what stands for its parts.
    for node in reversed(list(trees[0].walk())):
        put = translator.node(node)
        if put is not node:
            node.replace(put)
    return trees[0].sql(dialect="duckdb")


class _Translator:
    """Puts what DuckDB understands in the place of nodes that it does not."""

    def __init__(
        self, values: Parameters, tables: frozenset[str], facts: Mapping[str, Any]
    ) -> None:
        self._values = values
        self._tables = tables
        self._facts = facts
        self._changes: dict[type[exp.Expr], Callable[[Any], exp.Expr]] = {
            exp.Table: self._table,
            exp.Column: self._column,
            exp.Dot: self._dot,
            exp.Cast: self._cast,
            exp.Collate: lambda node: node.this,
            exp.Parameter: self._parameter,
            exp.Placeholder: self._parameter,
            exp.Literal: self._literal,
        }

    def node(self, node: exp.Expr) -> exp.Expr:
        """Return what stands for a node."""
        if type(node).__name__ == "Operator":
            return self._operator(node)
        change = self._changes.get(type(node))
        if change is not None:
            return change(node)
        if isinstance(node, exp.Func):
            return self._function(node)
        return node

    def _table(self, node: exp.Table) -> exp.Expr:
        schema, name = node.db.lower(), node.name.lower()
        if isinstance(node.this, exp.Func):
            if not isinstance(node.this, _TABLE_FUNCTIONS):
                called = _call_name(node.this)
                raise ProtocolFault(f"function {called} does not exist", "42883")
            node.set("db", None)
            alias = node.args.get("alias")
            if alias is not None and not alias.args.get("columns"):
                # Its one column is called as it is.
                alias.set("columns", [alias.this.copy()])
            return node
        if not schema and _is_defined(node, name):
            return node
        full = f"{schema or 'pg_catalog'}.{name}"
        if schema in _SCHEMAS | {""} and full in self._tables:
            if not node.alias:
                node.set("alias", exp.TableAlias(this=exp.to_identifier(name)))
            node.set("this", exp.to_identifier(_name_in_duckdb(full)))
            node.set("db", None)
            node.set("catalog", None)
            return node
        shown = f"{schema}.{name}" if schema else name
        raise ProtocolFault(f'relation "{shown}" does not exist in the catalogue', "42P01")

    def _column(self, node: exp.Column) -> exp.Expr:
        name = node.name.lower()
        if not node.table and name in self._facts and not node.this.args.get("quoted"):
            return self._fact(name)
        if node.args.get("db") is not None:
            node.set("db", None)
            node.set("catalog", None)
        return node

    def _dot(self, node: exp.Dot) -> exp.Expr:
        left = node.this
        named = left.name.lower() if isinstance(left, exp.Identifier | exp.Column | exp.Var) else ""
        if named in _SCHEMAS:
            # What was called has been put in its place already.
            called: exp.Expr = node.expression
            return called
        return node

    def _function(self, node: exp.Func) -> exp.Expr:
        name = _call_name(node)
        if name in self._facts:
            return self._fact(name)
        if name in _TELL_NOTHING:
            return exp.null()
        if isinstance(node, exp.Anonymous) and name in _FUNCTIONS:
            node.set("this", _FUNCTIONS[name])
        elif name == "format" and not isinstance(node, exp.Anonymous):
            return exp.Anonymous(this="pg_format", expressions=[node.this, *node.expressions])
        return node

    def _fact(self, name: str) -> exp.Expr:
        value = self._facts[name]
        return exp.convert(value)

    def _operator(self, node: exp.Expr) -> exp.Expr:
        written = str(node.args.get("operator") or "").lower().removeprefix("pg_catalog.")
        match written:
            case "~":
                return exp.RegexpLike(this=node.this, expression=node.expression)
            case "~*":
                return exp.RegexpILike(this=node.this, expression=node.expression)
            case "!~":
                return exp.Not(this=exp.RegexpLike(this=node.this, expression=node.expression))
            case "=":
                return exp.EQ(this=node.this, expression=node.expression)
            case _:
                raise ProtocolFault(f"operator {written} is not supported", "0A000")

    def _cast(self, node: exp.Cast) -> exp.Expr:
        target = node.to.sql(dialect="postgres").lower().replace("pg_catalog.", "")
        operand: exp.Expr = node.this
        is_text = isinstance(operand, exp.Literal) and operand.is_string
        match target.strip('"'):
            case "regclass" | "regtype" if is_text:
                if operand.name.isdigit():
                    return exp.Literal.number(operand.name)
                return exp.Anonymous(this=f"to_{target}", expressions=[operand])
            case "regclass":
                return exp.Anonymous(this="regclass_name", expressions=[operand])
            case "regtype":
                return exp.Anonymous(this="format_type", expressions=[operand, exp.null()])
            case "regnamespace":
                if is_text:
                    return operand
                return exp.Anonymous(this="regnamespace_name", expressions=[operand])
            case name if name in _TEXTS:
                return exp.cast(operand, "varchar")
            case name if name in _NUMBERS:
                if isinstance(operand, exp.Anonymous) and operand.name == "regclass_name":
                    inner: exp.Expr = operand.expressions[0]
                    return inner
                return exp.cast(operand, "bigint") if name == "oid" else operand
            case _:
                return node

    def _parameter(self, node: exp.Expr) -> exp.Expr:
        name = node.name if isinstance(node.this, exp.Expr) else str(node.this or "")
        if name not in self._values:
            raise ProtocolFault(f"there is no parameter ${name}", "42P02")
        return _literal_of(self._values[name])

    def _literal(self, node: exp.Literal) -> exp.Expr:
        found = _ARRAY.fullmatch(node.name) if node.is_string else None
        if found is None or not isinstance(node.parent, exp.EQ | exp.NEQ):
            return node
        numbers = [exp.Literal.number(each) for each in found[1].split(",") if each]
        return exp.Array(expressions=numbers)


def _is_used(table: str, sql: str) -> bool:
    """Whether a statement, or a macro that it may call, reads a table."""
    if table in sql:
        return True
    lowered = sql.lower()
    return any(f"{macro}(" in lowered for macro in TABLES_OF_MACROS.get(table, ()))


def _name_in_duckdb(full: str) -> str:
    schema, _, name = full.partition(".")
    return f"{PREFIX}{name}" if schema == "pg_catalog" else f"{schema}__{name}"


def _call_name(node: Any) -> str:
    named = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
    return str(named).lower()


def _is_defined(node: exp.Table, name: str) -> bool:
    """Whether a name without a schema is that of a common table expression around it."""
    around = node.parent
    while around is not None:
        clause = around.args.get("with_") or around.args.get("with")
        if clause is not None and any(cte.alias.lower() == name for cte in clause.expressions):
            return True
        around = around.parent
    return False


def _name_outputs(tree: exp.Expr) -> None:
    """Give columns of an answer the names that PostgreSQL would, where nobody gave one."""
    while isinstance(tree, exp.SetOperation | exp.Subquery):
        tree = tree.this
    if not isinstance(tree, exp.Select):
        return
    for output in list(tree.expressions):
        if isinstance(output, exp.Alias | exp.Star) or output.find(exp.Star) is output:
            continue
        if isinstance(output, exp.Column):
            continue
        named = _output_name(output)
        if named:
            output.replace(exp.alias_(output.copy(), named, quoted=True))


def _output_name(node: exp.Expr) -> str:
    match node:
        case exp.Dot():
            return _output_name(node.expression)
        case exp.Cast() | exp.Paren() | exp.Collate():
            return _output_name(node.this)
        case exp.Column() | exp.Identifier():
            return str(node.name)
        case exp.Case():
            return "case"
        case exp.Subquery():
            inner = node.this.expressions if isinstance(node.this, exp.Select) else []
            return (inner[0].alias or _output_name(inner[0])) if inner else "?column?"
        case exp.Func() if not isinstance(node, exp.Connector):
            return _call_name(node)
        case _:
            return "?column?"


def _literal_of(value: ParameterValue) -> exp.Expr:
    match value:
        case None:
            return exp.null()
        case bool():
            return exp.Boolean(this=value)
        case int() | Decimal():
            written = exp.Literal.number(
                f"{abs(value):f}" if isinstance(value, Decimal) else abs(value)
            )
            return exp.Neg(this=written) if value < 0 else written
        case Moment():
            return exp.Literal.string(value.text)
        case tuple():
            return exp.Array(expressions=[_literal_of(each) for each in value])
        case _:
            return exp.Literal.string(value)
