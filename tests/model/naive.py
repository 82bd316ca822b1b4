"""Questions answered from dictionaries, one record after the other, in the plainest way there is.

Records are what `NaiveTable` holds: single values, sets of rows, and for a time field the rows of
each view by its name, the standard view's being empty. Answers are plain Python values; `plain`
makes the same of a partial.
"""

import math
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from bitbrook.algebra.expressions import (
    All,
    Difference,
    Expression,
    HasRow,
    HasRowLike,
    HasValue,
    InNumbers,
    InRange,
    Intersect,
    InValues,
    Metric,
    Not,
    Nothing,
    Records,
    Shift,
    Union,
    WithinDistance,
    Xor,
)
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
from bitbrook.algebra.questions import (
    AnyOrder,
    CountRecords,
    DistanceOrder,
    ExtractRecords,
    ExtractTimes,
    GroupRecords,
    Measure,
    MeasureKind,
    NumberTotals,
    Period,
    Question,
    RecordIds,
    RowCounts,
    ValueCounts,
)
from bitbrook.bitmap.views import view_names
from bitbrook.schema.field_types import (
    INT64_MIN,
    UINT64_MAX,
    FieldSchema,
    FieldType,
    TableSchema,
    TimeUnit,
)

Id = int | str
Record = dict[str, Any]


