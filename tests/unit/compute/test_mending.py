"""A table that could not apply a durable batch is rebuilt from what is stored, by itself.

The first application of a batch is made to fail as it does for want of memory, after the log took
it. The write must be refused, nothing torn be shown meanwhile, and soon the batch be there, once,
beside what came before and what comes after. A table that cannot be opened stops no other.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.questions import CountRecords
from bitbrook.compute.local import LocalCompute
from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.engine.partition import Partition
from bitbrook.engine.upkeep import UpkeepPolicy
from bitbrook.errors import Damaged
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import LocalSnapshots
from bitbrook.stores.sql import open_engine

SCHEMA = TableSchema("t", "things", fields=(FieldSchema("number", FieldType.INT, id=1),))
OTHER = TableSchema("u", "others", fields=(FieldSchema("number", FieldType.INT, id=1),))
WAIT_S = 30.0


def opened(directory: Path, poll_s: float = 0.05) -> LocalCompute:
    log = Log(open_engine(f"sqlite:///{directory}/log.db"))
    policy = UpkeepPolicy(poll_s=poll_s)
    return LocalCompute(log, LocalSnapshots(directory / "snapshots"), upkeep_policy=policy)


@pytest.fixture
def compute(tmp_path: Path) -> Iterator[LocalCompute]:
    with opened(tmp_path) as compute:
        compute.open_table(SCHEMA)
        compute.open_table(OTHER)
        yield compute


def batch(*ids: int) -> Batch:
    columns = {"_id": pa.array(ids, pa.uint64()), "number": pa.array(ids, pa.int64())}
    return Batch([Operation(OperationKind.UPSERT, pa.RecordBatch.from_pydict(columns))])


def count(compute: LocalCompute, table: str = "t") -> int:
    return int(compute.ask(table, CountRecords(), Budget()).count)  # type: ignore[union-attr]


def test_a_batch_that_was_durable_comes_back(
    compute: LocalCompute, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute.write("t", batch(1, 2))
    apply, failures = Partition.apply, []

    def fail_once(self: Partition, *given: Any, **named: Any) -> list[int]:
        if not failures:
            failures.append(apply(self, *given, **named))
            raise MemoryError
        return apply(self, *given, **named)

    monkeypatch.setattr(Partition, "apply", fail_once)
    torn = compute._tables["t"]
    with pytest.raises(Damaged, match="could not apply a batch"):
        compute.write("t", batch(2, 3))
    with pytest.raises(Damaged):
        torn.evaluate(CountRecords(), Budget())
    compute.write("u", batch(7))
    deadline = time.monotonic() + WAIT_S
    while compute._tables["t"] is torn:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert compute.refusing_count() == 0
    assert count(compute) == 3
    compute.write("t", batch(4))
    assert count(compute) == 4
    assert count(compute, "u") == 1


def test_a_table_that_cannot_be_opened_stops_no_other(tmp_path: Path) -> None:
    with opened(tmp_path) as compute:
        for schema in (SCHEMA, OTHER):
            compute.open_table(schema)
            compute.write(schema.id, batch(1))
    (block,) = tmp_path.glob("snapshots/t.0/shard-*")
    block.write_bytes(block.read_bytes()[:-1])
    with opened(tmp_path) as compute:
        for schema in (SCHEMA, OTHER):
            compute.open_stored_table(schema)
        assert compute.refusing_count() == 1
        assert count(compute, "u") == 1
        for use in (lambda: count(compute), lambda: compute.submit("t", batch(2))):
            with pytest.raises(Damaged, match=block.name):
                use()
        compute.erase_table(SCHEMA)
        assert compute.refusing_count() == 0
