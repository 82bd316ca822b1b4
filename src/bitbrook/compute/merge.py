"""The answer of a table, merged from the partials of its partitions.

Merging is associative and never looks below a partial: rows merge by row id or key, records by id
or key. A record lives in exactly one partition, so counts add up and records never meet their like.
With one partition, which is the embedded default, the partial is the answer as it stands.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any, cast

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
from bitbrook.algebra.questions import (
    AnyOrder,
    ExtractRecords,
    GroupRecords,
    Measure,
    MeasureKind,
    Question,
    RecordIds,
)


def merge_partials(question: Question, partials: Sequence[AnyPartial]) -> AnyPartial:
    """Return the one answer to `question` of the partitions that gave `partials` (at least one)."""
    assert partials, "a table has at least one partition"
    match partials[0]:
        case GroupsPartial():
            groups = cast("Sequence[GroupsPartial]", partials)
            return _merge_groups(cast("GroupRecords", question), groups)
        case _ if len(partials) == 1:
            return partials[0]
        case CountPartial():
            return CountPartial(sum(p.count for p in cast("Sequence[CountPartial]", partials)))
        case TotalsPartial():
            return reduce(_add_totals, cast("Sequence[TotalsPartial]", partials))
        case RowCountsPartial():
            return _merge_row_counts(cast("Sequence[RowCountsPartial]", partials))
        case ValueCountsPartial():
            return _merge_value_counts(cast("Sequence[ValueCountsPartial]", partials))
        case RecordIdsPartial():
            ids = cast("Sequence[RecordIdsPartial]", partials)
            return _merge_record_ids(cast("RecordIds", question), ids)
        case RecordsPartial():
            records = cast("Sequence[RecordsPartial]", partials)
            return _merge_records(cast("ExtractRecords", question), records)
        case TimesPartial():
            dated = cast("Sequence[TimesPartial]", partials)
            return TimesPartial(pa.concat_tables([p.records for p in dated]))


def merged_early(question: Question, partials: Sequence[AnyPartial]) -> list[AnyPartial]:
    """Return the same answer in fewer partials: where the merge applies no limit, in one."""
    match partials[0]:
        case RecordIdsPartial() | RecordsPartial() | GroupsPartial():
            return list(partials)
        case _:
            return [merge_partials(question, partials)]


def _add_totals(one: TotalsPartial, other: TotalsPartial) -> TotalsPartial:
    least, least_count = _extreme(
        (one.least, one.least_count), (other.least, other.least_count), sign=1
    )
    greatest, greatest_count = _extreme(
        (one.greatest, one.greatest_count), (other.greatest, other.greatest_count), sign=-1
    )
    return TotalsPartial(
        count=one.count + other.count,
        total=one.total + other.total,
        least=least,
        least_count=least_count,
        greatest=greatest,
        greatest_count=greatest_count,
    )


def _extreme(
    one: tuple[int | None, int], other: tuple[int | None, int], *, sign: int
) -> tuple[int | None, int]:
    """Return the smaller (`sign` 1) or larger (-1) value with the records that have it."""
    if one[0] is None or other[0] is None:
        return other if one[0] is None else one
    if one[0] == other[0]:
        return one[0], one[1] + other[1]
    return one if sign * one[0] < sign * other[0] else other


def _merge_row_counts(partials: Sequence[RowCountsPartial]) -> RowCountsPartial:
    rows, counts = _add_up([p.rows for p in partials], [p.counts for p in partials])
    return RowCountsPartial(rows, counts)


def _merge_value_counts(partials: Sequence[ValueCountsPartial]) -> ValueCountsPartial:
    values, counts = _add_up([p.values for p in partials], [p.counts for p in partials])
    return ValueCountsPartial(values, counts)


def _add_up(
    keys: Sequence[npt.NDArray[Any]], counts: Sequence[npt.NDArray[np.int64]]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Return the distinct keys, ascending, with the sums of their counts."""
    distinct, group = np.unique(np.concatenate(keys), return_inverse=True)
    totals = np.zeros(len(distinct), dtype=np.int64)
    np.add.at(totals, group, np.concatenate(counts))
    return distinct, totals


def _merge_record_ids(
    question: RecordIds, partials: Sequence[RecordIdsPartial]
) -> RecordIdsPartial:
    ids = np.concatenate([p.ids for p in partials])
    values, nulls = _order_columns(partials)
    chosen = _in_order(ids, values, nulls, question.order)
    chosen = _page(chosen, question.limit, question.offset)
    return RecordIdsPartial(
        ids[chosen],
        None if values is None else values[chosen],
        None if nulls is None else nulls[chosen],
    )


def _merge_records(question: ExtractRecords, partials: Sequence[RecordsPartial]) -> RecordsPartial:
    records = pa.concat_tables([p.records for p in partials])
    ids = records.column("_id").to_numpy()
    values, nulls = _order_columns(partials)
    chosen = _in_order(ids, values, nulls, question.order)
    chosen = _page(chosen, question.limit, question.offset)
    return RecordsPartial(
        records.take(chosen),
        None if values is None else values[chosen],
        None if nulls is None else nulls[chosen],
    )


