"""How often replicas are asked in an owner's stead, as functions like those of `metrics`."""

from prometheus_client import Counter

from bitbrook.telemetry.metrics import REGISTRY

_HEDGES = Counter(
    "bitbrook_hedges",
    "Questions to partitions that a replica was asked, too",
    ["reason"],
    registry=REGISTRY,
)
_HEDGES_WON = Counter(
    "bitbrook_hedges_won",
    "Questions to partitions that a replica answered first",
    registry=REGISTRY,
)


def count_hedge(*, is_away: bool) -> None:
    """Count a question to a replica. `is_away`: its owner is not to be had, else it is late."""
    _HEDGES.labels("away" if is_away else "late").inc()


def count_hedge_won() -> None:
    """Count an answer of a replica that was taken."""
    _HEDGES_WON.inc()
