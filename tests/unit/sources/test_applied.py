"""What a request says is what the table holds after its batch is applied.

Tried with records of one id that contradict each other within a request and between two, on a
real partition: single values, sets, times and rows that are taken back.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from bitbrook.engine.partition import Partition

FIELDS = [
    {"name": "amount", "type": "decimal", "config": {"Scale": 1}},
    {"name": "colour", "type": "string", "config": {"Mutex": True}},
    {"name": "tags", "type": "strings"},
    {"name": "flags", "type": "signedIntBoolKey"},
    {"name": "visits", "type": "id", "config": {"Quantum": "Y"}},
    {"name": "at", "type": "recordTime"},
]


class Applied:
    """A source, and the partition that its batches are applied to."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self.partition = Partition(source.table, 0)

    def send(self, *values: Any) -> None:
        batch, outcomes, _ = self.source.decode_values(*values)
        assert outcomes.errors == ()
        self.partition.apply(self.partition.applied_sequence + 1, batch)

    def records_with(self, name: str, row: int | str, view: str = "") -> list[int]:
        field = self.source.table.field(name)
        code = int(self.partition.dictionaries[field.id].find_codes([row])[0])
        field_shard = self.partition.shards[0].fields[field.id]
        rows = field_shard.views[view] if view else field_shard.rows
        assert rows is not None
        return [] if code < 0 else list(rows.row(code))

    def number(self, name: str, record_id: int) -> int | None:
        values = self.partition.shards[0].fields[self.source.table.field(name).id].values
        assert values is not None
        numbers, are_present = values.get(np.array([record_id], dtype=np.uint32))
        return int(numbers[0]) if are_present[0] else None


def test_the_last_value_stays_and_sets_accumulate(source_of: Callable[..., Any]) -> None:
    applied = Applied(source_of(*FIELDS, allow_missing_fields=True))
    applied.send(
        {"id": 1, "amount": "1.5", "colour": "red", "tags": ["a"]},
        {"id": 2, "amount": 7, "colour": "red"},
        {"id": 1, "amount": "-2", "colour": "blue", "tags": ["b", "a"]},
        {"id": 1, "tags": []},
    )
    assert (applied.number("amount", 1), applied.number("amount", 2)) == (-20, 70)
    assert applied.records_with("colour", "red") == [2]
    assert applied.records_with("colour", "blue") == [1]
    assert applied.records_with("tags", "a") == applied.records_with("tags", "b") == [1]


def test_rows_are_taken_back_in_the_order_of_the_records(source_of: Callable[..., Any]) -> None:
    applied = Applied(source_of(*FIELDS, allow_missing_fields=True))
    applied.send({"id": 1, "flags": 5}, {"id": 2, "flags": 5}, {"id": 1, "flags": -5})
    assert applied.records_with("flags", 5) == [2]
    applied.send({"id": 2, "flags": -5}, {"id": 1, "flags": 5}, {"id": 2, "flags": 6})
    assert applied.records_with("flags", 5) == [1]
    assert applied.records_with("flags", 6) == [2]
    applied.send({"id": 1, "flags": -5}, {"id": 1, "flags": 5}, {"id": 3, "flags": -9})
    assert applied.records_with("flags", 5) == [1]
    assert 3 in applied.partition.shards[0].exists


def test_times_go_to_their_views(source_of: Callable[..., Any]) -> None:
    applied = Applied(source_of(*FIELDS, allow_missing_fields=True))
    applied.send(
        {"id": 1, "visits": 9, "at": "2023-12-31T23:59:59Z"},
        {"id": 2, "visits": 9, "at": "2024-01-01T00:30:00+01:00"},
        {"id": 3, "visits": 9, "at": 1704067200},
        {"id": 4, "visits": 9},
    )
    assert applied.records_with("visits", 9) == [1, 2, 3, 4]
    assert applied.records_with("visits", 9, view="2023") == [1, 2]
    assert applied.records_with("visits", 9, view="2024") == [3]
