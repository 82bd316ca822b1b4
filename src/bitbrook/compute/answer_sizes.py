"""What answers of partitions take in the memory of whoever merges them.

By cheap measures: what arrays hold, and for what becomes objects on the way to the caller, as many
bytes as a partition counts for it. So a statement over many owners comes to its limit where one
over partitions of this process does.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bitbrook.algebra.partials import (
    AnyPartial,
    CountPartial,
    GroupsPartial,
    RecordIdsPartial,
    RecordsPartial,
    RowCountsPartial,
    TimesPartial,
    TotalsPartial,
    ValueCountsPartial,
)
from bitbrook.engine.batch import ID_COLUMN
from bitbrook.engine.evaluate.records import (
    ID_BYTES,
    KEY_BYTES,
    LIST_BYTES,
    NUMBER_BYTES,
    TEXT_BYTES,
    VECTOR_NUMBER_BYTES,
)

OBJECT_BYTES = 56
"""About what a key, or a number without bounds, takes as an object of its own."""


def size_of(partials: Iterable[AnyPartial]) -> int:
    """Return about how many bytes answers take."""
    return sum(map(_size_of, partials))


def _size_of(partial: AnyPartial) -> int:
    match partial:
        case CountPartial() | TotalsPartial():
            return 0
        case RowCountsPartial(rows, counts) | ValueCountsPartial(rows, counts):
            return _array_bytes(rows) + counts.nbytes
        case GroupsPartial(keys, _, counts, measures):
            # Merged group by group, as objects.
            size_bytes = OBJECT_BYTES * len(counts) * (1 + len(keys) + len(measures))
            return size_bytes + sum(map(_member_bytes, measures))
        case RecordIdsPartial(ids, order_values, order_nulls):
            each_bytes = KEY_BYTES if ids.dtype == np.object_ else ID_BYTES
            return each_bytes * len(ids) + _array_bytes(order_values) + _array_bytes(order_nulls)
        case RecordsPartial(records, order_values, order_nulls):
            return _table_bytes(records) + _array_bytes(order_values) + _array_bytes(order_nulls)
        case TimesPartial(records):
            return _table_bytes(records)


def _array_bytes(array: npt.NDArray[Any] | None) -> int:
    if array is None:
        return 0
    return array.nbytes + (OBJECT_BYTES * len(array) if array.dtype == np.object_ else 0)


def _member_bytes(measure: npt.NDArray[np.object_]) -> int:
    """Return what the sets of distinct values in a measure take."""
    first = next((value for value in measure if value is not None), None)
    if not isinstance(first, frozenset):
        return 0
    return OBJECT_BYTES * sum(map(len, filter(None, measure)))


def _table_bytes(records: pa.Table) -> int:
    return sum(
        max(records.column(name).nbytes, _value_bytes(name, type_) * records.num_rows)
        for name, type_ in zip(records.schema.names, records.schema.types, strict=True)
    )


def _value_bytes(name: str, type_: pa.DataType) -> int:
    if name == ID_COLUMN:
        return KEY_BYTES if pa.types.is_string(type_) else ID_BYTES
    if pa.types.is_fixed_size_list(type_):
        return 2 * VECTOR_NUMBER_BYTES * int(type_.list_size)
    if pa.types.is_list(type_):
        return LIST_BYTES
    return TEXT_BYTES if pa.types.is_string(type_) else NUMBER_BYTES
