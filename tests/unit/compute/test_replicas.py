"""Replicas answer for owners that are late or away, never less than was acknowledged or shown.

Owners and replicas run in this process, without a network. Owners are made deaf to questions, are
killed, and are kept from applying what is durable already; both are asked every question, and of
each the first answer must count once. Copies are counted on nodes as owners come, move and go.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
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
    NumberTotals,
    RecordIds,
)
from bitbrook.compute import hedging
from bitbrook.compute.remote import RemoteCompute
from bitbrook.compute.requests import Asked, Refusal, ReplicaAnswer, Spending, form_of
from bitbrook.engine.batch import Batch
from bitbrook.errors import Cancelled, PartitionUnavailable
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.telemetry.metrics import read_metrics

OWNER_BYTES = 1 << 30
NUMBERS = (0, 1, 2, 3)


class Deafness:
    """Owners that do as they are told, but take no notice of questions."""

    def __init__(self, cluster: Any) -> None:
        self.names: set[str] = set()
        self.asked: list[str] = []
        self._begin = cluster.begin
        cluster.begin = self.begin

    def begin(self, name: str, method: str, *arguments: Any) -> Future[Any]:
        if method == "ask":
            self.asked.append(name)
            if name in self.names:
                return Future()
        begun: Future[Any] = self._begin(name, method, *arguments)
        return begun


@pytest.fixture
def deaf(cluster: Any) -> Deafness:
    """Nobody yet."""
    return Deafness(cluster)


@pytest.fixture
def remote(cluster: Any, make_server: Callable[..., RemoteCompute]) -> RemoteCompute:
    """Two owners, each with a replica on another node."""
    cluster.room = {"n1": 10, "n2": 10}
    remote = make_server(read_replicas=1)
    remote.reserve("d", 2 * OWNER_BYTES)
    return remote


@pytest.fixture
def table(remote: RemoteCompute, cluster: Any, schema: TableSchema) -> TableSchema:
    """A table that the replicas have open, too."""
    remote.open_table(schema, deployment_id="d")
    for name in cluster.replicas:
        wait_until(lambda name=name: isinstance(directly(cluster, schema, name), ReplicaAnswer))
    return schema


def wait_until(is_so: Callable[[], bool]) -> None:
    """Return once something is so that comes by itself."""
    for _ in range(400):
        if is_so():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it did not come about")


def count(remote: RemoteCompute, timeout_s: float = 30.0) -> int:
    return int(remote.ask("t", CountRecords(), Budget.starting_now(timeout_s)).count)  # type: ignore[union-attr]


def directly(
    cluster: Any, schema: TableSchema, name: str, question: Any = None
) -> ReplicaAnswer | Refusal:
    """What a replica answers for the partitions of its owner."""
    slot = name.rpartition(".")[0]
    [owner] = [each for each in cluster.owners if each.startswith(f"{slot}.")]
    numbers = tuple(n for n in NUMBERS if n in owned(cluster, owner))
    spending = Spending.of(Budget.starting_now(30.0))
    asked = Asked(
        "t", form_of(schema), True, numbers, question or CountRecords(), spending, "directly"
    )
    answer: ReplicaAnswer | Refusal = cluster.replicas[name].ask(asked)
    return answer


def owned(cluster: Any, owner: str) -> list[int]:
    held = cluster.owners[owner]._running.holdings._tables.get("t")
    return [] if held is None else list(held.numbers)


def counted(name: str) -> float:
    """A counter of this process, all labels together."""
    return sum(reading.value for reading in read_metrics() if reading.name == name)


def test_owners_that_take_no_notice_are_answered_for(
    remote: RemoteCompute,
    cluster: Any,
    table: TableSchema,
    deaf: Deafness,
    batch_of: Callable[..., Batch],
) -> None:
    """Questions of every kind, after each of many writes, with one owner deaf and then both."""
    hedged, won = counted("bitbrook_hedges_total"), counted("bitbrook_hedges_won_total")
    for round_, names in enumerate((sorted(cluster.owners)[:1], sorted(cluster.owners))):
        deaf.names = set(names)
        for at in range(5):
            first = 100 * round_ + 10 * at
            remote.write("t", batch_of(range(first, first + 10), tag=f"b{at % 2}"))
            assert count(remote) == 50 * round_ + 10 * (at + 1)
    budget = Budget.starting_now()
    tagged = HasRow("tag", ("b1",))
    totals: Any = remote.ask("t", NumberTotals("number", tagged), budget)
    assert (totals.count, totals.least, totals.greatest) == (40, 10, 139)
    groups: Any = remote.ask("t", GroupRecords((GroupKey("tag"),)), budget)
    assert dict(zip(groups.keys[0].tolist(), groups.counts.tolist(), strict=True)) == {
        "b0": 60,
        "b1": 40,
    }
    ids: Any = remote.ask("t", RecordIds(tagged, limit=2), budget)
    assert ids.ids.tolist() == ["k10", "k11"]
    records: Any = remote.ask("t", ExtractRecords(("number",), tagged, limit=1), budget)
    assert records.records.to_pylist() == [{"_id": "k10", "number": 10}]
    assert counted("bitbrook_hedges_won_total") - won >= 5 + 2 * 9
    assert counted("bitbrook_hedges_total") - hedged >= counted("bitbrook_hedges_won_total") - won


def test_who_is_away_is_answered_for_at_once(
    remote: RemoteCompute,
    cluster: Any,
    table: TableSchema,
    batch_of: Callable[..., Batch],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both owners are killed and nobody starts them again; nothing that was written is missing."""
    remote.write("t", batch_of(range(100)))
    remote.checkpoint()
    remote.write("t", batch_of(range(100, 150), tag="b"))
    for name in list(cluster.owners):
        cluster.kill(name)
    assert [count(remote, timeout_s=5.0) for _ in range(3)] == [150] * 3
    totals: Any = remote.ask("t", NumberTotals("number"), Budget.starting_now())
    assert (totals.count, totals.total) == (150, sum(range(150)))
    monkeypatch.setattr("bitbrook.compute.remote.WRITE_TIMEOUT_S", 0.5)
    with pytest.raises(PartitionUnavailable):
        remote.write("t", batch_of([1]))
    assert not [call for call in cluster.calls if call[0] in cluster.replicas and "write" in call]