def _order_columns(
    partials: Sequence[RecordIdsPartial] | Sequence[RecordsPartial],
) -> tuple[npt.NDArray[Any] | None, npt.NDArray[np.bool_] | None]:
    values = [p.order_values for p in partials if p.order_values is not None]
    nulls = [p.order_nulls for p in partials if p.order_nulls is not None]
    return (np.concatenate(values) if values else None, np.concatenate(nulls) if nulls else None)


def _in_order(
    ids: npt.NDArray[Any],
    values: npt.NDArray[Any] | None,
    nulls: npt.NDArray[np.bool_] | None,
    order: AnyOrder | None,
) -> npt.NDArray[np.intp]:
    """Return the indices that sort by the order's value (nulls last), then by id."""
    by_id = np.argsort(ids, kind="stable")
    if order is None or values is None:
        return by_id
    if values.dtype == np.object_:
        # The row keys of a mutex: their places among all of them order alike.
        values = np.unique(values, return_inverse=True)[1]
    # Bitwise not reverses signed integers without the overflow that negating -2**63 has.
    ranked = ~values if order.is_descending else values
    if nulls is None:
        nulls = np.zeros(len(values), dtype=np.bool_)
    return by_id[np.lexsort((np.where(nulls, 0, ranked)[by_id], nulls[by_id]))]


def _page(chosen: npt.NDArray[np.intp], limit: int | None, offset: int) -> npt.NDArray[np.intp]:
    return chosen[offset:] if limit is None else chosen[offset : offset + limit]


def _merge_groups(question: GroupRecords, partials: Sequence[GroupsPartial]) -> GroupsPartial:
    if len(partials) == 1:
        return _with_distinct_counts(question, partials[0])
    merged: dict[tuple[Any, ...], list[Any]] = {}
    for partial in partials:
        columns = [
            [None if is_null else key for key, is_null in zip(keys, nulls, strict=True)]
            for keys, nulls in zip(
                (k.tolist() for k in partial.keys),
                (n.tolist() for n in partial.key_nulls),
                strict=True,
            )
        ]
        states = zip(partial.counts.tolist(), *(m.tolist() for m in partial.measures), strict=True)
        for group, state in zip(zip(*columns, strict=True), states, strict=True):
            known = merged.get(group)
            merged[group] = (
                list(state) if known is None else _add_states(question.measures, known, state)
            )
    return _with_distinct_counts(question, _groups_of(partials[0], merged))


def _add_states(
    measures: tuple[Measure, ...], known: list[Any], state: tuple[Any, ...]
) -> list[Any]:
    """Return the count and measures of a group that two partitions know."""
    sums = [known[0] + state[0]]
    for measure, one, other in zip(measures, known[1:], state[1:], strict=True):
        if one is None or other is None:
            sums.append(other if one is None else one)
            continue
        match measure.kind:
            case MeasureKind.MIN:
                sums.append(min(one, other))
            case MeasureKind.MAX:
                sums.append(max(one, other))
            case MeasureKind.COUNT_DISTINCT:
                sums.append(one | other)
            case MeasureKind.SUM | MeasureKind.COUNT_VALUES:
                sums.append(one + other)
    return sums


def _groups_of(like: GroupsPartial, merged: dict[tuple[Any, ...], list[Any]]) -> GroupsPartial:
    """Return the merged groups as columns of the same types as those of `like`."""
    groups = list(merged)
    keys: list[Any] = []
    key_nulls = []
    for position, template in enumerate(like.keys):
        column = [group[position] for group in groups]
        nulls = np.array([key is None for key in column], dtype=np.bool_)
        filler: Any = "" if template.dtype == np.object_ else 0
        keys.append(
            np.array([filler if key is None else key for key in column], dtype=template.dtype)
        )
        key_nulls.append(nulls)
    states = list(merged.values())
    measures = []
    for position in range(len(like.measures)):
        column_of = np.empty(len(states), dtype=np.object_)
        column_of[:] = [state[position + 1] for state in states]
        measures.append(column_of)
    counts = np.array([state[0] for state in states], dtype=np.int64)
    return GroupsPartial(keys, key_nulls, counts, measures)


def _with_distinct_counts(question: GroupRecords, groups: GroupsPartial) -> GroupsPartial:
    """Return the groups with sets of distinct values replaced by how many they are."""
    for index, measure in enumerate(question.measures):
        if measure.kind is MeasureKind.COUNT_DISTINCT:
            counted = np.empty(len(groups.counts), dtype=np.object_)
            counted[:] = [
                len(values) if isinstance(values, frozenset) else values
                for values in groups.measures[index]
            ]
            groups.measures[index] = counted
    return groups
