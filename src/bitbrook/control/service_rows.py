"""Rows of service tables, as they come: appended by whoever serves, read as Arrow tables.

A row costs its thread an append (about a microsecond); every 512 of them become one Arrow batch.
Bounded in rows and in age, of each organisation apart. In memory only: a restart forgets.
"""

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.clock import Clock
from bitbrook.query.sql.service_tables import ServiceTable, service_schema

BATCH_ROWS = 512
"""Rows that become one batch: fewer would cost more each, more would hold their thread up."""

MICROSECONDS = 1_000_000

Row = Sequence[Any]


def moment_of(time_s: float) -> int:
    """Return a moment as a row holds it: whole microseconds of Unix time."""
    return round(time_s * MICROSECONDS)


class ServiceRows:
    """The rows of all organisations. The first column of every table is the row's moment."""

    def __init__(self, *, rows_max: int, ttl_s: float, clock: Clock) -> None:
        self._rows_max = rows_max
        self._ttl_s = ttl_s
        self._clock = clock
        self._rings: dict[tuple[str, ServiceTable], _Ring] = {}

    def add(self, organisation_id: str, table: ServiceTable, row: Row) -> None:
        """Keep a row; `row` has the table's columns in order."""
        ring = self._rings.get((organisation_id, table))
        if ring is None:
            new = _Ring(service_schema(table), self._rows_max)
            ring = self._rings.setdefault((organisation_id, table), new)
        ring.add(row)

    def read(self, organisation_id: str, table: ServiceTable) -> pa.Table:
        """Return the rows of an organisation that are neither too many nor too old."""
        ring = self._rings.get((organisation_id, table))
        if ring is None:
            return service_schema(table).empty_table()
        oldest = moment_of(self._clock.now_s() - self._ttl_s)
        return ring.read(oldest)


class _Ring:
    """The rows of one table of one organisation."""

    def __init__(self, schema: pa.Schema, rows_max: int) -> None:
        self._schema = schema
        self._rows_max = rows_max
        self._lock = threading.Lock()
        # Appended to and taken from without the lock: each is one step of the interpreter.
        self._waiting: deque[Row] = deque()
        self._batches: deque[pa.RecordBatch] = deque()
        self._count = 0

    def add(self, row: Row) -> None:
        self._waiting.append(row)
        if len(self._waiting) >= BATCH_ROWS and self._lock.acquire(blocking=False):
            try:
                self._fold()
            finally:
                self._lock.release()

    def read(self, oldest: int) -> pa.Table:
        with self._lock:
            self._fold()
            while self._batches and _newest(self._batches[0]) < oldest:
                self._count -= self._batches.popleft().num_rows
            batches = list(self._batches)
        table = pa.Table.from_batches(batches, self._schema)
        table = table.slice(max(0, table.num_rows - self._rows_max))
        if table.num_rows == 0:
            return table
        since = pa.scalar(oldest, pa.int64()).cast(pa.timestamp("us"))
        return table.filter(pc.greater_equal(table.column(0), since))

    def _fold(self) -> None:
        """Make a batch of what waits; the lock is held."""
        rows = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not rows:
            return
        arrays = [
            pa.array(column, field.type)
            for column, field in zip(zip(*rows, strict=True), self._schema, strict=True)
        ]
        self._batches.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._count += len(rows)
        while self._count - self._batches[0].num_rows >= self._rows_max:
            self._count -= self._batches.popleft().num_rows


def _newest(batch: pa.RecordBatch) -> int:
    newest: int = batch.column(0)[-1].value
    return newest
