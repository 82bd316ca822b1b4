"""A partition has one owner at a time, whatever processes believe.

Processes take partitions from each other while leases are good, over, given back or renewed at the
same moment; appends go on in between. Whoever was deposed must neither append nor publish, and
nobody may hold a partition while another's lease on it is good. Owners give their places to others,
which several would do at once. On SQLite, and on PostgreSQL with transactions that are left open.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from bitbrook.errors import Fenced, Overloaded
from bitbrook.stores.log import Log, LogEntry
from bitbrook.stores.owner_moves import OwnerMoves
from bitbrook.stores.ownership import Epochs, Held, Ownership, Placement
from bitbrook.stores.sql import open_engine
from postgres_process import PostgresProcess

LEASE_S = 0.4


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresProcess]:
    with PostgresProcess() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/log.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").create_database()
    engine = open_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def ownership(engine: Engine) -> Ownership:
    """Two owners of one deployment; two partitions assigned to the first."""
    ownership = Ownership(engine)
    ownership.place(Placement("d", 1, 2), ["d.1.0.0", "d.1.1.0"])
    held = [Held("t.0", "t", 0), Held("t.1", "t", 1)]
    ownership.assign(dict.fromkeys(held, "d.1.0.0"))
    return ownership


def taken(ownership: Ownership, owner: str, process: str, *partitions: str) -> Epochs:
    epochs = Epochs()
    epochs.add(ownership.take(owner, process, partitions))
    return epochs


def test_a_deposed_process_appends_and_publishes_nothing(
    engine: Engine, ownership: Ownership
) -> None:
    ownership.begin("d.1.0.0", "first", lease_s=LEASE_S)
    old = Log(engine, fence=taken(ownership, "d.1.0.0", "first", "t.0", "t.1"))
    old.append([LogEntry("t.0", 1, b"a"), LogEntry("t.1", 1, b"b")])
    ownership.begin("d.1.0.0", "second", lease_s=LEASE_S)
    new = Log(engine, fence=taken(ownership, "d.1.0.0", "second", "t.0"))
    for entries in (
        [LogEntry("t.0", 2, b"x")],
        [LogEntry("t.1", 2, b"x"), LogEntry("t.0", 2, b"x")],
    ):
        with pytest.raises(Fenced):
            old.append(entries)
    with pytest.raises(Fenced):
        old.publish("t.0", b"old", through=1)
    new.append([LogEntry("t.0", 2, b"c")])
    new.publish("t.0", b"new", through=1)
    assert new.manifests(["t.0"]) == {"t.0": b"new"}
    assert [each.body for each in new.read("t.0", after=0)] == [b"c"]
    # What nobody took is still the first one's; the second never held it.
    old.append([LogEntry("t.1", 2, b"d")])
    with pytest.raises(Fenced):
        new.append([LogEntry("t.1", 3, b"x")])


def test_who_takes_waits_for_the_lease(ownership: Ownership) -> None:
    """Moved to another owner while the first's lease is good, its end has to be waited for."""
    ownership.begin("d.1.0.0", "first", lease_s=LEASE_S)
    ownership.begin("d.1.1.0", "other", lease_s=LEASE_S)
    ownership.take("d.1.0.0", "first", ["t.0"])
    assert ownership.renew("d.1.0.0", "first", lease_s=LEASE_S) == {"t.0"}
    renewed_s = time.monotonic()
    with pytest.raises(Fenced):
        ownership.take("d.1.1.0", "other", ["t.0"])
    ownership.reassign({"t.0": "d.1.1.0"})
    ownership.take("d.1.1.0", "other", ["t.0"])
    # The lease was counted by the database from before `renewed_s`; clocks tick in milliseconds.
    assert time.monotonic() - renewed_s >= LEASE_S - 0.1
    assert ownership.renew("d.1.0.0", "first", lease_s=LEASE_S) == set()
    assert ownership.renew("d.1.1.0", "other", lease_s=LEASE_S) == {"t.0"}


def test_what_was_given_back_is_not_waited_for(ownership: Ownership) -> None:
    ownership.begin("d.1.0.0", "first", lease_s=3600.0)
    ownership.begin("d.1.1.0", "other", lease_s=3600.0)
    epochs = ownership.take("d.1.0.0", "first", ["t.0", "t.1"])
    ownership.release("first", ["t.0"])
    ownership.reassign({"t.0": "d.1.1.0"})
    assert ownership.take("d.1.1.0", "other", ["t.0"])["t.0"] > epochs["t.0"]
    assert ownership.renew("d.1.0.0", "first", lease_s=3600.0) == {"t.1"}


