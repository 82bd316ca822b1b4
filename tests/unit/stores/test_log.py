"""The log keeps whole groups in order, fences a second owner, and says so when it cannot write.

Broken with a real SQLite file: conflicting sequences, a database locked by somebody else, one that
may not grow, commits whose outcome the caller never hears, and flipped bytes.
"""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bitbrook.errors import Damaged, Fenced, OutcomeUnknown, Overloaded
from bitbrook.stores import log as log_module
from bitbrook.stores import sql
from bitbrook.stores.log import Log, LogEntry, LogExtent, Note
from bitbrook.stores.sql import open_engine


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = Log(open_engine(f"sqlite:///{tmp_path}/log.db"))
    yield log
    log.close()


def entries(partition: str, first: int, count: int) -> list[LogEntry]:
    return [
        LogEntry(partition, first + i, f"{partition}-{first + i}".encode()) for i in range(count)
    ]


def test_entries_come_back_in_order(log: Log) -> None:
    log.append([*entries("t.1", 1, 2), *entries("t.0", 1, 30)])
    log.append(entries("t.0", 31, 2))
    assert list(log.read("t.0", after=0)) == entries("t.0", 1, 32)
    assert list(log.read("t.0", after=31)) == entries("t.0", 32, 1)
    assert list(log.read("t.2", after=0)) == []
    log.append([])


def test_extents_tell_what_there_is(log: Log) -> None:
    log.append([*entries("t.0", 5, 3), *entries("t.1", 1, 1)])
    assert log.extents(["t.0", "t.1", "t.2"]) == {
        "t.0": LogExtent(5, 7, 15),
        "t.1": LogExtent(1, 1, 5),
    }
    assert log.extents([f"none.{number}" for number in range(2_000)]) == {}


def test_a_taken_sequence_is_a_fence_and_the_whole_group_stays_out(log: Log) -> None:
    log.append(entries("t.0", 1, 3))
    with pytest.raises(Fenced, match=r"t\.0.*another process"):
        log.append([*entries("t.1", 1, 1), *entries("t.0", 3, 1)])
    assert log.extents(["t.0", "t.1"]).keys() == {"t.0"}
    log.append(entries("t.0", 4, 1))


def test_publishing_trims(log: Log) -> None:
    log.append(entries("t.0", 1, 5))
    log.append(entries("t.1", 1, 5))
    assert log.manifests(["t.0"]) == {}
    log.publish("t.0", b"first", through=2)
    log.publish("t.0", b"second", through=3)
    assert log.manifests(["t.0", "t.1"]) == {"t.0": b"second"}
    assert log.extents(["t.0"])["t.0"].first == 4
    assert log.extents(["t.1"])["t.1"].first == 1


def test_dropping_forgets_everything_of_a_partition(log: Log) -> None:
    log.append([*entries("t.0", 1, 5), *entries("u.0", 1, 1)])
    log.publish("t.0", b"manifest", through=2)
    log.drop(["t.0", "t.1"])
    assert log.extents(["t.0", "u.0"]).keys() == {"u.0"}
    assert log.manifests(["t.0"]) == {}


def test_a_locked_database_refuses_and_recovers(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "BUSY_TIMEOUT_MS", 50)
    impatient = Log(open_engine(f"sqlite:///{tmp_path}/log.db"))
    blocker = sqlite3.connect(tmp_path / "log.db")
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(Overloaded, match="nothing was applied"):
        impatient.append(entries("t.0", 1, 1))
    blocker.rollback()
    blocker.close()
    impatient.append(entries("t.0", 1, 1))
    assert list(impatient.read("t.0", after=0)) == entries("t.0", 1, 1)
    impatient.close()


def test_a_full_disk_refuses_and_recovers(log: Log) -> None:
    """SQLite's own page limit stands for the disk: the same error code comes from both."""
    with log._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 20")
    large = LogEntry("t.0", 1, os.urandom(1 << 20))
    with pytest.raises(Overloaded, match="full"):
        log.append([large])
    assert log.extents(["t.0"]) == {}
    log.append(entries("t.0", 1, 1))
    assert list(log.read("t.0", after=0)) == entries("t.0", 1, 1)


