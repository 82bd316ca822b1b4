"""The service tells what statements hold while they hold it, and nothing once it is closed.

Tried with a budget that gathers in the middle of a scrape, and with a service that was closed.
"""

from typing import Any

from bitbrook.telemetry.metrics import REGISTRY


def told(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_memory_of_statements_is_told_while_it_is_held(home: Any) -> None:
    assert told("bitbrook_statements_memory_bytes") == 0
    allowed = told("bitbrook_statements_memory_bytes_max")
    with home.service.queries.budget() as budget:
        budget.take(12_345, "groups")
        assert told("bitbrook_statements_memory_bytes") == 12_345
    assert told("bitbrook_statements_memory_bytes") == 0
    home.restart(queries_memory_bytes_max=1 << 20)
    assert told("bitbrook_statements_memory_bytes_max") == 1 << 20 != allowed
    home.stop()
    assert told("bitbrook_statements_memory_bytes") is None


def test_caches_are_told_by_what_they_keep(home: Any) -> None:
    for cache in ("cubes", "row_words", "thawed_rows", "endpoint_answers"):
        assert told("bitbrook_cache_bytes_max", cache=cache), cache
        assert told("bitbrook_cache_misses_total", cache=cache) is not None, cache
    assert told("bitbrook_cache_bytes", cache="storage_blocks") is None, "there is none"
    home.stop()
    assert told("bitbrook_cache_hits_total", cache="row_words") is None