class NaiveReader:
    """Answers about records. `known`: every id that was ever written."""

    def __init__(self, schema: TableSchema, records: dict[Id, Record], known: set[Id]) -> None:
        self.schema = schema
        self.records = records
        self.known = known

    def select(self, expression: Expression) -> set[Id]:
        """The ids of the records that an expression describes."""
        match expression:
            case All():
                return set(self.records)
            case Nothing():
                return set()
            case HasRow(name, rows, from_s, to_s):
                return {i for i in self.records if self.rows(i, name, from_s, to_s) & set(rows)}
            case HasRowLike(name, pattern):
                return {
                    i for i in self.records if any(likes(pattern, r) for r in self.rows(i, name))
                }
            case InRange(name, low, high):
                return {i for i, n in self.numbers(name) if within(n, low, high)}
            case InValues(name, values):
                return {i for i, n in self.numbers(name) if n in values}
            case WithinDistance(name, metric, vector, low, high):
                far = {i: self.distance(i, name, metric, vector) for i in self.records}
                return {i for i, d in far.items() if d is not None and within(d, low, high)}
            case HasValue(name):
                return {i for i in self.records if self.values(i, name)}
            case InNumbers(low, high):
                return {i for i in self.records if isinstance(i, int) and within(i, low, high)}
            case Records(ids):
                return set(ids) if not self.schema.is_keyed else set(ids) & self.known
            case Union(operands):
                return set().union(*map(self.select, operands))
            case Intersect(operands):
                return set.intersection(*map(self.select, operands))
            case Difference((first, *others)):
                return self.select(first).difference(*map(self.select, others))
            case Xor(operands):
                counts = Counter(i for operand in operands for i in self.select(operand))
                return {i for i, count in counts.items() if count % 2}
            case Not(operand):
                return set(self.records) - self.select(operand)
            case Shift(operand, count):
                moved = {i + count for i in self.select(operand) if isinstance(i, int)}
                return {i for i in moved if 0 <= i <= UINT64_MAX}
        raise AssertionError(expression)

    def numbers(self, name: str) -> list[tuple[Id, int]]:
        """Ids and stored numbers of the records that have one."""
        return [(i, r[name]) for i, r in self.records.items() if r.get(name) is not None]

    def distance(self, id_: Id, name: str, metric: Metric, vector: tuple[float, ...]) -> int | None:
        """How far a record's vector is from another, in billionths; None if that cannot be told."""
        own = self.records.get(id_, {}).get(name)
        if own is None:
            return None
        dot = math.fsum(a * b for a, b in zip(own, vector, strict=True))
        if metric is Metric.DOT:
            return billionths(dot)
        if metric is Metric.EUCLIDEAN:
            return billionths(
                math.sqrt(sum((a - b) ** 2 for a, b in zip(own, vector, strict=True)))
            )
        sizes = [math.sqrt(sum(a * a for a in each)) for each in (own, vector)]
        if 0 in sizes:
            return None
        return billionths(1 - min(1, max(-1, dot / (sizes[0] * sizes[1]))))

    def values(self, id_: Id, name: str) -> set[Any]:
        """What a record has in a field of any type."""
        field = self.schema.field(name)
        if field.has_rows:
            return self.rows(id_, name)
        value = self.records.get(id_, {}).get(name)
        return set() if value is None else {value}

    def rows(
        self, id_: Id, name: str, from_s: int | None = None, to_s: int | None = None
    ) -> set[Any]:
        """The rows of a record, in a period if one is given."""
        field, value = self.schema.field(name), self.records.get(id_, {}).get(name)
        if value is None:
            return set()
        if field.is_single:
            return {value}
        if field.type is FieldType.SET:
            return set(value)
        if from_s is None and to_s is None:
            return (
                set(value.get("", ())) if field.has_standard_view else set().union(*value.values())
            )
        finest = {"Y": 4, "M": 6, "D": 8, "H": 10}[field.quantum[-1]]
        parts = [v for n, v in value.items() if len(n) == finest and overlaps(n, from_s, to_s)]
        return set().union(*parts)

    def answer(self, question: Question) -> Any:
        """The answer as plain values."""
        chosen = self.select(question.filter)  # type: ignore[attr-defined]
        match question:
            case CountRecords():
                return len(chosen)
            case NumberTotals(field=name):
                return totals([n for i, n in self.numbers(name) if i in chosen], question)
            case ValueCounts(field=name):
                return sorted(Counter(n for i, n in self.numbers(name) if i in chosen).items())
            case RowCounts():
                return self._row_counts(question, chosen)
            case GroupRecords():
                return self._groups(question, chosen)
            case RecordIds():
                return self._page(question, chosen)
            case ExtractRecords():
                names = question.fields
                return [
                    (i, *(self._shown(i, n) for n in names)) for i in self._page(question, chosen)
                ]
            case ExtractTimes(field=name):
                return self._dated(name, chosen)
        raise AssertionError(question)

    def _dated(self, name: str, chosen: set[Id]) -> list[tuple[Id, str, list[Any]]]:
        """Record, finest view and rows of each pair of the first two."""
        finest = {"Y": 4, "M": 6, "D": 8, "H": 10}[self.schema.field(name).quantum[-1]]
        return sorted(
            (i, view, sorted(rows))
            for i in chosen
            for view, rows in self.records.get(i, {}).get(name, {}).items()
            if len(view) == finest and rows
        )

    def _row_counts(self, question: RowCounts, chosen: set[Id]) -> Any:
        counts = Counter(
            row
            for i in chosen
            for row in self.rows(i, question.field, question.from_s, question.to_s)
            if question.rows is None or row in question.rows
            if question.like is None or likes(question.like, row)
        )
        return sorted(counts.items())

    def _groups(self, question: GroupRecords, chosen: set[Id]) -> Any:
        groups: dict[tuple[Any, ...], list[Id]] = {}
        for i in chosen:
            columns = []
            for key in question.keys:
                found = self.values(i, key.field)
                is_null = not found and key.includes_null and i in self.records
                if key.rows is not None:
                    found = {value for value in found if value in key.rows}
                if key.period is not None:
                    unit = self.schema.field(key.field).unit
                    found = {period_start(value, key.period, unit) for value in found}
                columns.append([None] if is_null else list(found))
            for group in product(*columns):
                groups.setdefault(group, []).append(i)
        return {
            group: (len(ids), *(self._measure(measure, ids) for measure in question.measures))
            for group, ids in groups.items()
        }

    def _measure(self, measure: Measure, ids: list[Id]) -> int | None:
        values = [self.values(i, measure.field) for i in ids]
        flat = [value for several in values for value in several]
        match measure.kind:
            case MeasureKind.SUM:
                return sum(flat) if flat else None
            case MeasureKind.MIN:
                return min(flat, default=None)
            case MeasureKind.MAX:
                return max(flat, default=None)
            case MeasureKind.COUNT_VALUES:
                return sum(1 for several in values if several)
            case MeasureKind.COUNT_DISTINCT:
                return len(set(flat))

    def _page(self, question: RecordIds | ExtractRecords, chosen: set[Id]) -> list[Id]:
        ordered = sorted(chosen)  # type: ignore[type-var]
        if question.order is not None:
            ordered = self._ordered(ordered, question.order)
        stop = None if question.limit is None else question.offset + question.limit
        return ordered[question.offset : stop]

    def _ordered(self, ids: list[Id], order: AnyOrder) -> list[Id]:
        if isinstance(order, DistanceOrder):
            far = {i: self.distance(i, order.field, order.metric, order.vector) for i in ids}
            near = [i for i in ids if far[i] is not None]
            near.sort(key=lambda i: far[i] or 0, reverse=order.is_descending)
            return near + ([i for i in ids if far[i] is None] if order.includes_null else [])
        valued = [i for i in ids if self.values(i, order.field)]
        # Stable also when it descends, so that ties stay in the order of their ids.
        valued.sort(key=lambda i: min(self.values(i, order.field)), reverse=order.is_descending)
        without = [i for i in ids if not self.values(i, order.field)]
        return valued + (without if order.includes_null else [])

    def _shown(self, id_: Id, name: str) -> Any:
        values = sorted(self.values(id_, name))
        if self.schema.field(name).is_single:
            return values[0] if values else None
        return values or None


def billionths(distance: float) -> int:
    """A distance in billionths, half away from zero; what 64 bits do not hold is all alike."""
    scaled = abs(distance) * 1e9
    whole = int(9.2e18) if scaled > 9.2e18 else math.floor(scaled + 0.5)
    return whole if distance >= 0 else -whole


