"""Partitions at owners answer as those in one process do, whatever happens to the owners.

Owners run in this process, without a network: they are killed, stopped, replaced and moved, their
answers are lost on the way, while batches are counted. What was acknowledged is there once; what
cannot be answered says which partitions are missing.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import HasRow
from bitbrook.algebra.questions import (
    CountRecords,
    ExtractRecords,
    GroupKey,
    GroupRecords,
    Measure,
    MeasureKind,
    NumberTotals,
    RecordIds,
)
from bitbrook.compute.actor import OwnerSettings
from bitbrook.compute.holdings import Elsewhere
from bitbrook.compute.remote import RemoteCompute
from bitbrook.compute.requests import Parts, Refusal
from bitbrook.engine.batch import Batch
from bitbrook.engine.recovery import partition_name
from bitbrook.errors import Overloaded, PartitionUnavailable, QuotaExceeded
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.stores.log import Log, Note
from bitbrook.stores.sql import open_engine

OWNER_BYTES = 1 << 30
STALLED_S = 1.5


@pytest.fixture
def remote(make_server: Callable[..., RemoteCompute]) -> RemoteCompute:
    """Two owners with one open table."""
    remote = make_server(stalled_s=STALLED_S)
    remote.reserve("d", 2 * OWNER_BYTES)
    return remote


@pytest.fixture
def table(remote: RemoteCompute, schema: TableSchema) -> TableSchema:
    remote.open_table(schema, deployment_id="d")
    return schema


def count(remote: RemoteCompute, timeout_s: float = 30.0) -> int:
    return int(remote.ask("t", CountRecords(), Budget.starting_now(timeout_s)).count)  # type: ignore[union-attr]


def entries(owner_settings: OwnerSettings) -> int:
    """How many batches the log has of all partitions."""
    engine = open_engine(owner_settings.log_database)
    log = Log(engine)
    found = sum(len(list(log.read(partition_name("t", number), after=0))) for number in range(4))
    engine.dispose()
    return found


def test_questions_of_every_kind(
    remote: RemoteCompute, table: TableSchema, batch_of: Callable[..., Batch]
) -> None:
    assert remote.write("t", batch_of(range(100), tag="a")) == [200]
    assert remote.write("t", batch_of(range(50, 60), tag="b")) == [10]
    budget = Budget.starting_now()
    assert count(remote) == 100
    tagged = HasRow("tag", ("b",))
    totals: Any = remote.ask("t", NumberTotals("number", tagged), budget)
    assert (totals.count, totals.total, totals.least, totals.greatest) == (10, 545, 50, 59)
    measures = (Measure(MeasureKind.COUNT_DISTINCT, "number"), Measure(MeasureKind.MAX, "number"))
    groups: Any = remote.ask("t", GroupRecords((GroupKey("tag"),), measures=measures), budget)
    found = dict(zip(groups.keys[0].tolist(), groups.measures[0].tolist(), strict=True))
    assert found == {"a": 90, "b": 10}
    ids: Any = remote.ask("t", RecordIds(tagged, limit=3, offset=2), budget)
    assert ids.ids.tolist() == ["k52", "k53", "k54"]
    records: Any = remote.ask("t", ExtractRecords(("number", "tag"), tagged, limit=2), budget)
    assert records.records.to_pylist() == [
        {"_id": "k50", "number": 50, "tag": "b"},
        {"_id": "k51", "number": 51, "tag": "b"},
    ]
    statistics = remote.statistics("t")
    assert statistics.record_count == 100
    assert [(field.name, field.rows) for field in statistics.fields] == [("number", 0), ("tag", 2)]
    assert set(remote.sequences("t")) == {0, 1, 2, 3}
    assert set(remote.sequences("t").values()) <= {1, 2}


def test_a_killed_owner_is_waited_for(
    remote: RemoteCompute, cluster: Any, table: TableSchema, batch_of: Callable[..., Batch]
) -> None:
    remote.write("t", batch_of(range(100)))
    name = sorted(cluster.owners)[0]
    cluster.kill(name)
    starting = threading.Timer(0.5, lambda: cluster.start(name, "d.1", 0))
    starting.start()
    assert count(remote) == 100
    remote.write("t", batch_of(range(100, 150)))
    assert count(remote) == 150
    starting.join()


def test_what_is_missing_is_named(
    remote: RemoteCompute, cluster: Any, table: TableSchema, batch_of: Callable[..., Batch]
) -> None:
    remote.write("t", batch_of(range(100)))
    name = sorted(cluster.owners)[0]
    cluster.kill(name)
    with pytest.raises(PartitionUnavailable, match=f"owner {name} is not running") as raised:
        count(remote, timeout_s=0.3)
    [told] = raised.value.details
    assert told.startswith("partitions ")
    assert "'things'" in raised.value.message


def test_lost_answers_double_nothing(
    remote: RemoteCompute,
    cluster: Any,
    table: TableSchema,
    batch_of: Callable[..., Batch],
    owner_settings: OwnerSettings,
) -> None:
    """Each write is sent again because its answer is lost; the log has it once a partition."""
    remote.write("t", batch_of(range(100)))
    before = entries(owner_settings)
    cluster.mute = 2
    assert remote.write("t", batch_of(range(100), tag="b")) == [100]
    assert cluster.mute == 0
    assert entries(owner_settings) == before + 4
    totals: Any = remote.ask("t", CountRecords(HasRow("tag", ("b",))), Budget())
    assert totals.count == 100


def test_what_one_owner_refuses_is_not_said_to_be_nothing(
    remote: RemoteCompute, cluster: Any, table: TableSchema, batch_of: Callable[..., Batch]
) -> None:
    """The other has its part, so the error says so; sent again, the batch is completed."""
    owner = cluster.owners[sorted(cluster.owners)[0]]
    owner.write = lambda _: Refusal(Overloaded("9 bytes wait; nothing was applied; send it again"))
    with pytest.raises(PartitionUnavailable) as raised:
        remote.write("t", batch_of(range(100)))
    assert "was refused (9 bytes wait) and other parts are stored" in raised.value.message
    assert "nothing was applied" not in raised.value.message
    assert 0 < count(remote) < 100
    del owner.write
    remote.write("t", batch_of(range(100)))
    assert count(remote) == 100


def test_a_key_that_comes_again_completes_what_is_missing(  # noqa: PLR0917 - all are fixtures
    remote: RemoteCompute,
    cluster: Any,
    table: TableSchema,
    batch_of: Callable[..., Batch],
    owner_settings: OwnerSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One owner is away while a batch under a key is written; later the same batch comes again."""
    monkeypatch.setattr("bitbrook.compute.remote.WRITE_TIMEOUT_S", 0.5)
    note = Note("source", "key", b"answer", time.time() + 3600)
    name = sorted(cluster.owners)[0]
    cluster.kill(name)
    with pytest.raises(PartitionUnavailable, match="not known"):
        remote.submit("t", batch_of(range(100)), note).result()
    half = entries(owner_settings)
    assert 0 < half < 4
    assert remote.notes("source", now_s=0.0) == []
    cluster.start(name, "d.1", 0)
    monkeypatch.setattr("bitbrook.compute.remote.WRITE_TIMEOUT_S", 30.0)
    for _ in range(2):
        remote.submit("t", batch_of(range(100)), note).result()
        assert entries(owner_settings) == 4
        assert [each.body for each in remote.notes("source", now_s=0.0)] == [b"answer"]
    assert count(remote) == 100


