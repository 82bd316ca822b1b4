"""Queries in the manner of ClickBench over seeded records of page views, beside DuckDB.

`.venv/bin/python -m benchmarks.clickbench`; SCALE records (5e6), TURNS measured turns. The shapes
are those that make the original hard: users and phrases by the hundred thousand, most phrases
empty, few regions, times of seconds.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from benchmarks.statements import RECORDS_PER_PART, SCALE, Statement, compare
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

SEED = 2_013
USERS = 400_000
PHRASES = 100_000
REGIONS = 300
ENGINES = 30
ADVERTISING_SHARE = 0.05
PHRASE_SHARE = 0.15
FIRST_SECOND = 1_372_636_800
SECONDS = 30 * 86_400
WORDS = ["weather", "google", "news", "cheap", "flat", "car", "music", "map"]
MODELS = ["", "iPad", "iPhone 2", "Lumia", "GT-I9500", "Nexus", "One X", "Desire"]

SCHEMA = TableSchema(
    "hits",
    "hits",
    fields=(
        FieldSchema("userid", FieldType.INT, id=1),
        FieldSchema("regionid", FieldType.MUTEX, id=2),
        FieldSchema("advengineid", FieldType.INT, id=3),
        FieldSchema("searchengineid", FieldType.MUTEX, id=4),
        FieldSchema("searchphrase", FieldType.MUTEX, id=5, is_keyed=True),
        FieldSchema("resolutionwidth", FieldType.INT, id=6),
        FieldSchema("eventtime", FieldType.TIMESTAMP, id=7),
        FieldSchema("mobilephonemodel", FieldType.MUTEX, id=8, is_keyed=True),
        FieldSchema("isrefresh", FieldType.BOOL, id=9),
    ),
)

STATEMENTS = (
    Statement("advertised", "select count(*) from hits where advengineid <> 0"),
    Statement(
        "totals", "select sum(advengineid), count(*), sum(resolutionwidth), max(userid) from hits"
    ),
    Statement("different users", "select count(distinct userid) from hits"),
    Statement("different phrases", "select count(distinct searchphrase) from hits"),
    Statement(
        "engines of advertisements",
        "select advengineid, count(*) as c from hits where advengineid <> 0 "
        "group by advengineid order by c desc, advengineid",
        is_ordered=True,
    ),
    Statement(
        "regions by users",
        "select regionid, count(distinct userid) as u from hits group by regionid "
        "order by u desc, regionid limit 10",
        is_ordered=True,
    ),
    Statement(
        "regions by much",
        "select regionid, sum(advengineid), count(*) as c, sum(resolutionwidth), "
        "count(distinct userid) from hits group by regionid order by c desc, regionid limit 10",
        is_ordered=True,
    ),
    Statement(
        "models by users",
        "select mobilephonemodel, count(distinct userid) as u from hits "
        "where mobilephonemodel <> '' group by mobilephonemodel "
        "order by u desc, mobilephonemodel limit 10",
        is_ordered=True,
    ),
    Statement(
        "phrases",
        "select searchphrase, count(*) as c from hits where searchphrase <> '' "
        "group by searchphrase order by c desc, searchphrase limit 10",
        is_ordered=True,
    ),
    Statement(
        "engines and phrases",
        "select searchengineid, searchphrase, count(*) as c from hits where searchphrase <> '' "
        "group by searchengineid, searchphrase order by c desc, searchengineid, searchphrase "
        "limit 10",
        is_ordered=True,
    ),
    Statement(
        "users",
        "select userid, count(*) as c from hits group by userid order by c desc, userid limit 10",
        is_ordered=True,
    ),
    Statement(
        "users by a sum",
        "select userid, sum(resolutionwidth) as w from hits group by userid "
        "order by w desc, userid limit 10",
        is_ordered=True,
    ),
    Statement(
        "phrases that hold a word",
        "select count(*) from hits where searchphrase like '%google%'",
    ),
    Statement(
        "hits an hour of the day",
        "select datetimepart(hh, eventtime) as h, count(*), sum(resolutionwidth) from hits "
        "group by h order by h",
        is_ordered=True,
    ),
    Statement(
        "hits a minute of two days",
        "select date_trunc(mi, eventtime) as m, count(*) as c from hits "
        "where eventtime >= '2013-07-14' and eventtime < '2013-07-16' and not isrefresh "
        "group by m order by m limit 10 offset 1000",
        is_ordered=True,
    ),
)  # fmt: skip


def hits(first: int, count: int) -> pa.Table:
    """Return the records of the ids [first, first + count)."""
    random = np.random.default_rng([SEED, first])
    users = np.floor(USERS * random.random(count) ** 2).astype(np.int64)
    phrase = np.floor(PHRASES * random.random(count) ** 3).astype(np.int64)
    phrases = np.array(_phrases())[phrase]
    phrases[random.random(count) >= PHRASE_SHARE] = ""
    return pa.table(
        {
            "_id": pa.array(np.arange(first, first + count, dtype=np.uint64)),
            # Far apart, as hashes of users are.
            "userid": pa.array((users + 1) * 0x9E3779B97F4A7 % (1 << 62)),
            "regionid": pa.array(np.floor(REGIONS * random.random(count) ** 2).astype(np.uint64)),
            "advengineid": pa.array(
                np.where(random.random(count) < ADVERTISING_SHARE, random.integers(1, 60, count), 0)
            ),
            "searchengineid": pa.array(random.integers(0, ENGINES, count).astype(np.uint64)),
            "searchphrase": pa.array(phrases),
            "resolutionwidth": pa.array(random.choice([1024, 1280, 1366, 1600, 1920], count)),
            "eventtime": pa.array(
                FIRST_SECOND + np.sort(random.integers(0, SECONDS, count)), pa.timestamp("s")
            ),
            "mobilephonemodel": pa.array(MODELS).take(
                pa.array(np.floor(len(MODELS) * random.random(count) ** 4).astype(np.int64))
            ),
            "isrefresh": pa.array(random.random(count) < 0.1),
        }
    )


def _phrases() -> list[str]:
    return [f"{WORDS[n % 8]} {WORDS[n // 8 % 8]} {WORDS[n // 64 % 8]} {n}" for n in range(PHRASES)]


def parts(scale: int) -> Iterator[pa.Table]:
    """Give the records of a scale, some at a time."""
    for first in range(0, scale, RECORDS_PER_PART):
        yield hits(first, min(RECORDS_PER_PART, scale - first))


if __name__ == "__main__":
    compare("In the manner of ClickBench", SCHEMA, parts(SCALE), STATEMENTS)
