"""A dialect for SQLAlchemy: `bitbrook://<email>:<password>@<host>:<port>/<deployment>`.

`bitbrook+https://` speaks TLS. The query of the URL may give `api_key` or `token` instead of a
password; what is left out comes from the environment, as in `Client`. Made for asking, for writing
records and for reflection. Every table has its record id, `_id`, as primary key; there are no
transactions, foreign keys or constraints.
"""

# ruff: noqa: ARG002 - the signatures are SQLAlchemy's

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy import types
from sqlalchemy.engine import URL, Connection, default, reflection
from sqlalchemy.engine.interfaces import ReflectedColumn, ReflectedPrimaryKeyConstraint
from sqlalchemy.exc import CompileError, NoSuchTableError
from sqlalchemy.sql import compiler
from sqlalchemy.sql.elements import False_, True_

from bitbrook.client import dbapi

_INTEGER_DIGITS = 19
_BOOLEANS = (True_, False_)


class ID(types.BigInteger):
    """A record id or a row id: an unsigned 64-bit integer."""

    __visit_name__ = "bitbrook_id"


class _Set(types.TypeEngine[list[Any]]):
    """A set of rows; values are lists."""


class IDSET(_Set):
    """A set of row ids."""

    __visit_name__ = "bitbrook_idset"


class STRINGSET(_Set):
    """A set of strings."""

    __visit_name__ = "bitbrook_stringset"


class IDSETQ(_Set):
    """A set of row ids with times."""

    __visit_name__ = "bitbrook_idsetq"


class STRINGSETQ(_Set):
    """A set of strings with times."""

    __visit_name__ = "bitbrook_stringsetq"


class VECTOR(types.TypeEngine[list[float]]):
    """A vector of `length` numbers, which only a definition needs; values are lists."""

    __visit_name__ = "bitbrook_vector"

    def __init__(self, length: int | None = None) -> None:
        self.length = length


class BitbrookCompiler(compiler.SQLCompiler):
    """Statements in bitbrook's SQL."""

    def limit_clause(self, select: Any, **kw: Any) -> str:
        """Return LIMIT and OFFSET, each only where it was asked for."""
        text = ""
        if select._limit_clause is not None:  # noqa: SLF001 - as every dialect does
            text += "\n LIMIT " + self.process(select._limit_clause, **kw)  # noqa: SLF001
        if select._offset_clause is not None:  # noqa: SLF001
            text += "\n OFFSET " + self.process(select._offset_clause, **kw)  # noqa: SLF001
        return text

    def visit_is__binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """Return a comparison by `=` where it is with true or false: IS is for null alone."""
        if isinstance(binary.right, _BOOLEANS):
            return self._generate_generic_binary(binary, " = ", **kw)
        return self._generate_generic_binary(binary, " IS ", **kw)

    def visit_is_not_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """Return a comparison by `!=` where it is with true or false; null is neither."""
        if isinstance(binary.right, _BOOLEANS):
            unequal = self._generate_generic_binary(binary, " != ", **kw)
            return f"({unequal} OR {self.process(binary.left, **kw)} IS NULL)"
        return self._generate_generic_binary(binary, " IS NOT ", **kw)

    def visit_empty_set_expr(self, element_types: Sequence[Any], **kw: Any) -> str:
        """Return a query without rows, for `IN ()`."""
        return "SELECT null WHERE 1 = 2"


class BitbrookDdlCompiler(compiler.DDLCompiler):
    """CREATE TABLE as bitbrook reads it: names and types alone."""

    def get_column_specification(self, column: sa.Column[Any], **kwargs: Any) -> str:
        """Return a column's name and type.

        Raises:
            CompileError: the primary key is not `_id`.
        """
        if column.primary_key and column.name != "_id":
            raise CompileError(f"the primary key is called _id in bitbrook, not {column.name!r}")
        type_ = self.dialect.type_compiler_instance.process(column.type, type_expression=column)
        if column.name == "_id" and type_ == "INT":
            type_ = "ID"
        return f"{self.preparer.format_column(column)} {type_}"

    def create_table_constraints(
        self, table: sa.Table, _include_foreign_key_constraints: Any = None, **kw: Any
    ) -> str:
        """Return nothing: there are no constraints."""
        return ""

    def post_create_table(self, table: sa.Table) -> str:
        """Return the comment."""
        if table.comment is None:
            return ""
        return f" COMMENT {self.sql_compiler.render_literal_value(table.comment, types.String())}"


