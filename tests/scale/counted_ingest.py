"""A counted ingest around a fault, held at its end against what is there, and against the log."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from bitbrook.engine.batch import decode_batch
from bitbrook.engine.recovery import partition_name
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.sql import open_engine
from scale.stack import Stack
from scale.workload import BATCH, Workload

PARTITIONS = 4


@contextmanager
def counted_ingest(
    stack: Stack, api: httpx.Client, deployment_id: str, *, before: int, after: int
) -> Iterator[Workload]:
    """Give an ingest that has begun; so many batches are stored before the block, and after it."""
    workload = Workload(api, deployment_id, lambda: stack.server)
    with workload:
        workload.wait_for(before)
        yield workload
        workload.wait_for(after)
    # Its server may be another one by now.
    with stack.server.client(stack.server.token()) as client:
        workload.check(client)
        table = client.get(f"/v1/tables/{deployment_id}/{workload.table}").json()["id"]
    check_log(stack, table, workload.acknowledged)
    sys.stdout.write(f"longest answer {workload.longest_s:.1f} s; {dict(workload.failures)}\n")


def check_log(stack: Stack, table_id: str, acknowledged: set[str]) -> None:
    """Every part of a batch is in the log once, as far as no checkpoint has trimmed it."""
    schema = TableSchema(
        table_id,
        "",
        is_keyed=True,
        fields=(
            FieldSchema("tag", FieldType.MUTEX, id=1, is_keyed=True),
            FieldSchema("number", FieldType.INT, id=2),
        ),
    )
    engine = open_engine(stack.database)
    log, records = Log(engine), Counter[str]()
    for number in range(PARTITIONS):
        name, tags = partition_name(table_id, number), Counter[str]()
        for entry in log.read(name, after=0):
            [operation] = decode_batch(entry.body, schema, where=name).operations
            found = operation.records.column("tag").to_pylist()
            records.update(found)
            tags.update({tag for tag in found if "hot" not in tag})
        assert set(tags.values()) <= {1}, [tag for tag, times in tags.items() if times > 1]
    is_trimmed = bool(log.manifests([partition_name(table_id, n) for n in range(PARTITIONS)]))
    engine.dispose()
    batches = {tag: count for tag, count in records.items() if "hot" not in tag}
    assert is_trimmed or batches == dict.fromkeys(acknowledged, BATCH)
