"""What a table becomes by a source: its kind of ids decided, and the fields that it lacks added."""

from collections.abc import Sequence

import msgspec

from bitbrook.control.registry import Registry, TableEntry
from bitbrook.errors import Conflict
from bitbrook.schema.field_types import TableSchema
from bitbrook.sources.schema import SourceSchema, foreign_tables, keys_records
from bitbrook.sources.table_match import added_fields, conflicts_with, settled_references


def fitted(registry: Registry, entry: TableEntry, schema: SourceSchema) -> TableEntry:
    """Return what a table becomes by a source of a checked schema; nothing changes.

    Raises:
        Conflict: the schema contradicts the table; `details` lists how.
    """
    is_keyed = entry.row.is_keyed
    table = entry.schema
    if is_keyed is None:
        is_keyed = keys_records(schema)
        table = msgspec.structs.replace(table, is_keyed=is_keyed)
    keyed_tables = _keyed_tables(registry, entry.row.deployment_id, table, schema)
    faults = conflicts_with(schema, table, keyed_tables)
    if faults:
        raise Conflict(
            f"the source contradicts table {table.name!r}: {'; '.join(faults[:3])}"
            f"{'; ...' if faults[3:] else ''}; change the definition or use another table",
            details=faults,
        )
    added = added_fields(schema, table, keyed_tables)
    return registry.prepare_fields(entry, added, is_keyed=is_keyed)


def _keyed_tables(
    registry: Registry, deployment_id: str, table: TableSchema, schema: SourceSchema
) -> Sequence[str]:
    """Return the tables of string keys among those that ForeignIndexes of a schema name.

    Raises:
        Conflict: there is none of that name, or its kind of ids is not decided; lists all.
    """
    is_keyed: dict[str, bool | None] = {table.name: table.is_keyed}
    is_keyed |= settled_references(schema, table)
    faults = []
    for name in foreign_tables(schema):
        if name in is_keyed:
            continue
        found = registry.find_table(deployment_id, name)
        is_keyed[name] = None if found is None else found.row.is_keyed
        if found is None:
            faults.append(f"ForeignIndex {name!r}: the deployment has no such table")
        elif found.row.is_keyed is None:
            faults.append(f"ForeignIndex {name!r}: the table may yet get ids or string keys")
    if faults:
        raise Conflict(
            f"{'; '.join(faults)}; create what is referred to first, with options.keys",
            field="schema",
            details=faults,
        )
    return [name for name, keyed in is_keyed.items() if keyed]
