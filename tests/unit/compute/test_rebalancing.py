"""Owners move to a node that joins, one at a time, and nobody notices but by where they are.

Clients write and read meanwhile; whoever moves an owner dies at each step, the deployment is placed
anew, or released, in the middle of a move, and several servers look after the same owners.
Afterwards every record is there once, owners are where they ought to be, and no bundle is reserved
for nobody.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.questions import CountRecords
from bitbrook.compute.placing import OwnerName
from bitbrook.compute.remote import RemoteCompute
from bitbrook.engine.batch import Batch
from bitbrook.schema.field_types import TableSchema

OWNER_BYTES = 1 << 30
QUIET_S = 0.3
SETTINGS = {"stalled_s": 2.0, "rebalance_after_s": QUIET_S}
TIMEOUT_S = 30.0


@pytest.fixture
def remote(make_server: Callable[..., RemoteCompute]) -> RemoteCompute:
    """Two owners on one node; another node joins when a test says so."""
    remote = make_server(**SETTINGS)
    remote.reserve("d", 2 * OWNER_BYTES)
    return remote


@pytest.fixture
def table(remote: RemoteCompute, schema: TableSchema) -> TableSchema:
    remote.open_table(schema, deployment_id="d")
    return schema


def count(remote: RemoteCompute) -> int:
    return int(remote.ask("t", CountRecords(), Budget.starting_now(30.0)).count)  # type: ignore[union-attr]


def eventually(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not what():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def nodes(cluster: Any) -> Counter[str]:
    """How many owners run on each node."""
    placed = {bundle[:2]: bundle.node for bundle in cluster.bundles()}
    return Counter(placed[OwnerName.of(name).bundle] for name in list(cluster.owners))


def is_spread(cluster: Any) -> bool:
    """Whether each node has an owner and nothing is reserved besides."""
    return len(cluster.reserved) == 2 and nodes(cluster) == {"n1": 1, "n2": 1}


class Clients:
    """A writer and a reader, who find no fault."""

    def __init__(self, remote: RemoteCompute, batch_of: Callable[..., Batch]) -> None:
        self._remote, self._batch_of = remote, batch_of
        self._is_done = threading.Event()
        self.written = 0
        self.failures: list[Exception] = []

    def __enter__(self) -> Self:
        acts = (self._write, self._read)
        self._threads = [threading.Thread(target=self._run, args=(act,)) for act in acts]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_done.set()
        for thread in self._threads:
            thread.join()
        assert not self.failures, self.failures
        assert count(self._remote) == self.written

    def _run(self, act: Callable[[], None]) -> None:
        try:
            while not self._is_done.is_set():
                act()
        except Exception as error:
            self.failures.append(error)

    def _write(self) -> None:
        self._remote.write("t", self._batch_of(range(self.written, self.written + 10)))
        self.written += 10

    def _read(self) -> None:
        least, found, most = self.written, count(self._remote), self.written + 20
        assert least <= found <= most


def test_a_node_that_joins_gets_owners(
    remote: RemoteCompute, cluster: Any, table: TableSchema, batch_of: Callable[..., Batch]
) -> None:
    before = set(cluster.owners)
    with Clients(remote, batch_of) as clients:
        eventually(lambda: clients.written > 50)
        cluster.room["n2"] = 1
        eventually(lambda: is_spread(cluster))
        written = clients.written
        eventually(lambda: clients.written > written + 50)
    # One of them moved, and that is all.
    assert len(before & set(cluster.owners)) == 1
    assert {OwnerName.of(name).move for name in cluster.owners} == {0, 1}


def test_nobody_moves_while_an_owner_is_away(
    remote: RemoteCompute, cluster: Any, table: TableSchema, batch_of: Callable[..., Batch]
) -> None:
    remote.write("t", batch_of(range(100)))
    name = sorted(cluster.owners)[0]
    cluster.kill(name)
    eventually(lambda: not all(owner.goes_on for owner in remote._ownership.owners()))
    cluster.room["n2"] = 1
    time.sleep(3 * QUIET_S)
    assert nodes(cluster) == {"n1": 1}
    cluster.start(name, *OwnerName.of(name).bundle)
    eventually(lambda: is_spread(cluster))
    assert count(remote) == 100


class Interrupted:
    """A step of a move at which something happens, the first time."""

    def __init__(self, step: Callable[..., Any], happens: Callable[[], None]) -> None:
        self._step, self._happens = step, happens
        self._has_begun = self.is_done = False

    def __call__(self, *given: Any, **named: Any) -> Any:
        if not self._has_begun:
            self._has_begun = True
            try:
                self._happens()
            finally:
                self.is_done = True
        return self._step(*given, **named)


def die() -> None:
    raise RuntimeError("the server has died")


@pytest.fixture
def interrupt(remote: RemoteCompute, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Interrupted]:
    """Has something happen before a step of the first move, named by its place in `Placing`."""

    def put(name: str, happens: Callable[[], None]) -> Interrupted:
        *path, last = name.split(".")
        home: Any = remote._placing
        for each in path:
            home = getattr(home, each)
        interrupted = Interrupted(getattr(home, last), happens)
        monkeypatch.setattr(home, last, interrupted)
        return interrupted

    return put


@pytest.mark.parametrize(
    "step", ["_start", "settle_move", "_moves.hand_over", "_moves.forget_idle", "_end"]
)
def test_whoever_moves_dies(
    remote: RemoteCompute,
    cluster: Any,
    batch_of: Callable[..., Batch],
    interrupt: Callable[..., Interrupted],
    table: TableSchema,
    *,
    step: str,
) -> None:
    """Before another begins, before it has anything, when it has all, before the first ends."""
    death = interrupt(step, die)
    with Clients(remote, batch_of) as clients:
        cluster.room["n2"] = 1
        eventually(lambda: death.is_done)
        written = clients.written
        eventually(lambda: is_spread(cluster) and len(remote._ownership.owners()) == 2)
        eventually(lambda: clients.written > written + 50)


@pytest.mark.parametrize("step", ["_start", "settle_move", "_moves.hand_over", "_end"])
def test_a_shape_changes_in_the_middle_of_a_move(
    remote: RemoteCompute,
    cluster: Any,
    batch_of: Callable[..., Batch],
    interrupt: Callable[..., Interrupted],
    table: TableSchema,
    *,
    step: str,
) -> None:
    """All that was begun for the move goes with the generation that it was of."""
    change = interrupt(step, lambda: remote.reserve("d", 3 * OWNER_BYTES))
    with Clients(remote, batch_of):
        cluster.room["n2"] = 10
        eventually(lambda: change.is_done and len(cluster.reserved) == len(cluster.owners) == 3)
        eventually(lambda: set(nodes(cluster).values()) == {1, 2})
    assert {OwnerName.of(name).generation for name in cluster.owners} == {2}


@pytest.mark.parametrize("step", ["_start", "settle_move", "_end"])
def test_a_deployment_goes_in_the_middle_of_a_move(
    remote: RemoteCompute, cluster: Any, interrupt: Callable[..., Interrupted], step: str
) -> None:
    end = interrupt(step, lambda: remote.release("d"))
    cluster.room["n2"] = 1
    eventually(lambda: end.is_done and not cluster.reserved and not cluster.owners)
    assert not remote._ownership.owners()


def test_several_servers_move_one_owner_at_a_time(
    remote: RemoteCompute,
    cluster: Any,
    make_server: Callable[..., RemoteCompute],
    table: TableSchema,
    batch_of: Callable[..., Batch],
) -> None:
    """Two more servers look at the same owners; all of them see that a node has joined."""
    remote.reserve("d", 4 * OWNER_BYTES)
    owners: list[int] = []
    for _ in range(2):
        make_server(**SETTINGS).note_table(table)
    with Clients(remote, batch_of):
        cluster.room["n2"] = 10
        eventually(lambda: owners.append(len(remote._ownership.owners())) or is_even(cluster))
        # Nothing more happens: all is as it ought to be.
        time.sleep(3 * QUIET_S)
    assert is_even(cluster)
    assert max(owners) == 5
    assert sorted(OwnerName.of(name).move for name in cluster.owners) == [0, 0, 1, 1]


def is_even(cluster: Any) -> bool:
    return len(cluster.reserved) == 4 and nodes(cluster) == {"n1": 2, "n2": 2}


def test_a_move_that_cannot_be_made_keeps_no_other_deployment_from_its_own(
    remote: RemoteCompute, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node says that it has room; what one deployment reserves there lands elsewhere."""
    reserve_at = cluster.reserve_at

    def land(group: str, slot: int, node: str, size_bytes: int, *, timeout_s: float) -> None:
        there = "n1" if group.startswith("d.") else node
        reserve_at(group, slot, there, size_bytes, timeout_s=timeout_s)

    monkeypatch.setattr(cluster, "reserve_at", land)
    remote.reserve("e", 2 * OWNER_BYTES)
    cluster.room["n2"] = 10
    placed = [("d", "n1"), ("d", "n1"), ("e", "n1"), ("e", "n2")]
    eventually(lambda: sorted((each.group[0], each.node) for each in cluster.bundles()) == placed)
    assert len(remote._ownership.owners("d")) == 2
