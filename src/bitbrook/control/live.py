"""What goes on right now: every deployment's and source's figures at one moment.

Figures are sampled at most every half second for each view of an organisation, however many watch.
Counts of a source go up from the server's start; whoever wants rates compares two moments.
"""

import threading
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from bitbrook.auth.policy import Binding, Caller, Right
from bitbrook.clock import Clock
from bitbrook.control.deployments import Deployment, Deployments
from bitbrook.control.lifecycle import Status
from bitbrook.control.sources import Source, Sources
from bitbrook.control.tables import Tables

FRESH_S = 0.5
"""Seconds for which a sample stands for the present."""


class DeploymentFigures(msgspec.Struct, frozen=True):
    """A deployment. `memory_bytes`: of its tables, of which its shape allows `_max`."""

    id: str
    name: str
    status: Status
    shape: str
    memory_bytes: int
    memory_bytes_max: int
    record_count: int
    table_count: int


class SourceFigures(msgspec.Struct, frozen=True):
    """A source, and what it took since the server started."""

    id: str
    name: str
    status: Status
    deployment_id: str
    table: str
    records: int
    requests: int
    errors: int


class Figures(msgspec.Struct, frozen=True):
    """The figures of one moment."""

    at: datetime
    deployments: tuple[DeploymentFigures, ...]
    sources: tuple[SourceFigures, ...]


_View = tuple[str, Binding | None]


class Live:
    """Samples the figures of every organisation."""

    def __init__(
        self, deployments: Deployments, tables: Tables, sources: Sources, *, clock: Clock
    ) -> None:
        self._deployments = deployments
        self._tables = tables
        self._sources = sources
        self._clock = clock
        self._lock = threading.Lock()
        self._samples: dict[_View, Figures] = {}

    def figures(self, caller: Caller) -> Figures:
        """Return the figures of what the caller may see. Needs VIEW."""
        caller.require_somewhere(Right.VIEW)
        view = (caller.organisation_id, caller.bound_to)
        with self._lock:
            now_s = self._clock.now_s()
            self._samples = {
                key: sample
                for key, sample in self._samples.items()
                if 0 <= now_s - sample.at.timestamp() < FRESH_S
            }
            if view not in self._samples:
                self._samples[view] = self._sample(caller, now_s)
            return self._samples[view]

    def _sample(self, caller: Caller, now_s: float) -> Figures:
        memory_bytes = {shape.name: shape.memory_bytes for shape in self._deployments.shapes()}
        return Figures(
            datetime.fromtimestamp(now_s, UTC),
            tuple(
                self._deployment(caller, each, memory_bytes[each.shape])
                for each in self._deployments.list(caller)
            ),
            tuple(self._source_figures(self._sources.list(caller))),
        )

    def _deployment(
        self, caller: Caller, deployment: Deployment, memory_bytes_max: int
    ) -> DeploymentFigures:
        tables = self._tables.list(caller, deployment.id)
        return DeploymentFigures(
            deployment.id,
            deployment.name,
            deployment.status,
            deployment.shape,
            sum(table.statistics.memory_bytes for table in tables),
            memory_bytes_max,
            sum(table.statistics.record_count for table in tables),
            len(tables),
        )

    def _source_figures(self, sources: Iterable[Source]) -> Iterable[SourceFigures]:
        for source in sources:
            totals = self._sources.totals(source.id)
            yield SourceFigures(
                source.id,
                source.name,
                source.status,
                source.deployment_id,
                source.table,
                totals.records,
                totals.requests,
                totals.errors,
            )
