"""CREATE, ALTER and DROP: tables and views."""

from bitbrook.errors import Conflict, NotFound
from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.sql.bind.queries import bind_query
from bitbrook.query.sql.bind.scope import Scope, Statement
from bitbrook.query.sql.dialect.parse import parse_query_tokens
from bitbrook.query.sql.session import Session
from bitbrook.query.sql.statements.columns import read_field, read_type
from bitbrook.query.sql.statements.cursor import Cursor
from bitbrook.query.sql.types import Kind
from bitbrook.schema.field_types import FieldSchema, TableSchema
from bitbrook.schema.names import NameKind, find_name_fault


def create_table(cursor: Cursor, session: Session) -> SqlAnswer:
    """CREATE TABLE [IF NOT EXISTS] t (_id id|string, c type ..., ...) [COMMENT 'x'] ..."""
    is_lenient = cursor.take("IF", "NOT", "EXISTS")
    offset = cursor.offset
    name = cursor.expect_name("a table name")
    is_keyed, fields = _read_columns(cursor)
    description = _read_options(cursor)
    cursor.expect_done()
    if _exists(name, session):
        if is_lenient:
            return SqlAnswer()
        raise _taken(name, offset, session)
    fault = find_name_fault(NameKind.TABLE, name)
    if fault is not None:
        raise session.text.error(fault, offset)
    try:
        session.database.create_table(
            name, is_keyed=is_keyed, fields=fields, description=description
        )
    except Conflict:
        if not is_lenient:
            raise _taken(name, offset, session) from None
    return SqlAnswer()


def _taken(name: str, offset: int, session: Session) -> Exception:
    return session.text.error(f"table or view '{name}' already exists", offset)


def _exists(name: str, session: Session) -> bool:
    try:
        session.database.table(name)
    except NotFound:
        return name in session.database.views()
    return True


def _read_columns(cursor: Cursor) -> tuple[bool, tuple[FieldSchema, ...]]:
    """Return whether records have keys, and the fields."""
    start = cursor.offset
    is_keyed: bool | None = None
    fields: dict[str, FieldSchema] = {}
    for tokens in cursor.take_list():
        column = Cursor(tokens, cursor.text)
        offset = column.offset
        if column.sees("_ID"):
            if is_keyed is not None:
                raise cursor.text.error("duplicate column '_id'", offset)
            is_keyed = _read_identity(column)
            continue
        field = read_field(column)
        if field.name in fields:
            raise cursor.text.error(f"duplicate column '{field.name}'", offset)
        fields[field.name] = field
    if is_keyed is None:
        raise cursor.text.error("_id column must be specified", start)
    return is_keyed, tuple(fields.values())


def _read_identity(column: Cursor) -> bool:
    offset = column.offset
    column.expect("_ID")
    kind = read_type(column)
    if kind.kind not in {Kind.ID, Kind.STRING}:
        message = "_id column must be specified with type ID or STRING"
        raise column.text.error(message, offset)
    if not column.is_done:
        message = "_id column must be specified with no constraints"
        raise column.text.error(message, column.offset)
    return kind.kind is Kind.STRING


def _read_options(cursor: Cursor) -> str:
    """Return a table's comment; the original's sizing options are read and mean nothing here."""
    description = ""
    while not cursor.is_done:
        cursor.take("WITH")
        if cursor.take("COMMENT"):
            description = cursor.expect_string()
        elif cursor.take("KEYPARTITIONS") or cursor.take("SHARDWIDTH"):
            cursor.expect_integer()
        else:
            raise cursor.error("COMMENT or KEYPARTITIONS")
    return description


def find_table(name: str, offset: int, session: Session) -> TableSchema:
    """Return a table.

    Raises:
        InvalidStatement: there is none, in the reference's wording.
    """
    try:
        return session.database.table(name)
    except NotFound:
        raise session.text.error(f"table or view '{name}' not found", offset) from None


