"""A table can be read piece by piece by its records' numbers: every record once, and in order.

Tried with pieces that end in, on and beside the border of a shard, beyond all records, and empty.
"""

from typing import Any

import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import HasRow, InNumbers, Intersect, Not
from bitbrook.algebra.questions import CountRecords, ExtractRecords, RecordIds
from bitbrook.engine.evaluate import evaluate

BORDER = 1 << 20


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (0, None), (0, 2**64 - 1), (BORDER, None), (0, BORDER - 1), (BORDER - 1, BORDER),
        (BORDER - 5, BORDER + 5), (BORDER + 7, BORDER + 7), (BORDER + 1, BORDER), (2**63, None),
    ],
)  # fmt: skip
def test_both_bounds_are_in(crowd: Any, low: int, high: int | None) -> None:
    last = 2**64 - 1 if high is None else high
    expected = [number for number in crowd.ids.tolist() if low <= number <= last]
    ids: Any = evaluate(crowd.partition, RecordIds(InNumbers(low, high)), Budget())
    assert ids.ids.tolist() == expected
    counted: Any = evaluate(crowd.partition, CountRecords(InNumbers(low, high)), Budget())
    assert counted.count == len(expected)
    others: Any = evaluate(crowd.partition, CountRecords(Not(InNumbers(low, high))), Budget())
    assert others.count == len(crowd.ids) - len(expected)


def test_it_narrows_and_is_narrowed(crowd: Any) -> None:
    low, high = BORDER - 1_000, BORDER + 1_000
    both = Intersect((HasRow("species", ("setosa",)), InNumbers(low, high)))
    expected = [
        number
        for number, species in zip(crowd.ids.tolist(), crowd.species.tolist(), strict=True)
        if low <= number <= high and species == "setosa"
    ]
    counted: Any = evaluate(crowd.partition, CountRecords(both), Budget())
    assert counted.count == len(expected)


@pytest.mark.parametrize("size", [7_000, 60_000, 100_000])
def test_pages_from_the_last_id_on_give_every_record_once(crowd: Any, size: int) -> None:
    seen: list[int] = []
    low = 0
    while True:
        question = ExtractRecords(("age",), InNumbers(low), limit=size)
        page: Any = evaluate(crowd.partition, question, Budget())
        ids = page.records.column("_id").to_pylist()
        if not ids:
            break
        seen += ids
        low = ids[-1] + 1
    assert seen == crowd.ids.tolist()
