"""Questions: what a partition is asked about the records that an expression selects.

Each question names the partial (`algebra.partials`) that answers it. A question carries everything
its answer needs; limits that only the merged answer can apply are applied again after the merge.
"""

import enum

import msgspec

from bitbrook.algebra.expressions import All, Expression, Metric, Row


class Question(msgspec.Struct, frozen=True, tag=True):
    """Something to be asked of every partition of a table."""


class CountRecords(Question, frozen=True):
    """How many records -> CountPartial."""

    filter: Expression = All()


class NumberTotals(Question, frozen=True):
    """Sum, count, least and greatest of a number field -> TotalsPartial.

    The `wants_...` flags let a kernel leave out what nobody reads.
    """

    field: str
    filter: Expression = All()
    wants_sum: bool = True
    wants_extremes: bool = True


class RowCounts(Question, frozen=True):
    """For each row of a set, mutex, time or bool field, its records -> RowCountsPartial.

    Rows without a record are left out. `rows` restricts to those rows. `like` restricts to keys
    that match. `from_s`, `to_s` as in HasRow. With `filter` All() the counts come from the index
    alone. `most`: only so many rows with the most records are looked at, and those that have as
    many as the last of them; others may be left out.
    """

    field: str
    filter: Expression = All()
    rows: tuple[Row, ...] | None = None
    like: str | None = None
    from_s: int | None = None
    to_s: int | None = None
    most: int | None = None


class ValueCounts(Question, frozen=True):
    """For each stored number of a field, its records, ascending -> ValueCountsPartial."""

    field: str
    filter: Expression = All()


class MeasureKind(enum.StrEnum):
    """What a group can be asked besides its count."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"
    COUNT_VALUES = "count_values"
    COUNT_DISTINCT = "count_distinct"


class Measure(msgspec.Struct, frozen=True):
    """One aggregate over a field inside each group.

    sum, min and max take number fields; count_values and count_distinct any field (count_distinct
    of a set counts its different rows among the group's records).
    """

    kind: MeasureKind
    field: str


class Period(enum.StrEnum):
    """A stretch of time, in UTC, that begins with a year, a month, a day, an hour or a minute."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    HOUR = "hour"
    MINUTE = "minute"


class GroupKey(msgspec.Struct, frozen=True):
    """A field to group by; `rows` (rows, or stored numbers) restricts which groups are formed.

    A `period` groups the times of a timestamp field by the period they fall in, and the first
    moment of that, in stored form, is the key; `rows` are stored numbers all the same.

    A record with several rows in a set field counts in each of their groups. A record without a
    value in the field is in no group, unless `includes_null`.
    """

    field: str
    rows: tuple[Row, ...] | None = None
    includes_null: bool = False
    period: Period | None = None


class GroupRecords(Question, frozen=True):
    """Counts and measures by combinations of keys -> GroupsPartial."""

    keys: tuple[GroupKey, ...]
    filter: Expression = All()
    measures: tuple[Measure, ...] = ()


class Order(msgspec.Struct, frozen=True, tag=True):
    """Order by one single-valued field, not a vector's, ties by record id ascending."""

    field: str
    is_descending: bool = False
    includes_null: bool = False


class DistanceOrder(msgspec.Struct, frozen=True, tag=True):
    """Order by how far a vector field is from `vector`, in billionths, ties by record id ascending.

    What is at no distance (see `WithinDistance`) counts as null.
    """

    field: str
    metric: Metric
    vector: tuple[float, ...]
    is_descending: bool = False
    includes_null: bool = False


AnyOrder = Order | DistanceOrder


class RecordIds(Question, frozen=True):
    """The selected records' ids -> RecordIdsPartial.

    Ascending by id (keys: by key), or by `order`. `limit` None for all.
    """

    filter: Expression = All()
    order: AnyOrder | None = None
    limit: int | None = None
    offset: int = 0


class ExtractRecords(Question, frozen=True):
    """The selected records' ids and fields, as an Arrow table -> RecordsPartial.

    Order, limit and offset as in RecordIds.
    """

    fields: tuple[str, ...]
    filter: Expression = All()
    order: AnyOrder | None = None
    limit: int | None = None
    offset: int = 0


class ExtractTimes(Question, frozen=True):
    """The selected records' rows of a time field with when they are of -> TimesPartial."""

    field: str
    filter: Expression = All()


AnyQuestion = (
    CountRecords
    | NumberTotals
    | RowCounts
    | ValueCounts
    | GroupRecords
    | RecordIds
    | ExtractRecords
    | ExtractTimes
)
