"""Requests that come again under the same Idempotency-Key: answered as before, applied once.

A request that comes while the first of its key is under way shares its fate. What failed is
forgotten, so that a retry may succeed. An answer is logged in one transaction with the records that
it is about, so a restart knows exactly the keys whose records it has. Keys are kept for their time,
at most `KEYS_MAX` of a source and `ANSWERS_BYTES_MAX` of their answers; beyond that the oldest are
forgotten early.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

import msgspec

from bitbrook.clock import Clock
from bitbrook.errors import InvalidValue
from bitbrook.sources.outcomes import Outcomes
from bitbrook.stores.log import Note

KEYS_MAX = 100_000
ANSWERS_BYTES_MAX = 64 << 20
KEY_CHARACTERS_MAX = 255

_ANSWER_BYTES = 1_000  # with its key and its places in containers, measured
_ERROR_BYTES = 250  # beside its texts

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Outcomes).decode


class Answer(NamedTuple):
    """What the first request of a key is answered: its outcomes, once `durable` resolves.

    It gives the sequences of the write by partition, None if there was none or nobody knows.
    """

    outcomes: Outcomes
    durable: Future[Mapping[int, int] | None]


class _Kept(NamedTuple):
    """An answer that is kept, and about how many bytes it takes."""

    expires_s: float
    answer: Answer
    size_bytes: int


class IdempotencyKeys:
    """The keys of one source."""

    def __init__(
        self, source_id: str, ttl_s: float, *, notes: Sequence[Note] = (), clock: Clock
    ) -> None:
        """Begin with what was logged: `notes`, those that expire first first."""
        self._source_id = source_id
        self._ttl_s = ttl_s
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, _Kept] = OrderedDict()
        self._held_bytes = 0
        for note in notes[-KEYS_MAX:]:
            self._keep(note.key, note.expires_s, Answer(_decode(note.body), _durable()))

    def note(self, key: str, outcomes: Outcomes) -> Note:
        """Return what is to be logged with the records of a key's first request."""
        expires_s = self._clock.now_s() + self._ttl_s
        return Note(self._source_id, key, _encode(outcomes), expires_s)

    def find(self, key: str) -> Answer | None:
        """Return the answer to the first request of a key, if there was one in time."""
        with self._lock:
            return self._find(key)

    def recall(self, note: Note) -> Answer:
        """Return the answer that another server gave to the first request of a key."""
        with self._lock:
            known = self._find(note.key)
            if known is None:
                known = Answer(_decode(note.body), _durable())
                self._keep(note.key, note.expires_s, known)
        return known

    def claim(self, key: str, answer: Answer) -> Answer:
        """Return `answer`, which is now the key's, or the one that was there before it.

        Whoever gets their own back makes it come true, and `answer.durable` resolve.
        """
        with self._lock:
            known = self._find(key)
            if known is not None:
                return known
            self._keep(key, self._clock.now_s() + self._ttl_s, answer)
        answer.durable.add_done_callback(lambda done: self._forget_failed(key, answer, done))
        return answer

    def _find(self, key: str) -> Answer | None:
        now_s = self._clock.now_s()
        while self._answers:
            oldest = next(iter(self._answers))
            if self._answers[oldest].expires_s > now_s:
                break
            self._forget(oldest)
        known = self._answers.get(key)
        return None if known is None else known.answer

    def _keep(self, key: str, expires_s: float, answer: Answer) -> None:
        kept = _Kept(expires_s, answer, _size_of(answer.outcomes))
        self._answers[key] = kept
        self._held_bytes += kept.size_bytes
        while len(self._answers) > KEYS_MAX or (
            self._held_bytes > ANSWERS_BYTES_MAX and len(self._answers) > 1
        ):
            self._forget(next(iter(self._answers)))

    def _forget(self, key: str) -> None:
        self._held_bytes -= self._answers.pop(key).size_bytes

    def _forget_failed(self, key: str, answer: Answer, done: Future[Any]) -> None:
        if done.exception() is not None:
            with self._lock:
                known = self._answers.get(key)
                if known is not None and known.answer is answer:
                    self._forget(key)


def _size_of(outcomes: Outcomes) -> int:
    """Return about how many bytes an answer takes."""
    texts = sum(
        len(error.message) + len(error.excerpt) + len(error.value) for error in outcomes.errors
    )
    return _ANSWER_BYTES + _ERROR_BYTES * len(outcomes.errors) + texts


def _durable() -> Future[Mapping[int, int] | None]:
    """Return the future of what is durable already."""
    future: Future[Mapping[int, int] | None] = Future()
    future.set_result(None)
    return future


def check_key(key: str) -> None:
    """Return if a text can be an Idempotency-Key, else raise `InvalidValue`."""
    if not 1 <= len(key) <= KEY_CHARACTERS_MAX or not key.isprintable():
        raise InvalidValue(
            f"the Idempotency-Key has {len(key)} characters; give 1 to {KEY_CHARACTERS_MAX} "
            "printable ones",
            field="Idempotency-Key",
        )
