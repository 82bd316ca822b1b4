"""Partials: the mergeable states in which partitions answer questions.

A partial never holds positions, row codes or anything else that only its partition understands:
rows are row ids, row keys or booleans, records are ids or keys. Merging lives in
`bitbrook.compute.merge`. Numbers are in stored form and exact (sums are Python integers).
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Rows = npt.NDArray[np.uint64] | npt.NDArray[np.bool_] | npt.NDArray[np.object_]
"""Row ids (uint64), the rows of a bool field (bool), or row keys (object array of str)."""


@dataclass(slots=True)
class CountPartial:
    """A number of records."""

    count: int


@dataclass(slots=True)
class TotalsPartial:
    """Sum, count and extremes of a number field. `least` and `greatest` are None if count is 0.

    `least_count` and `greatest_count`: how many records have that value.
    """

    count: int = 0
    total: int = 0
    least: int | None = None
    least_count: int = 0
    greatest: int | None = None
    greatest_count: int = 0


@dataclass(slots=True)
class RowCountsPartial:
    """Rows with at least one record, ascending, and their record counts (int64)."""

    rows: Rows
    counts: npt.NDArray[np.int64]


@dataclass(slots=True)
class ValueCountsPartial:
    """Distinct stored numbers (int64, ascending) and their record counts (int64)."""

    values: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


@dataclass(slots=True)
class GroupsPartial:
    """One entry a group.

    `keys`: an array a group key, all of one length: Rows for row fields, int64 stored numbers for
    number fields; `key_nulls` has True where that key is null (the key's slot is then arbitrary).
    `counts`: int64. `measures`: one array a measure, object dtype of exact Python ints; None where
    a group had no value. A count_distinct measure that must be merged over partitions is an object
    array of frozensets of values until the merge; `compute.merge` turns it into counts.
    """

    keys: list[Rows | npt.NDArray[np.int64]]
    key_nulls: list[npt.NDArray[np.bool_]]
    counts: npt.NDArray[np.int64]
    measures: list[npt.NDArray[np.object_]] = field(default_factory=list)


@dataclass(slots=True)
class RecordIdsPartial:
    """Record ids (uint64) or record keys (object array of str), in the order asked for.

    `order_values` (int64 as stored, of a mutex its rows) go along when the question had an order,
    `order_nulls` marks records without a value; both exist for the merge.
    """

    ids: npt.NDArray[np.uint64] | npt.NDArray[np.object_]
    order_values: npt.NDArray[np.int64] | Rows | None = None
    order_nulls: npt.NDArray[np.bool_] | None = None


@dataclass(slots=True)
class RecordsPartial:
    """An Arrow table: `_id` (uint64 or string), then the fields asked for.

    Types: set and time `list<uint64>` or `list<string>` (members ascending, null for none), mutex
    `uint64` or `string`, bool `bool`, int `int64`, decimal `decimal128(19, scale)`, timestamp
    `timestamp(unit)` in UTC without a zone, vector a fixed-size list of float32. Missing values are
    null. When the question had an order
    `order_values` and `order_nulls` are as in RecordIdsPartial.
    """

    records: pa.Table
    order_values: npt.NDArray[np.int64] | Rows | None = None
    order_nulls: npt.NDArray[np.bool_] | None = None


@dataclass(slots=True)
class TimesPartial:
    """An Arrow table: `_id` (uint64 or string), `time_s` (int64), `rows` (list of them).

    Rows are uint64 or string. A record stands in it once for each period of the field's finest unit
    in which it has rows. `time_s`: the Unix second in which the period begins.
    """

    records: pa.Table


AnyPartial = (
    CountPartial
    | TotalsPartial
    | RowCountsPartial
    | ValueCountsPartial
    | GroupsPartial
    | RecordIdsPartial
    | RecordsPartial
    | TimesPartial
)
