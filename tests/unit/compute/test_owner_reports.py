"""Whoever looks at the metrics learns how owners fare, and neither waits long nor makes them work.

Looked at by many at once, with an owner that says nothing, with one whose lease runs out, and with
a database that cannot be asked.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bitbrook.compute.actor import OwnerSettings
from bitbrook.compute.remote import RemoteCompute
from bitbrook.engine.batch import Batch
from bitbrook.errors import PartitionUnavailable
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.sql import open_engine

OWNER_BYTES = 1 << 30
WAIT_S = 30.0


@pytest.fixture
def remote(make_server: Callable[..., RemoteCompute], schema: TableSchema) -> RemoteCompute:
    """Two owners that nobody replaces, with one table."""
    remote = make_server(stalled_s=1e6)
    remote.reserve("d", 2 * OWNER_BYTES)
    remote.open_table(schema, deployment_id="d")
    return remote


def eventually(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_table_is_what_its_owners_tell_of_it(
    remote: RemoteCompute, batch_of: Callable[..., Batch]
) -> None:
    remote.write("t", batch_of(range(100)))
    eventually(lambda: remote.table_figures("t").record_count == 100)
    figures, statistics = remote.table_figures("t"), remote.statistics("t")
    assert figures.partition_count == 4
    assert figures.memory_bytes == statistics.memory_bytes > 0
    assert figures.log_bytes > 0
    remote.checkpoint()
    eventually(lambda: remote.table_figures("t").log_bytes == 0)
    assert remote.table_figures("t").stored_bytes == remote.statistics("t").stored_bytes > 0
    for report in remote.owner_reports():
        assert report.lease_is_good
        assert report.deployment_id == "d"
        assert report.figures is not None
        assert report.figures.checkpoints["success"] >= 1
        assert {"row_words", "thawed_rows"} <= report.figures.caches.keys()
        assert report.figures.memory_bytes > 1 << 20
        assert report.figures.queue.batches == 0


def test_many_who_look_ask_owners_once_a_second(remote: RemoteCompute, cluster: Any) -> None:
    began_s = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        for _ in range(20):
            looks = [threads.submit(remote.owner_reports) for _ in range(8)]
            assert {len(look.result()) for look in looks} == {2}
            remote.table_figures("t")
            assert remote.refusing_count() == 0
    asked = sum(method == "figures" for _, method in cluster.calls)
    assert 2 <= asked <= 2 * (2 + time.monotonic() - began_s)


def test_an_owner_that_says_nothing_is_told_of_by_its_lease(
    remote: RemoteCompute, cluster: Any
) -> None:
    name, other = sorted(cluster.owners)

    def told(owner: str) -> tuple[bool, bool]:
        (report,) = [each for each in remote.owner_reports() if each.name == owner]
        return report.lease_is_good, report.figures is not None

    eventually(lambda: told(name) == (True, True))
    cluster.silent.add(name)
    eventually(lambda: told(name) == (True, False))
    with pytest.raises(PartitionUnavailable, match="'things': 2 of 4 partitions were told of"):
        remote.table_figures("t")
    lease = cluster.owners[name]._running._lease
    lease._is_closing.set()
    eventually(lambda: told(name) == (False, False))
    assert told(other) == (True, True)


def test_without_the_database_leases_are_taken_to_run_out(
    remote: RemoteCompute, owner_settings: OwnerSettings
) -> None:
    eventually(lambda: all(each.lease_is_good for each in remote.owner_reports()))
    engine = open_engine(owner_settings.log_database)

    def rename(table: str, name: str) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {name}")

    rename("owner", "away")
    eventually(
        lambda: (
            [(each.lease_is_good, each.figures) for each in remote.owner_reports()]
            == [(False, None)] * 2
        )
    )
    rename("away", "owner")
    eventually(lambda: all(each.figures is not None for each in remote.owner_reports()))
    eventually(lambda: all(each.lease_is_good for each in remote.owner_reports()))
    engine.dispose()
