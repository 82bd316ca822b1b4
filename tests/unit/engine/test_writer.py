"""Writes share commits, keep their order, and are refused whole when they cannot be logged.

Targets record what is applied to them while the log, a real one, is slowed down, made to fail, or
continued behind the writer's back; a queue is filled to its bound; closing comes at any moment.
"""

import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.engine.writer import Part, Write, Writer, Written
from bitbrook.errors import BitbrookError, Damaged, Fenced, OutcomeUnknown, Overloaded, Stopping
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.log import Log, LogEntry
from bitbrook.stores.sql import open_engine

SCHEMA = TableSchema("t", "things")
BATCH = Batch([Operation(OperationKind.DELETE, pa.RecordBatch.from_pydict({"_id": pa.array([])}))])


class Target:
    """Keeps what was applied to it, and can be told to wait or to break."""

    def __init__(self, writer: Writer, name: str = "t.0", last_sequence: int = 0) -> None:
        self.failure: BitbrookError | None = None
        self.applied: list[tuple[int, bytes]] = []
        self.may_apply = threading.Event()
        self.may_apply.set()
        self.breaks = False
        self._writer, self._name = writer, name
        writer.register(name, last_sequence)

    def apply(self, write: Write) -> list[int]:
        assert self.may_apply.wait(10)
        if self.breaks:
            self.failure = Damaged("broken")
            raise self.failure
        self.applied += [(part.sequence, part.body) for part in write.parts]
        return [len(self.applied)]

    def fail(self, reason: BitbrookError) -> None:
        self.failure = self.failure or reason

    def submit(self, body: bytes = b"body") -> Future[Written]:
        parts = [Part(self._name, 0, BATCH, body)]
        return self._writer.submit(Write(self, SCHEMA, parts))


class SlowLog(Log):
    """A log that appends when it is told to, and counts its commits."""

    def __init__(self, path: Path) -> None:
        super().__init__(open_engine(f"sqlite:///{path}/log.db"))
        self.may_append = threading.Event()
        self.may_append.set()
        self.appending = threading.Event()
        self.errors: list[Exception] = []
        self.commits: list[int] = []

    def append(self, entries: Any, notes: Any = ()) -> None:
        self.appending.set()
        assert self.may_append.wait(10)
        if self.errors:
            raise self.errors.pop()
        super().append(entries, notes)
        self.commits.append(len(entries))


@pytest.fixture
def log(tmp_path: Path) -> Any:
    log = SlowLog(tmp_path)
    yield log
    log.close()


@pytest.fixture
def writer(log: SlowLog) -> Any:
    writer = Writer(log)
    yield writer
    writer.close()


def test_an_answered_write_is_in_the_log_and_applied(writer: Writer, log: SlowLog) -> None:
    target = Target(writer, last_sequence=6)
    assert target.submit(b"one").result(10) == ([1], {0: 7})
    assert target.submit(b"two").result(10) == ([2], {0: 8})
    assert target.applied == [(7, b"one"), (8, b"two")]
    assert list(log.read("t.0", after=0)) == [
        LogEntry("t.0", 7, b"one"),
        LogEntry("t.0", 8, b"two"),
    ]


def test_waiting_writes_share_one_commit_and_keep_their_order(writer: Writer, log: SlowLog) -> None:
    target, other = Target(writer), Target(writer, "u.0")
    log.may_append.clear()
    futures = [target.submit(b"first")]
    assert log.appending.wait(10)
    futures += [target.submit(b"%d" % number) for number in range(20)]
    futures += [other.submit(b"%d" % number) for number in range(20)]
    log.may_append.set()
    for future in futures:
        future.result(10)
    assert log.commits == [1, 40]
    assert [body for _, body in target.applied[1:]] == [b"%d" % number for number in range(20)]
    assert [sequence for sequence, _ in target.applied] == list(range(1, 22))
    assert [sequence for sequence, _ in other.applied] == list(range(1, 21))


def test_nothing_is_applied_before_it_is_durable(writer: Writer, log: SlowLog) -> None:
    target = Target(writer)
    log.may_append.clear()
    future = target.submit()
    assert log.appending.wait(10)
    assert target.applied == []
    assert not future.done()
    log.may_append.set()
    future.result(10)


