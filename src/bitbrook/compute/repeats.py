"""Batches that are sent again because nobody knows what became of them: applied once.

A note in the log goes with every part of a batch, in one transaction, and says which partitions
have it. A repetition asks for the notes and sends only what is missing; one that comes while the
first is under way waits for it. A partition has one owner at a time: there repetitions meet.
"""

import threading
from collections.abc import Mapping
from concurrent.futures import Future

import msgspec

from bitbrook.clock import SYSTEM_CLOCK, Clock
from bitbrook.compute.requests import Sent
from bitbrook.engine.writer import Written
from bitbrook.stores.log import Log, Note

_NUMBERS = msgspec.msgpack.Decoder(list[int])


class Repeats:
    """The batches that are under way here, and those that the log knows."""

    def __init__(self, log: Log, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: dict[tuple[str, int], Future[Written]] = {}

    def begin(self, sent: Sent) -> tuple[dict[int, bytes], list[Future[Written]]]:
        """Return the parts that are to be appended now, and what else is to be waited for.

        `end` is due for the former, whatever becomes of them.
        """
        mine: Future[Written] = Future()
        waiting: list[Future[Written]] = []
        bodies: dict[int, bytes] = {}
        with self._lock:
            for number, body in sent.bodies.items():
                earlier = self._under_way.setdefault((sent.write_id, number), mine)
                if earlier is mine:
                    bodies[number] = body
                elif earlier not in waiting:
                    waiting.append(earlier)
        if sent.may_be_there and bodies:
            try:
                for number in self._durable(sent) & bodies.keys():
                    del bodies[number]
                    with self._lock:
                        del self._under_way[sent.write_id, number]
            except BaseException as error:
                self.end(sent, bodies, error)
                raise
        return bodies, waiting

    def end(
        self, sent: Sent, bodies: Mapping[int, bytes], outcome: Written | BaseException
    ) -> None:
        """Let those who wait for these parts know what became of them."""
        with self._lock:
            ended = {self._under_way.pop((sent.write_id, number)) for number in bodies}
        for future in ended:
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def note(self, sent: Sent, bodies: Mapping[int, bytes]) -> Note:
        """Return what is to be logged with these parts."""
        numbers = sorted(bodies)
        body = msgspec.msgpack.encode(numbers)
        return Note(scope_of(sent.table_id, sent.write_id), str(numbers[0]), body, sent.expires_s)

    def _durable(self, sent: Sent) -> set[int]:
        return durable_parts(self._log, sent.table_id, sent.write_id, now_s=self._clock.now_s())


def durable_parts(log: Log, table_id: str, write_id: str, *, now_s: float) -> set[int]:
    """Return the partitions in whose logs a batch is."""
    notes = log.notes(scope_of(table_id, write_id), now_s=now_s)
    return {number for note in notes for number in _NUMBERS.decode(note.body)}


def scope_of(table_id: str, write_id: str) -> str:
    """Return the scope of the notes about one batch."""
    return f"batch {table_id} {write_id}"
