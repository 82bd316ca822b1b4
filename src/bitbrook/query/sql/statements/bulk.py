"""BULK INSERT and BULK REPLACE: many records from a statement, an upload, a file or a URL.

The content is CSV, newline-delimited JSON (`bulk_texts`), Parquet or ORC (`bulk_columns`). MAP
names each source and its type, TRANSFORM may compute columns from them (`@0` is the first); then
columns are checked like the values of an INSERT. Only files and URLs that the operator allows are
read (`bulk_places`): a statement does not make the server read what its caller may not. A text in
the statement is read wholly before any of it is written; a file is written a batch at a time.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

import pyarrow as pa
from sqlglot.tokenizer_core import Token

from bitbrook.engine.batch import Operation, OperationKind
from bitbrook.errors import InvalidStatement
from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.sql.bind.expressions import ExpressionBinder
from bitbrook.query.sql.bind.queries import bind_query
from bitbrook.query.sql.bind.scope import Relation
from bitbrook.query.sql.plan.columns import arrow_type
from bitbrook.query.sql.plan.failing import UNPLACED
from bitbrook.query.sql.session import Session
from bitbrook.query.sql.statements.batches import (
    RECORDS_PER_BATCH,
    Origin,
    operation,
    stored_column,
    stored_ids,
    write,
)
from bitbrook.query.sql.statements.bulk_columns import orc_blocks, parquet_blocks
from bitbrook.query.sql.statements.bulk_places import open_file, open_upload, open_url
from bitbrook.query.sql.statements.bulk_texts import (
    Source,
    TextOptions,
    csv_blocks,
    ndjson_blocks,
)
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

VECTOR_NUMBERS_PER_BATCH = 4 << 20
"""Numbers of vectors that are written at a time: 16 MiB."""

_IN_STATEMENT = frozenset({"INLINE", "STREAM"})
_TEXTS = {"CSV": csv_blocks, "NDJSON": ndjson_blocks}
_FILES = {"PARQUET": parquet_blocks, "ORC": orc_blocks}
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
    prefix = session.text.prefix(text_offset)
    kinds = [source.type for source in sources]
    query = None
    if transform is not None:
        query = _transforming(transform, kinds, cursor, session)
        kinds = [each for _, each in query.columns]
    if len(kinds) != len(names):
        message = "mismatch in the count of expressions and target columns"
        raise session.text.error(message, transform_offset)
    _check_types(table, names, kinds, transform_offset, session)
    try:
        for first_row, records in _records(written, sources, options, text_offset, session):
            session.budget.check()
            if query is not None:
                assert isinstance(query.source, Rows), "made over the records"
                query.source.records = records
                records = session.execution().finish(query)  # noqa: PLW2901 - the same, transformed
            writing = _operation(records, names, table, kind, Origin(prefix, first_row))
            write(session.database, table, [writing])
    except InvalidStatement as error:
        if not error.message.startswith(UNPLACED):
            raise
        message = error.message.removeprefix(UNPLACED).strip()
        raise session.text.error(message, text_offset) from None
    return SqlAnswer()


def _records(
    written: str, sources: list[Source], options: _Options, offset: int, session: Session
) -> Iterator[tuple[int, pa.Table]]:
    """Give the records of each batch, and the number of its first one."""
    names = [f"c{index}" for index in range(len(sources))]
    blocks = _blocks(written, sources, options, offset, session)
    if options.input in _IN_STATEMENT:
        # What is wrong anywhere in the text is found before any of it is written.
        blocks = iter(list(blocks))
    first_row = 1
    for columns in blocks:
        records = pa.Table.from_arrays(columns, names)
        if options.rows_limit is not None:
            records = records.slice(0, options.rows_limit - first_row + 1)
        if records.num_rows:
            yield first_row, records
        first_row += records.num_rows
        if options.rows_limit is not None and first_row > options.rows_limit:
            return


def _blocks(
    written: str, sources: list[Source], options: _Options, offset: int, session: Session
) -> Iterator[list[pa.Array]]:
    # No more is read than may be written: what follows may be of another form.
    count = min(options.batch_size, options.rows_limit or options.batch_size)
    # Vectors are long: a batch of them is as large as one of other columns.
    numbers = sum(source.type.length for source in sources if source.type.kind is Kind.VECTOR)
    count = max(1, min(count, VECTOR_NUMBERS_PER_BATCH // max(1, numbers)))
    if options.input in _IN_STATEMENT:
        yield from _TEXTS[options.format](io.StringIO(written), sources, options.text, count)
        return
    with _opened(written, options, offset, session) as content:
        if options.format in _TEXTS:
            lines = io.TextIOWrapper(content, "utf-8-sig", newline="")
            yield from _TEXTS[options.format](lines, sources, options.text, count)
        else:
            yield from _FILES[options.format](content, sources, options.text, count)


def _opened(written: str, options: _Options, offset: int, session: Session) -> IO[bytes]:
    """Return the content of a file, a URL or an upload, at its beginning."""
    places = session.database.bulk_places()
    match options.input:
        case "UPLOAD":
            return open_upload(written, session.uploads, offset, session.text)
        case "FILE":
            return open_file(written, places, offset, session.text)
        case _:
            return open_url(written, places, offset, session.text, session.budget)


def _read_source(cursor: Cursor) -> Source:
    """Return a source of MAP: a position of CSV, a path into JSON, or a column; and its type."""
    if cursor.sees_string():
        place: int | str = cursor.expect_string()
    else:
        place = cursor.expect_integer()
    offset = cursor.offset
    kind = read_type(cursor)
    cursor.expect_done()
    if kind.kind is Kind.VECTOR and not kind.length:
        raise cursor.text.error("type 'vector' needs a length, as in vector(768)", offset)
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
    if options.input not in {"INLINE", "STREAM", "UPLOAD", "URL", "FILE"}:
        raise session.text.error(
            f"input is INLINE, STREAM, UPLOAD, URL or FILE, not '{options.input}'", offset
        )
    if options.format in _FILES and options.input in _IN_STATEMENT:
        raise session.text.unsupported(
            f"format '{options.format}' cannot be written in a statement; use CSV or NDJSON, or "
            "INPUT 'UPLOAD', 'FILE' or 'URL'",
            offset,
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
    records: pa.Table, names: list[str], table: TableSchema, kind: OperationKind, origin: Origin
) -> Operation:
    ids: Any = None
    columns: dict[str, Any] = {}
    for index, name in enumerate(names):
        column = records.column(index).combine_chunks()
        known = table.find_field(name)
        if known is None:
            ids = stored_ids(table, column, origin)
        else:
            columns[name] = stored_column(known, column, origin)
    return operation(kind, table, ids, columns)