def test_a_stopped_owner_is_replaced_and_says_nothing_when_it_wakes(
    remote: RemoteCompute, cluster: Any, table: TableSchema, batch_of: Callable[..., Batch]
) -> None:
    remote.write("t", batch_of(range(100)))
    name = sorted(cluster.owners)[0]
    stopped = cluster.owners[name]
    running = stopped._running
    # Nothing of a stopped process runs; calls to it wait in its mailbox.
    stopped._is_closing.set()
    stopped._thread.join()
    running._lease._is_closing.set()
    running._lease._thread.join()
    cluster.silent.add(name)
    killed: list[str] = []
    cluster.kill = killed.append
    remote.write("t", batch_of(range(100, 200)))
    assert killed == [name]
    assert count(remote) == 200
    # It wakes: what waited in its mailbox is refused, and so is an append on its own account.
    held = running.holdings._tables["t"]
    assert isinstance(stopped.statistics(Parts("t", ())), Refusal)
    with pytest.raises(Elsewhere), running._reading("t", held.numbers):
        running.holdings.check("t", held.numbers, form=held.form, is_keyed=True)
    log = running.compute._log
    body = next(iter(log.read(partition_name("t", held.numbers[0]), after=0))).body
    written = running.compute.submit_encoded("t", {held.numbers[0]: body})
    with pytest.raises(Exception, match="held under epoch"):
        written.result(10)
    assert count(remote) == 200


