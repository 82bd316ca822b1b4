"""A process that writes numbered batches to a table until it is killed (run by test_kill.py).

Prints the number of each batch when it is acknowledged. Batch n writes a record to each of eight
shards, over two partitions, each with amount n. Checkpoints follow each other closely.
"""

import sys
from concurrent.futures import Future
from pathlib import Path

import pyarrow as pa

from bitbrook.compute.routing import split_batch
from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.engine.table import Table
from bitbrook.engine.upkeep import UpkeepPolicy
from bitbrook.engine.writer import Writer, Written
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import LocalSnapshots
from bitbrook.stores.sql import open_engine

SCHEMA = TableSchema(
    "t",
    "numbered",
    fields=(
        FieldSchema("amount", FieldType.INT, id=1),
        FieldSchema("species", FieldType.MUTEX, id=2, is_keyed=True),
        FieldSchema("tags", FieldType.SET, id=3, is_keyed=True),
        FieldSchema("spot", FieldType.VECTOR, id=4, dimensions=2),
    ),
    partition_count=2,
)
SHARDS = range(8)
UNDER_WAY_MAX = 6


def batch_of(number: int) -> Batch:
    """Batch `number`: its records exist in no other batch."""
    count = len(SHARDS)
    columns = {
        "_id": pa.array([number + (shard << 20) for shard in SHARDS], pa.uint64()),
        "amount": pa.array([number] * count, pa.int64()),
        "species": pa.array([f"species {number % 50}"] * count),
        "tags": pa.array([[f"tag {number}", "tag"]] * count),
        "spot": pa.array([[number, 0.5]] * count, pa.list_(pa.float32(), 2)),
    }
    return Batch([Operation(OperationKind.UPSERT, pa.RecordBatch.from_pydict(columns))])


def open_table(directory: Path) -> tuple[Table, Writer, Log]:
    """The table and what it stands on."""
    log = Log(open_engine(f"sqlite:///{directory}/log.db"))
    policy = UpkeepPolicy(log_bytes=100_000, poll_s=0.005)
    writer = Writer(log, upkeep_policy=policy)
    snapshots = LocalSnapshots(directory / "snapshots")
    return Table.open(SCHEMA, log=log, snapshots=snapshots, writer=writer), writer, log


def write_for_ever(directory: Path, number: int) -> None:
    """Write batches from `number` on, a few at a time under way."""
    table, _, _ = open_table(directory)
    under_way: list[tuple[int, Future[Written]]] = []
    sys.stdout.write("open\n")
    while True:
        parts = split_batch(batch_of(number), SCHEMA)
        under_way.append((number, table.submit(parts)))
        number += 1
        if len(under_way) == UNDER_WAY_MAX:
            acknowledged, future = under_way.pop(0)
            future.result()
            sys.stdout.write(f"{acknowledged}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    write_for_ever(Path(sys.argv[1]), int(sys.argv[2]))
