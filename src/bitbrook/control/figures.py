"""The service's figures for whoever operates it: queues, caches, and what each thing takes."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from bitbrook.compute.compute import Compute
from bitbrook.control.deployments import find_shape
from bitbrook.control.queries import Queries
from bitbrook.control.registry import Registry
from bitbrook.control.sources import Sources
from bitbrook.errors import BitbrookError
from bitbrook.telemetry.watched import Value, Watch


class Cache(Protocol):
    """A cache that can tell how it fares. `hits` and `misses`: since the process began."""

    @property
    def hits(self) -> int: ...  # noqa: D102 - said above
    @property
    def misses(self) -> int: ...  # noqa: D102 - said above
    @property
    def held_bytes(self) -> int: ...  # noqa: D102 - what it takes
    @property
    def bytes_max(self) -> int: ...  # noqa: D102 - what it may


class ServiceFigures:
    """Answers who looks at the metrics, until it is closed. `caches`: by what they keep."""

    def __init__(
        self,
        registry: Registry,
        compute: Compute,
        sources: Sources,
        queries: Queries,
        caches: Mapping[str, Cache],
    ) -> None:
        self._registry = registry
        self._compute = compute
        self._sources = sources
        self._queries = queries
        self._caches = dict(caches)
        self._watches = [
            Watch(self._own, is_named=False),
            Watch(self._named, is_named=True),
        ]

    def close(self) -> None:
        """Be asked no more."""
        for watch in self._watches:
            watch.close()

    def _own(self) -> Iterator[Value]:
        queue = self._compute.write_queue()
        yield Value("bitbrook_write_queue_batches", queue.batches)
        yield Value("bitbrook_write_queue_bytes", queue.size_bytes)
        yield Value("bitbrook_write_queue_bytes_max", queue.bytes_max)
        yield Value("bitbrook_statements_running", self._queries.statements.running_count)
        memory = self._queries.memory
        yield Value("bitbrook_statements_memory_bytes", memory.held_bytes)
        yield Value("bitbrook_statements_memory_bytes_max", memory.bytes_max)
        for kept, cache in self._caches.items():
            yield Value("bitbrook_cache_hits", cache.hits, (kept,))
            yield Value("bitbrook_cache_misses", cache.misses, (kept,))
            yield Value("bitbrook_cache_bytes", cache.held_bytes, (kept,))
            yield Value("bitbrook_cache_bytes_max", cache.bytes_max, (kept,))
        yield Value("bitbrook_tables_refusing", self._compute.refusing_count())

    def _named(self) -> Iterator[Value]:
        names = {row.id: row.name for row in self._registry.deployments()}
        held = dict.fromkeys(names, 0)
        for entry in self._registry.tables():
            labels = (names.get(entry.row.deployment_id, ""), entry.row.name)
            try:
                statistics = self._compute.statistics(entry.row.id)
                log_bytes = self._compute.unstored_bytes(entry.row.id)
            except BitbrookError:
                # One that refuses everything is counted among those that do.
                continue
            held[entry.row.deployment_id] += statistics.memory_bytes
            yield Value("bitbrook_table_records", statistics.record_count, labels)
            yield Value("bitbrook_table_memory_bytes", statistics.memory_bytes, labels)
            yield Value("bitbrook_table_stored_bytes", statistics.stored_bytes, labels)
            yield Value("bitbrook_table_log_bytes", log_bytes, labels)
        for row in self._registry.deployments():
            shape = find_shape(row.shape)
            yield Value("bitbrook_deployment_memory_bytes", held[row.id], (row.name,))
            yield Value("bitbrook_deployment_memory_bytes_max", shape.memory_bytes, (row.name,))
        for source in self._registry.sources():
            totals = self._sources.totals(source.row.id)
            labels = (names.get(source.row.deployment_id, ""), source.row.name)
            yield Value("bitbrook_source_records", totals.records, labels)
            yield Value("bitbrook_source_requests", totals.requests, labels)
            yield Value("bitbrook_source_errors", totals.errors, labels)
            yield Value("bitbrook_source_bytes", totals.size_bytes, labels)
