"""The log as it was at one moment, read beside whoever appends to it.

One transaction that only reads: manifests, entries and notes are of the same moment, however long
the reading takes. Knows nothing of what they mean.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bitbrook.errors import Damaged, Overloaded
from bitbrook.stores.log import LOG, NOTE, SNAPSHOT, LogEntry, LogExtent, Note
from bitbrook.stores.sql import open_reader, reading

ENTRIES_PER_FETCH = 16


class LogImage:
    """What the log held when its transaction began. Made by `reading_log`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def fault(self) -> str | None:
        """Return what is wrong with the database in itself, None if nothing is."""
        return database_fault(self._connection)

    def manifests(self) -> dict[str, bytes]:
        """Return the current manifest of every partition that has one."""
        return {
            row.partition: row.manifest for row in self._connection.execute(sa.select(SNAPSHOT))
        }

    def extents(self) -> dict[str, LogExtent]:
        """Return what the log holds of each partition that has entries."""
        asked = sa.select(
            LOG.c.partition,
            sa.func.min(LOG.c.sequence),
            sa.func.max(LOG.c.sequence),
            sa.func.sum(sa.func.length(LOG.c.body)),
        ).group_by(LOG.c.partition)
        return {name: LogExtent(*extent) for name, *extent in self._connection.execute(asked)}

    def entries(self, partition: str) -> Iterator[LogEntry]:
        """Give a partition's entries, in order."""
        asked = sa.select(LOG).where(LOG.c.partition == partition).order_by(LOG.c.sequence)
        streaming = self._connection.execution_options(yield_per=ENTRIES_PER_FETCH)
        for row in streaming.execute(asked):
            yield LogEntry(row.partition, row.sequence, row.body)

    def notes(self) -> list[Note]:
        """Return every note."""
        asked = sa.select(NOTE).order_by(NOTE.c.expires_s)
        return [Note(*row) for row in self._connection.execute(asked)]


@contextmanager
def reading_log(url: str) -> Iterator[LogImage]:
    """Give the log at a database URL as it is now.

    Raises:
        Damaged: there is none, or it cannot be read.
        Overloaded: the database cannot be reached.
    """
    engine = open_reader(url)
    try:
        with naming_faults(url), reading(engine) as connection:
            yield LogImage(connection)
    finally:
        engine.dispose()


def database_fault(connection: Connection) -> str | None:
    """Return what SQLite finds wrong with a database, None if nothing; others see to themselves."""
    if connection.dialect.name != "sqlite":
        return None
    found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
    return None if found == "ok" else str(found)


@contextmanager
def naming_faults(url: str) -> Iterator[None]:
    """Turn what a database reports into errors that name it.

    Raises:
        Damaged: it is not there, or cannot be read.
        Overloaded: it is busy, or out of reach.
    """
    place = sa.make_url(url)
    name = place.database if place.get_backend_name() == "sqlite" else str(place)
    try:
        yield
    except sa.exc.OperationalError as error:
        reason = str(error.orig)
        if "unable to open" in reason or "no such table" in reason:
            raise Damaged(
                f"{name}: there is no such database of bitbrook ({reason}); "
                "name the data directory, or restore it from a backup"
            ) from error
        raise Overloaded(
            f"{name}: the database cannot be read now ({reason}); try again"
        ) from error
    except sa.exc.DatabaseError as error:
        raise Damaged(
            f"{name}: the database is not what was written ({error.orig}); "
            "restore the data directory from a backup"
        ) from error