def alter_table(cursor: Cursor, session: Session) -> SqlAnswer:
    """ALTER TABLE t ADD [COLUMN] c type ... | DROP [COLUMN] c."""
    offset = cursor.offset
    table = find_table(cursor.expect_name("a table name"), offset, session)
    if cursor.take("ADD"):
        cursor.take("COLUMN")
        at = cursor.offset
        field = read_field(cursor)
        if table.find_field(field.name) is not None:
            raise session.text.error(f"duplicate column '{field.name}'", at)
        session.database.add_field(table.name, field)
        return SqlAnswer()
    cursor.expect("DROP")
    cursor.take("COLUMN")
    at = cursor.offset
    name = cursor.expect_name("a column name")
    cursor.expect_done()
    if table.find_field(name) is None:
        raise session.text.error(f"column '{name}' not found", at)
    session.database.drop_field(table.name, name)
    return SqlAnswer()


def drop_table(cursor: Cursor, session: Session) -> SqlAnswer:
    """DROP TABLE [IF EXISTS] t."""
    is_lenient = cursor.take("IF", "EXISTS")
    offset = cursor.offset
    name = cursor.expect_name("a table name")
    cursor.expect_done()
    try:
        session.database.table(name)
    except NotFound:
        if is_lenient:
            return SqlAnswer()
        raise session.text.error(f"table or view '{name}' not found", offset) from None
    session.database.drop_table(name)
    return SqlAnswer()


def create_view(cursor: Cursor, session: Session) -> SqlAnswer:
    """CREATE VIEW [IF NOT EXISTS] v AS SELECT ..."""
    is_lenient = cursor.take("IF", "NOT", "EXISTS")
    return _make_view(cursor, session, is_lenient=is_lenient, replaces=False)


def replace_view(cursor: Cursor, session: Session) -> SqlAnswer:
    """CREATE OR REPLACE VIEW v AS SELECT ..."""
    cursor.take("IF", "NOT", "EXISTS")
    return _make_view(cursor, session, is_lenient=False, replaces=True)


def alter_view(cursor: Cursor, session: Session) -> SqlAnswer:
    """ALTER VIEW v AS SELECT ..."""
    offset = cursor.offset
    name = cursor.expect_name("a view name")
    if name not in session.database.views():
        raise session.text.error(f"table or view '{name}' not found", offset)
    session.database.create_view(name, _definition(name, cursor, session), replaces=True)
    return SqlAnswer()


def _make_view(cursor: Cursor, session: Session, *, is_lenient: bool, replaces: bool) -> SqlAnswer:
    offset = cursor.offset
    name = cursor.expect_name("a view name")
    definition = _definition(name, cursor, session)
    fault = find_name_fault(NameKind.TABLE, name)
    if fault is not None:
        raise session.text.error(fault, offset)
    is_view = name in session.database.views()
    if _exists(name, session) and not (replaces and is_view):
        if is_lenient:
            return SqlAnswer()
        raise _taken(name, offset, session)
    session.database.create_view(name, definition, replaces=replaces)
    return SqlAnswer()


def _definition(name: str, cursor: Cursor, session: Session) -> str:
    """Return a view's SELECT as it is written, after checking that it can be answered."""
    cursor.expect("AS")
    start = cursor.offset
    tree = parse_query_tokens(cursor.take_rest(), session.text)
    statement = Statement(
        session.text, session.database, session.statement.now_us, views_open=(name,)
    )
    statement.answer = session.statement.answer
    bind_query(tree, Scope(statement))
    return session.text.text[start:].rstrip().rstrip(";").rstrip()


def drop_view(cursor: Cursor, session: Session) -> SqlAnswer:
    """DROP VIEW [IF EXISTS] v."""
    is_lenient = cursor.take("IF", "EXISTS")
    offset = cursor.offset
    name = cursor.expect_name("a view name")
    cursor.expect_done()
    if name not in session.database.views():
        if is_lenient:
            return SqlAnswer()
        raise session.text.error(f"table or view '{name}' not found", offset)
    session.database.drop_view(name)
    return SqlAnswer()
