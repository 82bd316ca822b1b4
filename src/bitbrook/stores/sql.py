"""Databases by URL: SQLite in a file here, PostgreSQL elsewhere, behind one SQLAlchemy engine.

What SQLite must be told to keep its promises is told here and nowhere else: every commit is synced,
readers and the one writer do not block each other, and a transaction that may write takes the write
lock when it begins, so that it waits for its turn instead of failing half-way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from bitbrook.errors import Damaged
from bitbrook.stores.wal import check_wal

READS_ONLY = "bitbrook_reads_only"

BUSY_TIMEOUT_MS = 10_000
PAGE_BYTES = 16_384
# 1,024 pages of 16 KiB: SQLite moves the write-ahead file into the database every 16 MiB.
WAL_PAGES_MAX = 1_024


def open_engine(url: str) -> Engine:
    """Return an engine for the URL; a SQLite file and its directory are made if need be.

    Raises:
        Damaged: the write-ahead file that a crash left behind is not what was written.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        check_wal(Path(f"{parsed.database}-wal"))
    engine = sa.create_engine(parsed)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def open_reader(url: str) -> Engine:
    """Return an engine that only reads, beside whoever writes; of SQLite the file must exist.

    What a transaction of it sees is of one moment.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True, isolation_level="REPEATABLE READ")
    path = Path(parsed.database or "").absolute()
    engine = sa.create_engine(f"sqlite:///{path.as_uri()}?mode=ro&uri=true")
    sa.event.listen(engine, "connect", _prepare_reader)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection whose transaction only reads: it never waits for a writer."""
    with (
        engine.connect().execution_options(**{READS_ONLY: True}) as connection,
        connection.begin(),
    ):
        yield connection


def check_database(engine: Engine) -> None:
    """Return if a SQLite database is sound in itself; of others their servers take care.

    Raises:
        Damaged: it is not what was written.
    """
    if engine.dialect.name != "sqlite":
        return
    try:
        with reading(engine) as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
    except sa.exc.DatabaseError as error:
        found = str(error.orig)
    if found != "ok":
        raise Damaged(
            f"{engine.url.database}: the database is not what was written ({found}); "
            "restore the data directory from a backup"
        )


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver would begin transactions by itself, and too late; `_begin_sqlite` does it.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        f"page_size = {PAGE_BYTES}",
        "journal_mode = WAL",
        "synchronous = FULL",
        f"wal_autocheckpoint = {WAL_PAGES_MAX}",
        "foreign_keys = ON",
        # Some builds overwrite what is deleted, which would write every trimmed batch once more.
        "secure_delete = FAST",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_reader(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reads_only = connection.get_execution_options().get(READS_ONLY, False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")
