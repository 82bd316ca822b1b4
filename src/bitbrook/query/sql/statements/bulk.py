"""BULK INSERT and BULK REPLACE: many records from a text in the statement.

The text is CSV or newline-delimited JSON (`bulk_texts` reads it). MAP names each source and its
type, TRANSFORM may compute columns from them (`@0` is the first); then columns are checked like the
values of an INSERT. Files and URLs are refused: a statement does not make the server read what its
caller may not.
"""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from sqlglot.tokenizer_core import Token

from bitbrook.engine.batch import Operation, OperationKind
from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.sql.bind.expressions import ExpressionBinder
from bitbrook.query.sql.bind.queries import bind_query
from bitbrook.query.sql.bind.scope import Relation
from bitbrook.query.sql.plan.columns import arrow_type
from bitbrook.query.sql.session import Session
from bitbrook.query.sql.statements.batches import (
    RECORDS_PER_BATCH,
    operation,
    stored_column,
    stored_ids,
    write,
)
from bitbrook.query.sql.statements.bulk_texts import Source, TextOptions, read_csv, read_ndjson
from bitbrook.query.sql.statements.columns import read_type
from bitbrook.query.sql.statements.cursor import Cursor
from bitbrook.query.sql.statements.definitions import find_table
from bitbrook.query.sql.statements.inserting import read_columns
from bitbrook.query.sql.tree import Output, Rows, Select
from bitbrook.query.sql.types import (
    ID,
    STRING,
    TIMESTAMP,
    Kind,
    SqlType,
    is_assignable,
    type_of_field,
)
from bitbrook.schema.field_types import TableSchema

PARAMETERS = "@"
"""The alias of the relation whose columns `@0`, `@1`... are."""

_FLAGS = {
    "HEADER_ROW": "has_header",
    "CSV_EMPTY_STRING_AS_NULL": "empty_is_null",
    "CSV_NULL_AS_NULL": "null_is_null",
    "ALLOW_MISSING_VALUES": "allows_missing",
    "NULL_AS_EMPTY_SET": "null_is_empty_set",
}


@dataclass(slots=True)
class _Options:
    """What stands behind WITH."""

    format: str = ""
    input: str = ""
    batch_size: int = RECORDS_PER_BATCH
    rows_limit: int | None = None
    text: TextOptions = field(default_factory=TextOptions)


def bulk_insert(cursor: Cursor, session: Session) -> SqlAnswer:
    """BULK INSERT INTO t (columns) MAP (...) [TRANSFORM (...)] FROM x'...' WITH ..."""
    return _bulk(cursor, session, OperationKind.UPSERT)


def bulk_replace(cursor: Cursor, session: Session) -> SqlAnswer:
    """BULK REPLACE INTO t: as BULK INSERT, but absent columns become null."""
    return _bulk(cursor, session, OperationKind.REPLACE)


def _bulk(cursor: Cursor, session: Session, kind: OperationKind) -> SqlAnswer:
    cursor.expect("INTO")
    offset = cursor.offset
    table = find_table(cursor.expect_name("a table name"), offset, session)
    names = read_columns(cursor, table)
    cursor.expect("MAP")
    sources = [_read_source(Cursor(tokens, cursor.text)) for tokens in cursor.take_list()]
    transform_offset = cursor.offset
    transform = cursor.take_list() if cursor.take("TRANSFORM") else None
    cursor.expect("FROM")
    cursor.take("X")
    text_offset = cursor.offset
    written = cursor.expect_string()
    options = _read_options(cursor)
    _check_input(options, text_offset, session)
    kinds = [source.type for source in sources]
    query = None
    if transform is not None:
        query = _transforming(transform, kinds, cursor, session)
        kinds = [each for _, each in query.columns]
    if len(kinds) != len(names):
        message = "mismatch in the count of expressions and target columns"
        raise session.text.error(message, transform_offset)
    _check_types(table, names, kinds, transform_offset, session)
    read = read_csv if options.format == "CSV" else read_ndjson
    columns = read(written, sources, options.text, options.rows_limit)
    records = pa.Table.from_arrays(columns, [f"c{index}" for index in range(len(columns))])
    if query is not None:
        assert isinstance(query.source, Rows), "made over the records"
        query.source.records = records
        records = session.execution().finish(query)
    for start in range(0, records.num_rows, options.batch_size):
        session.budget.check()
        part = records.slice(start, options.batch_size)
        writing = _operation(part, names, table, kind, first_row=start + 1)
        write(session.database, table, [writing])
    return SqlAnswer()


