"""Readers share, a writer is alone, and nobody waits for those who came later.

Threads hold the lock as events tell them, so that each order is forced rather than hoped for; then
a crowd of them checks exclusion at full speed.
"""

import threading
import time

import pytest

from bitbrook.algebra.budget import WouldWait
from bitbrook.engine.locks import ReadWriteLock


class Holder(threading.Thread):
    """A thread that takes the lock and keeps it until it is told to let go."""

    def __init__(self, lock: ReadWriteLock, kind: str) -> None:
        super().__init__(daemon=True)
        self._holding = getattr(lock, kind)
        self.has_it = threading.Event()
        self.let_go = threading.Event()
        self.start()

    def run(self) -> None:
        with self._holding():
            self.has_it.set()
            assert self.let_go.wait(10)

    def gets_it(self, timeout_s: float = 10) -> bool:
        return self.has_it.wait(timeout_s)

    def waits(self) -> bool:
        return not self.has_it.wait(0.05)


def test_readers_share() -> None:
    lock = ReadWriteLock()
    readers = [Holder(lock, "reading") for _ in range(3)]
    assert all(reader.gets_it() for reader in readers)
    for reader in readers:
        reader.let_go.set()


def test_a_writer_is_alone() -> None:
    lock = ReadWriteLock()
    writer = Holder(lock, "writing")
    assert writer.gets_it()
    reader, other = Holder(lock, "reading"), Holder(lock, "writing")
    assert reader.waits()
    assert other.waits()
    writer.let_go.set()
    assert reader.gets_it()
    reader.let_go.set()
    assert other.gets_it()
    other.let_go.set()


def test_a_waiting_writer_is_not_overtaken_by_readers() -> None:
    lock = ReadWriteLock()
    early = Holder(lock, "reading")
    assert early.gets_it()
    writer = Holder(lock, "writing")
    assert writer.waits()
    late = Holder(lock, "reading")
    assert late.waits()
    early.let_go.set()
    assert writer.gets_it()
    assert late.waits()
    writer.let_go.set()
    assert late.gets_it()
    late.let_go.set()


def test_a_waiting_reader_is_not_overtaken_by_a_second_writer() -> None:
    lock = ReadWriteLock()
    first = Holder(lock, "writing")
    assert first.gets_it()
    second = Holder(lock, "writing")
    assert second.waits()
    reader = Holder(lock, "reading")
    assert reader.waits()
    first.let_go.set()
    assert reader.gets_it()
    assert second.waits()
    reader.let_go.set()
    assert second.gets_it()
    second.let_go.set()


def test_an_error_inside_releases() -> None:
    lock = ReadWriteLock()
    for kind in (lock.reading, lock.writing):
        try:
            with kind():
                raise ValueError
        except ValueError:
            pass
    with lock.writing():
        pass


def test_a_crowd_never_meets_a_writer() -> None:
    lock = ReadWriteLock()
    state = [0, 0]
    torn: list[list[int]] = []
    stop_s = time.monotonic() + 0.5

    def read() -> None:
        while time.monotonic() < stop_s:
            with lock.reading():
                if state[0] != state[1]:
                    torn.append(list(state))

    def write() -> None:
        while time.monotonic() < stop_s:
            with lock.writing():
                state[0] += 1
                state[1] += 1

    threads = [threading.Thread(target=work) for work in (read, read, read, write, write)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert not torn
    assert state[0] > 0


def test_who_may_not_wait_shares_with_readers_and_gives_way_to_writers() -> None:
    lock = ReadWriteLock()
    reader = Holder(lock, "reading")
    assert reader.gets_it()
    with lock.reading(may_wait=False):
        pass
    writer = Holder(lock, "writing")
    assert writer.waits()
    with pytest.raises(WouldWait), lock.reading(may_wait=False):
        pass
    reader.let_go.set()
    assert writer.gets_it()
    with pytest.raises(WouldWait), lock.reading(may_wait=False):
        pass
    writer.let_go.set()
    writer.join(10)
    with lock.reading(may_wait=False):
        pass