class BitbrookTypeCompiler(compiler.GenericTypeCompiler):
    """Types in bitbrook's SQL."""

    def visit_SMALLINT(self, type_: Any, **kw: Any) -> str:  # noqa: N802 - SQLAlchemy's name
        """Return the integer type."""
        return "INT"

    visit_INTEGER = visit_BIGINT = visit_SMALLINT  # noqa: N815 - SQLAlchemy's names

    def visit_NUMERIC(self, type_: Any, **kw: Any) -> str:  # noqa: N802 - SQLAlchemy's name
        """Return the decimal type of a scale.

        Raises:
            CompileError: no scale was given.
        """
        if type_.scale is None:
            raise CompileError("bitbrook's decimals have a scale: use Numeric(18, 2)")
        return f"DECIMAL({type_.scale})"

    visit_DECIMAL = visit_NUMERIC  # noqa: N815 - SQLAlchemy's name

    def visit_FLOAT(self, type_: Any, **kw: Any) -> str:  # noqa: N802 - SQLAlchemy's name
        """Refuse: numbers are exact.

        Raises:
            CompileError: always.
        """
        raise CompileError("bitbrook has no floating-point type: use Numeric with a scale")

    visit_REAL = visit_DOUBLE = visit_DOUBLE_PRECISION = visit_FLOAT  # noqa: N815

    def visit_VARCHAR(self, type_: Any, **kw: Any) -> str:  # noqa: N802 - SQLAlchemy's name
        """Return the string type."""
        return "STRING"

    visit_CHAR = visit_NVARCHAR = visit_NCHAR = visit_TEXT = visit_CLOB = visit_VARCHAR  # noqa: N815

    def visit_BOOLEAN(self, type_: Any, **kw: Any) -> str:  # noqa: N802 - SQLAlchemy's name
        """Return the boolean type."""
        return "BOOL"

    def visit_TIMESTAMP(self, type_: Any, **kw: Any) -> str:  # noqa: N802 - SQLAlchemy's name
        """Return the timestamp type with the microseconds that a datetime has."""
        # A cast takes no unit, only a column does.
        return "TIMESTAMP TIMEUNIT 'us'" if kw.get("type_expression") is not None else "TIMESTAMP"

    visit_DATETIME = visit_DATE = visit_TIMESTAMP  # noqa: N815 - SQLAlchemy's names

    def visit_bitbrook_id(self, type_: Any, **kw: Any) -> str:
        """Return the type of ids."""
        return "ID"

    def visit_bitbrook_idset(self, type_: Any, **kw: Any) -> str:
        """Return the type of sets of ids."""
        return "IDSET"

    def visit_bitbrook_stringset(self, type_: Any, **kw: Any) -> str:
        """Return the type of sets of strings."""
        return "STRINGSET"

    def visit_bitbrook_idsetq(self, type_: Any, **kw: Any) -> str:
        """Return the type of sets of ids with times."""
        return "IDSETQ TIMEQUANTUM 'YMDH'"

    def visit_bitbrook_stringsetq(self, type_: Any, **kw: Any) -> str:
        """Return the type of sets of strings with times."""
        return "STRINGSETQ TIMEQUANTUM 'YMDH'"

    def visit_bitbrook_vector(self, type_: Any, **kw: Any) -> str:
        """Return the type of vectors.

        Raises:
            CompileError: no length was given.
        """
        if type_.length is None:
            raise CompileError("bitbrook's vectors have a length: use VECTOR(768)")
        return f"VECTOR({type_.length})"