def _read_source(cursor: Cursor) -> Source:
    """Return a source of MAP: a position of CSV, or a path into a JSON object; and its type."""
    if cursor.sees_string():
        place: int | str = cursor.expect_string()
    else:
        place = cursor.expect_integer()
    kind = read_type(cursor)
    cursor.expect_done()
    return Source(place, TIMESTAMP if kind.kind is Kind.TIMESTAMP else kind)


def _read_options(cursor: Cursor) -> _Options:
    """Return the options, which may come in any order."""
    options = _Options()
    cursor.take("WITH")
    while not cursor.is_done:
        offset = cursor.offset
        word = cursor.expect_name("an option").upper()
        if word in _FLAGS:
            setattr(options.text, _FLAGS[word], True)
            continue
        match word:
            case "FORMAT":
                options.format = cursor.expect_string().upper()
            case "INPUT":
                options.input = cursor.expect_string().upper()
            case "BATCHSIZE":
                options.batch_size = min(_positive(cursor), RECORDS_PER_BATCH)
            case "ROWSLIMIT":
                options.rows_limit = _positive(cursor)
            case _:
                raise cursor.text.error(f"unknown option '{word.lower()}'", offset)
    return options


def _positive(cursor: Cursor) -> int:
    offset = cursor.offset
    number = cursor.expect_integer()
    if number < 1:
        raise cursor.text.error(f"value '{number}' out of range", offset)
    return number


def _check_input(options: _Options, offset: int, session: Session) -> None:
    if options.format not in {"CSV", "NDJSON", "PARQUET", "ORC"}:
        raise session.text.error(
            f"format is CSV, NDJSON, PARQUET or ORC, not '{options.format}'", offset
        )
    if options.input not in {"INLINE", "STREAM", "URL", "FILE"}:
        raise session.text.error(
            f"input is INLINE, STREAM, URL or FILE, not '{options.input}'", offset
        )
    if options.input in {"URL", "FILE"}:
        raise session.text.unsupported(
            f"input '{options.input}' is not read by the server; send the text with INPUT 'INLINE' "
            "or stream records to a source",
            offset,
        )
    if options.format in {"PARQUET", "ORC"}:
        raise session.text.unsupported(
            f"format '{options.format}' cannot be written in a statement; use CSV or NDJSON", offset
        )


def _transforming(
    items: list[list[Token]], kinds: list[SqlType], cursor: Cursor, session: Session
) -> Select:
    """Return the SELECT that computes the columns, over a relation that is still empty."""
    scope = session.scope()
    number = scope.statement.next_relation(cursor.offset)
    columns = [(f"{index}", kind) for index, kind in enumerate(kinds)]
    scope.add(Relation(PARAMETERS, number, columns), cursor.offset)
    binder = ExpressionBinder(scope, bind_query)
    outputs = [Output("", binder.bind(cursor.parse_expression(item))) for item in items]
    empty = pa.schema([(f"c{i}", arrow_type(kind)) for i, kind in enumerate(kinds)]).empty_table()
    return Select(outputs, Rows(number, empty))


def _check_types(
    table: TableSchema,
    names: list[str],
    kinds: list[SqlType],
    offset: int,
    session: Session,
) -> None:
    for name, source in zip(names, kinds, strict=True):
        known = table.find_field(name)
        target = (STRING if table.is_keyed else ID) if known is None else type_of_field(known)
        # Whole numbers may be row ids, or units of time since the epoch.
        is_number = source.is_integer and target.kind in {Kind.ID, Kind.TIMESTAMP}
        if not (is_number or is_assignable(source, target)):
            message = f"an expression of type '{source}' cannot be assigned to type '{target}'"
            raise session.text.error(message, offset)


def _operation(
    part: pa.Table, names: list[str], table: TableSchema, kind: OperationKind, *, first_row: int
) -> Operation:
    ids: Any = None
    columns: dict[str, Any] = {}
    for index, name in enumerate(names):
        column = part.column(index).combine_chunks()
        known = table.find_field(name)
        if known is None:
            ids = stored_ids(table, column, first_row)
        else:
            columns[name] = stored_column(known, column, first_row)
    return operation(kind, table, ids, columns)
