"""Whether a deployment's tables have outgrown the memory of its shape, or a field its rows.

The tables are measured every few seconds, by the request that comes first after that, and the
others go by what it found: no request waits for another's measuring. What is full takes no more
records; its statements, deletions and definitions go on.
"""

import threading
from typing import NamedTuple

from bitbrook.clock import Clock
from bitbrook.compute.compute import Compute
from bitbrook.control.deployments import find_shape
from bitbrook.control.registry import Registry
from bitbrook.errors import BitbrookError, RowsExceeded, ShapeExceeded
from bitbrook.settings import Settings

MEASURED_EVERY_S = 5.0


class _Measure(NamedTuple):
    """What a deployment's tables held at a moment of the monotonic clock."""

    at_s: float
    held_bytes: int
    full_fields: dict[str, tuple[str, int]]
    """By table: a field that has all the rows it may have, and how many those are."""


class ShapeMemory:
    """The memory of every deployment's tables, beside that of its shape."""

    def __init__(
        self, registry: Registry, compute: Compute, settings: Settings, *, clock: Clock
    ) -> None:
        self._registry = registry
        self._compute = compute
        self._rows_max = settings.rows_max
        self._clock = clock
        self._measures: dict[str, _Measure] = {}
        self._measuring = threading.Lock()

    def check(self, deployment_id: str, table_id: str) -> None:
        """Return if a table of a deployment may take records.

        Raises:
            ShapeExceeded: the tables hold more than the shape has; says how much.
            RowsExceeded: a field of the table has as many rows as it may; says how many.
        """
        measure = self._measures.get(deployment_id)
        now_s = self._clock.monotonic_s()
        is_old = measure is None or now_s - measure.at_s >= MEASURED_EVERY_S
        if is_old and self._measuring.acquire(blocking=False):
            try:
                measure = self._measure(deployment_id, now_s)
                self._measures[deployment_id] = measure
            finally:
                self._measuring.release()
        if measure is None:
            return
        if table_id in measure.full_fields:
            field, rows = measure.full_fields[table_id]
            raise RowsExceeded(
                f"field {field!r} has {rows:,} rows and {self._rows_max:,} are allowed; nothing "
                "was applied; use a field of numbers, drop the field, or raise rows_max",
                field=field,
            )
        row = self._registry.deployment_of_id(deployment_id)
        shape = find_shape(row.shape)
        if measure.held_bytes > shape.memory_bytes:
            raise ShapeExceeded(
                f"the tables of deployment {row.name!r} hold {measure.held_bytes:,} bytes and "
                f"shape {shape.name} has {shape.memory_bytes:,}; nothing was applied; delete "
                "tables or fields, or move to a deployment of a larger shape"
            )

    def _measure(self, deployment_id: str, now_s: float) -> _Measure:
        held_bytes = 0
        full_fields: dict[str, tuple[str, int]] = {}
        for entry in self._registry.tables(deployment_id):
            try:
                statistics = self._compute.statistics(entry.row.id)
            except BitbrookError:
                # It is going, or waits for a restart; the others still count.
                continue
            held_bytes += statistics.memory_bytes
            for field in statistics.fields:
                if field.rows >= self._rows_max:
                    full_fields[entry.row.id] = (field.name, field.rows)
        return _Measure(now_s, held_bytes, full_fields)
