"""SHOW and EXPLAIN: what there is, and how a query would be answered."""

from datetime import UTC, datetime
from typing import Any

from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.sql.describe import table_definition
from bitbrook.query.sql.dialect.parse import parse_query_tokens
from bitbrook.query.sql.plan.explaining import explain_query
from bitbrook.query.sql.session import Session
from bitbrook.query.sql.statements.cursor import Cursor
from bitbrook.query.sql.statements.definitions import find_table
from bitbrook.query.sql.types import BOOL, INT, STRING, TIMESTAMP, SqlType, type_of_field
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
SYSTEM_TABLES = ("fb_exec_requests", "fb_performance_counters", "fb_table_ddl")


def show_tables(cursor: Cursor, session: Session) -> SqlAnswer:
    """SHOW TABLES [WITH SYSTEM]: tables and views by name."""
    with_system = cursor.take("WITH", "SYSTEM")
    cursor.expect_done()
    rows = [_table_row(table) for table in session.database.tables()]
    rows += [(name, name, "", "", None, None, False, 0, "") for name in session.database.views()]
    if with_system:
        rows += [(name, name, "", "", None, None, True, 0, "") for name in SYSTEM_TABLES]
    return session.listing(_TABLES, sorted(rows, key=lambda row: str(row[1])))


def _table_row(table: TableSchema) -> tuple[Any, ...]:
    return (
        table.id,
        table.name,
        "",
        "",
        None,
        None,
        table.is_keyed,
        0,
        table.description,
    )


def show_columns(cursor: Cursor, session: Session) -> SqlAnswer:
    """SHOW COLUMNS FROM t: `_id` first."""
    cursor.expect("FROM")
    offset = cursor.offset
    name = cursor.expect_name("a table name")
    cursor.expect_done()
    table = find_table(name, offset, session)
    kind = "string" if table.is_keyed else "id"
    identity = (
        "_id",
        "_id",
        kind,
        None,
        table.is_keyed,
        "",
        0,
        0,
        0,
        0,
        "",
        0,
        "",
        "",
    )
    rows = [identity, *(_column_row(field) for field in table.fields)]
    return session.listing(_COLUMNS, rows)


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
    """SHOW CREATE TABLE t: the statement that makes such a table."""
    offset = cursor.offset
    name = cursor.expect_name("a table name")
    cursor.expect_done()
    return session.listing(
        {"ddl": STRING}, [(table_definition(find_table(name, offset, session)),)]
    )


def show_databases(cursor: Cursor, session: Session) -> SqlAnswer:
    """SHOW DATABASES: a statement sees the one database that it runs against."""
    cursor.expect_done()
    one = session.database.describe()
    created_at = datetime.fromtimestamp(one.created_s, UTC).replace(tzinfo=None)
    row = (one.id, one.name, one.created_by, "", created_at, created_at, 0, "")
    return session.listing(_DATABASES, [row])


def explain(cursor: Cursor, session: Session) -> SqlAnswer:
    """EXPLAIN [ANALYZE | PLAN] SELECT ...: its steps are answered instead of its rows.

    The query runs, but with PLAN.
    """
    is_run = not cursor.take("PLAN")
    cursor.take("ANALYZE")
    query = session.bind(parse_query_tokens(cursor.take_rest(), session.text))
    steps = explain_query(query, session.database, session.budget, session.finisher, is_run=is_run)
    columns = dict.fromkeys(("estimated", "records", "rows"), INT)
    return session.listing({"step": INT, "by": STRING, "what": STRING, **columns}, steps)


def kill_query(cursor: Cursor, session: Session) -> SqlAnswer:
    """KILL QUERY 'id': a statement of this database is cancelled; it ends within moments."""
    statement_id = cursor.expect_string()
    cursor.expect_done()
    session.database.cancel_statement(statement_id)
    return SqlAnswer()
