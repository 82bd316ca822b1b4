"""How long the stages of a write and of the upkeep take, as functions like those of `metrics`."""

from prometheus_client import Counter, Histogram

from bitbrook.telemetry.metrics import REGISTRY

_LATENCIES_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)

_LOG_APPEND_S = Histogram(
    "bitbrook_log_append_seconds",
    "Time until the log has a group of batches",
    buckets=_LATENCIES_S,
    registry=REGISTRY,
)
_LOG_BATCHES = Counter("bitbrook_log_batches", "Batches that the log took", registry=REGISTRY)
_LOG_BYTES = Counter("bitbrook_log_bytes", "Bytes that the log took", registry=REGISTRY)
_LOG_REFUSALS = Counter(
    "bitbrook_log_refusals", "Groups of batches that the log refused", ["code"], registry=REGISTRY
)
_APPLY_S = Histogram(
    "bitbrook_apply_seconds",
    "Time until a durable batch is visible",
    buckets=_LATENCIES_S,
    registry=REGISTRY,
)
_CHECKPOINT_S = Histogram(
    "bitbrook_checkpoint_seconds",
    "Time that a table's checkpoint takes",
    buckets=(0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0),
    registry=REGISTRY,
)
_CHECKPOINTS = Counter(
    "bitbrook_checkpoints", "Checkpoints of tables", ["outcome"], registry=REGISTRY
)


def count_append(batches: int, size_bytes: int, duration_s: float) -> None:
    """Count a group of batches that is durable now."""
    _LOG_APPEND_S.observe(duration_s)
    _LOG_BATCHES.inc(batches)
    _LOG_BYTES.inc(size_bytes)


def count_append_refusal(code: str) -> None:
    """Count a group of batches that the log refused. `code`: the error's."""
    _LOG_REFUSALS.labels(code).inc()


def count_apply(duration_s: float) -> None:
    """Count a batch that is visible now."""
    _APPLY_S.observe(duration_s)


def count_checkpoint(outcome: str, duration_s: float) -> None:
    """Count a checkpoint. `outcome`: success, or an error's code."""
    _CHECKPOINTS.labels(outcome).inc()
    _CHECKPOINT_S.observe(duration_s)


def checkpoint_counts() -> dict[str, int]:
    """Return how many checkpoints there were since the process began, by outcome."""
    return {
        sample.labels["outcome"]: int(sample.value)
        for metric in _CHECKPOINTS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