def test_another_size_moves_everything_and_loses_nothing(
    remote: RemoteCompute, cluster: Any, table: TableSchema, batch_of: Callable[..., Batch]
) -> None:
    """Writers and readers go on while the owners become four, then one."""
    remote.write("t", batch_of(range(100)))
    is_done = threading.Event()
    written, counts, failures = [100], [0], []

    def write() -> None:
        try:
            while not is_done.is_set():
                first = written[0]
                remote.write("t", batch_of(range(first, first + 10)))
                written[0] = first + 10
        except Exception as error:
            failures.append(error)

    def read() -> None:
        try:
            while not is_done.is_set():
                least, found, most = written[0], count(remote), written[0] + 20
                assert least <= found <= most
                counts.append(found)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    for owners in (4, 1):
        remote.reserve("d", owners * OWNER_BYTES)
        assert len(cluster.owners) == owners
    is_done.set()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert counts == sorted(counts)
    assert count(remote) == written[0]
    assert len(cluster.reserved) == 1


def test_without_room_all_stays_as_it_was(
    remote: RemoteCompute, cluster: Any, table: TableSchema, batch_of: Callable[..., Batch]
) -> None:
    remote.write("t", batch_of(range(100)))
    before, cluster.room = set(cluster.owners), {"n1": 3}
    with pytest.raises(QuotaExceeded):
        remote.reserve("d", 4 * OWNER_BYTES)
    assert set(cluster.owners) == before
    remote.write("t", batch_of(range(100, 110)))
    assert count(remote) == 110


def test_a_move_that_was_broken_off_is_finished(
    remote: RemoteCompute, cluster: Any, table: TableSchema, batch_of: Callable[..., Batch]
) -> None:
    """Whoever moves dies once the new owners are there; the next start asks for the old size."""
    remote.write("t", batch_of(range(100)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remote._placing, "_settle", lambda _: None)
        remote.reserve("d", 3 * OWNER_BYTES)
    assert len(cluster.owners) == 5
    remote.write("t", batch_of(range(100, 110)))
    remote.reserve("d", 2 * OWNER_BYTES)
    assert len(cluster.owners) == 2
    assert count(remote) == 110


def test_an_owner_that_missed_a_new_field_learns_it_from_the_batch(
    remote: RemoteCompute,
    cluster: Any,
    table: TableSchema,
    batch_of: Callable[..., Batch],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remote.write("t", batch_of(range(100)))
    added = FieldSchema("extra", FieldType.INT, id=3)
    altered = msgspec.structs.replace(table, fields=(*table.fields, added))
    with monkeypatch.context() as patch:
        patch.setattr(remote._placing, "tell", lambda *_, **__: None)
        remote.alter_table(altered)
    batch = batch_of(range(100))
    [operation] = batch.operations
    operation.records = operation.records.append_column("extra", pa.array([7] * 100))
    remote.write("t", batch)
    totals: Any = remote.ask("t", NumberTotals("extra"), Budget())
    assert (totals.count, totals.total) == (100, 700)


def test_a_dropped_table_is_gone_everywhere(
    remote: RemoteCompute,
    table: TableSchema,
    batch_of: Callable[..., Batch],
    owner_settings: OwnerSettings,
) -> None:
    remote.write("t", batch_of(range(100)))
    remote.checkpoint()
    remote.drop_table("t")
    assert entries(owner_settings) == 0
    remote.open_table(table, deployment_id="d")
    assert count(remote) == 0
    remote.release("d")
