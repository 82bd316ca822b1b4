"""How large a table is: records, and bytes in memory and on disk, in all and by field."""

from collections.abc import Sequence

import msgspec
import numpy as np

from bitbrook.engine.field import FieldShard
from bitbrook.engine.manifest import Manifest
from bitbrook.engine.partition import Partition
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

BOOL_ROWS = 2


class FieldStatistics(msgspec.Struct, frozen=True):
    """One field. `rows`: how many different rows it has met (of a number field 0)."""

    name: str
    type: FieldType
    rows: int
    memory_bytes: int


class TableStatistics(msgspec.Struct, frozen=True):
    """One table. `memory_bytes` includes record keys; `stored_bytes` are those of its snapshots.

    What was not asked for since it was opened counts with the bytes that it has in its block.
    """

    record_count: int
    memory_bytes: int
    stored_bytes: int
    fields: tuple[FieldStatistics, ...]


def statistics_of(
    schema: TableSchema, partitions: Sequence[Partition], manifests: Sequence[Manifest]
) -> TableStatistics:
    """Return the statistics of a table; the caller holds its read lock."""
    fields = tuple(_field_statistics(field, partitions) for field in schema.fields)
    shards = [shard for partition in partitions for shard in partition.shards.values()]
    exists_bytes = sum(shard.exists_bytes for shard in shards)
    keys_bytes = sum(part.keys.size_bytes for part in partitions if part.keys is not None)
    return TableStatistics(
        record_count=sum(shard.record_count for shard in shards),
        memory_bytes=exists_bytes + keys_bytes + sum(field.memory_bytes for field in fields),
        stored_bytes=sum(manifest.stored_bytes for manifest in manifests),
        fields=fields,
    )


def _field_statistics(field: FieldSchema, partitions: Sequence[Partition]) -> FieldStatistics:
    dictionaries = [
        partition.dictionaries[field.id]
        for partition in partitions
        if field.id in partition.dictionaries
    ]
    field_shards = [
        shard.fields[field.id]
        for partition in partitions
        for shard in partition.shards.values()
        if field.id in shard.fields
    ]
    if field.type is FieldType.BOOL:
        rows = _bool_rows(field_shards)
    elif len(dictionaries) == 1:
        rows = len(dictionaries[0])
    else:
        # Partitions number their rows apart: the same row may be in several of them.
        rows = len({row for each in dictionaries for row in each.rows_at(np.arange(len(each)))})
    return FieldStatistics(
        name=field.name,
        type=field.type,
        rows=rows,
        memory_bytes=sum(part.size_bytes for part in field_shards)
        + sum(dictionary.size_bytes for dictionary in dictionaries),
    )


def _bool_rows(field_shards: Sequence[FieldShard]) -> int:
    """Return how many of the two rows have a record, asking as few shards as tell it."""
    found: set[int] = set()
    for part in field_shards:
        if part.rows is not None:
            found.update(part.rows.codes().tolist())
        if len(found) == BOOL_ROWS:
            break
    return len(found)


def few_rows(
    schema: TableSchema, partitions: Sequence[Partition], rows_max: int
) -> dict[str, tuple[int | str, ...]]:
    """Return the rows that fields have met, of those with at most `rows_max` in each partition."""
    found: dict[str, set[int | str]] = {}
    for field in schema.fields:
        dictionaries = [
            partition.dictionaries[field.id]
            for partition in partitions
            if field.id in partition.dictionaries
        ]
        if dictionaries and all(len(each) <= rows_max for each in dictionaries):
            found[field.name] = set()
            for each in dictionaries:
                found[field.name].update(each.rows_at(np.arange(len(each))).tolist())
    return {name: tuple(rows) for name, rows in found.items()}
