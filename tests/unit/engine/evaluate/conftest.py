"""A partition with enough records that every question goes the way of large answers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.engine.partition import Partition
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

COUNT = 60_000
FIRST_ID = (1 << 20) - 40_000
COUNTRIES = [f"country-{number:02d}" for number in range(40)]
TAGS = 600

SCHEMA = TableSchema(
    "t1",
    "things",
    fields=(
        FieldSchema("species", FieldType.MUTEX, id=1, is_keyed=True),
        FieldSchema("country", FieldType.MUTEX, id=2, is_keyed=True),
        FieldSchema("active", FieldType.BOOL, id=3),
        FieldSchema("age", FieldType.INT, id=4),
        FieldSchema("big", FieldType.INT, id=5),
        FieldSchema("price", FieldType.DECIMAL, id=6, scale=2),
        FieldSchema("tags", FieldType.SET, id=7),
        FieldSchema("colours", FieldType.SET, id=8, is_keyed=True),
    ),
)


@dataclass
class Crowd:
    """A partition beside the arrays that it was filled with; ids ascend.

    `price` is missing where `has_price` is false. `tags` and `colours` are lists, empty for none.
    """

    partition: Partition
    ids: npt.NDArray[np.uint64]
    species: npt.NDArray[Any]
    country: npt.NDArray[Any]
    active: npt.NDArray[np.bool_]
    age: npt.NDArray[np.int64]
    big: npt.NDArray[np.int64]
    price: npt.NDArray[np.int64]
    has_price: npt.NDArray[np.bool_]
    tags: list[list[int]]
    colours: list[list[str]]


@pytest.fixture(scope="session")
def crowd() -> Crowd:
    """60,000 records on both sides of a shard's border, from a seed."""
    random = np.random.default_rng(20_240_924)
    species = np.array(["setosa", "versicolor", "virginica"], dtype=object)[
        random.choice(3, COUNT, p=[0.7, 0.25, 0.05])
    ]
    country = np.array(COUNTRIES, dtype=object)[random.integers(0, len(COUNTRIES), COUNT)]
    tags = [
        sorted(set((TAGS * random.random(n) ** 2).astype(int).tolist()))
        for n in random.integers(0, 6, COUNT).tolist()
    ]
    colours = [
        [colour for colour, bit in (("blue", 1), ("red", 2)) if bits & bit]
        for bits in random.integers(0, 4, COUNT).tolist()
    ]
    crowd = Crowd(
        partition=Partition(SCHEMA, 0),
        ids=np.arange(FIRST_ID, FIRST_ID + COUNT, dtype=np.uint64),
        species=species,
        country=country,
        active=random.random(COUNT) < 0.5,
        age=random.integers(-20, 10_000, COUNT),
        big=random.integers(-(2**63), 2**63 - 1, COUNT),
        price=random.integers(0, 1_000_000, COUNT),
        has_price=random.random(COUNT) < 0.8,
        tags=tags,
        colours=colours,
    )
    columns = {
        "_id": pa.array(crowd.ids),
        "species": pa.array(species, pa.string()),
        "country": pa.array(country, pa.string()),
        "active": pa.array(crowd.active),
        "age": pa.array(crowd.age),
        "big": pa.array(crowd.big),
        "price": pa.array(crowd.price, mask=~crowd.has_price),
        "tags": pa.array(tags, pa.list_(pa.uint64())),
        "colours": pa.array(colours, pa.list_(pa.string())),
    }
    upsert = Operation(OperationKind.UPSERT, pa.RecordBatch.from_pydict(columns))
    crowd.partition.apply(1, Batch([upsert]))
    return crowd
