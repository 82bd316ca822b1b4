"""Tables as statements write them: a field's type with its constraints, a table's definition.

`table_definition` round-trips: run where no such table is, it makes the same table.
"""

from datetime import UTC, datetime, timedelta

from bitbrook.query.results.pql_json import decimal_text
from bitbrook.query.sql.types import type_of_field
from bitbrook.schema.field_types import (
    INT64_MAX,
    INT64_MIN,
    FieldSchema,
    FieldType,
    TableSchema,
    TimeUnit,
)


def column_definition(field: FieldSchema) -> str:
    """Return a field as CREATE TABLE writes it: name, type, constraints."""
    return " ".join([field.name, str(type_of_field(field)), *_constraints(field)])


def table_definition(table: TableSchema) -> str:
    """Return the CREATE TABLE statement of a table."""
    identity = f"_id {'string' if table.is_keyed else 'id'}"
    columns = ", ".join([identity, *(column_definition(field) for field in table.fields)])
    comment = table.description.replace("'", "''")
    ending = f" comment '{comment}'" if comment else ""
    return f"create table {table.name} ({columns}){ending};"


def view_definition(name: str, statement: str) -> str:
    """Return the CREATE VIEW statement of a view."""
    return f"create view {name} as {statement};"


def _constraints(field: FieldSchema) -> list[str]:
    words = []
    if field.type in {FieldType.INT, FieldType.DECIMAL}:
        if field.min != INT64_MIN:
            words.append(f"min {decimal_text(field.min, field.scale)}")
        if field.max != INT64_MAX:
            words.append(f"max {decimal_text(field.max, field.scale)}")
    if field.type is FieldType.TIMESTAMP:
        words.append(f"timeunit '{field.unit}'")
        if field.epoch:
            words.append(f"epoch '{epoch_text(field)}'")
    if field.type is FieldType.TIME:
        words.append(f"timequantum '{field.quantum}'")
        if field.ttl_s:
            words.append(f"ttl '{field.ttl_s}s'")
    return words


def epoch_text(field: FieldSchema) -> str:
    """Return a timestamp field's epoch as RFC 3339 text."""
    seconds, part = divmod(field.epoch, field.unit.per_second)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    if field.unit is not TimeUnit.SECOND and part:
        digits = len(str(field.unit.per_second)) - 1
        text += "." + f"{part:0{digits}}".rstrip("0")
    return text + "Z"
