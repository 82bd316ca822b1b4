"""A view goes when its period ended longer ago than its time to live, not a second earlier.

Tried at both sides of the ends of years, months, days and hours, over leap days and the last year
that dates know; and in a table, with the standard view staying.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from bitbrook.engine.retention import expired_views
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

HOUR_S = 3_600


@pytest.mark.parametrize(
    ("view", "end"),
    [
        ("2023", datetime(2024, 1, 1, tzinfo=UTC)),
        ("202402", datetime(2024, 3, 1, tzinfo=UTC)),
        ("202312", datetime(2024, 1, 1, tzinfo=UTC)),
        ("20240228", datetime(2024, 2, 29, tzinfo=UTC)),
        ("20231231", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2023123123", datetime(2024, 1, 1, tzinfo=UTC)),
        ("1969123123", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_the_end_of_the_period_and_the_time_to_live_count(view: str, end: datetime) -> None:
    assert expired_views([view], HOUR_S, end.timestamp() + HOUR_S) == []
    assert expired_views([view], HOUR_S, end.timestamp() + HOUR_S + 1) == [view]


def test_the_last_year_never_ends() -> None:
    assert expired_views(["9999", "999912"], 1, datetime.max.replace(tzinfo=UTC).timestamp()) == []


def test_a_table_drops_what_expired_and_keeps_the_standard_view(home: Any, batch_of: Any) -> None:
    visits = FieldSchema(
        "visits", FieldType.TIME, id=1, is_keyed=True, quantum="YMD", ttl_s=24 * HOUR_S
    )
    schema = TableSchema("t1", "things", fields=(visits,))
    table = home.open(schema)
    times = [datetime(2024, 5, day, tzinfo=UTC).timestamp() for day in (1, 6)]
    batch = batch_of({"_id": [1, 2], "visits": [["a"], ["a"]]}, schema=schema)
    (operation,) = batch.operations
    operation.records = operation.records.append_column("visits@time", [int(t) for t in times])
    table.submit({0: batch}).result(10)
    table.expire_views(datetime(2024, 5, 3, tzinfo=UTC).timestamp() - 1)
    field = table._partitions[0].shards[0].fields[1]
    assert set(field.views) == {"2024", "202405", "20240501", "20240506"}
    table.expire_views(datetime(2024, 5, 3, tzinfo=UTC).timestamp() + 1)
    assert set(field.views) == {"2024", "202405", "20240506"}
    assert field.rows is not None
    assert len(field.rows.row(0)) == 2