def test_a_commit_that_happened_is_success_whatever_was_reported(log: Log) -> None:
    """The connection breaks right after the commit; the log is asked and knows."""

    def break_after_commit(connection: sa.Connection) -> None:
        connection.connection.driver_connection.commit()
        raise sa.exc.OperationalError("COMMIT", {}, OSError("the network went away"))

    sa.event.listen(log._engine, "commit", break_after_commit, once=True)
    log.append(entries("t.0", 1, 2))
    assert list(log.read("t.0", after=0)) == entries("t.0", 1, 2)


def test_an_outcome_that_nobody_can_tell_is_called_that(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "ASK_AGAIN_AFTER_S", (0.0,))

    def break_for_good(*_: object) -> None:
        raise sa.exc.OperationalError("BEGIN", {}, OSError("the disk went away"))

    sa.event.listen(log._engine, "begin", break_for_good)
    with pytest.raises(OutcomeUnknown, match="restart"):
        log.append(entries("t.0", 1, 2))


def test_what_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"certainly not a database" * 1_000)
    with pytest.raises(Damaged, match=r"log\.db.*backup"):
        Log(open_engine(f"sqlite:///{tmp_path}/log.db"))


WRITE_AND_DIE = """
import os, sys
from bitbrook.stores.log import Log, LogEntry
from bitbrook.stores.sql import open_engine
log = Log(open_engine(f"sqlite:///{sys.argv[1]}/log.db"))
for sequence in range(1, 21):
    log.append([LogEntry("t.0", sequence, bytes([sequence]) * 20_000)])
os._exit(0)
"""


def test_a_flipped_byte_in_the_write_ahead_file_loses_nothing_silently(tmp_path: Path) -> None:
    """Every place but the very last transaction, which nothing tells from a torn one."""
    original = tmp_path / "original"
    subprocess.run([sys.executable, "-c", WRITE_AND_DIE, original], check=True)
    wal = (original / "log.db-wal").read_bytes()
    chance = random.Random(20_240_506)
    for place in [*range(0, 56, 5), *(chance.randrange(len(wal) * 9 // 10) for _ in range(15))]:
        changed = tmp_path / "changed"
        shutil.copytree(original, changed)
        content = bytearray(wal)
        content[place] ^= 1 << chance.randrange(8)
        (changed / "log.db-wal").write_bytes(content)
        with pytest.raises(Damaged, match=r"log\.db-wal"):
            open_engine(f"sqlite:///{changed}/log.db")
        assert (changed / "log.db-wal").read_bytes() == content, "the evidence stays"
        shutil.rmtree(changed)
    untouched = Log(open_engine(f"sqlite:///{original}/log.db"))
    assert untouched.extents(["t.0"])["t.0"].last == 20
    untouched.close()


def test_a_torn_end_of_the_write_ahead_file_is_no_damage(tmp_path: Path) -> None:
    """A transaction that was cut off was never acknowledged: the ones before it open."""
    subprocess.run([sys.executable, "-c", WRITE_AND_DIE, tmp_path], check=True)
    wal = tmp_path / "log.db-wal"
    wal.write_bytes(wal.read_bytes()[:-10_000])
    log = Log(open_engine(f"sqlite:///{tmp_path}/log.db"))
    assert log.extents(["t.0"])["t.0"].last == 19
    log.close()


def test_a_changed_structure_of_the_database_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    log = Log(open_engine(f"sqlite:///{path}"))
    log.append(entries("t.0", 1, 50))
    log.close()
    content = bytearray(path.read_bytes())
    place = content.rindex(b"t.0\x02") if b"t.0\x02" in content else content.rindex(b"t.0")
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(Damaged, match=r"log\.db"):
        Log(open_engine(f"sqlite:///{path}"))


def test_notes_come_with_their_entries_and_expire(log: Log) -> None:
    first, second = Note("s", "k", b"1", 10.0), Note("s", "k", b"2", 20.0)
    other = Note("t", "k", b"3", 15.0)
    log.append([LogEntry("p", 1, b"a")], [first, other])
    assert log.notes("s", now_s=9.9) == [first]
    assert log.notes("s", now_s=10.0) == []
    with pytest.raises(Fenced):
        log.append([LogEntry("p", 1, b"b")], [second])
    assert log.notes("s", now_s=0.0) == [first]
    log.append([LogEntry("p", 2, b"b")], [second])
    log.publish("p", b"manifest", through=2)
    assert log.notes("s", now_s=0.0) == [second]
    log.forget_notes(expired_s=15.0)
    assert log.notes("t", now_s=0.0) == []
    log.forget_notes(scope="s")
    assert log.notes("s", now_s=0.0) == []
