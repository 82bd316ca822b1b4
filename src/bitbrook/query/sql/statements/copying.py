"""COPY: a new table with the columns and records of another, a page at a time.

A page is of one moment and has a bounded size, so that a table of any size is copied in the same
memory. Pages go by record id, or by the order in which record keys came.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from bitbrook.algebra.expressions import InNumbers, Records
from bitbrook.algebra.partials import CountPartial, RecordsPartial, TimesPartial
from bitbrook.algebra.questions import CountRecords, ExtractRecords, ExtractTimes
from bitbrook.engine.batch import ID_COLUMN, TIME_SUFFIX, Operation, OperationKind
from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.sql.session import Session
from bitbrook.query.sql.statements.batches import operation, stored_column, write
from bitbrook.query.sql.statements.cursor import Cursor
from bitbrook.query.sql.statements.definitions import find_table
from bitbrook.schema.field_types import UINT64_MAX, FieldType, TableSchema

FIRST_PAGE_RECORDS = 4_096
PAGE_RECORDS_MAX = 100_000
PAGE_BYTES = 16 << 20
"""What a page may weigh, about: the next is as large as the last tells."""


@dataclass(frozen=True, slots=True)
class Copying:
    """A COPY that has been read."""

    source: TableSchema
    target: str


def read_copy(cursor: Cursor, session: Session) -> Copying:
    """Read `t TO t2`.

    Raises:
        InvalidStatement: there is no table to copy, or the name is taken.
    """
    offset = cursor.offset
    source = find_table(cursor.expect_name("a table name"), offset, session)
    cursor.expect("TO")
    at = cursor.offset
    name = cursor.expect_name("a table name")
    if cursor.sees("WITH"):
        message = "COPY goes from table to table of one deployment, and has no options"
        raise session.text.unsupported(message, cursor.offset)
    cursor.expect_done()
    taken = {table.name for table in session.database.tables()} | session.database.views().keys()
    if name in taken:
        raise session.text.error(f"table or view '{name}' already exists", at)
    return Copying(source, name)


def copy(cursor: Cursor, session: Session) -> SqlAnswer:
    """COPY t TO t2: a copy that fails leaves no table behind."""
    copying = read_copy(cursor, session)
    source = copying.source
    target = session.database.create_table(
        copying.target,
        is_keyed=source.is_keyed,
        fields=source.fields,
        description=source.description,
    )
    try:
        for page in _pages(source, session):
            session.budget.check()
            write(session.database, target, _operations(page, source, target, session))
    except BaseException:
        session.database.drop_table(target.name)
        raise
    return SqlAnswer()


def _pages(table: TableSchema, session: Session) -> Iterator[pa.Table]:
    """Give a table's records; one that is there all the while is in one page."""
    execution = session.execution()
    fields = tuple(field.name for field in table.fields)
    size, low = FIRST_PAGE_RECORDS, 0
    while low <= UINT64_MAX:
        high = low + size - 1 if table.is_keyed else None
        limit = None if table.is_keyed else size
        question = ExtractRecords(fields, InNumbers(low, high), limit=limit)
        page = execution.ask(table, question, RecordsPartial).records
        if page.num_rows:
            yield page
            fitting: int = PAGE_BYTES * page.num_rows // max(page.nbytes, 1)
            low = low + size if table.is_keyed else page.column(ID_COLUMN)[-1].as_py() + 1
            size = max(1, min(fitting, 2 * size, PAGE_RECORDS_MAX))
        elif not table.is_keyed:
            return
        else:
            # The partitions' records may have gone from this stretch and stand beyond it.
            low += size
            if not execution.ask(table, CountRecords(InNumbers(low)), CountPartial).count:
                return


def _operations(
    page: pa.Table, source: TableSchema, target: TableSchema, session: Session
) -> list[Operation]:
    """Return the writes of a page: the records, then when the members of time fields are of."""
    page = page.combine_chunks()
    ids = page.column(ID_COLUMN).combine_chunks()
    columns = {
        field.name: stored_column(field, page.column(field.name).combine_chunks())
        for field in target.fields
    }
    operations = [operation(OperationKind.UPSERT, target, ids, columns)]
    timed = [field.name for field in source.fields if field.type is FieldType.TIME]
    if not timed:
        return operations
    copied = Records(tuple(ids.to_pylist()))
    for name in timed:
        question = ExtractTimes(name, copied)
        dated = session.execution().ask(source, question, TimesPartial).records.combine_chunks()
        if dated.num_rows:
            columns = {
                name: dated.column("rows").combine_chunks(),
                name + TIME_SUFFIX: dated.column("time_s").combine_chunks(),
            }
            dated_ids = dated.column(ID_COLUMN).combine_chunks()
            operations.append(operation(OperationKind.UPSERT, target, dated_ids, columns))
    return operations