def period_start(stored: int, period: Period, unit: TimeUnit) -> int:
    """The first moment of the period that a stored time falls in, of any year whatsoever."""
    seconds = stored // unit.per_second
    if period in {Period.DAY, Period.HOUR, Period.MINUTE}:
        width = {Period.DAY: 86_400, Period.HOUR: 3_600, Period.MINUTE: 60}[period]
        start = seconds // width * width
    else:
        # The calendar repeats every 400 years, which are 146,097 days.
        cycles, day = divmod(seconds // 86_400, 146_097)
        first = datetime(1970, 1, 1, tzinfo=UTC)
        date = first + timedelta(days=day)
        began = date.replace(day=1) if period is Period.MONTH else date.replace(month=1, day=1)
        start = (cycles * 146_097 + (began - first).days) * 86_400
    return max(start * unit.per_second, INT64_MIN)


def likes(pattern: str, text: str) -> bool:
    """Whether text matches a LIKE pattern."""
    parts = [{"%": ".*", "_": "."}.get(c, re.escape(c)) for c in pattern]
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def within(number: int, low: int | None, high: int | None) -> bool:
    """Whether a number lies between bounds, either of which may be missing."""
    return (low is None or low <= number) and (high is None or number <= high)


def overlaps(view: str, from_s: int | None, to_s: int | None) -> bool:
    """Whether a view's period has a moment in [from_s, to_s)."""
    year, month, day, hour = view[:4], view[4:6] or "1", view[6:8] or "1", view[8:] or "0"
    start = datetime(int(year), int(month), int(day), int(hour), tzinfo=UTC)
    match len(view):
        case 4:
            end = start.replace(year=start.year + 1)
        case 6:
            end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        case 8:
            end = datetime.fromtimestamp(start.timestamp() + 86_400, UTC)
        case _:
            end = datetime.fromtimestamp(start.timestamp() + 3_600, UTC)
    if from_s is not None and to_s is not None and from_s >= to_s:
        return False
    return (to_s is None or start.timestamp() < to_s) and (
        from_s is None or end.timestamp() > from_s
    )


def totals(numbers: list[int], question: NumberTotals) -> Any:
    """Count, sum, and extremes with their counts, as far as they are wanted."""
    answer: list[Any] = [len(numbers)]
    if question.wants_sum:
        answer.append(sum(numbers))
    if question.wants_extremes:
        least, greatest = min(numbers, default=None), max(numbers, default=None)
        answer += [least, numbers.count(least), greatest, numbers.count(greatest)]  # type: ignore[arg-type]
    return answer


def plain(question: Question, partial: AnyPartial, schema: TableSchema) -> Any:
    """A partial as the plain values that `NaiveReader.answer` gives."""
    match partial:
        case CountPartial():
            return partial.count
        case TotalsPartial():
            assert isinstance(question, NumberTotals)
            answer: list[Any] = [partial.count]
            if question.wants_sum:
                answer.append(partial.total)
            if question.wants_extremes:
                answer += [partial.least, partial.least_count]
                answer += [partial.greatest, partial.greatest_count]
            return answer
        case RowCountsPartial():
            return list(zip(partial.rows.tolist(), partial.counts.tolist(), strict=True))
        case ValueCountsPartial():
            return list(zip(partial.values.tolist(), partial.counts.tolist(), strict=True))
        case GroupsPartial():
            return plain_groups(partial)
        case RecordIdsPartial():
            return partial.ids.tolist()
        case TimesPartial():
            assert isinstance(question, ExtractTimes)
            quantum = schema.field(question.field).quantum
            columns = partial.records.to_pydict().values()
            return sorted(
                (id_, view_names(quantum, time_s)[-1], sorted(rows))
                for id_, time_s, rows in zip(*columns, strict=True)
            )
        case RecordsPartial():
            assert isinstance(question, ExtractRecords)
            return plain_records(question, partial, schema)


def plain_groups(partial: GroupsPartial) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Groups by key. No group may come twice."""
    columns = [
        [None if is_null else key for key, is_null in zip(k.tolist(), n.tolist(), strict=True)]
        for k, n in zip(partial.keys, partial.key_nulls, strict=True)
    ]
    states = zip(partial.counts.tolist(), *(m.tolist() for m in partial.measures), strict=True)
    groups = list(zip(*columns, strict=True))
    assert len(set(groups)) == len(groups)
    return dict(zip(groups, states, strict=True))


def plain_records(
    question: ExtractRecords, partial: RecordsPartial, schema: TableSchema
) -> list[tuple[Any, ...]]:
    """Rows of the Arrow table, numbers in stored form."""
    table = partial.records
    table.validate(full=True)
    columns = [table.column("_id").to_pylist()]
    for name in question.fields:
        columns.append(stored_column(table.column(name), schema.field(name)))
    return list(zip(*columns, strict=True))


def stored_column(column: Any, field: FieldSchema) -> list[Any]:
    """A column's values as they are stored."""
    if field.type is FieldType.DECIMAL:
        shown = column.to_pylist()
        return [None if value is None else int(value.scaleb(field.scale)) for value in shown]
    if field.type is FieldType.TIMESTAMP:
        assert str(column.type) == f"timestamp[{field.unit.value}]"
        return column.cast("int64").to_pylist()  # type: ignore[no-any-return]
    if field.is_vector:
        return [None if value is None else tuple(value) for value in column.to_pylist()]
    return column.to_pylist()  # type: ignore[no-any-return]
