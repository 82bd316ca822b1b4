"""The records that every system is loaded with: seeded, in Parquet files of a million each.

Three tables. `events` has integer ids and a field of each kind, `people` has string keys, `iris`
has the six fields by which memory is measured. A file depends on its number alone, so that a larger
scale begins with the records of a smaller one.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

RECORDS_PER_FILE = 1_000_000
SPECIES = ["setosa", "versicolor", "virginica"]
SPECIES_SHARES = [0.7, 0.25, 0.05]
COUNTRIES = [f"country-{number:03d}" for number in range(200)]
TAGS = 10_000
TAGS_MEAN = 5
AMOUNT_CENTS_MAX = 1_000_000
AGE_MAX = 10_000
FIRST_SEEN_S = 1_700_000_000
IRIS_MEASURES = {"sepallength": 800, "sepalwidth": 450, "petallength": 700, "petalwidth": 260}
SEED = 20_240_924


def zipf_shares(count: int) -> np.ndarray:
    """Return float64[count] that falls off as 1 / rank and sums to one."""
    shares = 1.0 / np.arange(1, count + 1)
    return shares / shares.sum()


def events(first: int, count: int, seed: int = SEED) -> pa.Table:
    """Return the records of the ids [first, first + count) of `events`.

    `amount` is decimal128(9, 2), `tags` list<uint64> without repetitions, `seen` timestamp(s).
    """
    random = np.random.default_rng([seed, first])
    species = random.choice(len(SPECIES), count, p=SPECIES_SHARES)
    countries = random.choice(len(COUNTRIES), count, p=zipf_shares(len(COUNTRIES)))
    cents = random.integers(0, AMOUNT_CENTS_MAX, count)
    return pa.table(
        {
            "id": pa.array(np.arange(first, first + count, dtype=np.uint64)),
            "species": _texts(species, SPECIES),
            "country": _texts(countries, COUNTRIES),
            "tags": _tags(random, count),
            "age": pa.array(random.integers(0, AGE_MAX + 1, count)),
            "amount": _decimals(cents),
            "active": pa.array(random.random(count) < 0.5),
            "seen": pa.array(
                FIRST_SEEN_S + random.integers(0, 31_536_000, count), pa.timestamp("s")
            ),
        }
    )


def people(first: int, count: int, seed: int = SEED) -> pa.Table:
    """Return `count` records of `people`; the keys (21 characters) do not come in order."""
    random = np.random.default_rng([seed, 1, first])
    numbers = np.arange(first, first + count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    keys = np.array([f"user-{number:016x}"[:21] for number in numbers.tolist()])
    countries = random.choice(len(COUNTRIES), count, p=zipf_shares(len(COUNTRIES)))
    return pa.table(
        {
            "key": pa.array(keys),
            "country": _texts(countries, COUNTRIES),
            "amount": _decimals(random.integers(0, AMOUNT_CENTS_MAX, count)),
        }
    )


def iris(first: int, count: int, seed: int = SEED) -> pa.Table:
    """Return the records of the ids [first, first + count) of `iris`."""
    random = np.random.default_rng([seed, 3, first])
    species = random.choice(len(SPECIES), count, p=SPECIES_SHARES)
    columns = {"id": pa.array(np.arange(first, first + count, dtype=np.uint64))}
    for name, most in IRIS_MEASURES.items():
        columns[name] = _decimals(random.integers(10, most, count))
    columns["species"] = _texts(species, SPECIES)
    seen = FIRST_SEEN_S + random.integers(0, 31_536_000, count)
    return pa.table({**columns, "seen": pa.array(seen, pa.timestamp("s"))})


TABLES = {"events": events, "people": people, "iris": iris}


def ensure_files(directory: Path, scale: int) -> dict[str, list[Path]]:
    """Return the Parquet files of each table, made if they are not there yet."""
    directory.mkdir(parents=True, exist_ok=True)
    files: dict[str, list[Path]] = {name: [] for name in TABLES}
    for name, make in TABLES.items():
        for first in range(0, scale, RECORDS_PER_FILE):
            count = min(RECORDS_PER_FILE, scale - first)
            path = directory / f"{name}-{first}-{count}.parquet"
            if not path.exists():
                unfinished = path.with_suffix(".unfinished")
                pq.write_table(make(first, count), unfinished)
                unfinished.rename(path)
            files[name].append(path)
    return files


def _texts(codes: np.ndarray, words: list[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(words)).cast(
        pa.string()
    )


def _decimals(cents: np.ndarray) -> pa.Array:
    """Return the cents as decimal128(9, 2): an integer times 0.01 in decimal arithmetic."""
    words = np.zeros((len(cents), 2), dtype=np.int64)
    words[:, 0] = cents
    return pa.Array.from_buffers(
        pa.decimal128(9, 2), len(cents), [None, pa.py_buffer(np.ascontiguousarray(words))]
    )


def _tags(random: np.random.Generator, count: int) -> pa.Array:
    """Return lists of about TAGS_MEAN different tags, popular tags in more of them."""
    counts = random.poisson(TAGS_MEAN, count)
    members = np.floor(TAGS * random.random(int(counts.sum())) ** 2).astype(np.uint64)
    owners = np.repeat(np.arange(count, dtype=np.uint64), counts)
    pairs = np.unique(owners * np.uint64(TAGS) + members)
    owners, members = pairs // np.uint64(TAGS), pairs % np.uint64(TAGS)
    bounds = np.searchsorted(owners, np.arange(count + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(bounds), pa.array(members))
