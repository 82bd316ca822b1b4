"""Merging partials of several partitions gives the answer of one partition that holds everything.

Random records are cut into partitions at random; what each would answer is computed naively and the
merge is compared with the naive answer over all records.
"""

from collections import Counter

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.algebra.partials import (
    CountPartial,
    GroupsPartial,
    RecordIdsPartial,
    RecordsPartial,
    RowCountsPartial,
    TotalsPartial,
    ValueCountsPartial,
)
from bitbrook.algebra.questions import (
    CountRecords,
    ExtractRecords,
    GroupKey,
    GroupRecords,
    Measure,
    MeasureKind,
    NumberTotals,
    Order,
    RecordIds,
    RowCounts,
    ValueCounts,
)
from bitbrook.compute.merge import merge_partials
from bitbrook.schema.field_types import INT64_MAX, INT64_MIN

numbers = st.lists(st.integers(INT64_MIN, INT64_MAX) | st.integers(-3, 3), max_size=8)
partitions = st.lists(numbers, min_size=1, max_size=4)


def totals(values: list[int]) -> TotalsPartial:
    if not values:
        return TotalsPartial()
    least, greatest = min(values), max(values)
    return TotalsPartial(
        count=len(values),
        total=sum(values),
        least=least,
        least_count=values.count(least),
        greatest=greatest,
        greatest_count=values.count(greatest),
    )


@given(partitions)
def test_totals_add_up_exactly(parts: list[list[int]]) -> None:
    merged = merge_partials(NumberTotals("n"), [totals(part) for part in parts])
    assert merged == totals([value for part in parts for value in part])


@given(partitions)
def test_counts_add_up(parts: list[list[int]]) -> None:
    merged = merge_partials(CountRecords(), [CountPartial(len(part)) for part in parts])
    assert merged == CountPartial(sum(map(len, parts)))


@given(partitions)
def test_value_counts_stay_ascending(parts: list[list[int]]) -> None:
    def partial(values: list[int]) -> ValueCountsPartial:
        counted = sorted(Counter(values).items())
        return ValueCountsPartial(
            np.array([value for value, _ in counted], dtype=np.int64),
            np.array([count for _, count in counted], dtype=np.int64),
        )

    merged = merge_partials(ValueCounts("n"), [partial(part) for part in parts])
    assert isinstance(merged, ValueCountsPartial)
    expected = partial([value for part in parts for value in part])
    assert merged.values.tolist() == expected.values.tolist()
    assert merged.counts.tolist() == expected.counts.tolist()


@given(st.lists(st.lists(st.sampled_from(["é", "a", "b|c", ""]), max_size=6), min_size=1))
def test_row_counts_merge_by_key(parts: list[list[str]]) -> None:
    def partial(keys: list[str]) -> RowCountsPartial:
        counted = sorted(Counter(keys).items())
        rows = np.empty(len(counted), dtype=np.object_)
        rows[:] = [key for key, _ in counted]
        return RowCountsPartial(rows, np.array([n for _, n in counted], dtype=np.int64))

    merged = merge_partials(RowCounts("f"), [partial(part) for part in parts])
    assert isinstance(merged, RowCountsPartial)
    expected = sorted(Counter(key for part in parts for key in part).items())
    assert list(zip(merged.rows.tolist(), merged.counts.tolist(), strict=True)) == expected


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(-2, 2) | st.none()), unique_by=lambda r: r[0]
    ),
    st.booleans(),
    st.integers(0, 5),
    st.integers(0, 5) | st.none(),
)
def test_records_come_in_the_order_asked_for(
    records: list[tuple[int, int | None]], is_descending: bool, offset: int, limit: int | None
) -> None:
    order = Order("n", is_descending=is_descending, includes_null=True)
    halves = [records[::2], records[1::2]]

    def columns(part: list[tuple[int, int | None]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return (
            np.array([i for i, _ in part], dtype=np.uint64),
            np.array([value or 0 for _, value in part], dtype=np.int64),
            np.array([value is None for _, value in part], dtype=np.bool_),
        )

    sign = -1 if is_descending else 1
    expected = [
        i for i, _ in sorted(records, key=lambda r: (r[1] is None, sign * (r[1] or 0), r[0]))
    ]
    expected = expected[offset:] if limit is None else expected[offset : offset + limit]

    ids = merge_partials(
        RecordIds(order=order, limit=limit, offset=offset),
        [RecordIdsPartial(*columns(part)) for part in halves],
    )
    assert isinstance(ids, RecordIdsPartial)
    assert ids.ids.tolist() == expected

    extracted = merge_partials(
        ExtractRecords(("n",), order=order, limit=limit, offset=offset),
        [RecordsPartial(pa.table({"_id": columns(p)[0]}), *columns(p)[1:]) for p in halves],
    )
    assert isinstance(extracted, RecordsPartial)
    assert extracted.records.column("_id").to_pylist() == expected


def test_groups_merge_by_their_keys_and_distinct_values_are_united() -> None:
    def objects(*values: object) -> np.ndarray:
        column = np.empty(len(values), dtype=np.object_)
        column[:] = values
        return column

    question = GroupRecords(
        keys=(GroupKey("species", includes_null=True),),
        measures=(
            Measure(MeasureKind.SUM, "n"),
            Measure(MeasureKind.MIN, "n"),
            Measure(MeasureKind.MAX, "n"),
            Measure(MeasureKind.COUNT_DISTINCT, "n"),
        ),
    )
    one = GroupsPartial(
        keys=[objects("a", "")],
        key_nulls=[np.array([False, True])],
        counts=np.array([2, 1]),
        measures=[
            objects(2**70, None),
            objects(1, None),
            objects(9, None),
            objects(frozenset({1, 9}), frozenset()),
        ],
    )
    other = GroupsPartial(
        keys=[objects("a", "b")],
        key_nulls=[np.array([False, False])],
        counts=np.array([3, 4]),
        measures=[
            objects(1, 5),
            objects(-1, 5),
            objects(2, 5),
            objects(frozenset({9, 2}), frozenset({5})),
        ],
    )
    merged = merge_partials(question, [one, other])
    assert isinstance(merged, GroupsPartial)
    groups = {
        None if is_null else key: (count, *measures)
        for key, is_null, count, *measures in zip(
            merged.keys[0].tolist(),
            merged.key_nulls[0].tolist(),
            merged.counts.tolist(),
            *(column.tolist() for column in merged.measures),
            strict=True,
        )
    }
    assert groups == {
        "a": (5, 2**70 + 1, -1, 9, 3),
        None: (1, None, None, None, 0),
        "b": (4, 5, 5, 5, 1),
    }
