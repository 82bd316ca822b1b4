"""The file of an outbox on disk: records that wait, those that were refused, and how many went.

SQLite, synced at every commit. A record is in exactly one place at any moment: it waits, or it is
refused, or it is gone because the server has it. What is sent together has a key that is in the
file before it is sent, so whoever sends it again, in this process or a later one, says it is the
same. Knows nothing of servers or threads, but that several may use it, one after the other.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from bitbrook.client._exceptions import ConfigurationError
from bitbrook.client._models import Refusal

_SCHEMA = """
CREATE TABLE IF NOT EXISTS told (name TEXT PRIMARY KEY, value NOT NULL);
CREATE TABLE IF NOT EXISTS waiting (
    id INTEGER PRIMARY KEY AUTOINCREMENT, record BLOB NOT NULL, batch TEXT
);
CREATE INDEX IF NOT EXISTS waiting_batch ON waiting (batch);
CREATE TABLE IF NOT EXISTS refused (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    record BLOB NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    at_s REAL NOT NULL
);
"""
_PUT_BACK = "INSERT INTO waiting (record) SELECT record FROM refused"
_REFUSE = """
INSERT INTO refused (record, code, message, at_s)
VALUES (?, ?, ?, (julianday('now') - 2440587.5) * 86400)
"""
_BUSY_S = 30.0


class Batch(NamedTuple):
    """Records that are sent together, under a key of their own."""

    key: str
    ids: list[int]
    records: list[bytes]


class RefusedRow(NamedTuple):
    """A record that the server refused."""

    id: int
    record: bytes
    code: str
    message: str
    at_s: float


class Counts(NamedTuple):
    """How many records wait, went, were refused in all, and of these are still here."""

    queued: int
    sent: int
    rejected: int
    quarantined: int


class OutboxFile:
    """One file. Any number of threads may use it."""

    def __init__(self, path: Path, source_id: str) -> None:
        """Open it, new or as it was left.

        Raises:
            ConfigurationError: it is of another source, or no outbox.
        """
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_SCHEMA)
            with self._changing() as connection:
                first = "INSERT OR IGNORE INTO told VALUES (?, ?)"
                connection.executemany(first, [("source", source_id), ("sent", 0), ("rejected", 0)])
                told = connection.execute("SELECT value FROM told WHERE name = 'source'")
                of_source = told.fetchone()[0]
        except sqlite3.DatabaseError as fault:
            self._connection.close()
            raise ConfigurationError(f"{path} is no outbox ({fault}); name another file") from fault
        if of_source != source_id:
            self._connection.close()
            raise ConfigurationError(
                f"{path} is the outbox of source {of_source}; each source needs a file of its own"
            )

    def put(self, records: Iterable[bytes]) -> int:
        """Make records durable, in their order; return the id of the last one, or 0."""
        rows = [(record,) for record in records]
        with self._changing() as connection:
            connection.executemany("INSERT INTO waiting (record) VALUES (?)", rows)
            last = connection.execute("SELECT max(id) FROM waiting").fetchone()[0]
        return int(last or 0)

    def waiting(self, limit: int) -> int:
        """Return how many records wait, or `limit` if there are more."""
        with self._lock:
            asked = "SELECT count(*) FROM (SELECT 1 FROM waiting LIMIT ?)"
            return int(self._connection.execute(asked, (limit,)).fetchone()[0])

    def is_settled(self, id_: int) -> bool:
        """Whether no record waits that came with this id or before it."""
        with self._lock:
            first = self._connection.execute("SELECT min(id) FROM waiting").fetchone()[0]
        return first is None or first > id_

    def next_batch(self, records_max: int, bytes_max: int) -> Batch | None:
        """Return the oldest records, which are a batch from now on; None if none waits."""
        with self._changing() as connection:
            first = connection.execute("SELECT batch FROM waiting ORDER BY id LIMIT 1").fetchone()
            if first is None:
                return None
            if first[0] is not None:
                asked = "SELECT id, record FROM waiting WHERE batch = ? ORDER BY id"
                rows = connection.execute(asked, (first[0],)).fetchall()
                return _batch(first[0], rows)
            asked = "SELECT id, record, batch FROM waiting ORDER BY id LIMIT ?"
            chosen: list[tuple[int, bytes]] = []
            size_bytes = 0
            for id_, record, batch in connection.execute(asked, (records_max,)).fetchall():
                size_bytes += len(record)
                if batch is not None or (chosen and size_bytes > bytes_max):
                    break
                chosen.append((id_, record))
            return _keyed(connection, chosen)

    def halve(self, batch: Batch) -> None:
        """Make two batches of one that was refused as a whole."""
        middle = len(batch.ids) // 2
        rows = list(zip(batch.ids, batch.records, strict=True))
        with self._changing() as connection:
            for half in (rows[:middle], rows[middle:]):
                _keyed(connection, half)

    def settle(self, batch: Batch, refusals: Sequence[tuple[int, Refusal]]) -> bool:
        """Take a batch out that the server has answered; keep what it refused, by its place.

        Return whether it was there: another process may have done it.
        """
        refused = [(batch.records[place], each.code, each.message) for place, each in refusals]
        with self._changing() as connection:
            gone = connection.execute("DELETE FROM waiting WHERE batch = ?", (batch.key,)).rowcount
            if not gone:
                return False
            connection.executemany(_REFUSE, refused)
            more = "UPDATE told SET value = value + ? WHERE name = ?"
            counted = [(gone - len(refused), "sent"), (len(refused), "rejected")]
            connection.executemany(more, counted)
        return True

    def refused(self, limit: int) -> list[RefusedRow]:
        """Return the first records that were refused, oldest first."""
        with self._lock:
            asked = "SELECT id, record, code, message, at_s FROM refused ORDER BY id LIMIT ?"
            return [RefusedRow(*row) for row in self._connection.execute(asked, (limit,))]

    def put_back(self, ids: Sequence[int] | None) -> int:
        """Have refused records wait again, all or those of these ids; return how many."""
        with self._changing() as connection:
            if ids is None:
                connection.execute(_PUT_BACK + " ORDER BY id")
            else:
                named = [(id_,) for id_ in sorted(ids)]
                connection.executemany(_PUT_BACK + " WHERE id = ?", named)
            return _remove(connection, ids)

    def discard(self, ids: Sequence[int] | None) -> int:
        """Forget refused records, all or those of these ids; return how many."""
        with self._changing() as connection:
            return _remove(connection, ids)

    def counts(self) -> Counts:
        """Return how many records are where."""
        with self._lock:
            told = dict(self._connection.execute("SELECT name, value FROM told").fetchall())
            queued = self._connection.execute("SELECT count(*) FROM waiting").fetchone()[0]
            kept = self._connection.execute("SELECT count(*) FROM refused").fetchone()[0]
        return Counts(queued, int(told["sent"]), int(told["rejected"]), kept)

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection in a transaction, which is durable when the block ends well."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _keyed(connection: sqlite3.Connection, rows: Sequence[tuple[int, bytes]]) -> Batch:
    """Return rows as a batch of a new key."""
    key = uuid4().hex
    connection.executemany("UPDATE waiting SET batch = ? WHERE id = ?", [(key, r[0]) for r in rows])
    return _batch(key, rows)


def _batch(key: str, rows: Sequence[tuple[int, bytes]]) -> Batch:
    return Batch(key, [row[0] for row in rows], [row[1] for row in rows])


def _remove(connection: sqlite3.Connection, ids: Sequence[int] | None) -> int:
    if ids is None:
        return connection.execute("DELETE FROM refused").rowcount
    named = [(id_,) for id_ in ids]
    return connection.executemany("DELETE FROM refused WHERE id = ?", named).rowcount
