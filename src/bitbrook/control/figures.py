"""The service's figures for whoever operates it: queues, caches, and what each thing takes."""

from collections.abc import Iterator, Mapping

from bitbrook.compute.caches import Cache
from bitbrook.compute.compute import Compute
from bitbrook.compute.requests import OwnerFigures
from bitbrook.control.deployments import find_shape
from bitbrook.control.queries import Queries
from bitbrook.control.registry import Registry
from bitbrook.control.sources import Sources
from bitbrook.errors import BitbrookError
from bitbrook.telemetry.watched import Value, Watch


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
        owners = self._compute.owner_reports()
        yield Value("bitbrook_owners", len(owners))
        yield Value("bitbrook_owners_lease_over", sum(not each.lease_is_good for each in owners))

    def _named(self) -> Iterator[Value]:
        names = {row.id: row.name for row in self._registry.deployments()}
        held = dict.fromkeys(names, 0)
        for entry in self._registry.tables():
            labels = (names.get(entry.row.deployment_id, ""), entry.row.name)
            try:
                table = self._compute.table_figures(entry.row.id)
            except BitbrookError:
                # One that refuses everything is counted among those that do; of one whose owners do
                # not all answer less than all would be told.
                continue
            held[entry.row.deployment_id] += table.memory_bytes
            yield Value("bitbrook_table_records", table.record_count, labels)
            yield Value("bitbrook_table_memory_bytes", table.memory_bytes, labels)
            yield Value("bitbrook_table_stored_bytes", table.stored_bytes, labels)
            yield Value("bitbrook_table_log_bytes", table.log_bytes, labels)
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
        for owner in self._compute.owner_reports():
            labels = (names.get(owner.deployment_id, ""), owner.name)
            yield Value("bitbrook_owner_lease_good", owner.lease_is_good, labels)
            yield Value("bitbrook_owner_answers", owner.figures is not None, labels)
            if owner.figures is not None:
                yield from _owner(owner.figures, labels)


def _owner(figures: OwnerFigures, labels: tuple[str, str]) -> Iterator[Value]:
    """Give what an owner told of itself."""
    yield Value("bitbrook_owner_queue_batches", figures.queue.batches, labels)
    yield Value("bitbrook_owner_queue_bytes", figures.queue.size_bytes, labels)
    yield Value("bitbrook_owner_queue_bytes_max", figures.queue.bytes_max, labels)
    yield Value("bitbrook_owner_memory_bytes", figures.memory_bytes, labels)
    yield Value("bitbrook_owner_tables_refusing", figures.refusing_count, labels)
    log_bytes = sum(table.log_bytes for table in figures.tables.values())
    yield Value("bitbrook_owner_log_bytes", log_bytes, labels)
    for outcome, count in figures.checkpoints.items():
        yield Value("bitbrook_owner_checkpoints", count, (*labels, outcome))
    for kept, cache in figures.caches.items():
        named = (*labels, kept)
        yield Value("bitbrook_owner_cache_hits", cache.hits, named)
        yield Value("bitbrook_owner_cache_misses", cache.misses, named)
        yield Value("bitbrook_owner_cache_bytes", cache.held_bytes, named)
        yield Value("bitbrook_owner_cache_bytes_max", cache.bytes_max, named)