def test_a_process_that_was_replaced_begins_nothing_and_renews_nothing(
    ownership: Ownership,
) -> None:
    ownership.begin("d.1.0.0", "first", lease_s=0.05)
    assert not ownership.replace_owner("d.1.0.0", "d.1.0.1", over_for_s=3600.0)
    time.sleep(0.1)
    results: list[bool] = []
    threads = [
        threading.Thread(
            target=lambda: results.append(
                ownership.replace_owner("d.1.0.0", "d.1.0.1", over_for_s=0.0)
            )
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, False, False, True]
    for attempt in (
        lambda: ownership.renew("d.1.0.0", "first", lease_s=1.0),
        lambda: ownership.begin("d.1.0.0", "third", lease_s=1.0),
        lambda: ownership.take("d.1.0.0", "first", ["t.0"]),
    ):
        with pytest.raises(Fenced):
            attempt()
    assert [each.number for each in ownership.assigned("d.1.0.1")] == [0, 1]


def test_of_several_who_take_again_and_again_one_appends(
    engine: Engine, ownership: Ownership
) -> None:
    """Processes of one name depose each other without end: every sequence is appended once."""
    appended: list[int] = []
    refused: list[int] = []
    lock = threading.Lock()

    def contend(number: int) -> None:
        for attempt in range(6):
            process = f"{number}.{attempt}"
            try:
                ownership.begin("d.1.0.0", process, lease_s=0.001)
                log = Log(engine, fence=taken(ownership, "d.1.0.0", process, "t.0"))
                extent = log.extents(["t.0"]).get("t.0")
                first = 1 if extent is None else extent.last + 1
                for sequence in range(first, first + 3):
                    log.append([LogEntry("t.0", sequence, process.encode())])
                    with lock:
                        appended.append(sequence)
            except Fenced:
                with lock:
                    refused.append(number)

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(appended) == list(range(1, len(appended) + 1))
    assert [each.sequence for each in Log(engine).read("t.0", after=0)] == sorted(appended)
    assert len(appended) + len(refused) > 3


def test_a_stopped_append_keeps_nobody_from_taking_over(postgres: PostgresProcess) -> None:
    """A transaction was left open in the middle of an append: its locks end with a time-out."""
    engine = open_engine(postgres.create_database())
    ownership = Ownership(engine)
    ownership.place(Placement("d", 1, 1), ["d.1.0.0"])
    ownership.assign({Held("t.0", "t", 0): "d.1.0.0"})
    ownership.begin("d.1.0.0", "stopped", lease_s=0.01)
    epochs = taken(ownership, "d.1.0.0", "stopped", "t.0")
    connection = engine.connect()
    connection.begin()
    epochs.check(connection, ["t.0"])
    ownership.begin("d.1.0.0", "next", lease_s=1.0)
    ownership.take("d.1.0.0", "next", ["t.0"])
    with pytest.raises(sa.exc.DBAPIError):
        connection.execute(sa.text("SELECT 1"))
    connection.invalidate()
    connection.close()
    engine.dispose()


def test_of_several_who_would_move_an_owner_one_does(ownership: Ownership) -> None:
    """All have seen the same; the second owner of the place is there once."""
    moves, seen = OwnerMoves(ownership), [owner.name for owner in ownership.owners()]
    begun: list[str] = []

    def begin(number: int) -> None:
        placement = Placement("d", 1, 2)
        name = f"d.1.{number % 2}.0-1"
        if moves.begin(placement, name, number % 2, seen=seen):
            begun.append(name)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun) == 1
    assert {owner.name for owner in ownership.owners()} - set(seen) == set(begun)


def test_no_owner_moves_within_what_is_placed_anew(ownership: Ownership) -> None:
    moves, seen = OwnerMoves(ownership), [owner.name for owner in ownership.owners()]
    assert not moves.begin(Placement("d", 2, 2), "d.1.0.0-1", 0, seen=seen)
    assert not moves.begin(Placement("other", 1, 2), "d.1.0.0-1", 0, seen=seen)
    assert not moves.begin(Placement("d", 1, 2), "d.1.0.0-1", 0, seen=seen[1:])
    ownership.place(Placement("d", 2, 1), ["d.2.0.0"])
    seen.append("d.2.0.0")
    assert not moves.begin(Placement("d", 1, 2), "d.1.0.0-1", 0, seen=seen)
    assert moves.begin(Placement("d", 2, 1), "d.2.0.0-1", 0, seen=seen)


def test_an_owner_is_forgotten_when_it_has_and_holds_nothing(ownership: Ownership) -> None:
    """It still holds what was handed over; then a table is made that is assigned to it."""
    moves, names = OwnerMoves(ownership), [owner.name for owner in ownership.owners()]
    first, second = names
    ownership.begin(first, "a", lease_s=LEASE_S)
    taken(ownership, first, "a", "t.0", "t.1")
    assert not moves.forget_idle(first)
    assert moves.hand_over("t", first, second)
    assert ownership.owners_of("t") == {0: second, 1: second}
    assert not moves.forget_idle(first)
    ownership.release("a", ["t.0", "t.1"])
    ownership.assign({Held("u.0", "u", 0): first})
    assert not moves.forget_idle(first)
    assert moves.hand_over("u", first, second)
    assert moves.forget_idle(first)
    assert [owner.name for owner in ownership.owners()] == [second]
    # Nothing goes to, or comes from, one that is forgotten.
    assert not moves.forget_idle(first)
    assert not moves.hand_over("t", second, first)
    assert not moves.hand_over("t", first, second)
    with pytest.raises(Overloaded, match="was replaced"):
        ownership.assign({Held("v.0", "v", 0): first})
    assert ownership.owners_of("t") == {0: second, 1: second}
    assert ownership.owners_of("v") == {}
