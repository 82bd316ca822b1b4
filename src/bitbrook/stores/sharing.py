"""Several servers on one catalogue: they hear of each other's changes and change one at a time.

A number in the catalogue's database goes up in every transaction that changes something which
servers keep in memory; whoever sees another number than last time reads again. A lock of the
database lets one server at a time look and then change. Knows nothing of what is kept or changed.
"""

import threading
import zlib
from collections.abc import Callable
from contextlib import ExitStack

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from bitbrook.errors import Overloaded
from bitbrook.stores.sql import reading, take_turn

_METADATA = sa.MetaData()
CHANGE = sa.Table(
    "catalogue_change",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, nullable=False),
)


class Changes:
    """How often a shared catalogue was changed."""

    def __init__(self, engine: Engine) -> None:
        """Make the number if it is not there yet."""
        self._engine = engine
        with engine.begin() as connection:
            take_turn(connection)
            _METADATA.create_all(connection)
            if connection.execute(sa.select(CHANGE.c.number)).first() is None:
                connection.execute(sa.insert(CHANGE), {"id": 0, "number": 0})

    def count(self, connection: Connection) -> None:
        """Count the transaction of this connection, when it is committed."""
        connection.execute(sa.update(CHANGE).values(number=CHANGE.c.number + 1))

    def number(self) -> int:
        """Return how often it was changed.

        Raises:
            Overloaded: the database cannot be reached.
        """
        try:
            with reading(self._engine) as connection:
                return int(connection.execute(sa.select(CHANGE.c.number)).scalar_one())
        except sa.exc.DBAPIError as error:
            raise Overloaded(f"the catalogue cannot be read ({error.orig}); try again") from error


class SharedLock:
    """A lock that one thread of one server has at a time; the thread may take it again.

    `on_taken` is called when the lock was taken first, before anything is done under it.
    """

    def __init__(self, engine: Engine, name: str, on_taken: Callable[[], object]) -> None:
        self._engine = engine
        self._number = zlib.crc32(name.encode())
        self._on_taken = on_taken
        self._lock = threading.RLock()
        self._depth = 0
        self._held = ExitStack()

    def __enter__(self) -> None:
        """Take the lock.

        Raises:
            Overloaded: the database cannot be reached.
        """
        self._lock.acquire()
        try:
            if self._depth == 0:
                with ExitStack() as taking:
                    self._take(taking)
                    self._on_taken()
                    self._held = taking.pop_all()
            self._depth += 1
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, *exception: object) -> None:
        try:
            self._depth -= 1
            if self._depth == 0:
                self._held.close()
        finally:
            self._lock.release()

    def _take(self, taking: ExitStack) -> None:
        try:
            # A transaction that does nothing: its lock goes with it, or with the server.
            connection = taking.enter_context(self._engine.connect())
            taking.callback(_end, connection)
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(self._number)))
        except sa.exc.DBAPIError as error:
            raise Overloaded(
                f"the catalogue cannot be used ({error.orig}); nothing was changed; try again"
            ) from error


def _end(connection: Connection) -> None:
    try:
        connection.rollback()
    except sa.exc.DBAPIError:
        # It was lost, and its lock with it.
        connection.invalidate()
