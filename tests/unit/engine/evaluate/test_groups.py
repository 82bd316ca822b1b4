"""Groups of tens of thousands of records have the counts and measures that dictionaries give.

Keys of every kind, alone and together, with filters that leave many, few and no records; sums of
numbers that exceed 64 bits; and every way of forming groups that the number of rows or groups
leads to.
"""

from collections import defaultdict
from itertools import product
from typing import Any

import numpy as np
import pytest
from tests.model.naive import plain_groups

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import All, Expression, HasRow, InRange, Nothing
from bitbrook.algebra.questions import GroupKey, GroupRecords, Measure, MeasureKind, RowCounts
from bitbrook.engine.evaluate import evaluate, groups, top_rows
from bitbrook.errors import LimitExceeded

SUM_AGE = Measure(MeasureKind.SUM, "age")
SUM_BIG = Measure(MeasureKind.SUM, "big")
SUM_PRICE = Measure(MeasureKind.SUM, "price")
OTHERS = (
    Measure(MeasureKind.MIN, "price"),
    Measure(MeasureKind.MAX, "big"),
    Measure(MeasureKind.COUNT_VALUES, "tags"),
    Measure(MeasureKind.COUNT_DISTINCT, "country"),
    Measure(MeasureKind.COUNT_DISTINCT, "tags"),
)

CASES: list[tuple[tuple[str, ...], tuple[Measure, ...]]] = [
    (("country", "species"), (SUM_AGE,)),
    (("country", "species"), (SUM_PRICE, SUM_AGE)),
    (("species",), (SUM_BIG, SUM_AGE, SUM_PRICE)),
    (("active", "age"), (SUM_PRICE,)),
    (("big",), (SUM_AGE,)),
    (("country", "big"), (SUM_AGE,)),
    (("colours",), (SUM_AGE, SUM_BIG)),
    (("colours", "country"), (SUM_PRICE,)),
    (("country", "colours", "active"), ()),
    (("tags",), (SUM_AGE,)),
    (("tags", "colours"), (SUM_AGE,)),
    (("species", "tags", "active"), (SUM_PRICE,)),
    (("species",), OTHERS),
    (("colours", "active"), OTHERS),
]
FILTERS: list[Expression] = [
    All(),
    HasRow("active", (True,)),
    InRange("age", 100, 7_000),
    HasRow("country", ("country-07",)),
    InRange("age", 100, 110),
    Nothing(),
]


def values_of(crowd: Any, name: str, index: int) -> list[Any]:
    """The values that a record has in a field."""
    if name == "price" and not crowd.has_price[index]:
        return []
    value = getattr(crowd, name)[index]
    if isinstance(value, list):
        return value
    return [value.item() if isinstance(value, np.generic) else value]


def expected_groups(crowd: Any, question: GroupRecords, chosen: Any) -> dict[Any, Any]:
    """The groups, record by record."""
    members: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for index in np.flatnonzero(chosen).tolist():
        columns = [values_of(crowd, key.field, index) for key in question.keys]
        for key, column in enumerate(columns):
            if not column and question.keys[key].includes_null:
                columns[key] = [None]
        for group in product(*columns):
            members[group].append(index)
    return {
        group: (len(ids), *(measured(crowd, measure, ids) for measure in question.measures))
        for group, ids in members.items()
    }


def measured(crowd: Any, measure: Measure, ids: list[int]) -> int | None:
    """A measure of records."""
    columns = [values_of(crowd, measure.field, index) for index in ids]
    flat = [value for column in columns for value in column]
    match measure.kind:
        case MeasureKind.SUM:
            return sum(flat) if flat else None
        case MeasureKind.MIN:
            return min(flat, default=None)
        case MeasureKind.MAX:
            return max(flat, default=None)
        case MeasureKind.COUNT_VALUES:
            return sum(bool(column) for column in columns)
        case MeasureKind.COUNT_DISTINCT:
            return len(set(flat))


def selected(crowd: Any, expression: Expression) -> Any:
    """The records (bool[n]) of one of the filters."""
    everyone = np.ones(len(crowd.ids), dtype=np.bool_)
    match expression:
        case All():
            return everyone
        case HasRow("active", _):
            return crowd.active
        case HasRow("country", (row,)):
            return crowd.country == row
        case InRange(_, low, high):
            return (crowd.age >= low) & (crowd.age <= high)
    return ~everyone


