"""SHOW and KILL: what there is, and the end of what runs."""

from datetime import UTC, datetime
from typing import Any

from bitbrook.errors import NotFound
from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.sql.bind.queries import bind_query
from bitbrook.query.sql.bind.scope import Scope, Statement
from bitbrook.query.sql.bind.system import system_columns, system_tables
from bitbrook.query.sql.describe import table_definition, view_definition
from bitbrook.query.sql.dialect.parse import parse_query
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.session import Session
from bitbrook.query.sql.statements.cursor import Cursor
from bitbrook.query.sql.statements.definitions import find_table
from bitbrook.query.sql.types import (
    BOOL,
    ID,
    INT,
    STRING,
    TIMESTAMP,
    Kind,
    SqlType,
    type_of_field,
)
from bitbrook.schema.field_types import FieldSchema, TableSchema

_TABLES: dict[str, SqlType] = {
    "_id": STRING,
    "name": STRING,
    "owner": STRING,
    "updated_by": STRING,
    "created_at": TIMESTAMP,
    "updated_at": TIMESTAMP,
    "keys": BOOL,
    "space_used": INT,
    "description": STRING,
}
_COLUMNS: dict[str, SqlType] = {
    "_id": STRING,
    "name": STRING,
    "type": STRING,
    "created_at": TIMESTAMP,
    "keys": BOOL,
    "cache_type": STRING,
    "cache_size": INT,
    "scale": INT,
    "min": INT,
    "max": INT,
    "timeunit": STRING,
    "epoch": INT,
    "timequantum": STRING,
    "ttl": STRING,
}
_DATABASES: dict[str, SqlType] = {
    "_id": STRING,
    "name": STRING,
    "owner": STRING,
    "updated_by": STRING,
    "created_at": TIMESTAMP,
    "updated_at": TIMESTAMP,
    "units": INT,
    "description": STRING,
}


def show_tables(cursor: Cursor, session: Session) -> SqlAnswer:
    """SHOW TABLES [WITH SYSTEM]: tables and views by name."""
    with_system = cursor.take("WITH", "SYSTEM")
    cursor.expect_done()
    times = session.database.created_s()
    rows = [_table_row(table, times.get(table.name)) for table in session.database.tables()]
    rows += [(name, name, "", "", None, None, False, 0, "") for name in session.database.views()]
    if with_system:
        rows += [(name, name, "", "", None, None, True, 0, "") for name in system_tables()]
    return session.listing(_TABLES, sorted(rows, key=lambda row: str(row[1])))


def _table_row(table: TableSchema, created_s: float | None) -> tuple[Any, ...]:
    return (
        table.id,
        table.name,
        "",
        "",
        None if created_s is None else _moment(created_s),
        None,
        table.is_keyed,
        0,
        table.description,
    )


def _moment(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC).replace(tzinfo=None)


def show_columns(cursor: Cursor, session: Session) -> SqlAnswer:
    """SHOW COLUMNS FROM t: of a table `_id` first, of a view as it selects them."""
    cursor.expect("FROM")
    offset = cursor.offset
    name = cursor.expect_name("a table name")
    cursor.expect_done()
    view = session.database.views().get(name)
    if view is not None:
        columns = _view_columns(name, view, session)
        return session.listing(_COLUMNS, [_plain_row(*column) for column in columns])
    system = system_columns(name)
    if system is not None:
        return session.listing(_COLUMNS, [_plain_row(*column) for column in system])
    table = find_table(name, offset, session)
    identity = _plain_row("_id", STRING if table.is_keyed else ID)
    rows = [identity, *(_column_row(field) for field in table.fields)]
    return session.listing(_COLUMNS, rows)


def _view_columns(name: str, definition: str, session: Session) -> list[tuple[str, SqlType]]:
    text = StatementText(definition)
    statement = Statement(text, session.database, session.statement.now_us, views_open=(name,))
    statement.answer = session.statement.answer
    return bind_query(parse_query(text), Scope(statement)).columns


def _plain_row(name: str, kind: SqlType) -> tuple[Any, ...]:
    """Return a column of which there is no more to say than its type."""
    is_keyed = kind.kind in {Kind.STRING, Kind.STRINGSET, Kind.STRINGSETQ}
    return name, name, str(kind), None, is_keyed, "", 0, kind.scale, 0, 0, "", 0, "", ""


def _column_row(field: FieldSchema) -> tuple[Any, ...]:
    has_bounds = field.is_number and field.type != "timestamp"
    is_time = field.type == "timestamp"
    return (
        field.name,
        field.name,
        str(type_of_field(field)),
        None,
        field.is_keyed,
        "",
        0,
        field.scale,
        field.min if has_bounds else 0,
        field.max if has_bounds else 0,
        str(field.unit) if is_time else "",
        field.epoch,
        field.quantum,
        f"{field.ttl_s}s" if field.quantum else "",
    )


def show_create_table(cursor: Cursor, session: Session) -> SqlAnswer:
    """SHOW CREATE TABLE t: the statement that makes such a table, or such a view."""
    offset = cursor.offset
    name = cursor.expect_name("a table name")
    cursor.expect_done()
    view = session.database.views().get(name)
    if view is not None:
        return session.listing({"ddl": STRING}, [(view_definition(name, view),)])
    return session.listing(
        {"ddl": STRING}, [(table_definition(find_table(name, offset, session)),)]
    )


def show_create_view(cursor: Cursor, session: Session) -> SqlAnswer:
    """SHOW CREATE VIEW v: the statement that makes such a view."""
    offset = cursor.offset
    name = cursor.expect_name("a view name")
    cursor.expect_done()
    view = session.database.views().get(name)
    if view is None:
        raise session.text.error(f"table or view '{name}' not found", offset)
    return session.listing({"ddl": STRING}, [(view_definition(name, view),)])


def show_databases(cursor: Cursor, session: Session) -> SqlAnswer:
    """SHOW DATABASES: a statement sees the one database that it runs against."""
    cursor.expect_done()
    one = session.database.describe()
    created_at = _moment(one.created_s)
    row = (one.id, one.name, one.created_by, "", created_at, created_at, 0, "")
    return session.listing(_DATABASES, [row])


def kill_query(cursor: Cursor, session: Session) -> SqlAnswer:
    """KILL QUERY 'id': a statement of this database is cancelled; it ends within moments."""
    offset = cursor.offset
    statement_id = cursor.expect_string()
    cursor.expect_done()
    try:
        session.database.cancel_statement(statement_id)
    except NotFound as error:
        raise session.text.error(error.message, offset) from None
    return SqlAnswer()
