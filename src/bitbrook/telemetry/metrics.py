"""What is counted, as functions: whoever does something says so in one line.

Labels take few values (never an id), so that the number of series stays bounded.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry()
_PROCESS = ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

_LATENCIES_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)

_REQUESTS = Counter(
    "bitbrook_requests", "HTTP requests answered", ["route", "status"], registry=REGISTRY
)
_REQUEST_S = Histogram(
    "bitbrook_request_seconds",
    "Time from a request to its answer",
    ["route"],
    buckets=_LATENCIES_S,
    registry=REGISTRY,
)
_RECORDS = Counter("bitbrook_records", "Records that are durable", registry=REGISTRY)
_RECORD_ERRORS = Counter(
    "bitbrook_record_errors", "Records that were refused", ["code"], registry=REGISTRY
)
_INGEST_BYTES = Counter("bitbrook_ingest_bytes", "Bytes of bodies of records", registry=REGISTRY)
_STATEMENTS = Counter(
    "bitbrook_statements", "Statements answered", ["language", "outcome"], registry=REGISTRY
)
_STATEMENT_S = Histogram(
    "bitbrook_statement_seconds",
    "Time that statements ran, by their first call or word",
    ["language", "kind"],
    buckets=_LATENCIES_S,
    registry=REGISTRY,
)
_SLOW_STATEMENTS = Counter(
    "bitbrook_slow_statements",
    "Statements that took longer than slow_statement_s",
    ["language"],
    registry=REGISTRY,
)
_SIGN_INS = Counter("bitbrook_sign_ins", "Sign-ins", ["outcome"], registry=REGISTRY)
_AUDIT_LOSSES = Counter(
    "bitbrook_audit_losses", "Audit entries that could not be written", registry=REGISTRY
)
_TABLES = Gauge("bitbrook_tables", "Tables that are open", registry=REGISTRY)
_SOURCES = Gauge("bitbrook_sources", "Sources that are running", registry=REGISTRY)


def count_request(route: str, status: int, duration_s: float) -> None:
    """Count an answered HTTP request. `route`: the pattern, not the path that was asked for."""
    _requests_of(route, status).inc()
    _request_s_of(route).observe(duration_s)


def count_records(stored: int, refused: Mapping[str, int]) -> None:
    """Count the records of a request whose batch is durable. `refused`: by the error's code."""
    _RECORDS.inc(stored)
    for code, count in refused.items():
        _RECORD_ERRORS.labels(code).inc(count)


def count_ingest_bytes(size_bytes: int) -> None:
    """Count the bytes of an accepted body of records."""
    _INGEST_BYTES.inc(size_bytes)


def count_statement(
    language: str, outcome: str, duration_s: float, *, kind: str, is_slow: bool = False
) -> None:
    """Count a statement. `language`: pql or sql. `outcome`: success, or an error's code."""
    _statements_of(language, outcome).inc()
    _statement_s_of(language, kind).observe(duration_s)
    if is_slow:
        _SLOW_STATEMENTS.labels(language).inc()


# To look a series up by its labels takes longer than to count; both are done for every request.
@cache
def _requests_of(route: str, status: int) -> Counter:
    return _REQUESTS.labels(route, str(status))


@cache
def _request_s_of(route: str) -> Histogram:
    return _REQUEST_S.labels(route)


@cache
def _statements_of(language: str, outcome: str) -> Counter:
    return _STATEMENTS.labels(language, outcome)


@cache
def _statement_s_of(language: str, kind: str) -> Histogram:
    return _STATEMENT_S.labels(language, kind)


def count_sign_in(*, is_good: bool) -> None:
    """Count a sign-in."""
    _SIGN_INS.labels("success" if is_good else "refused").inc()


def count_audit_losses(count: int) -> None:
    """Count audit entries that could not be written."""
    _AUDIT_LOSSES.inc(count)


def show_open(tables: int, sources: int) -> None:
    """Show how many tables are open and how many sources are running."""
    _TABLES.set(tables)
    _SOURCES.set(sources)


class Reading(NamedTuple):
    """A metric's value with one set of labels. `kind`: counter, gauge or histogram."""

    name: str
    labels: dict[str, str]
    value: float
    kind: str


def read_metrics() -> Iterator[Reading]:
    """Give every metric as it is now; of a histogram its count and its sum."""
    for metric in REGISTRY.collect():
        for sample in metric.samples:
            if not sample.name.endswith(("_bucket", "_created")):
                yield Reading(sample.name, sample.labels, sample.value, metric.type)


def render_metrics() -> tuple[bytes, str]:
    """Return every metric in Prometheus' text format, and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST


def resident_bytes() -> int:
    """Return the bytes of memory that the process has, mapped blocks among them."""
    return sum(
        int(metric.samples[0].value)
        for metric in _PROCESS.collect()
        if metric.name == "process_resident_memory_bytes"
    )