def test_a_refused_group_is_not_applied_and_the_next_one_is(writer: Writer, log: SlowLog) -> None:
    target = Target(writer)
    log.errors = [Overloaded("the disk is full")]
    with pytest.raises(Overloaded, match="disk is full"):
        target.submit(b"lost").result(10)
    assert target.submit(b"kept").result(10).counts == [1]
    assert target.applied == [(1, b"kept")]


def test_an_unknown_outcome_closes_the_target(writer: Writer, log: SlowLog) -> None:
    target, other = Target(writer), Target(writer, "u.0")
    log.errors = [OutcomeUnknown("the disk went away")]
    with pytest.raises(OutcomeUnknown):
        target.submit().result(10)
    with pytest.raises(OutcomeUnknown):
        target.submit().result(10)
    assert target.applied == []
    assert other.submit().result(10).counts == [1]


def test_an_unforeseen_error_of_the_log_ends_neither_thread(writer: Writer, log: SlowLog) -> None:
    target, other = Target(writer), Target(writer, "u.0")
    log.errors = [ZeroDivisionError()]
    with pytest.raises(OutcomeUnknown, match="ZeroDivisionError"):
        target.submit().result(10)
    assert other.submit().result(10).counts == [1]


def test_a_fence_closes_only_the_target_behind_it(writer: Writer, log: SlowLog) -> None:
    fenced, other = Target(writer), Target(writer, "u.0")
    Log.append(log, [LogEntry("t.0", 1, b"of another process")])
    log.may_append.clear()
    first = other.submit()
    assert log.appending.wait(10)
    futures = [fenced.submit(), other.submit(), fenced.submit(), other.submit()]
    log.may_append.set()
    assert first.result(10).counts == [1]
    for future in futures[::2]:
        with pytest.raises(Fenced):
            future.result(10)
    assert [future.result(10).counts for future in futures[1::2]] == [[2], [3]]
    assert isinstance(fenced.failure, Fenced)
    assert fenced.applied == []


def test_a_target_that_breaks_takes_nothing_more(writer: Writer) -> None:
    target, other = Target(writer), Target(writer, "u.0")
    target.may_apply.clear()
    futures = [target.submit() for _ in range(5)]
    target.breaks = True
    target.may_apply.set()
    for future in [*futures, target.submit()]:
        with pytest.raises(Damaged, match="broken"):
            future.result(10)
    assert target.applied == []
    assert other.submit().result(10).counts == [1]


def test_what_waits_is_bounded_by_bytes(log: SlowLog) -> None:
    writer = Writer(log, waiting_bytes_max=1_000)
    target = Target(writer)
    target.may_apply.clear()
    large = target.submit(b"x" * 5_000)
    with pytest.raises(Overloaded, match=r"5,000 bytes.*1,000.*nothing was applied"):
        target.submit(b"x")
    target.may_apply.set()
    large.result(10)
    target.submit(b"x" * 900).result(10)
    writer.close()


def test_groups_are_bounded_by_bytes(log: SlowLog) -> None:
    writer = Writer(log, group_bytes_max=1_000)
    target = Target(writer)
    log.may_append.clear()
    futures = [target.submit()]
    assert log.appending.wait(10)
    futures += [target.submit(b"x" * 400) for _ in range(5)] + [target.submit(b"x" * 4_000)]
    log.may_append.set()
    for future in futures:
        future.result(10)
    assert log.commits == [1, 2, 2, 1, 1]
    writer.close()


def test_an_accepted_write_cannot_be_cancelled(writer: Writer, log: SlowLog) -> None:
    target = Target(writer)
    log.may_append.clear()
    future = target.submit()
    assert not future.cancel()
    log.may_append.set()
    assert future.result(10).counts == [1]


def test_flushing_waits_for_the_target(writer: Writer) -> None:
    target = Target(writer)
    target.may_apply.clear()
    future = target.submit()
    threading.Timer(0.05, target.may_apply.set).start()
    writer.flush(target)
    assert future.done()
    writer.flush(target)


def test_closing_finishes_what_was_accepted(log: SlowLog) -> None:
    writer = Writer(log)
    target = Target(writer)
    target.may_apply.clear()
    futures = [target.submit() for _ in range(10)]
    threading.Timer(0.05, target.may_apply.set).start()
    writer.close()
    assert [future.result(0).counts for future in futures] == [[n] for n in range(1, 11)]
    with pytest.raises(Stopping):
        target.submit()
    writer.close()
