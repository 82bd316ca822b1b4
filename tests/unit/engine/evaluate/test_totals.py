"""Sums, extremes and distributions of numbers are exact over tens of thousands of records.

Two shards are filled at once, with numbers up to the ends of 64 bits and gaps; the same arrays are
summed by Python integers.
"""

from collections import Counter
from typing import Any

import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import (
    All,
    Expression,
    HasRow,
    InRange,
    Intersect,
    InValues,
    Not,
    Records,
)
from bitbrook.algebra.questions import CountRecords, NumberTotals, ValueCounts
from bitbrook.engine.evaluate import evaluate
from bitbrook.errors import Cancelled, FieldNotFound


def filters(crowd: Any) -> list[tuple[Expression, Any]]:
    """Expressions and the records (bool[n]) that they select."""
    is_setosa = crowd.species == "setosa"
    in_range = (crowd.age >= 100) & (crowd.age <= 7_000)
    return [
        (All(), crowd.age == crowd.age),
        (HasRow("species", ("setosa",)), is_setosa),
        (Not(HasRow("species", ("setosa",))), ~is_setosa),
        (InRange("age", 100, 7_000), in_range),
        (
            Intersect((InRange("age", 100, 7_000), HasRow("active", (True,)))),
            in_range & crowd.active,
        ),
        (InRange("age", -(10**9), 10**9), crowd.age == crowd.age),
        (InRange("age", 20_000, None), crowd.age > 20_000),
        (InRange("price", 0, 500_000), crowd.has_price & (crowd.price <= 500_000)),
        (InValues("age", tuple(range(-20, 500))), crowd.age < 500),
        (Records(tuple(crowd.ids[::3].tolist())), crowd.ids % 3 == crowd.ids[0] % 3),
    ]


@pytest.mark.parametrize("index", range(10))
def test_every_filter_counts_and_adds_up(crowd: Any, index: int) -> None:
    """Counts, sums and extremes of a narrow, a gappy and a wide field."""
    expression, chosen = filters(crowd)[index]
    counted = evaluate(crowd.partition, CountRecords(expression), Budget())
    assert counted.count == chosen.sum()
    for name in ("age", "big", "price"):
        has_value = crowd.has_price if name == "price" else chosen
        numbers = getattr(crowd, name)[chosen & has_value].tolist()
        totals = evaluate(crowd.partition, NumberTotals(name, expression), Budget())
        assert totals.count == len(numbers)
        assert totals.total == sum(numbers)
        least, greatest = min(numbers, default=None), max(numbers, default=None)
        assert (totals.least, totals.greatest) == (least, greatest)
        assert totals.least_count == sum(number == least for number in numbers)
        assert totals.greatest_count == sum(number == greatest for number in numbers)


@pytest.mark.parametrize("name", ["age", "big", "price"])
def test_distributions(crowd: Any, name: str) -> None:
    """By distance from the least where numbers lie close, by hash where they do not."""
    for expression, chosen in filters(crowd)[:5]:
        has_value = crowd.has_price if name == "price" else chosen
        expected = sorted(Counter(getattr(crowd, name)[chosen & has_value].tolist()).items())
        partial = evaluate(crowd.partition, ValueCounts(name, expression), Budget())
        assert list(zip(partial.values.tolist(), partial.counts.tolist(), strict=True)) == expected


def test_what_cannot_be_answered_is_refused(crowd: Any) -> None:
    """A field that is not there, and a caller that has gone."""
    with pytest.raises(FieldNotFound, match="nothing"):
        evaluate(crowd.partition, NumberTotals("nothing"), Budget())
    budget = Budget()
    budget.cancelled.set()
    with pytest.raises(Cancelled):
        evaluate(crowd.partition, CountRecords(), budget)