def test_of_two_answers_one_counts(  # noqa: PLR0917 - all are fixtures
    remote: RemoteCompute,
    cluster: Any,
    table: TableSchema,
    deaf: Deafness,
    batch_of: Callable[..., Batch],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Everybody is asked everything, by several at a time, while batches are written."""
    for name in ("DELAY_MIN_S", "DELAY_UNKNOWN_S"):
        monkeypatch.setattr(hedging, name, 0.0)
    monkeypatch.setattr(hedging, "QUANTILE", 0.0)
    written, is_done = [0], threading.Event()
    faults: list[tuple[int, int, int]] = []
    won, asked = counted("bitbrook_hedges_won_total"), len(deaf.asked)

    def read() -> None:
        last = 0
        while not is_done.is_set():
            least, found, most = max(written[0], last), count(remote), written[0] + 10
            if not least <= found <= most:
                faults.append((least, found, most))
            last = found

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for at in range(40):
        remote.write("t", batch_of(range(10 * at, 10 * at + 10)))
        written[0] = 10 * at + 10
    is_done.set()
    for reader in readers:
        reader.join()
    assert not faults, faults[:5]
    assert count(remote) == 400
    replicas = [name for name in deaf.asked[asked:] if name in cluster.replicas]
    assert 0 < counted("bitbrook_hedges_won_total") - won < len(replicas)


def test_an_owner_shows_what_a_replica_has_shown(
    remote: RemoteCompute,
    cluster: Any,
    table: TableSchema,
    deaf: Deafness,
    batch_of: Callable[..., Batch],
) -> None:
    """A batch is durable and its owner does not come to apply it, while a replica shows it."""
    remote.write("t", batch_of(range(100)))
    is_released = threading.Event()
    for owner in cluster.owners.values():
        held = owner._running.compute._tables["t"]
        held.apply = kept_until(is_released, held.apply)
    writing = remote.submit("t", batch_of(range(100, 150)))
    wait_until(lambda: log_length(remote) == 8)
    deaf.names = set(cluster.owners)
    assert count(remote) == 150
    assert not writing.done()
    # The owners hear again, and are asked alone: they have applied nothing yet.
    deaf.names = set()
    for name in list(cluster.replicas):
        cluster.kill(name)
    release = threading.Timer(0.5, is_released.set)
    release.start()
    assert count(remote) == 150
    assert is_released.is_set()
    assert writing.result() is not None
    release.join()


def kept_until(is_released: threading.Event, apply: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def applied(write: Any) -> Any:
        is_released.wait(30)
        return apply(write)

    return applied


def log_length(remote: RemoteCompute) -> int:
    extents = remote._log.extents([f"t.{number}" for number in NUMBERS])
    return sum(extent.last for extent in extents.values())


def test_a_replica_follows_what_the_table_becomes(
    remote: RemoteCompute,
    cluster: Any,
    table: TableSchema,
    deaf: Deafness,
    batch_of: Callable[..., Batch],
) -> None:
    """A field comes, is written and goes, and the table goes; only replicas hear questions."""
    remote.write("t", batch_of(range(100)))
    deaf.names = set(cluster.owners)
    added = FieldSchema("extra", FieldType.INT, id=3)
    altered = msgspec.structs.replace(table, fields=(*table.fields, added))
    remote.alter_table(altered)
    batch = batch_of(range(50))
    [operation] = batch.operations
    operation.records = operation.records.append_column("extra", pa.array([7] * 50))
    remote.write("t", batch)
    totals: Any = remote.ask("t", NumberTotals("extra"), Budget.starting_now())
    assert (totals.count, totals.total) == (50, 350)
    remote.alter_table(table)
    # Another field of that name is another field.
    again = FieldSchema("extra", FieldType.INT, id=4)
    remote.alter_table(msgspec.structs.replace(table, fields=(*table.fields, again)))
    totals = remote.ask("t", NumberTotals("extra"), Budget.starting_now())
    assert (totals.count, totals.total) == (0, 0)
    assert count(remote) == 100
    name = min(cluster.replicas)
    remote.drop_table("t")
    answer = directly_of_all(cluster, table, name)
    assert isinstance(answer, Refusal)
    assert answer.is_elsewhere


def directly_of_all(cluster: Any, schema: TableSchema, name: str) -> ReplicaAnswer | Refusal:
    """What a replica answers for one partition, whoever has it."""
    spending = Spending.of(Budget.starting_now(30.0))
    for number in NUMBERS:
        asked = Asked("t", form_of(schema), True, (number,), CountRecords(), spending, "directly")
        answer: ReplicaAnswer | Refusal = cluster.replicas[name].ask(asked)
        if isinstance(answer, ReplicaAnswer):
            return answer
    return answer


def test_a_caller_who_goes_away_is_not_waited_for(
    remote: RemoteCompute, cluster: Any, table: TableSchema, deaf: Deafness
) -> None:
    """Nobody answers; whoever asked goes, and all who were asked are told so."""
    deaf.names = {*cluster.owners, *cluster.replicas}
    budget = Budget.starting_now(30.0)
    leaving = threading.Timer(0.5, budget.cancelled.set)
    leaving.start()
    with pytest.raises(Cancelled):
        remote.ask("t", CountRecords(), budget)
    leaving.join()
    told = {name for name, method in cluster.calls if method == "cancel"}
    assert told == {*cluster.owners, *cluster.replicas}


def test_copies_come_and_go_with_their_owners(
    remote: RemoteCompute, cluster: Any, table: TableSchema, batch_of: Callable[..., Batch]
) -> None:
    remote.write("t", batch_of(range(100)))
    assert_apart(cluster, "d.1", 2)
    remote.reserve("d", 3 * OWNER_BYTES)
    assert len(cluster.owners) == len(cluster.replicas) == 3
    assert_apart(cluster, "d.2", 3)
    for name in list(cluster.owners):
        cluster.kill(name)
    wait_until(lambda: count(remote) == 100)
    # A replica that is lost, and one beside its owner: both are put right where there is room.
    cluster.kill("d.2.0.r1")
    cluster.give_back("d.2.r1", 0)
    beside = cluster.reserved["d.2", 1].node
    cluster.reserved["d.2.r1", 1] = cluster.reserved["d.2.r1", 1]._replace(node=beside)
    while remote._placing.mend_replicas("d"):
        pass
    assert_apart(cluster, "d.2", 3)
    assert len(cluster.replicas) == 3
    remote.drop_table("t")
    remote.release("d")
    assert not cluster.replicas
    assert not cluster.reserved


def assert_apart(cluster: Any, generation: str, count: int) -> None:
    """Each owner has a replica on the other node, and there is nothing else."""
    owners, replicas = cluster.nodes_of(generation), cluster.nodes_of(f"{generation}.r1")
    assert sorted(owners) == sorted(replicas) == list(range(count))
    assert all(owners[slot] != replicas[slot] for slot in owners)
    assert len(cluster.reserved) == 2 * count


def test_without_room_for_copies_nothing_is_begun(
    remote: RemoteCompute, cluster: Any, table: TableSchema, batch_of: Callable[..., Batch]
) -> None:
    """A new size needs room for the copies, too; a server's start goes on without them."""
    remote.write("t", batch_of(range(100)))
    before, cluster.room = dict(cluster.reserved), {"n1": 4, "n2": 4}
    with pytest.raises(Exception, match="no room"):
        remote.reserve("d", 3 * OWNER_BYTES)
    assert cluster.reserved == before
    for name in list(cluster.replicas):
        cluster.kill(name)
    cluster.give_back("d.1.r1")
    cluster.room = {"n1": 1, "n2": 1}
    remote.reserve("d", 2 * OWNER_BYTES)
    assert not cluster.replicas
    assert count(remote) == 100


def test_how_far_a_table_is_replicas_tell_too(
    remote: RemoteCompute, cluster: Any, table: TableSchema, batch_of: Callable[..., Batch]
) -> None:
    """What a token of a write is held against is known while both owners are away."""
    written = remote.submit("t", batch_of(range(100))).result().sequences
    for name in list(cluster.owners):
        cluster.kill(name)
    assert remote.sequences("t") == written == dict.fromkeys(NUMBERS, 1)
