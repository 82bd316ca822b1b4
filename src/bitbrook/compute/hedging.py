"""When a replica is asked beside an owner: how long answers of a kind take, and who was late.

A replica is asked when the owner has not answered while most answers to such questions were there,
so that it gets few of them unless somebody is slow. Of an owner that was overtaken no more patience
is had until it is first again: one that stands still costs a question milliseconds, not the time
until another takes its place.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable, Mapping

from bitbrook.compute.replicas import names_of_replicas

DELAY_MIN_S = 0.005
"""To ask sooner than this would be to ask twice whenever anything else runs for a moment."""

DELAY_UNKNOWN_S = 0.1
"""While there were not enough answers of a kind to tell."""

QUANTILE = 0.95
ANSWERS_KEPT = 64
ANSWERS_MIN = 8
KINDS_MAX = 1_024


class Hedging:
    """What a server knows of how long it waits for owners. `replicas`: how many each has."""

    def __init__(self, replicas: int) -> None:
        self._replicas = replicas
        self._taken_s: OrderedDict[Hashable, deque[float]] = OrderedDict()
        self._overtaken: set[str] = set()
        self._lock = threading.Lock()

    @property
    def is_on(self) -> bool:
        """Whether there are replicas to ask."""
        return self._replicas > 0

    def replica_of(self, owner: str, attempt: int) -> str:
        """Return whom to ask in an owner's stead; another one with each attempt, in turn."""
        return names_of_replicas(owner, self._replicas)[attempt % self._replicas]

    def delay_s(self, owner: str, kind: Hashable) -> float:
        """Return how long an owner is waited for alone, with a question of a kind."""
        with self._lock:
            if owner in self._overtaken:
                return DELAY_MIN_S
            taken = self._taken_s.get(kind, ())
            if len(taken) < ANSWERS_MIN:
                return DELAY_UNKNOWN_S
            ordered = sorted(taken)
        return max(DELAY_MIN_S, ordered[int(QUANTILE * (len(ordered) - 1))])

    def note_answer(self, owner: str, kind: Hashable, taken_s: float) -> None:
        """Take note that an owner has answered, first of those asked."""
        with self._lock:
            self._overtaken.discard(owner)
            known = self._taken_s.setdefault(kind, deque(maxlen=ANSWERS_KEPT))
            known.append(taken_s)
            self._taken_s.move_to_end(kind)
            if len(self._taken_s) > KINDS_MAX:
                self._taken_s.popitem(last=False)

    def note_overtaken(self, owner: str) -> None:
        """Take note that a replica has answered while its owner had not."""
        with self._lock:
            self._overtaken.add(owner)


class Seen:
    """The last batches that replicas have shown to a server, which owners may not show yet."""

    def __init__(self) -> None:
        self._sequences: dict[str, dict[int, int]] = {}
        self._lock = threading.Lock()

    def note(self, table_id: str, sequences: Mapping[int, int]) -> None:
        """Take note of what an answer has, by partition number."""
        with self._lock:
            known = self._sequences.setdefault(table_id, {})
            for number, sequence in sequences.items():
                known[number] = max(sequence, known.get(number, 0))

    def of(self, table_id: str, numbers: tuple[int, ...]) -> dict[int, int]:
        """Return what an answer of these partitions must have, where anything was shown."""
        with self._lock:
            known = self._sequences.get(table_id, {})
            return {number: known[number] for number in numbers if number in known}

    def forget(self, table_id: str) -> None:
        """Forget a table that is gone."""
        with self._lock:
            self._sequences.pop(table_id, None)
