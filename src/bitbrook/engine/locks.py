"""A read-write lock for threads that starves nobody.

Readers share it, a writer has it alone. A writer waits for the readers that run, not for those
that come after it; a reader waits for one writer at most, because a writer that leaves admits all
readers that wait before the next writer may enter (a phase-fair lock: Brandenburg and Anderson,
2009).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bitbrook.algebra.budget import WouldWait


class ReadWriteLock:
    """Many readers or one writer. Not reentrant."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._readers = 0
        self._is_writing = False
        self._waiting_readers = 0
        self._waiting_writers = 0
        self._writes_done = 0

    @contextmanager
    def reading(self, *, may_wait: bool = True) -> Iterator[None]:
        """Hold the lock together with other readers.

        Raises:
            WouldWait: only if it may not wait: a writer has the lock, or is about to.
        """
        # Whoever holds the inner lock does so for microseconds, but may have lost its turn to run.
        if not self._changed.acquire(blocking=may_wait):
            raise WouldWait
        try:
            if not (self._is_writing or self._waiting_writers):
                self._readers += 1
            elif may_wait:
                self._waiting_readers += 1
                writes_done = self._writes_done
                # The writer that leaves counts the waiting readers in, before it wakes them.
                self._changed.wait_for(lambda: self._writes_done != writes_done)
            else:
                raise WouldWait
        finally:
            self._changed.release()
        try:
            yield
        finally:
            with self._changed:
                self._readers -= 1
                if self._readers == 0:
                    self._changed.notify_all()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock alone."""
        with self._changed:
            self._waiting_writers += 1
            self._changed.wait_for(lambda: not self._is_writing and self._readers == 0)
            self._waiting_writers -= 1
            self._is_writing = True
        try:
            yield
        finally:
            with self._changed:
                self._is_writing = False
                self._writes_done += 1
                self._readers += self._waiting_readers
                self._waiting_readers = 0
                self._changed.notify_all()