def ranking(partial: Any) -> list[tuple[Any, int]]:
    """Rows and counts, the most first and equal ones by row."""
    pairs = zip(partial.rows.tolist(), partial.counts.tolist(), strict=True)
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


@pytest.mark.parametrize("gathered_max", [0, groups.GATHERED_MAX])
@pytest.mark.parametrize("expression", FILTERS, ids=range(len(FILTERS)))
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(case[0]))
def test_groups(
    crowd: Any,
    case: Any,
    expression: Expression,
    gathered_max: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Counts and measures of every group, and no other group, whether or not all are passed by."""
    monkeypatch.setattr(groups, "GATHERED_MAX", gathered_max)
    names, measures = case
    question = GroupRecords(tuple(map(GroupKey, names)), expression, measures)
    partial = evaluate(crowd.partition, question, Budget())
    expected = expected_groups(crowd, question, selected(crowd, expression))
    assert plain_groups(partial) == expected


@pytest.mark.parametrize("names", [("price",), ("species", "tags"), ("colours", "price")])
def test_records_without_a_value_form_a_group_if_wanted(crowd: Any, names: Any) -> None:
    """None is a key of its own."""
    keys = tuple(GroupKey(name, includes_null=True) for name in names)
    question = GroupRecords(keys, HasRow("active", (True,)), (SUM_AGE, SUM_PRICE))
    partial = evaluate(crowd.partition, question, Budget())
    assert plain_groups(partial) == expected_groups(crowd, question, crowd.active)


@pytest.mark.parametrize("limit", ["INTERSECTED_ROWS_MAX", "DENSE_GROUPS_MAX"])
def test_the_way_does_not_show(crowd: Any, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows or entries, dense numbers or those met: the groups are the same."""
    keys = (GroupKey("colours"), GroupKey("country"))
    question = GroupRecords(keys, measures=(SUM_PRICE, SUM_BIG))
    usual = plain_groups(evaluate(crowd.partition, question, Budget()))
    monkeypatch.setattr(groups, limit, 0)
    monkeypatch.setattr(groups, "INTERSECTED_SIZE_MIN", 1 << 30)
    assert plain_groups(evaluate(crowd.partition, question, Budget())) == usual


@pytest.mark.parametrize("entries_max", [1, 2, 5, 1_000])
@pytest.mark.parametrize("names", [("tags", "colours", "species"), ("colours", "big", "tags")])
def test_entries_in_runs(
    crowd: Any, names: Any, entries_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few entries are made at a time, and where one record alone makes more."""
    monkeypatch.setattr(groups, "ENTRIES_MAX", entries_max)
    expression = InRange("age", 100, 110)
    question = GroupRecords(tuple(map(GroupKey, names)), expression, (SUM_PRICE,))
    expected = expected_groups(crowd, question, selected(crowd, expression))
    assert plain_groups(evaluate(crowd.partition, question, Budget())) == expected


def test_too_many_groups_are_refused(crowd: Any) -> None:
    """The limit is named."""
    question = GroupRecords((GroupKey("country"), GroupKey("big")))
    with pytest.raises(LimitExceeded, match="100 are allowed"):
        evaluate(crowd.partition, question, Budget(groups_max=100))


@pytest.mark.parametrize("expression", FILTERS, ids=range(len(FILTERS)))
@pytest.mark.parametrize("name", ["species", "country", "active", "tags", "colours"])
def test_row_counts(
    crowd: Any, name: str, expression: Expression, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows ascend, each with as many records as were selected; of the largest none is missing."""
    question = GroupRecords((GroupKey(name),))
    expected = expected_groups(crowd, question, selected(crowd, expression))
    partial = evaluate(crowd.partition, RowCounts(name, expression), Budget())
    assert partial.counts.dtype == np.int64
    assert list(zip(partial.rows.tolist(), partial.counts.tolist(), strict=True)) == sorted(
        (group[0], count) for group, (count,) in expected.items()
    )
    some = tuple(partial.rows.tolist()[1:3])
    restricted = evaluate(crowd.partition, RowCounts(name, expression, rows=some), Budget())
    assert restricted.rows.tolist() == list(some)
    assert restricted.counts.tolist() == partial.counts[1:3].tolist()
    monkeypatch.setattr(top_rows, "ROW_NS", 0)
    ranked = ranking(partial)
    for most in (1, 2, 5, len(ranked) + 1):
        question = RowCounts(name, expression, most=most)
        assert ranking(evaluate(crowd.partition, question, Budget()))[:most] == ranked[:most]
