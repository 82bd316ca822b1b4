"""A source's schema beside a table that exists: what contradicts it, and what the table gains.

A field that both define must be stored in the same way. What only narrows what a source may send (a
Min or Max within the field's range) or what it leaves to the table (no TTL) is no contradiction.
"""

from collections.abc import Collection, Iterator

from bitbrook.schema.field_types import (
    INT64_MAX,
    INT64_MIN,
    FieldSchema,
    FieldType,
    TableSchema,
)
from bitbrook.schema.limits import FIELDS_PER_TABLE_MAX
from bitbrook.sources.schema import (
    SourceSchema,
    fields_of,
    identity_names,
    keys_records,
    typed_fields,
)


def conflicts_with(
    schema: SourceSchema, table: TableSchema, keyed_tables: Collection[str] = ()
) -> list[str]:
    """Return what keeps a checked schema's records out of a table; each names both definitions.

    `keyed_tables`: as in `fields_of`.
    """
    return list(_conflicts(schema, table, keyed_tables))


def added_fields(
    schema: SourceSchema, table: TableSchema, keyed_tables: Collection[str] = ()
) -> tuple[FieldSchema, ...]:
    """Return the fields of a checked schema that a table does not have yet, without ids."""
    known = {field.name for field in table.fields}
    return tuple(field for field in fields_of(schema, keyed_tables) if field.name not in known)


def settled_references(schema: SourceSchema, table: TableSchema) -> dict[str, bool]:
    """Return, of the foreign tables that fields of this table refer to already, which are keyed.

    What a field holds was settled when it was made, whatever has become of the table it refers to.
    """
    settled = {}
    for field in typed_fields(schema):
        existing = table.find_field(field.name)
        if field.config.foreign_table and existing is not None:
            settled[field.config.foreign_table] = existing.type is FieldType.MUTEX
    return settled


def describe_field(field: FieldSchema) -> str:
    """Return a field's definition in words, such as `decimal with Scale 2`."""
    options = []
    if field.type in {FieldType.SET, FieldType.MUTEX, FieldType.TIME}:
        options.append("row keys" if field.is_keyed else "row ids")
    if field.length_max:
        options.append(f"at most {field.length_max} characters")
    if field.type is FieldType.TIME:
        options.append(f"Quantum {field.quantum}")
    if field.ttl_s:
        options.append(f"TTL {field.ttl_s}s")
    if field.is_vector:
        options.append(f"Dimensions {field.dimensions}")
    if field.type is FieldType.DECIMAL:
        options.append(f"Scale {field.scale}")
    if field.type is FieldType.TIMESTAMP:
        options.append(f"Granularity {field.unit}")
    if field.is_number and field.min != INT64_MIN:
        options.append(f"Min {field.min}")
    if field.is_number and field.max != INT64_MAX:
        options.append(f"Max {field.max}")
    return f"{field.type} with {', '.join(options)}" if options else str(field.type)


def _conflicts(
    schema: SourceSchema, table: TableSchema, keyed_tables: Collection[str]
) -> Iterator[str]:
    if keys_records(schema) != table.is_keyed:
        yield (
            f"records: the source identifies them by {_identity(is_keyed=not table.is_keyed)} "
            f"({', '.join(identity_names(schema))}), table {table.name!r} by "
            f"{_identity(is_keyed=table.is_keyed)}"
        )
    for field in fields_of(schema, keyed_tables):
        existing = table.find_field(field.name)
        if existing is not None and not _agrees(field, existing):
            yield (
                f"field {field.name!r}: the source defines {describe_field(field)}, "
                f"table {table.name!r} has {describe_field(existing)}"
            )
    count = len(table.fields) + len(added_fields(schema, table))
    if count > FIELDS_PER_TABLE_MAX:
        yield (
            f"table {table.name!r} would have {count:,} fields, and {FIELDS_PER_TABLE_MAX:,} are "
            "allowed"
        )


def _identity(*, is_keyed: bool) -> str:
    return "string keys" if is_keyed else "integer ids"


def _agrees(field: FieldSchema, existing: FieldSchema) -> bool:
    """Return whether values of the first can be stored in the second as they are meant."""
    if field.type is not existing.type or field.is_keyed != existing.is_keyed:
        return False
    if field.dimensions != existing.dimensions:
        return False
    if existing.length_max:
        # What a source sends is as long as it likes.
        return False
    if field.ttl_s not in {0, existing.ttl_s} or field.quantum != existing.quantum:
        return False
    if field.type is FieldType.DECIMAL and field.scale != existing.scale:
        return False
    if field.type is FieldType.TIMESTAMP:
        return field.unit is existing.unit
    low_fits = field.min == INT64_MIN or field.min >= existing.min
    high_fits = field.max == INT64_MAX or field.max <= existing.max
    return low_fits and high_fits
