"""The quarantine: records that sources refused, kept whole until they are taken after a mend.

For readers (the API, and the table of errors in SQL): `Quarantine.records` gives a source's refused
records, newest first; `Sources.rejected` those of all sources of a deployment that a caller sees.

Bounded by number and bytes a source; the oldest go first. A request is answered when its refused
records are here, which a thread of its own sees to, many requests in one transaction; a request
without any does not come here. What cannot be kept was still told to its sender. Knows nothing of
how records are decoded.
"""

import queue
import re
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from msgspec import Raw

from bitbrook.clock import Clock
from bitbrook.errors import BitbrookError, InvalidValue
from bitbrook.settings import Settings
from bitbrook.sources.outcomes import RecordError
from bitbrook.stores.rejected import Chunk, RejectedStore
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

TOGETHER_MAX = 200
"""Requests whose records are written in one transaction."""

LOOK_EVERY_S = 5.0
"""How often it is looked what other servers have added to a source's bounds."""


class RejectedRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record that a source could not take.

    `excerpt`: its value as JSON, cut to 1 KB. `value`: that of the `field` at fault. `record`: the
    whole value, absent if it was none or too long; only such a one can be retried.
    """

    id: str
    at: datetime
    code: str
    message: str
    excerpt: str
    request_id: str
    field: str = ""
    value: Raw | None = None
    expected: str = ""
    mend: str = ""
    record: Raw | None = None

    @property
    def can_be_retried(self) -> bool:
        """Whether the record is here as it was sent."""
        return self.record is not None


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A refused record of a chunk. `place`: in the chunk, as long as it is there."""

    place: int
    error: RecordError
    record: bytes


_ID = re.compile(r"(\d{1,18})-(\d{1,9})", re.ASCII)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Entry]).decode


class _Size(NamedTuple):
    records: int
    size_bytes: int


