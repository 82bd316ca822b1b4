"""Refused records, taken again after a mend: those that pass are stored once and leave.

The records go in portions. The ids of those that pass are a note in the log, in one transaction
with their batch; only then do they leave the quarantine, and then the note goes. So whoever comes
after a crash knows from the notes which are stored and still there, and takes these out first.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from bitbrook.auth.random_texts import make_id
from bitbrook.clock import Clock
from bitbrook.compute.compute import Compute
from bitbrook.control.fences import Fences
from bitbrook.control.live_source import LiveSource
from bitbrook.control.quarantine import Quarantine, id_of, read_id
from bitbrook.errors import Conflict
from bitbrook.sources.outcomes import Outcomes, RecordError
from bitbrook.stores.log import Note

PORTION_RECORDS_MAX = 1_000
PORTION_BYTES_MAX = 4 << 20

_NOTE_TTL_S = 30 * 86_400.0

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[str]).decode


class Retried(NamedTuple):
    """What became of the refused records that were taken again.

    `stored`: how many passed and are gone from the quarantine. `refused`: those that stay, with
    their new reasons, by id. `passed_over`: ids asked for that are not there, or not whole.
    `token`: of the write, "" if nothing was written.
    """

    stored: int
    refused: Mapping[str, RecordError]
    passed_over: Sequence[str]
    token: str


class _Portion(NamedTuple):
    """Some refused records, by id, as they were sent."""

    ids: list[str]
    records: list[bytes]


class Retries:
    """Takes refused records of any source again, of one source in one retry at a time."""

    def __init__(
        self, compute: Compute, quarantine: Quarantine, fences: Fences, *, clock: Clock
    ) -> None:
        self._compute = compute
        self._quarantine = quarantine
        self._fences = fences
        self._clock = clock

    def run(self, source_id: str, live: LiveSource, ids: Sequence[str] | None) -> Retried:
        """Take the refused records of these ids, or all, again; return what became of them.

        Raises:
            Conflict: another retry of the source runs.
            InvalidValue: a text is no id.
            Overloaded: too much waits to be logged; what was not stored yet stays.
        """
        wanted = None if ids is None else {id_: read_id(id_) for id_ in ids}
        with _held(self._quarantine.retrying(source_id)):
            self.settle(source_id)
            left = set(wanted or ())
            stored = 0
            refused: dict[str, RecordError] = {}
            token = ""
            for portion in self._portions(source_id, wanted):
                left.difference_update(portion.ids)
                errors, sequences = self._take(source_id, live, portion)
                refused |= errors
                stored += len(portion.ids) - len(errors)
                if sequences is not None:
                    token = self._fences.token(live.table_id)
            return Retried(stored, refused, sorted(left), token)

    def settle(self, source_id: str) -> None:
        """Take out of the quarantine what an earlier retry stored and could not take out."""
        scope = _scope_of(source_id)
        notes = self._compute.notes(scope, now_s=self._clock.now_s())
        for note in notes:
            self._quarantine.change(source_id, _decode(note.body))
        if notes:
            self._compute.forget_notes(scope=scope)

    def forget(self, source_id: str) -> None:
        """Forget the retries of a source that goes."""
        self._compute.forget_notes(scope=_scope_of(source_id))

    def _take(
        self, source_id: str, live: LiveSource, portion: _Portion
    ) -> tuple[Mapping[str, RecordError], Mapping[int, int] | None]:
        """Return the errors of those that do not pass, and the sequences of those that do."""
        body = b'{"records":[{"value":' + b'},{"value":'.join(portion.records) + b"}]}"
        batch, outcomes, _ = live.decoder.decode(body)
        errors = {portion.ids[error.index]: error for error in outcomes.errors}
        good = [id_ for id_ in portion.ids if id_ not in errors]
        sequences = None
        if batch is not None:
            expires_s = self._clock.now_s() + _NOTE_TTL_S
            note = Note(_scope_of(source_id), make_id(), _encode(good), expires_s)
            sequences = self._compute.submit(live.table_id, batch, note).result().sequences
            live.count(Outcomes(len(good)))
        self._quarantine.change(source_id, good, errors)
        if batch is not None:
            self._compute.forget_notes(scope=_scope_of(source_id))
        return errors, sequences

    def _portions(
        self, source_id: str, wanted: Mapping[str, tuple[int, int]] | None
    ) -> Iterator[_Portion]:
        """Give the records that are whole, oldest first: of one id the latest shall win."""
        numbers = None if wanted is None else {number for number, _ in wanted.values()}
        portion, size_bytes = _Portion([], []), 0
        for chunk, entries in self._quarantine.oldest(source_id, numbers):
            for entry in entries:
                id_ = id_of(chunk, entry)
                if not entry.record or (wanted is not None and id_ not in wanted):
                    continue
                portion.ids.append(id_)
                portion.records.append(entry.record)
                size_bytes += len(entry.record)
                if len(portion.ids) >= PORTION_RECORDS_MAX or size_bytes >= PORTION_BYTES_MAX:
                    yield portion
                    portion, size_bytes = _Portion([], []), 0
        if portion.ids:
            yield portion


@contextmanager
def _held(lock: threading.Lock) -> Iterator[None]:
    if not lock.acquire(blocking=False):
        raise Conflict("another retry of this source runs; wait for its answer")
    try:
        yield
    finally:
        lock.release()


def _scope_of(source_id: str) -> str:
    return f"{source_id}#retries"
