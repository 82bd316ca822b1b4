"""DELETE and UPDATE: writes to records that a query selects."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlglot import exp

from bitbrook.algebra.expressions import Records
from bitbrook.algebra.questions import ExtractRecords
from bitbrook.engine.batch import OperationKind
from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.sql.bind.places import name_of, offset_of
from bitbrook.query.sql.session import Session
from bitbrook.query.sql.statements.assigning import column_type_of, convert_outputs
from bitbrook.query.sql.statements.batches import (
    Origin,
    operation,
    stored_column,
    write,
)
from bitbrook.query.sql.statements.cursor import Cursor
from bitbrook.query.sql.statements.definitions import find_table
from bitbrook.query.sql.tree import Query, Scan, Select
from bitbrook.schema.field_types import FieldSchema, TableSchema


def delete(cursor: Cursor, session: Session) -> SqlAnswer:
    """DELETE FROM t [WHERE ...]."""
    table, query = read_delete(cursor, session)
    ids = session.execution().run(query).column(0).combine_chunks()
    write(session.database, table, [operation(OperationKind.DELETE, table, ids, {})])
    return SqlAnswer()


def read_delete(cursor: Cursor, session: Session) -> tuple[TableSchema, Query]:
    """Return the table, and the query of the ids of its records that are to go."""
    cursor.expect("FROM")
    offset = cursor.offset
    table = find_table(cursor.expect_name("a table name"), offset, session)
    where = _read_where(cursor)
    return table, session.bind(_select(table, [_column("_id")], where))


def _read_where(cursor: Cursor) -> exp.Expression | None:
    if cursor.is_done:
        return None
    cursor.expect("WHERE")
    return cursor.parse_expression(cursor.take_rest())


def _column(name: str) -> exp.Expression:
    return exp.Column(this=exp.Identifier(this=name, quoted=True))


def _select(
    table: TableSchema, selected: list[exp.Expression], where: exp.Expression | None
) -> exp.Expression:
    source = exp.From(this=exp.Table(this=exp.Identifier(this=table.name)))
    tree = exp.Select(expressions=selected, from_=source)
    if where is not None:
        tree.set("where", exp.Where(this=where))
    return tree


@dataclass(frozen=True, slots=True)
class Updating:
    """An UPDATE that has been read: the query of ids and new values, and where these stand."""

    table: TableSchema
    fields: list[FieldSchema]
    query: Query
    places: list[int]


def read_update(cursor: Cursor, session: Session) -> Updating:
    """Read `t SET c = expr, ... [WHERE ...]`."""
    offset = cursor.offset
    table = find_table(cursor.expect_name("a table name"), offset, session)
    cursor.expect("SET")
    fields: list[FieldSchema] = []
    values: list[exp.Expression] = []
    while True:
        assignment = cursor.parse_expression(cursor.take_until(",", "WHERE"))
        field, value = _assignment(assignment, table, session)
        if field in fields:
            raise session.text.error(f"duplicate column '{field.name}'", offset_of(assignment))
        fields.append(field)
        values.append(value)
        if not cursor.take(","):
            break
    where = _read_where(cursor)
    query = session.bind(_select(table, [_column("_id"), *values], where))
    assert isinstance(query, Select), "made above"
    targets = [column_type_of(table, field) for field in (None, *fields)]
    places = [offset, *(offset_of(value) for value in values)]
    convert_outputs(query, targets, places, session.text)
    return Updating(table, fields, query, places)


def update(cursor: Cursor, session: Session) -> SqlAnswer:
    """UPDATE t SET c = expr, ... [WHERE ...]: expressions see the record as it was."""
    updating = read_update(cursor, session)
    table, fields = updating.table, updating.fields
    rows = session.execution().run(updating.query)
    ids = rows.column(0).combine_chunks()
    columns: dict[str, Any] = {}
    for index, field in enumerate(fields, start=1):
        column = rows.column(index).combine_chunks()
        origin = Origin(session.text.prefix(updating.places[index]))
        columns[field.name] = stored_column(field, column, origin)
    emptied = _emptied(table, fields, ids, session)
    written = operation(OperationKind.UPSERT, table, ids, columns)
    write(session.database, table, [*emptied, written])
    return SqlAnswer()


def _assignment(
    node: exp.Expression, table: TableSchema, session: Session
) -> tuple[FieldSchema, exp.Expression]:
    if not isinstance(node, exp.EQ) or not isinstance(node.this, exp.Column):
        raise session.text.error("SET takes column = expression", offset_of(node))
    name = name_of(node.this.this)
    if name == "_id":
        raise session.text.error("column '_id' cannot be changed", offset_of(node))
    field = table.find_field(name)
    if field is None:
        raise session.text.error(f"column '{name}' not found", offset_of(node))
    return field, node.expression


def _emptied(
    table: TableSchema, fields: list[FieldSchema], ids: pa.Array, session: Session
) -> list[Any]:
    """Return the operation that takes from records what the fields hold now.

    An upsert alone would add to a set, and leave a field as it is where the new value is null.
    """
    if len(ids) == 0:
        return []
    selected = Records(tuple(ids.to_pylist()))
    question = ExtractRecords(tuple(field.name for field in fields), selected)
    held = session.execution().extract(Scan(0, table), question).combine_chunks()
    columns = {
        field.name: stored_column(field, held.column(field.name).combine_chunks())
        for field in fields
    }
    return [operation(OperationKind.CLEAR, table, held.column("_id").combine_chunks(), columns)]
