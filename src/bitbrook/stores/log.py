"""The log: each partition's batches in order, and beside them its current manifest.

An entry is durable when `append` returns. The primary key (partition, sequence) is the fence: of
two processes that both believe they own a partition, only one can append a sequence; the other one
is told. Where partitions may be taken over, a `Fence` checks in that transaction who holds them.
A manifest and the trim that it permits are one transaction, so a partition can always be rebuilt
from what is here. A note is kept beside the entries that it came with, in one transaction, until it
expires. Knows nothing of what entries, manifests or notes mean.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from bitbrook.errors import Damaged, Fenced, OutcomeUnknown, Overloaded
from bitbrook.stores.sql import check_database, reading, take_turn

ASK_AGAIN_AFTER_S = (0.05, 0.2, 1.0, 3.0)
NAMES_PER_STATEMENT = 500

_METADATA = sa.MetaData()
LOG = sa.Table(
    "log",
    _METADATA,
    sa.Column("partition", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
SNAPSHOT = sa.Table(
    "snapshot",
    _METADATA,
    sa.Column("partition", sa.Text, primary_key=True),
    sa.Column("manifest", sa.LargeBinary, nullable=False),
)
NOTE = sa.Table(
    "note",
    _METADATA,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("expires_s", sa.Double, nullable=False, index=True),
)
_APPEND = sa.insert(LOG)


class LogEntry(NamedTuple):
    """One batch of one partition. Sequences of a partition count up from 1 without a gap."""

    partition: str
    sequence: int
    body: bytes


class Note(NamedTuple):
    """Something to be known as long as its entries are durable. `expires_s`: Unix seconds."""

    scope: str
    key: str
    body: bytes
    expires_s: float


class LogExtent(NamedTuple):
    """The sequences that the log holds of a partition, and the bytes of their bodies."""

    first: int
    last: int
    size_bytes: int


class Fence(Protocol):
    """Who may change the log of which partition."""

    def check(self, connection: Connection, partitions: Collection[str]) -> None:
        """Return if this process may change these until the transaction ends; else `Fenced`."""
        ...


class Log:
    """Every partition's log and manifest in one database."""

    def __init__(self, engine: Engine, *, fence: Fence | None = None) -> None:
        """Make the tables if they are not there yet.

        `fence`: where other processes may take partitions over; by default nobody may.

        Raises:
            Damaged: the database is not what was written.
        """
        self._engine = engine
        self._fence = fence
        check_database(engine)
        with self._naming_damage(), engine.begin() as connection:
            take_turn(connection)
            _METADATA.create_all(connection)

    def append(self, entries: Sequence[LogEntry], notes: Sequence[Note] = ()) -> None:
        """Make all entries and notes durable, or none. A note replaces one of the same key.

        Raises:
            Fenced: one of the sequences, or a whole partition, was taken by another process.
            Overloaded: the database refused; nothing was written and the next append may succeed.
            OutcomeUnknown: the database failed and cannot be asked what it holds.
        """
        if not entries:
            return
        try:
            with self._engine.begin() as connection:
                if self._fence is not None:
                    self._fence.check(connection, {entry.partition for entry in entries})
                connection.execute(_APPEND, [entry._asdict() for entry in entries])
                _write_notes(connection, notes)
        except sa.exc.IntegrityError as error:
            names = ", ".join(sorted({entry.partition for entry in entries}))
            raise Fenced(
                f"the log of {names} was continued by another process; nothing was applied here"
            ) from error
        except sa.exc.DBAPIError as error:
            if self._is_appended(entries[-1], cause=error):
                return
            raise Overloaded(
                f"the log cannot be written ({error.orig}); nothing was applied; "
                "free disk space or mend the database, then send it again"
            ) from error

    def read(self, partition: str, *, after: int) -> Iterator[LogEntry]:
        """Give a partition's entries beyond the sequence `after`, in order.

        Raises:
            Damaged: the database cannot be read.
        """
        entries = (
            sa.select(LOG)
            .where(LOG.c.partition == partition, LOG.c.sequence > after)
            .order_by(LOG.c.sequence)
        )
        with self._naming_damage(), reading(self._engine) as connection:
            streaming = connection.execution_options(yield_per=16)
            for entry in streaming.execute(entries):
                yield LogEntry(entry.partition, entry.sequence, entry.body)

    def extents(self, partitions: Sequence[str]) -> dict[str, LogExtent]:
        """Return what the log holds of each of these partitions; of the others, no entry."""
        extents = {}
        with self._naming_damage(), reading(self._engine) as connection:
            for names in _in_portions(partitions):
                asked = (
                    sa.select(
                        LOG.c.partition,
                        sa.func.min(LOG.c.sequence),
                        sa.func.max(LOG.c.sequence),
                        sa.func.sum(sa.func.length(LOG.c.body)),
                    )
                    .where(LOG.c.partition.in_(names))
                    .group_by(LOG.c.partition)
                )
                for name, first, last, size_bytes in connection.execute(asked):
                    extents[name] = LogExtent(first, last, size_bytes)
        return extents

    def publish(self, partition: str, manifest: bytes, *, through: int) -> None:
        """Make a manifest the partition's current one and forget its entries up to `through`.

        Raises:
            Fenced: another process has taken the partition; its manifest and entries stay.
            Overloaded: the database refused; the former manifest and all entries stay.
        """
        try:
            with self._engine.begin() as connection:
                if self._fence is not None:
                    self._fence.check(connection, [partition])
                connection.execute(sa.delete(SNAPSHOT).where(SNAPSHOT.c.partition == partition))
                connection.execute(
                    sa.insert(SNAPSHOT), {"partition": partition, "manifest": manifest}
                )
                connection.execute(
                    sa.delete(LOG).where(LOG.c.partition == partition, LOG.c.sequence <= through)
                )
        except sa.exc.DBAPIError as error:
            if self.manifests([partition]).get(partition) == manifest:
                return
            raise Overloaded(
                f"the checkpoint of {partition} cannot be published ({error.orig}); "
                "the log keeps its entries"
            ) from error

    def manifests(self, partitions: Sequence[str]) -> dict[str, bytes]:
        """Return the current manifest of each of these partitions that has one."""
        manifests: dict[str, bytes] = {}
        with self._naming_damage(), reading(self._engine) as connection:
            for names in _in_portions(partitions):
                asked = sa.select(SNAPSHOT).where(SNAPSHOT.c.partition.in_(names))
                manifests.update((row.partition, row.manifest) for row in connection.execute(asked))
        return manifests

    def drop(self, partitions: Sequence[str]) -> None:
        """Forget the entries and manifests of these partitions."""
        with self._naming_damage(), self._engine.begin() as connection:
            for names in _in_portions(partitions):
                for table in (LOG, SNAPSHOT):
                    connection.execute(sa.delete(table).where(table.c.partition.in_(names)))

    def notes(self, scope: str, *, now_s: float) -> list[Note]:
        """Return the notes of a scope that have not expired, those that expire first first."""
        asked = (
            sa.select(NOTE)
            .where(NOTE.c.scope == scope, NOTE.c.expires_s > now_s)
            .order_by(NOTE.c.expires_s)
        )
        with self._naming_damage(), reading(self._engine) as connection:
            return [Note(*row) for row in connection.execute(asked)]

    def note(self, scope: str, key: str, *, now_s: float) -> Note | None:
        """Return the note of a scope and key, if there is one that has not expired."""
        is_same = (NOTE.c.scope == scope) & (NOTE.c.key == key)
        with self._naming_damage(), reading(self._engine) as connection:
            row = connection.execute(sa.select(NOTE).where(is_same)).first()
        return None if row is None or row.expires_s <= now_s else Note(*row)

    def forget_notes(self, *, scope: str | None = None, expired_s: float | None = None) -> None:
        """Forget the notes of a scope, or those that have expired at a moment."""
        matches = NOTE.c.scope == scope if scope is not None else NOTE.c.expires_s <= expired_s
        with self._naming_damage(), self._engine.begin() as connection:
            connection.execute(sa.delete(NOTE).where(matches))

    def is_empty(self) -> bool:
        """Whether it holds neither entries nor manifests nor notes."""
        with self._naming_damage(), reading(self._engine) as connection:
            found = [
                connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
                for table in (LOG, SNAPSHOT, NOTE)
            ]
        return not any(found)

    def keep_notes(self, notes: Sequence[Note]) -> None:
        """Make notes durable that came with entries of another log."""
        with self._naming_damage(), self._engine.begin() as connection:
            _write_notes(connection, notes)

    def close(self) -> None:
        """Release the database."""
        self._engine.dispose()

    @property
    def is_fenced(self) -> bool:
        """Whether other processes may take partitions over."""
        return self._fence is not None

    def _is_appended(self, entry: LogEntry, *, cause: sa.exc.DBAPIError) -> bool:
        """Whether the log holds this very entry, after a commit that failed in an unclear way."""
        asked = sa.select(LOG.c.body).where(
            LOG.c.partition == entry.partition, LOG.c.sequence == entry.sequence
        )
        for delay_s in (*ASK_AGAIN_AFTER_S, None):
            try:
                with reading(self._engine) as connection:
                    return connection.execute(asked).scalar() == entry.body
            except sa.exc.DBAPIError:
                if delay_s is None:
                    break
                time.sleep(delay_s)
        raise OutcomeUnknown(
            f"the log failed ({cause.orig}) and cannot be read; whether sequence {entry.sequence} "
            f"of {entry.partition} is durable shows after mending the database and a restart"
        ) from cause

    @contextmanager
    def _naming_damage(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.OperationalError as error:
            raise Overloaded(f"the log cannot be read ({error.orig}); try again") from error
        except sa.exc.DatabaseError as error:
            place = self._engine.url.database
            raise Damaged(
                f"{place}: the database of the log cannot be read ({error.orig}); "
                "restore the data directory from a backup"
            ) from error


def _write_notes(connection: Connection, notes: Sequence[Note]) -> None:
    if notes:
        module = postgresql if connection.dialect.name == "postgresql" else sqlite
        added = module.insert(NOTE)
        replacing = added.on_conflict_do_update(
            index_elements=[NOTE.c.scope, NOTE.c.key],
            set_={"body": added.excluded.body, "expires_s": added.excluded.expires_s},
        )
        connection.execute(replacing, [note._asdict() for note in notes])


def _in_portions(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Give the names in portions that fit the parameters of one statement."""
    for start in range(0, len(names), NAMES_PER_STATEMENT):
        yield names[start : start + NAMES_PER_STATEMENT]