class Quarantine:
    """The refused records of every source."""

    def __init__(self, store: RejectedStore, settings: Settings, *, clock: Clock) -> None:
        self._store = store
        self._records_max = settings.quarantine_records_max
        self._bytes_max = settings.quarantine_bytes_max
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, OrderedDict[int, _Size]] = {}
        self._looked_s: dict[str, float] = {}
        self._last_number = 0
        for source_id, number, records, size_bytes in store.extents():
            self._kept.setdefault(source_id, OrderedDict())[number] = _Size(records, size_bytes)
            self._last_number = max(self._last_number, number)
        self._retrying: dict[str, threading.Lock] = {}
        self._waiting: queue.Queue[tuple[Chunk, Future[None]] | None] = queue.Queue()
        self._writer = threading.Thread(target=self._write, name="quarantine", daemon=True)
        self._writer.start()

    def put(
        self,
        source_id: str,
        request_id: str,
        errors: Sequence[RecordError],
        records: Sequence[bytes],
    ) -> Future[None]:
        """Have refused records kept; the future resolves, to nothing, when that is done or failed.

        `records`: the values of the last of them, b"" for one that has none.
        """
        done: Future[None] = Future()
        missing = len(errors) - len(records)
        first = max(0, len(errors) - self._records_max)
        entries: list[Entry] = []
        size_bytes = 0
        # From the last one back: what is too much of one request is its beginning.
        for place in range(len(errors) - 1, first - 1, -1):
            record = records[place - missing] if place >= missing else b""
            size_bytes += len(record) + len(errors[place].excerpt)
            if size_bytes > self._bytes_max and entries:
                break
            entries.append(Entry(place, errors[place], record))
        entries.reverse()
        with self._lock:
            number = max(self._last_number + 1, int(self._clock.now_s() * 1e6))
            self._last_number = number
        chunk = Chunk(
            source_id, number, self._clock.now_s(), request_id, len(entries), _encode(entries)
        )
        self._waiting.put((chunk, done))
        return done

    def count(self, source_id: str) -> int:
        """Return how many refused records of a source are kept."""
        with self._lock:
            return sum(size.records for size in self._kept.get(source_id, {}).values())

    def records(self, source_id: str, *, before: str | None = None) -> Iterator[RejectedRecord]:
        """Give a source's refused records, newest first.

        `before`: the id of one; only those that come after it in this order.

        Raises:
            InvalidValue: `before` is no id.
        """
        number, place = (None, None) if before is None else read_id(before)
        for chunk in self._store.newest(source_id, through=number):
            for entry in reversed(_decode(chunk.body)):
                if place is None or chunk.number != number or entry.place < place:
                    yield _shown(chunk, entry)

    def oldest(
        self, source_id: str, wanted: Collection[int] | None = None
    ) -> Iterator[tuple[Chunk, list[Entry]]]:
        """Give a source's chunks (those of some numbers alone) with their entries, oldest first."""
        # Of the store, which other servers may write to as well.
        numbers = [
            number
            for number in self._store.numbers(source_id)
            if wanted is None or number in wanted
        ]
        for number in numbers:
            chunk = next(self._store.newest(source_id, through=number), None)
            if chunk is not None and chunk.number == number:
                yield chunk, _decode(chunk.body)

    def change(
        self,
        source_id: str,
        removed: Collection[str],
        errors: Mapping[str, RecordError] | None = None,
    ) -> None:
        """Remove refused records by their ids, and give others new reasons, all in one.

        Ids that are not there (any more) are passed over.
        """
        errors = errors or {}
        numbers = {read_id(id_)[0] for id_ in {*removed, *errors}}
        gone = {read_id(id_) for id_ in removed}
        reasons = {read_id(id_): error for id_, error in errors.items()}

        def edited(chunk: Chunk) -> Chunk | None:
            entries = [
                Entry(each.place, reasons.get((chunk.number, each.place), each.error), each.record)
                for each in _decode(chunk.body)
                if (chunk.number, each.place) not in gone
            ]
            if not entries:
                return None
            return chunk._replace(records=len(entries), body=_encode(entries))

        left = self._store.edit(source_id, numbers, edited)
        with self._lock:
            kept = self._kept.get(source_id, OrderedDict())
            for number, chunk in left.items():
                if chunk is None:
                    kept.pop(number, None)
                else:
                    kept[number] = _Size(chunk.records, len(chunk.body))

    def retrying(self, source_id: str) -> threading.Lock:
        """Return what is held by the one retry of a source that may run."""
        with self._lock:
            return self._retrying.setdefault(source_id, threading.Lock())

    def drop(self, source_id: str) -> None:
        """Forget what is kept of a source."""
        self._store.drop(source_id)
        with self._lock:
            self._kept.pop(source_id, None)

    def forget_others(self, source_ids: Collection[str]) -> None:
        """Forget what is kept of sources that are not there any more."""
        for source_id in self._kept.keys() - set(source_ids):
            self.drop(source_id)

    def close(self) -> None:
        """Write what waits, stop, and release the database."""
        self._waiting.put(None)
        self._writer.join()
        self._store.close()

    def _write(self) -> None:
        is_closing = False
        while not is_closing:
            together: list[tuple[Chunk, Future[None]]] = []
            is_closing = self._gather(together)
            try:
                self._store_together([chunk for chunk, _ in together])
            except BitbrookError as error:
                # The edge of this thread: a database that cannot be written now may be later.
                LOGGER.warning(
                    "refused records were not kept", requests=len(together), reason=error.message
                )
            for _, done in together:
                done.set_result(None)

    def _gather(self, together: list[tuple[Chunk, Future[None]]]) -> bool:
        """Add what waits; return whether that is the last of it."""
        item = self._waiting.get()
        while item is not None:
            together.append(item)
            if len(together) >= TOGETHER_MAX or self._waiting.empty():
                return False
            item = self._waiting.get()
        return True

    def _store_together(self, chunks: Sequence[Chunk]) -> None:
        if not chunks:
            return
        for source_id in {chunk.source_id for chunk in chunks}:
            self._look(source_id)
        with self._lock:
            for chunk in chunks:
                kept = self._kept.setdefault(chunk.source_id, OrderedDict())
                kept[chunk.number] = _Size(chunk.records, len(chunk.body))
            surplus = [
                (source_id, number)
                for source_id in {chunk.source_id for chunk in chunks}
                for number in self._surplus(self._kept[source_id])
            ]
        stale = set(surplus)
        put = [chunk for chunk in chunks if (chunk.source_id, chunk.number) not in stale]
        for chunk, added in zip(put, self._store.add(put, surplus), strict=True):
            if chunk.number != added.number:
                self._renumber(chunk, added.number)

    def _renumber(self, chunk: Chunk, number: int) -> None:
        """Take note that a chunk is kept under another number than it was to have."""
        with self._lock:
            kept = self._kept.get(chunk.source_id, OrderedDict())
            if kept.pop(chunk.number, None) is not None:
                kept[number] = _Size(chunk.records, len(chunk.body))

    def _look(self, source_id: str) -> None:
        """Take note, now and then, of what other servers have kept and removed of a source."""
        now_s = self._clock.monotonic_s()
        if not self._store.is_shared or now_s - self._looked_s.get(source_id, 0.0) < LOOK_EVERY_S:
            return
        extents = self._store.extents(source_id)
        self._looked_s[source_id] = now_s
        with self._lock:
            self._kept[source_id] = OrderedDict(
                (each.number, _Size(each.records, each.size_bytes)) for each in extents
            )

    def _surplus(self, kept: OrderedDict[int, _Size]) -> list[int]:
        """Return the oldest chunks of a source that are too much, and forget their sizes."""
        records = sum(size.records for size in kept.values())
        size_bytes = sum(size.size_bytes for size in kept.values())
        surplus: list[int] = []
        while len(kept) > 1 and (records > self._records_max or size_bytes > self._bytes_max):
            number, size = kept.popitem(last=False)
            records -= size.records
            size_bytes -= size.size_bytes
            surplus.append(number)
        return surplus


def id_of(chunk: Chunk, entry: Entry) -> str:
    """Return the id of a refused record."""
    return f"{chunk.number}-{entry.place}"


def read_id(text: str) -> tuple[int, int]:
    """Return the number of the chunk and the place in it that an id is made of.

    Raises:
        InvalidValue: it is no id.
    """
    found = _ID.fullmatch(text)
    if found is None:
        raise InvalidValue(
            f"{text[:40]!r} is no id of a refused record; take it from the list of errors",
            field="id",
        )
    return int(found[1]), int(found[2])


def _shown(chunk: Chunk, entry: Entry) -> RejectedRecord:
    error = entry.error
    return RejectedRecord(
        id=id_of(chunk, entry),
        at=datetime.fromtimestamp(chunk.at_s, UTC),
        code=error.code,
        message=error.message,
        excerpt=error.excerpt,
        request_id=chunk.request_id,
        field=error.field,
        value=Raw(error.value.encode()) if error.value else None,
        expected=error.expected,
        mend=error.mend,
        record=Raw(entry.record) if entry.record else None,
    )
