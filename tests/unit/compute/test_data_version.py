"""The version of a table at owners stands for its answers: equal versions, equal answers.

Two servers use the same owners; one reads versions, then answers, and looks later whether the
version still stands, while the other writes, alters, checkpoints, and an owner dies and begins
again. Whenever it stands, what was answered must have all that was acknowledged by then.
"""

import random
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.questions import CountRecords
from bitbrook.compute.placing import OwnerName
from bitbrook.compute.remote import RemoteCompute
from bitbrook.engine.batch import Batch
from bitbrook.errors import PartitionUnavailable
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

OWNER_BYTES = 1 << 30
WRITES = 150


@pytest.fixture
def servers(make_server: Callable[..., RemoteCompute], schema: TableSchema) -> list[RemoteCompute]:
    """Two servers with one table at two owners."""
    servers = [make_server() for _ in range(2)]
    servers[0].reserve("d", 2 * OWNER_BYTES)
    servers[0].open_table(schema, deployment_id="d")
    servers[1].note_table(schema)
    return servers


def count(server: RemoteCompute) -> int:
    return int(server.ask("t", CountRecords(), Budget.starting_now(30.0)).count)  # type: ignore[union-attr]


def test_a_version_stands_until_somebody_writes(
    servers: list[RemoteCompute], batch_of: Callable[..., Batch], schema: TableSchema
) -> None:
    one, other = servers
    other.write("t", batch_of(range(100)))
    versions = [one.data_version("t")]
    assert one.data_version("t") == other.data_version("t") == versions[0]
    count(one)
    other.checkpoint()
    assert one.data_version("t") == versions[0]
    # One record, in one partition; the same one again; another field.
    for act in (
        lambda: other.write("t", batch_of([7])),
        lambda: other.write("t", batch_of([7])),
        lambda: other.alter_table(
            msgspec.structs.replace(
                schema, fields=(*schema.fields, FieldSchema("extra", FieldType.INT, id=3))
            )
        ),
    ):
        act()
        assert one.data_version("t") not in versions
        versions.append(one.data_version("t"))
        assert other.data_version("t") == versions[-1]


def test_without_an_owner_there_is_no_version(servers: list[RemoteCompute], cluster: Any) -> None:
    cluster.kill(min(cluster.owners))
    with pytest.raises(PartitionUnavailable):
        servers[0].data_version("t")


def test_no_answer_of_an_old_version_lacks_what_was_acknowledged(
    servers: list[RemoteCompute], cluster: Any, batch_of: Callable[..., Batch]
) -> None:
    seed = random.randrange(2**32)
    chance, failures = random.Random(seed), []
    acknowledged, is_done = [0], threading.Event()
    stood = [0]

    def read() -> None:
        try:
            while not is_done.is_set():
                version, found = servers[1].data_version("t"), count(servers[1])
                for _ in range(chance.randrange(4)):
                    least, later = acknowledged[0], servers[1].data_version("t")
                    if later == version:
                        assert found >= least, seed
                        stood[0] += 1
        except Exception as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(WRITES):
            servers[0].write("t", batch_of([number]))
            acknowledged[0] = number + 1
            if number == WRITES // 3:
                name = min(cluster.owners)
                cluster.kill(name)
                cluster.start(name, *OwnerName.of(name).bundle)
            if number == WRITES // 2:
                servers[0].checkpoint()
            if chance.random() < 0.2:
                threading.Event().wait(0.02)
    finally:
        is_done.set()
        reader.join()
    assert not failures, failures
    assert count(servers[1]) == WRITES
    assert stood[0] > 0
