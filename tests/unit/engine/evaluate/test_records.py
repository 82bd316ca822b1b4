"""Pages of records: the right ones, in the right order, with what they hold, in Arrow types.

Filters leave tens of thousands of records over two shards; pages begin and end on both sides of
their border, orders have many ties, and keys share long beginnings.
"""

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import All, HasRow, InRange, Intersect, Records
from bitbrook.algebra.questions import ExtractRecords, Order, RecordIds
from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.engine.evaluate import evaluate
from bitbrook.engine.partition import Partition
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

ACTIVE = HasRow("active", (True,))


@pytest.mark.parametrize(
    ("offset", "limit"), [(0, 10), (0, 0), (19_990, 30), (5, None), (10**6, 3)]
)
def test_pages_by_id(crowd: Any, offset: int, limit: int | None) -> None:
    """A slice of what an unlimited answer holds."""
    ids = crowd.ids[crowd.active].tolist()
    stop = None if limit is None else offset + limit
    question = RecordIds(ACTIVE, limit=limit, offset=offset)
    assert evaluate(crowd.partition, question, Budget()).ids.tolist() == ids[offset:stop]
    chosen = Intersect((InRange("age", 0, 5_000), ACTIVE))
    expected = crowd.ids[crowd.active & (crowd.age >= 0) & (crowd.age <= 5_000)].tolist()
    question = RecordIds(chosen, limit=limit, offset=offset)
    assert evaluate(crowd.partition, question, Budget()).ids.tolist() == expected[offset:stop]


@pytest.mark.parametrize("is_descending", [False, True])
@pytest.mark.parametrize("includes_null", [False, True])
@pytest.mark.parametrize("limit", [7, 30_000, None])
@pytest.mark.parametrize("name", ["age", "big", "price", "active", "country"])
def test_pages_by_value(
    crowd: Any, name: str, limit: int | None, includes_null: bool, is_descending: bool
) -> None:
    """Ties by id; records without a value last, or left out."""
    indices = np.flatnonzero(crowd.species != "virginica").tolist()
    values = getattr(crowd, name).tolist()
    has_value = crowd.has_price.tolist() if name == "price" else [True] * len(values)
    expected = [i for i in indices if has_value[i]]
    expected.sort(key=lambda i: values[i], reverse=is_descending)
    if includes_null:
        expected += [i for i in indices if not has_value[i]]
    chosen = HasRow("species", ("setosa", "versicolor"))
    order = Order(name, is_descending, includes_null)
    partial = evaluate(crowd.partition, RecordIds(chosen, order, limit, 3), Budget())
    stop = None if limit is None else 3 + limit
    assert partial.ids.tolist() == crowd.ids[expected[3:stop]].tolist()
    nulls = [not has_value[i] for i in expected[3:stop]]
    assert partial.order_nulls.tolist() == nulls
    shown = [values[i] for i in expected[3:stop]]
    assert [
        value for value, null in zip(partial.order_values.tolist(), nulls, strict=True) if not null
    ] == [value for value, null in zip(shown, nulls, strict=True) if not null]


def test_columns_have_the_types_that_partials_promise(crowd: Any) -> None:
    """Every type, with values missing, for one record and for all."""
    fields = ("species", "active", "big", "price", "tags", "colours")
    for chosen, where in [
        (Records((int(crowd.ids[3]),)), [3]),
        (ACTIVE, np.flatnonzero(crowd.active).tolist()),
    ]:
        question = ExtractRecords(fields, chosen)
        records = evaluate(crowd.partition, question, Budget()).records
        records.validate(full=True)
        assert records.schema.field("_id").type == pa.uint64()
        assert [records.schema.field(name).type for name in fields] == [
            pa.string(),
            pa.bool_(),
            pa.int64(),
            pa.decimal128(19, 2),
            pa.list_(pa.uint64()),
            pa.list_(pa.string()),
        ]
        assert records.column("_id").to_pylist() == crowd.ids[where].tolist()
        for name in ("species", "active", "big"):
            assert records.column(name).to_pylist() == getattr(crowd, name)[where].tolist()
        assert records.column("price").to_pylist() == [
            Decimal(int(crowd.price[i])).scaleb(-2) if crowd.has_price[i] else None for i in where
        ]
        assert records.column("tags").to_pylist() == [crowd.tags[i] or None for i in where]
        assert records.column("colours").to_pylist() == [crowd.colours[i] or None for i in where]


def test_columns_follow_the_order_of_the_records(crowd: Any) -> None:
    """Descending by a value, over both shards."""
    question = ExtractRecords(("age", "tags"), All(), Order("age", is_descending=True), limit=500)
    records = evaluate(crowd.partition, question, Budget()).records
    expected = sorted(range(len(crowd.ids)), key=lambda i: -crowd.age[i])[:500]
    assert records.column("_id").to_pylist() == crowd.ids[expected].tolist()
    assert records.column("age").to_pylist() == crowd.age[expected].tolist()
    assert records.column("tags").to_pylist() == [crowd.tags[i] or None for i in expected]


def test_records_that_do_not_exist_hold_nothing(crowd: Any) -> None:
    """They are named, in the places of their ids, far from any shard as well."""
    ids = (5, int(crowd.ids[0]), 2**64 - 1)
    question = ExtractRecords(("age", "tags"), Records(ids))
    records = evaluate(crowd.partition, question, Budget()).records
    assert records.column("_id").to_pylist() == list(ids)
    assert records.column("age").to_pylist() == [None, int(crowd.age[0]), None]
    assert records.column("tags").to_pylist() == [None, crowd.tags[0] or None, None]


@pytest.fixture(scope="module")
def keyed() -> tuple[Partition, list[str]]:
    """30,000 records whose keys come in no order, and some of which begin others."""
    random = np.random.default_rng(11)
    numbers = random.permutation(30_000).tolist()
    keys = [f"user-ä-{number}" for number in numbers]
    schema = TableSchema(
        "t2", "people", is_keyed=True, fields=(FieldSchema("n", FieldType.INT, id=1),)
    )
    partition = Partition(schema, 0)
    columns = {"_id": pa.array(keys), "n": pa.array([number % 3 for number in numbers])}
    upsert = Operation(OperationKind.UPSERT, pa.RecordBatch.from_pydict(columns))
    partition.apply(1, Batch([upsert]))
    return partition, keys


@pytest.mark.parametrize("limit", [1, 10, 5_000, None])
def test_pages_by_key(keyed: tuple[Partition, list[str]], limit: int | None) -> None:
    """Ascending by key, wherever the keys were met; ties of a value by key as well."""
    partition, keys = keyed
    stop = None if limit is None else 2 + limit
    ids = evaluate(partition, RecordIds(limit=limit, offset=2), Budget()).ids
    assert ids.tolist() == sorted(keys)[2:stop]
    remainders = {key: int(key.rsplit("-", 1)[1]) % 3 for key in keys}
    expected = sorted(keys, key=lambda key: (-remainders[key], key))
    ordered = RecordIds(order=Order("n", is_descending=True), limit=limit, offset=2)
    assert evaluate(partition, ordered, Budget()).ids.tolist() == expected[2:stop]
