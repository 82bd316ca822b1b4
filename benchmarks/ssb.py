"""The Star Schema Benchmark's thirteen queries on the flat table, beside DuckDB.

`.venv/bin/python -m benchmarks.ssb`; SCALE records (5e6), TURNS measured turns. The records are
ours, seeded, in the benchmark's shape: its nations, cities, brands, prices and shares.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from benchmarks.statements import RECORDS_PER_PART, SCALE, Statement, compare
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

SEED = 1_992
NATIONS = {
    "AFRICA": ["ALGERIA", "ETHIOPIA", "KENYA", "MOROCCO", "MOZAMBIQUE"],
    "AMERICA": ["ARGENTINA", "BRAZIL", "CANADA", "PERU", "UNITED STATES"],
    "ASIA": ["CHINA", "INDIA", "INDONESIA", "JAPAN", "VIETNAM"],
    "EUROPE": ["FRANCE", "GERMANY", "ROMANIA", "RUSSIA", "UNITED KINGDOM"],
    "MIDDLE EAST": ["EGYPT", "IRAN", "IRAQ", "JORDAN", "SAUDI ARABIA"],
}
REGIONS = list(NATIONS)
NATION_NAMES = [nation for nations in NATIONS.values() for nation in nations]
CITIES = [f"{nation:<9.9}{number}" for nation in NATION_NAMES for number in range(10)]
MANUFACTURERS = [f"MFGR#{number}" for number in range(1, 6)]
CATEGORIES = [f"{maker}{number}" for maker in MANUFACTURERS for number in range(1, 6)]
BRANDS = [f"{category}{number}" for category in CATEGORIES for number in range(1, 41)]
FIRST_DAY = np.datetime64("1992-01-01", "D")
DAYS = 2_406

_KEYED = (
    "p_mfgr", "p_category", "p_brand",
    "c_region", "c_nation", "c_city", "s_region", "s_nation", "s_city",
)  # fmt: skip
_NUMBERS = ("quantity", "discount", "extendedprice", "revenue", "supplycost")

SCHEMA = TableSchema(
    "lineorder",
    "lineorder",
    fields=(
        FieldSchema("orderdate", FieldType.TIMESTAMP, id=1),
        *(FieldSchema(name, FieldType.INT, id=2 + index) for index, name in enumerate(_NUMBERS)),
        *(
            FieldSchema(name, FieldType.MUTEX, id=10 + index, is_keyed=True)
            for index, name in enumerate(_KEYED)
        ),
    ),
)


def lineorder(first: int, count: int) -> pa.Table:
    """Return the records of the ids [first, first + count)."""
    random = np.random.default_rng([SEED, first])
    days = FIRST_DAY + random.integers(0, DAYS, count)
    quantity = random.integers(1, 51, count)
    discount = random.integers(0, 11, count)
    price = random.integers(90_000, 200_000, count)
    brand = random.integers(0, len(BRANDS), count)
    columns = {
        "_id": pa.array(np.arange(first, first + count, dtype=np.uint64)),
        "orderdate": pa.array(days.astype("datetime64[s]")),
        "quantity": pa.array(quantity),
        "discount": pa.array(discount),
        "extendedprice": pa.array(quantity * price),
        "revenue": pa.array(quantity * price * (100 - discount) // 100),
        "supplycost": pa.array(price * 6 // 10),
        "p_mfgr": _texts(brand // 200, MANUFACTURERS),
        "p_category": _texts(brand // 40, CATEGORIES),
        "p_brand": _texts(brand, BRANDS),
    }
    for side in ("c", "s"):
        city = random.integers(0, len(CITIES), count)
        columns[f"{side}_region"] = _texts(city // 50, REGIONS)
        columns[f"{side}_nation"] = _texts(city // 10, NATION_NAMES)
        columns[f"{side}_city"] = _texts(city, CITIES)
    return pa.table(columns)


def _texts(codes: np.ndarray, words: list[str]) -> pa.Array:
    return pa.array(words).take(pa.array(codes))


_YEAR = "datetimepart(yy, orderdate)"
_DISCOUNTED = "select sum(extendedprice * discount) as revenue from lineorder where"
_BRANDS = (
    f"select sum(revenue) as total, {_YEAR} as y, p_brand from lineorder where {{}} "
    "group by y, p_brand order by y, p_brand"
)
_TRADE = (
    f"select c_{{0}}, s_{{0}}, {_YEAR} as y, sum(revenue) as total from lineorder where {{1}} "
    "group by c_{0}, s_{0}, y order by y, total desc, c_{0}, s_{0}"
)
_PROFIT = (
    f"select {_YEAR} as y, {{0}}, sum(revenue - supplycost) as profit from lineorder where {{1}} "
    "group by y, {0} order by y, {0}"
)
_UK = "{0}_city in ('UNITED KI1', 'UNITED KI5')"
_MADE = "p_mfgr in ('MFGR#1', 'MFGR#2')"

STATEMENTS = (
    Statement(
        "Q1.1", f"{_DISCOUNTED} {_YEAR} = 1993 and discount between 1 and 3 and quantity < 25"
    ),
    Statement(
        "Q1.2",
        f"{_DISCOUNTED} orderdate >= '1994-01-01' and orderdate < '1994-02-01' "
        "and discount between 4 and 6 and quantity between 26 and 35",
    ),
    Statement(
        "Q1.3",
        f"{_DISCOUNTED} datetimepart(w, orderdate) = 6 and {_YEAR} = 1994 "
        "and discount between 5 and 7 and quantity between 26 and 35",
    ),
    Statement(
        "Q2.1", _BRANDS.format("p_category = 'MFGR#12' and s_region = 'AMERICA'"), is_ordered=True
    ),
    Statement(
        "Q2.2",
        _BRANDS.format("p_brand between 'MFGR#2221' and 'MFGR#2228' and s_region = 'ASIA'"),
        is_ordered=True,
    ),
    Statement(
        "Q2.3", _BRANDS.format("p_brand = 'MFGR#2239' and s_region = 'EUROPE'"), is_ordered=True
    ),
    Statement(
        "Q3.1",
        _TRADE.format(
            "nation", f"c_region = 'ASIA' and s_region = 'ASIA' and {_YEAR} between 1992 and 1997"
        ),
        is_ordered=True,
    ),
    Statement(
        "Q3.2",
        _TRADE.format(
            "city",
            "c_nation = 'UNITED STATES' and s_nation = 'UNITED STATES' "
            f"and {_YEAR} between 1992 and 1997",
        ),
        is_ordered=True,
    ),
    Statement(
        "Q3.3",
        _TRADE.format(
            "city", f"{_UK.format('c')} and {_UK.format('s')} and {_YEAR} between 1992 and 1997"
        ),
        is_ordered=True,
    ),
    Statement(
        "Q3.4",
        _TRADE.format(
            "city",
            f"{_UK.format('c')} and {_UK.format('s')} "
            "and orderdate >= '1997-12-01' and orderdate < '1998-01-01'",
        ),
        is_ordered=True,
    ),
    Statement(
        "Q4.1",
        _PROFIT.format("c_nation", f"c_region = 'AMERICA' and s_region = 'AMERICA' and {_MADE}"),
        is_ordered=True,
    ),
    Statement(
        "Q4.2",
        _PROFIT.format(
            "s_nation, p_category",
            f"c_region = 'AMERICA' and s_region = 'AMERICA' and {_YEAR} >= 1997 and {_MADE}",
        ),
        is_ordered=True,
    ),
    Statement(
        "Q4.3",
        _PROFIT.format(
            "s_city, p_brand",
            "c_region = 'AMERICA' and s_nation = 'UNITED STATES' "
            f"and {_YEAR} >= 1997 and p_category = 'MFGR#14'",
        ),
        is_ordered=True,
    ),
)


def parts(scale: int) -> Iterator[pa.Table]:
    """Give the records of a scale, some at a time."""
    for first in range(0, scale, RECORDS_PER_PART):
        yield lineorder(first, min(RECORDS_PER_PART, scale - first))


if __name__ == "__main__":
    compare("Star Schema Benchmark, flat", SCHEMA, parts(SCALE), STATEMENTS)
