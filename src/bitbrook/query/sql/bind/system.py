"""System tables: what a deployment tells about itself in SQL.

Each is a list of columns and a function that gives its rows, read anew by every statement.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa

from bitbrook.query.database import Database, StatementEntry, StatementStatus
from bitbrook.query.sql.bind.scope import Statement
from bitbrook.query.sql.describe import table_definition
from bitbrook.query.sql.service_tables import (
    ARROW_TYPES,
    SERVICE_COLUMNS,
    Columns,
    ServiceTable,
)
from bitbrook.query.sql.types import INT, STRING, TIMESTAMP
from bitbrook.telemetry.metrics import read_metrics

_SERVICE_NAMES = frozenset(ServiceTable)


def find_system_table(name: str, statement: Statement) -> tuple[Columns, pa.Table] | None:
    """Return the columns and rows of a system table, None if the name is of no such table.

    The rows' columns are called c0, c1 and so on, as those of every relation that is no table.
    """
    if name in _SERVICE_NAMES:
        table = ServiceTable(name)
        statement.is_fleeting = True
        columns = SERVICE_COLUMNS[table]
        rows = statement.database.service_rows(name)
        return columns, rows.rename_columns([f"c{index}" for index in range(len(columns))])
    found = _TABLES.get(name)
    if found is None:
        return None
    statement.is_fleeting = True
    columns, rows_of = found
    listed = list(rows_of(statement.database))
    arrays = [
        pa.array([row[index] for row in listed], ARROW_TYPES[kind])
        for index, (_, kind) in enumerate(columns)
    ]
    return columns, pa.Table.from_arrays(arrays, [f"c{index}" for index in range(len(columns))])


def system_columns(name: str) -> Columns | None:
    """Return the columns of a system table, None if the name is of no such table."""
    if name in _SERVICE_NAMES:
        return SERVICE_COLUMNS[ServiceTable(name)]
    found = _TABLES.get(name)
    return None if found is None else found[0]


def system_tables() -> list[str]:
    """Return the names of the system tables."""
    return sorted([*_TABLES, *_SERVICE_NAMES])


Row = tuple[Any, ...]


def _definitions(database: Database) -> Iterable[Row]:
    for table in sorted(database.tables(), key=lambda table: table.name):
        yield table.name, table_definition(table)


def _requests(database: Database) -> Iterable[Row]:
    return map(_request, database.statements())


def _request(entry: StatementEntry) -> Row:
    started = datetime.fromtimestamp(entry.started_s, UTC).replace(tzinfo=None)
    is_running = entry.status is StatementStatus.RUNNING
    return (
        entry.id,
        entry.user,
        started,
        None if is_running else started + timedelta(microseconds=entry.duration_us),
        entry.status.value,
        entry.duration_us,
        entry.language,
        entry.text,
        entry.records_selected,
        entry.rows_returned,
        entry.answer_bytes,
        entry.error,
    )


def _counters(_: Database) -> Iterable[Row]:
    """Give the server's metrics; what is measured in seconds is told in whole microseconds."""
    for name, labels, value, kind in read_metrics():
        shown = msgspec.json.encode(labels).decode() if labels else None
        if "_seconds" in name and not name.endswith("_count"):
            yield name.replace("_seconds", "_microseconds"), shown, round(value * 1_000_000), kind
        else:
            yield name, shown, round(value), kind


_TABLES: dict[str, tuple[Columns, Callable[[Database], Iterable[Row]]]] = {
    "fb_table_ddl": ([("name", STRING), ("ddl", STRING)], _definitions),
    "fb_exec_requests": (
        [
            ("request_id", STRING),
            ("user", STRING),
            ("start_time", TIMESTAMP),
            ("end_time", TIMESTAMP),
            ("status", STRING),
            ("duration_us", INT),
            ("language", STRING),
            ("sql", STRING),
            ("records_selected", INT),
            ("row_count", INT),
            ("answer_bytes", INT),
            ("error", STRING),
        ],
        _requests,
    ),
    "fb_performance_counters": (
        [("name", STRING), ("labels", STRING), ("value", INT), ("counter_type", STRING)],
        _counters,
    ),
}
