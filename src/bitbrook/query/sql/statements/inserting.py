"""INSERT INTO and REPLACE INTO: rows of expressions, or a query's rows, as one write.

Every value is checked before anything is written, so that a statement is applied wholly or not at
all.
"""

from typing import Any

from bitbrook.engine.batch import TIME_SUFFIX, OperationKind
from bitbrook.errors import InvalidStatement
from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.sql.dialect.parse import (
    STATEMENT_CHARACTERS_MAX,
    parse_query_tokens,
    tokenize,
)
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.relations import offsets_of
from bitbrook.query.sql.session import Session
from bitbrook.query.sql.statements.assigning import column_type_of, convert_outputs
from bitbrook.query.sql.statements.batches import (
    Origin,
    operation,
    stored_column,
    stored_ids,
    write,
)
from bitbrook.query.sql.statements.cursor import Cursor
from bitbrook.query.sql.statements.definitions import find_table
from bitbrook.query.sql.statements.given import GivenReader
from bitbrook.query.sql.statements.literal_rows import find_values, read_rows
from bitbrook.query.sql.statements.values import Given, TimedMembers, stored_id, stored_value
from bitbrook.query.sql.tree import Query
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema


def insert(cursor: Cursor, session: Session) -> SqlAnswer:
    """INSERT INTO t [(columns)] VALUES (...), ... | SELECT ..."""
    return _write_rows(cursor, session, OperationKind.UPSERT)


def replace(cursor: Cursor, session: Session) -> SqlAnswer:
    """REPLACE INTO t [(columns)] VALUES (...), ... | SELECT ..."""
    return _write_rows(cursor, session, OperationKind.REPLACE)


def insert_plain(session: Session) -> SqlAnswer | None:
    """Carry out an INSERT or REPLACE of plain literals; None of any other statement.

    What is refused is none either: the general reading refuses it.
    """
    text = session.text.text
    start = find_values(text)
    if start is None or len(text) > STATEMENT_CHARACTERS_MAX:
        return None
    try:
        cursor = Cursor(tokenize(StatementText(text[:start])), session.text)
        is_replace = cursor.take("REPLACE")
        cursor.expect("INTO") if is_replace else cursor.expect("INSERT", "INTO")
        table = find_table(cursor.expect_name("a table name"), 0, session)
        names = read_columns(cursor, table)
        cursor.expect("VALUES")
        cursor.expect_done()
    except InvalidStatement:
        return None
    columns = read_rows(text, start, table, [table.find_field(name) for name in names])
    if columns is None:
        return None
    given = dict(zip(names, columns, strict=True))
    ids = given.pop("_id")
    kind = OperationKind.REPLACE if is_replace else OperationKind.UPSERT
    write(session.database, table, [operation(kind, table, ids, given)])
    return SqlAnswer()


def _write_rows(cursor: Cursor, session: Session, kind: OperationKind) -> SqlAnswer:
    cursor.expect("INTO")
    offset = cursor.offset
    table = find_table(cursor.expect_name("a table name"), offset, session)
    names = read_columns(cursor, table)
    if cursor.sees("SELECT") or cursor.sees("WITH"):
        return _insert_query(cursor, session, table, names, kind)
    rows = _read_values(cursor, session, table, names)
    write(session.database, table, [rows.operation(kind)])
    return SqlAnswer()


def read_insert(cursor: Cursor, session: Session) -> tuple[TableSchema, list[str], Query | int]:
    """Return the table, its columns that an INSERT writes, and its query or count of rows."""
    cursor.expect("INTO")
    offset = cursor.offset
    table = find_table(cursor.expect_name("a table name"), offset, session)
    names = read_columns(cursor, table)
    if cursor.sees("SELECT") or cursor.sees("WITH"):
        return table, names, _read_query(cursor, session, table, names)[0]
    return table, names, _read_values(cursor, session, table, names).count


def _read_values(cursor: Cursor, session: Session, table: TableSchema, names: list[str]) -> "_Rows":
    cursor.expect("VALUES")
    reader = GivenReader(cursor, session)
    rows = _Rows(table, names, session)
    while True:
        offset = cursor.offset
        rows.add(reader.row(), offset)
        if not cursor.take(","):
            break
    cursor.expect_done()
    return rows


