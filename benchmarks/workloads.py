"""What is asked, with which literals, and the speed aimed at. Literals differ every time."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.records import AMOUNT_CENTS_MAX, COUNTRIES, SEED, SPECIES, events, people


@dataclass(frozen=True, slots=True)
class Workload:
    """One question.

    Owed is `owed_ratio`, how many times faster than the faster peer, or an answer in `owed_ms`.
    `scanned_bytes`: what must be read of each record, for the share of the memory bandwidth.
    `table`: which it is asked of. `asks`: how often each system is asked, with other literals,
    before it is the next one's turn.
    """

    name: str
    title: str
    owed_ratio: float | None = None
    owed_ms: float | None = None
    scanned_bytes: float = 0
    table: str = "events"
    asks: int = 5
    compares_answers: bool = True


WORKLOADS = (
    Workload(
        "count_and", "count where country, active and species", owed_ratio=50, scanned_bytes=3 / 8
    ),
    Workload("top_rows", "top countries", owed_ratio=30),
    Workload("group_sum", "count and sum by country and species", owed_ratio=4, scanned_bytes=6),
    Workload("range_sum", "count and sum where amount between", owed_ratio=10, scanned_bytes=4),
    Workload("range_sum_row", "the same, and species", owed_ratio=10, scanned_bytes=4 + 1 / 8),
    Workload("set_group", "count by 10,000 tags where country and active", owed_ratio=10),
    Workload("select_ten", "first ten records where country and active", owed_ms=2),
    Workload("point_id", "one record by id", owed_ms=2),
    Workload("point_key", "one record by string key", owed_ms=2, table="people"),
    Workload("keyed_page", "first ten by string key where country", owed_ms=2, table="people"),
    Workload(
        "keyed_group",
        "string keys: count and sum by country where amount between",
        table="people",
    ),
    Workload(
        "upsert",
        "upsert of 10,000 records of six fields, durable",
        owed_ratio=20,
        compares_answers=False,
        asks=1,
    ),
)

UPSERT_RECORDS = 10_000
COUNTRIES_ASKED = 8
"""Countries that questions name, in turns: a warm-up of as many turns has touched them all."""


def literals(workload: Workload, turn: int, scale: int) -> dict[str, Any]:
    """Return what fills the workload's statement the nth time, the same for every system."""
    random = np.random.default_rng([SEED, 2, turn, len(workload.name)])
    if workload.name == "upsert":
        ids = np.sort(random.choice(scale, min(UPSERT_RECORDS, scale), replace=False))
        batch = events(0, len(ids), seed=SEED + 1 + turn)
        batch = batch.drop_columns(["tags"])
        return {"batch": batch.set_column(0, "id", [ids.astype(np.uint64)])}
    low = int(random.integers(0, AMOUNT_CENTS_MAX // 200))
    person = int(random.integers(0, scale))
    return {
        "country": COUNTRIES[turn % COUNTRIES_ASKED],
        "species": SPECIES[int(random.integers(0, len(SPECIES)))],
        "low": low,
        "high": low + AMOUNT_CENTS_MAX // 400,
        "id": int(random.integers(0, scale)),
        "key": people(person, 1).column("key")[0].as_py(),
    }