class BitbrookDialect(default.DefaultDialect):
    """The dialect over `bitbrook.client.dbapi`."""

    name = "bitbrook"
    driver = "http"
    scheme = "http"
    statement_compiler = BitbrookCompiler
    ddl_compiler = BitbrookDdlCompiler
    type_compiler_cls = BitbrookTypeCompiler
    default_paramstyle = dbapi.paramstyle
    supports_statement_cache = True
    supports_native_boolean = True
    supports_native_decimal = True
    supports_multivalues_insert = True
    supports_sane_rowcount = False
    supports_sane_multi_rowcount = False
    supports_default_values = False
    supports_default_metavalue = False
    supports_comments = True
    inline_comments = True
    supports_alter = False
    postfetch_lastrowid = False
    insert_returning = False
    # Many records go in one INSERT, although nothing comes back.
    use_insertmanyvalues = True
    use_insertmanyvalues_wo_returning = True
    insertmanyvalues_max_parameters = 100_000

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """Return the DB-API module."""
        return dbapi

    def create_connect_args(self, url: URL) -> tuple[Sequence[str], dict[str, Any]]:
        """Return what `dbapi.connect` is called with."""
        keys = ("token", "api_key")
        given = {key: value for key in keys if isinstance(value := url.query.get(key), str)}
        arguments: dict[str, Any] = {"deployment": url.database or None, **given}
        if url.host:
            host = f"[{url.host}]" if ":" in url.host else url.host
            arguments["url"] = f"{self.scheme}://{host}" + (f":{url.port}" if url.port else "")
        if url.username:
            arguments |= {"email": url.username, "password": url.password}
        return [], arguments

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Do nothing: what was written stays, as the module's docstring says."""

    def do_commit(self, dbapi_connection: Any) -> None:
        """Do nothing: what was written is durable."""

    def get_default_isolation_level(self, dbapi_conn: Any) -> Any:
        """Return that every statement stands for itself."""
        return "AUTOCOMMIT"

    def get_isolation_level(self, dbapi_connection: Any) -> Any:
        """Return that every statement stands for itself."""
        return "AUTOCOMMIT"

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        """Do nothing: there is only one."""

    def get_isolation_level_values(self, dbapi_conn: Any) -> Sequence[Any]:
        """Return the one there is."""
        return ["AUTOCOMMIT"]

    def is_disconnect(self, e: Exception, connection: Any, cursor: Any) -> bool:
        """Return False: a connection outlives the server, since every request stands for itself."""
        return False

    def get_schema_names(self, connection: Connection, **kw: Any) -> list[str]:
        """Return nothing: a deployment has no schemas inside."""
        return []

    @reflection.cache
    def get_table_names(
        self, connection: Connection, schema: str | None = None, **kw: Any
    ) -> list[str]:
        """Return the names of the tables."""
        return [name for id_, name, _ in _listed(connection) if id_ != name]

    @reflection.cache
    def get_view_names(
        self, connection: Connection, schema: str | None = None, **kw: Any
    ) -> list[str]:
        """Return the names of the views."""
        # The listing gives a view its name for an id.
        return [name for id_, name, _ in _listed(connection) if id_ == name]

    def has_table(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> bool:
        """Return whether there is a table or view of that name."""
        return any(name == table_name for _, name, _ in _listed(connection))

    @reflection.cache
    def get_columns(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[ReflectedColumn]:
        """Return the columns of a table or view, `_id` first."""
        if not self.has_table(connection, table_name):
            raise NoSuchTableError(table_name)
        name = self.identifier_preparer.quote(table_name)
        answer = connection.exec_driver_sql(f"SELECT * FROM {name} LIMIT 0")  # noqa: S608 - quoted
        assert answer.cursor is not None, "a query has a cursor until it is read"
        return [
            {
                "name": column[0],
                "type": _type_of(str(column[1]), column[5], column[3]),
                "nullable": column[0] != "_id",
                "default": None,
                "autoincrement": False,
            }
            for column in answer.cursor.description
        ]

    def get_pk_constraint(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> ReflectedPrimaryKeyConstraint:
        """Return the record id, of a view nothing."""
        is_view = table_name in self.get_view_names(connection)
        return {"constrained_columns": [] if is_view else ["_id"], "name": None}

    def get_foreign_keys(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[Any]:
        """Return nothing: there are none."""
        return []

    def get_indexes(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[Any]:
        """Return nothing: every column is one."""
        return []

    def get_unique_constraints(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[Any]:
        """Return nothing: there are none."""
        return []

    def get_table_comment(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        """Return the description of a table."""
        for _, name, description in _listed(connection):
            if name == table_name:
                return {"text": description or None}
        raise NoSuchTableError(table_name)


class BitbrookHttpsDialect(BitbrookDialect):
    """The same over TLS: `bitbrook+https://`."""

    driver = "https"
    scheme = "https"
    supports_statement_cache = True


_SIMPLE_TYPES: Mapping[str, type[types.TypeEngine[Any]]] = {
    "id": ID,
    "int": types.BigInteger,
    "bool": types.Boolean,
    "string": types.String,
    "varchar": types.String,
    "idset": IDSET,
    "idsetq": IDSETQ,
    "stringset": STRINGSET,
    "stringsetq": STRINGSETQ,
}


def _listed(connection: Connection) -> list[tuple[str, str, str]]:
    """Return the id, name and description of every table and view."""
    listed = connection.exec_driver_sql("SHOW TABLES").mappings()
    return [(row["_id"], row["name"], row["description"]) for row in listed]


def _type_of(base_type: str, scale: int | None, length: int | None) -> types.TypeEngine[Any]:
    if base_type == "vector":
        return VECTOR(length)
    if base_type == "decimal":
        return types.Numeric(_INTEGER_DIGITS, scale)
    if base_type == "timestamp":
        return types.DateTime(timezone=True)
    return _SIMPLE_TYPES.get(base_type, types.NullType)()