def read_columns(cursor: Cursor, table: TableSchema) -> list[str]:
    """Return the columns to be written: those listed, or all in order.

    Raises:
        InvalidStatement: one is unknown or doubled, `_id` is missing, or there is only `_id`.
    """
    if not cursor.sees("("):
        return ["_id", *(field.name for field in table.fields)]
    start = cursor.offset
    names: list[str] = []
    for tokens in cursor.take_list():
        column = Cursor(tokens, cursor.text)
        offset = column.offset
        name = column.expect_name("a column name")
        column.expect_done()
        if name != "_id" and table.find_field(name) is None:
            raise cursor.text.error(f"column '{name}' not found", offset)
        if name in names:
            raise cursor.text.error(f"duplicate column '{name}'", offset)
        names.append(name)
    if "_id" not in names:
        message = "insert column list must have '_id' column specified"
        raise cursor.text.error(message, start)
    if len(names) == 1:
        message = "insert column list must have at least one non '_id' column specified"
        raise cursor.text.error(message, start)
    return names


class _Rows:
    """Rows of values as columns in stored form."""

    def __init__(self, table: TableSchema, names: list[str], session: Session) -> None:
        self._table = table
        self._session = session
        self._text = session.text
        self._fields: list[FieldSchema | None] = [table.find_field(name) for name in names]
        self._columns: list[list[Any]] = [[] for _ in names]
        self._times: dict[str, list[int | None]] = {
            field.name: [] for field in self._fields if field and field.type is FieldType.TIME
        }
        self.count = 0

    def add(self, row: list[Given], offset: int) -> None:
        """Check and keep a row, which stands at `offset`."""
        if len(row) != len(self._columns):
            message = "mismatch in the count of expressions and target columns"
            raise self._text.error(message, offset)
        self.count += 1
        for field, column, given in zip(self._fields, self._columns, row, strict=True):
            if field is None:
                column.append(stored_id(self._table, given, self.count, self._text))
                continue
            column.append(stored_value(field, given, self.count, self._text))
            if field.type is FieldType.TIME:
                time_s = given.time_s if isinstance(given, TimedMembers) else None
                self._times[field.name].append(time_s)

    def operation(self, kind: OperationKind) -> Any:
        """Return the write of the rows read."""
        columns: dict[str, Any] = {}
        ids: list[Any] = []
        for field, column in zip(self._fields, self._columns, strict=True):
            if field is None:
                ids = column
            else:
                columns[field.name] = column
        for name, times in self._times.items():
            if any(time is not None for time in times):
                columns[name + TIME_SUFFIX] = times
        return operation(kind, self._table, ids, columns)


def _insert_query(
    cursor: Cursor,
    session: Session,
    table: TableSchema,
    names: list[str],
    kind: OperationKind,
) -> SqlAnswer:
    query, places = _read_query(cursor, session, table, names)
    origins = [Origin(session.text.prefix(place)) for place in places]
    rows = session.execution().run(query).combine_chunks()
    ids: Any = None
    columns: dict[str, Any] = {}
    for index, name in enumerate(names):
        column = rows.column(index).combine_chunks()
        field = table.find_field(name)
        if field is None:
            ids = stored_ids(table, column, origins[index])
        else:
            columns[name] = stored_column(field, column, origins[index])
    write(session.database, table, [operation(kind, table, ids, columns)])
    return SqlAnswer()


def _read_query(
    cursor: Cursor, session: Session, table: TableSchema, names: list[str]
) -> tuple[Query, list[int]]:
    """Return the query whose rows are to be written, and where its columns stand."""
    offset = cursor.offset
    query = session.bind(parse_query_tokens(cursor.take_rest(), session.text))
    if len(query.columns) != len(names):
        message = "mismatch in the count of expressions and target columns"
        raise session.text.error(message, offset)
    places = offsets_of(query, offset)
    targets = [column_type_of(table, table.find_field(name)) for name in names]
    convert_outputs(query, targets, places, session.text)
    return query, places
