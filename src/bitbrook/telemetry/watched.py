"""What is not counted but is: figures that are asked for when somebody looks.

Those that name a deployment, a table or a source are for the server's operator alone: whoever may
see one organisation's must not learn what another has. They are kept in a registry of their own.
Knows nothing of what the figures are about.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from bitbrook.telemetry.metrics import REGISTRY

NAMED_REGISTRY = CollectorRegistry()


class Figure(NamedTuple):
    """A figure as it may be asked for. `labels`: what names it, empty where there is only one.

    `only_rises`: it counts what has happened since the start.
    """

    name: str
    description: str
    labels: tuple[str, ...] = ()
    only_rises: bool = False


_SOURCE = ("deployment", "source")
_OWNER = ("deployment", "owner")

FIGURES = (
    Figure("bitbrook_write_queue_batches", "Batches that wait to be durable and visible"),
    Figure("bitbrook_write_queue_bytes", "Bytes of these batches"),
    Figure("bitbrook_write_queue_bytes_max", "Bytes that may wait; more are refused"),
    Figure("bitbrook_statements_running", "Statements that run or wait for a thread"),
    Figure("bitbrook_statements_memory_bytes", "Bytes that statements have gathered"),
    Figure("bitbrook_statements_memory_bytes_max", "Bytes that they may together"),
    Figure("bitbrook_bodies_bytes", "Bytes of bodies and answers that requests hold"),
    Figure("bitbrook_bodies_bytes_max", "Bytes that they may together; more are refused"),
    Figure("bitbrook_workers_running", "Calls that have a thread of a pool", ("pool",)),
    Figure("bitbrook_workers_running_max", "Threads of a pool", ("pool",)),
    Figure("bitbrook_workers_waiting", "Calls that wait for a thread of a pool", ("pool",)),
    Figure("bitbrook_workers_waiting_max", "Calls that may; more are refused", ("pool",)),
    Figure("bitbrook_cache_hits", "Asked for and found in a cache", ("cache",), only_rises=True),
    Figure("bitbrook_cache_misses", "Asked for and not found", ("cache",), only_rises=True),
    Figure("bitbrook_cache_bytes", "Bytes that a cache holds", ("cache",)),
    Figure("bitbrook_cache_bytes_max", "Bytes that it may", ("cache",)),
    Figure("bitbrook_tables_refusing", "Tables that refuse everything; the log says why"),
    Figure("bitbrook_owners", "Processes that hold partitions, where compute is not local"),
    Figure("bitbrook_owners_lease_over", "Those whose lease is over, or that have not begun"),
    Figure("bitbrook_deployment_memory_bytes", "Bytes that its tables hold", ("deployment",)),
    Figure("bitbrook_deployment_memory_bytes_max", "Bytes of its shape", ("deployment",)),
    Figure("bitbrook_table_records", "Records", ("deployment", "table")),
    Figure("bitbrook_table_memory_bytes", "Bytes that it holds", ("deployment", "table")),
    Figure("bitbrook_table_stored_bytes", "Bytes of its snapshots", ("deployment", "table")),
    Figure(
        "bitbrook_table_log_bytes", "Bytes logged since its checkpoint", ("deployment", "table")
    ),
    Figure("bitbrook_source_records", "Records that it stored", _SOURCE, only_rises=True),
    Figure("bitbrook_source_requests", "Requests that it took", _SOURCE, only_rises=True),
    Figure("bitbrook_source_errors", "Records that it refused", _SOURCE, only_rises=True),
    Figure("bitbrook_source_bytes", "Bytes of its bodies", _SOURCE, only_rises=True),
    Figure("bitbrook_owner_lease_good", "1 while its lease is good, 0 when it is over", _OWNER),
    Figure("bitbrook_owner_answers", "1 if it told of itself when it was asked last", _OWNER),
    Figure("bitbrook_owner_queue_batches", "Batches that wait there", _OWNER),
    Figure("bitbrook_owner_queue_bytes", "Bytes of these batches", _OWNER),
    Figure("bitbrook_owner_queue_bytes_max", "Bytes that may wait there", _OWNER),
    Figure("bitbrook_owner_memory_bytes", "Resident bytes of its process", _OWNER),
    Figure("bitbrook_owner_tables_refusing", "Tables that refuse everything there", _OWNER),
    Figure("bitbrook_owner_log_bytes", "Bytes logged there since checkpoints", _OWNER),
    Figure(
        "bitbrook_owner_checkpoints",
        "Checkpoints of tables there",
        (*_OWNER, "outcome"),
        only_rises=True,
    ),
    Figure(
        "bitbrook_owner_cache_hits",
        "Asked for there and found in a cache",
        (*_OWNER, "cache"),
        only_rises=True,
    ),
    Figure(
        "bitbrook_owner_cache_misses",
        "Asked for there and not found",
        (*_OWNER, "cache"),
        only_rises=True,
    ),
    Figure("bitbrook_owner_cache_bytes", "Bytes that a cache holds there", (*_OWNER, "cache")),
    Figure("bitbrook_owner_cache_bytes_max", "Bytes that it may", (*_OWNER, "cache")),
)

_FIGURES = {figure.name: figure for figure in FIGURES}


class Value(NamedTuple):
    """A figure's value. `labels` in the order of the figure's."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


class Watch(Collector):
    """Whoever knows some figures; asked for all of them whenever somebody looks, until `close`."""

    def __init__(self, values: Callable[[], Iterable[Value]], *, is_named: bool) -> None:
        self._values = values
        self._registry = NAMED_REGISTRY if is_named else REGISTRY
        self._registry.register(self)

    def close(self) -> None:
        """Be asked no more."""
        self._registry.unregister(self)

    def describe(self) -> Iterable[Metric]:
        """Tell of no figures beforehand: asking takes what is not there yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Give every figure as it is now."""
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for name, value, labels in self._values():
            figure = _FIGURES[name]
            family = families.get(name)
            if family is None:
                kind = CounterMetricFamily if figure.only_rises else GaugeMetricFamily
                family = kind(name, figure.description, labels=figure.labels)
                families[name] = family
            family.add_metric(labels, value)
        yield from families.values()


def render_named() -> bytes:
    """Return the figures that name something, in Prometheus' text format."""
    return generate_latest(NAMED_REGISTRY)
