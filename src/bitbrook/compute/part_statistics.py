"""A table's statistics, made of those of its partitions at several owners."""

from collections.abc import Sequence

from msgspec.structs import replace

from bitbrook.compute.requests import PartStatistics
from bitbrook.engine.statistics import FieldStatistics, TableStatistics


def merged_statistics(parts: Sequence[PartStatistics]) -> TableStatistics:
    """Return the sum of several parts (at least one).

    The rows of a field that has few are counted once, wherever they are; of one that has many the
    count is that of the owner that has most of them, since the others may have the same.
    """
    statistics = [part.statistics for part in parts]
    by_name: dict[str, list[FieldStatistics]] = {}
    for each in statistics:
        for field in each.fields:
            by_name.setdefault(field.name, []).append(field)
    return TableStatistics(
        record_count=sum(each.record_count for each in statistics),
        memory_bytes=sum(each.memory_bytes for each in statistics),
        stored_bytes=sum(each.stored_bytes for each in statistics),
        fields=tuple(_merged_field(fields, parts) for fields in by_name.values()),
    )


def _merged_field(
    fields: Sequence[FieldStatistics], parts: Sequence[PartStatistics]
) -> FieldStatistics:
    name = fields[0].name
    rows = max(field.rows for field in fields)
    if all(name in part.rows for part in parts):
        rows = len({row for part in parts for row in part.rows[name]})
    return replace(fields[0], rows=rows, memory_bytes=sum(field.memory_bytes for field in fields))
