"""Whether a deployment's tables have outgrown the memory of its shape.

The tables are measured every few seconds, by the request that comes first after that, and the
others go by what it found: no request waits for another's measuring. What is full takes no more
records; its statements, deletions and definitions go on.
"""

import threading
from typing import NamedTuple

from bitbrook.clock import Clock
from bitbrook.compute.local import LocalCompute
from bitbrook.control.deployments import find_shape
from bitbrook.control.registry import Registry
from bitbrook.errors import BitbrookError, ShapeExceeded

MEASURED_EVERY_S = 5.0


class _Measure(NamedTuple):
    """What a deployment's tables held at a moment of the monotonic clock."""

    at_s: float
    held_bytes: int


class ShapeMemory:
    """The memory of every deployment's tables, beside that of its shape."""

    def __init__(self, registry: Registry, compute: LocalCompute, *, clock: Clock) -> None:
        self._registry = registry
        self._compute = compute
        self._clock = clock
        self._measures: dict[str, _Measure] = {}
        self._measuring = threading.Lock()

    def check(self, deployment_id: str) -> None:
        """Return if a deployment may take records.

        Raises:
            ShapeExceeded: its tables hold more than its shape has; says how much.
        """
        measure = self._measures.get(deployment_id)
        now_s = self._clock.monotonic_s()
        is_old = measure is None or now_s - measure.at_s >= MEASURED_EVERY_S
        if is_old and self._measuring.acquire(blocking=False):
            try:
                measure = _Measure(now_s, self._held_bytes(deployment_id))
                self._measures[deployment_id] = measure
            finally:
                self._measuring.release()
        if measure is None:
            return
        row = self._registry.deployment_of_id(deployment_id)
        shape = find_shape(row.shape)
        if measure.held_bytes > shape.memory_bytes:
            raise ShapeExceeded(
                f"the tables of deployment {row.name!r} hold {measure.held_bytes:,} bytes and "
                f"shape {shape.name} has {shape.memory_bytes:,}; nothing was applied; delete "
                "tables or fields, or move to a deployment of a larger shape"
            )

    def _held_bytes(self, deployment_id: str) -> int:
        held_bytes = 0
        for entry in self._registry.tables(deployment_id):
            try:
                held_bytes += self._compute.statistics(entry.row.id).memory_bytes
            except BitbrookError:
                # It is going, or waits for a restart; the others still count.
                continue
        return held_bytes
