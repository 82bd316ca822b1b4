"""Databases by URL: SQLite in a file here, PostgreSQL elsewhere, behind one SQLAlchemy engine.

What SQLite must be told to keep its promises is told here and nowhere else: every commit is synced,
readers and the one writer do not block each other, and a transaction that may write takes the write
lock when it begins, so that it waits for its turn instead of failing half-way. What PostgreSQL must
be told: how long a silent server is waited for, and that this connection uses the database, so
that whoever needs it alone (`alone`) is refused while anybody does, and anybody meanwhile. And it
in turn must not wait long for a client that is cut off and holds locks.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from bitbrook.errors import AlreadyRunning, Damaged, InvalidValue, Overloaded
from bitbrook.stores.wal import check_wal

READS_ONLY = "bitbrook_reads_only"

BUSY_TIMEOUT_MS = 10_000
PAGE_BYTES = 16_384
# 1,024 pages of 16 KiB: SQLite moves the write-ahead file into the database every 16 MiB.
WAL_PAGES_MAX = 1_024

# A server that is gone answers nothing; without these a commit would wait for a quarter of an hour.
POSTGRES_DEFAULTS = {
    "application_name": "bitbrook",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
# Told to the server: a client that a network has lost is given up within 8 s, and its locks go with
# it. Else the server would notice after two hours, and nobody could take a partition over.
POSTGRES_SESSION = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "8000",
}
# Numbers of PostgreSQL's advisory locks: "bitbrook" as a number, and the one behind it.
USE_LOCK = int.from_bytes(b"bitbrook")
TURN_LOCK = USE_LOCK + 1


def open_engine(url: str, *, is_alone: bool = False) -> Engine:
    """Return an engine for the URL; a SQLite file and its directory are made if need be.

    `is_alone`: within `alone`, whose other users are kept out.

    Raises:
        Damaged: the write-ahead file that a crash left behind is not what was written.
        InvalidValue: there is no driver for it.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = _create_postgres(parsed, pool_pre_ping=True)
        if not is_alone:
            sa.event.listen(engine, "connect", _join_users)
        return engine
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

    Raises:
        InvalidValue: there is no driver for it.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() != "sqlite":
        return _create_postgres(parsed, pool_pre_ping=True, isolation_level="REPEATABLE READ")
    path = Path(parsed.database or "").absolute()
    engine = sa.create_engine(f"sqlite:///{path.as_uri()}?mode=ro&uri=true")
    sa.event.listen(engine, "connect", _prepare_reader)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def parse_url(url: str) -> URL:
    """Return the parts of a database URL; PostgreSQL's, however it is written, with its driver."""
    parsed = sa.make_url(url)
    if parsed.drivername in {"postgres", "postgresql"}:
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


@contextmanager
def alone(url: str) -> Iterator[None]:
    """Keep everybody else from using a PostgreSQL database until the block ends.

    A file of SQLite is in a data directory, whose lock does that.

    Raises:
        AlreadyRunning: somebody uses it.
        Overloaded: it cannot be reached.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        yield
        return
    engine = _create_postgres(parsed, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    place = parsed.render_as_string(hide_password=True)
    try:
        connection = engine.connect()
    except sa.exc.OperationalError as error:
        raise Overloaded(f"{place}: the database cannot be reached ({error.orig})") from error
    with connection:
        taken = sa.select(sa.func.pg_try_advisory_lock(USE_LOCK))
        if not connection.execute(taken).scalar():
            raise AlreadyRunning(
                f"{place}: servers, or owners of partitions, use this database; stop every server "
                "on it first, and the Ray nodes"
            )
        yield


def is_used(url: str) -> bool:
    """Return whether a server, or an owner of partitions, is connected to a PostgreSQL database.

    Raises:
        Overloaded: it cannot be reached.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return False
    engine = _create_postgres(parsed, poolclass=NullPool)
    # An advisory lock of one number is listed by that number's halves.
    asked = sa.text(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND classid = :high AND objid = :low AND mode = 'ShareLock')"
    )
    try:
        with engine.connect() as connection:
            halves = {"high": USE_LOCK >> 32, "low": USE_LOCK & 0xFFFF_FFFF}
            return bool(connection.execute(asked, halves).scalar())
    except sa.exc.OperationalError as error:
        place = parsed.render_as_string(hide_password=True)
        raise Overloaded(f"{place}: the database cannot be reached ({error.orig})") from error


def take_turn(connection: Connection) -> None:
    """Wait until nobody else makes or changes tables of this database; until the transaction ends.

    SQLite's writers take turns anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(TURN_LOCK)))


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


def _create_postgres(url: URL, **options: Any) -> Engine:
    told = {name: value for name, value in POSTGRES_DEFAULTS.items() if name not in url.query}
    try:
        return sa.create_engine(url, connect_args=told, **options)
    except ModuleNotFoundError as error:
        raise InvalidValue(
            f"{url.render_as_string(hide_password=True)}: PostgreSQL needs an extra: "
            "pip install 'bitbrook[postgres]'",
            field="catalogue",
        ) from error


def _join_users(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Take part in the use of a database for as long as this connection lives."""
    cursor = connection.cursor()
    told = "".join(
        f", set_config('{name}', '{value}', false)" for name, value in POSTGRES_SESSION.items()
    )
    cursor.execute(f"SELECT pg_try_advisory_lock_shared({USE_LOCK}){told}")
    row = cursor.fetchone()
    cursor.close()
    connection.commit()
    if row is None or not row[0]:
        connection.close()
        raise Overloaded(
            "the database is being moved to another place (bitbrook migrate); nothing was changed; "
            "try again when that is done"
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
