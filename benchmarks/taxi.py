"""The four questions of the taxi benchmark, over seeded records of that schema, beside DuckDB.

`.venv/bin/python -m benchmarks.taxi`; SCALE records (5e6), TURNS measured turns. A billion New York
taxi rides and these four questions are what bitmap indexes have been compared by for years; beside
our figures stand those that FeatureBase published for the third and the fourth, per core.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.statements import RECORDS_PER_PART, SCALE, Statement, compare
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

SEED = 1_100_000_000
PUBLISHED = {"Q3": 221.0, "Q4": 11.0}
"""Millions of records a second and core."""

CABS, CAB_SHARES = ["yellow", "green", "fhv"], [0.82, 0.1, 0.08]
PASSENGERS_SHARES = [0.004, 0.7, 0.144, 0.043, 0.02, 0.053, 0.035, 0.0004, 0.0003, 0.0003]
FIRST_YEAR, YEARS = 2009, 7
MILES_MEAN, MILES_MAX = 3.0, 60
CENT, MONEY = pa.decimal128(3, 2), pa.decimal128(19, 2)

SCHEMA = TableSchema(
    "trips",
    "trips",
    fields=(
        FieldSchema("cab_type", FieldType.MUTEX, id=1, is_keyed=True),
        FieldSchema("passenger_count", FieldType.MUTEX, id=2),
        FieldSchema("pickup_year", FieldType.MUTEX, id=3),
        FieldSchema("dist_miles", FieldType.INT, id=4),
        FieldSchema("total_amount", FieldType.DECIMAL, id=5, scale=2),
        FieldSchema("pickup_time", FieldType.TIMESTAMP, id=6),
    ),
)

STATEMENTS = (
    Statement("Q1", "select cab_type, count(*) from trips group by cab_type"),
    Statement(
        "Q2",
        "select passenger_count, avg(total_amount) from trips group by passenger_count",
        "select passenger_count, round(avg(total_amount), 4) from trips group by passenger_count",
    ),
    Statement(
        "Q3",
        "select passenger_count, pickup_year, count(*) from trips "
        "group by passenger_count, pickup_year",
    ),
    Statement(
        "Q4",
        "select passenger_count, pickup_year, dist_miles, count(*) as n from trips "
        "group by passenger_count, pickup_year, dist_miles "
        "order by pickup_year, n desc, passenger_count, dist_miles",
        is_ordered=True,
    ),
)


def trips(first: int, count: int) -> pa.Table:
    """Return the records of the ids [first, first + count)."""
    chance = np.random.default_rng([SEED, first])
    miles = np.minimum(chance.exponential(MILES_MEAN, count), MILES_MAX)
    cents = (250 + miles * 275 + chance.exponential(300, count)).astype(np.int64)
    years = chance.integers(0, YEARS, count)
    seconds = chance.integers(0, 365 * 86_400, count)
    amounts = pa.array(cents).cast(pa.decimal128(19, 0))
    return pa.table(
        {
            "_id": pa.array(np.arange(first, first + count, dtype=np.uint64)),
            "cab_type": pa.array(CABS).take(pa.array(chance.choice(3, count, p=CAB_SHARES))),
            "passenger_count": pa.array(
                chance.choice(10, count, p=_shares(PASSENGERS_SHARES)).astype(np.uint64)
            ),
            "pickup_year": pa.array((FIRST_YEAR + years).astype(np.uint64)),
            "dist_miles": pa.array(np.rint(miles).astype(np.int64)),
            "total_amount": pc.multiply(amounts, pa.scalar("0.01").cast(CENT)).cast(MONEY),
            "pickup_time": pa.array(
                1_230_768_000 + years * 365 * 86_400 + seconds, pa.timestamp("s")
            ),
        }
    )


def _shares(weights: list[float]) -> np.ndarray:
    return np.array(weights) / sum(weights)


def parts(scale: int) -> Iterator[pa.Table]:
    """Give the records of a scale, some at a time."""
    for first in range(0, scale, RECORDS_PER_PART):
        yield trips(first, min(RECORDS_PER_PART, scale - first))


if __name__ == "__main__":
    compare("Taxi rides", SCHEMA, parts(SCALE), STATEMENTS, published=PUBLISHED)
