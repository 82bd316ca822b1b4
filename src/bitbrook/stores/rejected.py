"""Records that sources refused, as they are kept: a chunk a request, in a database of its own.

Of its own, because whoever writes here must not make the log or the catalogue wait. What is written
is durable when a call returns. Chunks of a source count up and are read newest first. Knows
nothing of what is in a chunk, nor of how much is to be kept.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from bitbrook.errors import Damaged, Overloaded
from bitbrook.stores.sql import check_database, reading, take_turn

METADATA = sa.MetaData()
REJECTED = sa.Table(
    "rejected",
    METADATA,
    sa.Column("source_id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("records", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)


class Chunk(NamedTuple):
    """The refused records of one request. `at_s`: Unix seconds. `records`: how many are in it."""

    source_id: str
    number: int
    at_s: float
    request_id: str
    records: int
    body: bytes


class ChunkExtent(NamedTuple):
    """A chunk without what is in it."""

    source_id: str
    number: int
    records: int
    size_bytes: int


class RejectedStore:
    """Every source's chunks in one database."""

    def __init__(self, engine: Engine) -> None:
        """Make the table if it is not there yet.

        Raises:
            Damaged: the database is not what was written.
        """
        self._engine = engine
        check_database(engine)
        with self._naming_faults(), engine.begin() as connection:
            take_turn(connection)
            METADATA.create_all(connection)

    @property
    def is_shared(self) -> bool:
        """Whether other servers may write to it, too."""
        return self._engine.dialect.name == "postgresql"

    def add(self, chunks: Sequence[Chunk], removed: Sequence[tuple[str, int]] = ()) -> list[Chunk]:
        """Add chunks and remove others, in one transaction; return those added, as they are kept.

        One whose number another server has given to a chunk of its own gets the next that is free.

        Raises:
            Overloaded: the database refused; nothing was changed.
        """
        added = []
        with self._naming_faults(), self._engine.begin() as connection:
            for source_id, number in removed:
                _remove(connection, source_id, number)
            for chunk in chunks:
                free = chunk
                while not _is_inserted(connection, free):
                    free = free._replace(number=free.number + 1)
                added.append(free)
        return added

    def put(self, chunk: Chunk) -> None:
        """Have a chunk, in place of the one of its number.

        Raises:
            Overloaded: the database refused; nothing was changed.
        """
        with self._naming_faults(), self._engine.begin() as connection:
            _remove(connection, chunk.source_id, chunk.number)
            connection.execute(sa.insert(REJECTED), chunk._asdict())

    def edit(
        self, source_id: str, numbers: Collection[int], edited: Callable[[Chunk], Chunk | None]
    ) -> dict[int, Chunk | None]:
        """Edit a source's chunks of these numbers, in one transaction; return what is left of each.

        `edited`: gives a chunk as it shall be, None if it shall go. Nobody else edits meanwhile.

        Raises:
            Overloaded: the database refused; nothing was changed.
        """
        asked = (
            sa.select(REJECTED)
            .where(REJECTED.c.source_id == source_id, REJECTED.c.number.in_(numbers))
            .order_by(REJECTED.c.number)
            .with_for_update()
        )
        left: dict[int, Chunk | None] = {}
        with self._naming_faults(), self._engine.begin() as connection:
            for row in connection.execute(asked).all():
                chunk = left[row.number] = edited(Chunk(*row))
                _remove(connection, source_id, row.number)
                if chunk is not None:
                    connection.execute(sa.insert(REJECTED), chunk._asdict())
        return left

    def extents(self, source_id: str | None = None) -> list[ChunkExtent]:
        """Return all that is kept, or that of one source, oldest first."""
        asked = sa.select(
            REJECTED.c.source_id,
            REJECTED.c.number,
            REJECTED.c.records,
            sa.func.length(REJECTED.c.body),
        ).order_by(REJECTED.c.number)
        if source_id is not None:
            asked = asked.where(REJECTED.c.source_id == source_id)
        with self._naming_faults(), reading(self._engine) as connection:
            return [ChunkExtent(*row) for row in connection.execute(asked)]

    def numbers(self, source_id: str) -> list[int]:
        """Return the numbers of a source's chunks, oldest first."""
        asked = (
            sa.select(REJECTED.c.number)
            .where(REJECTED.c.source_id == source_id)
            .order_by(REJECTED.c.number)
        )
        with self._naming_faults(), reading(self._engine) as connection:
            return list(connection.execute(asked).scalars())

    def newest(self, source_id: str, *, through: int | None = None) -> Iterator[Chunk]:
        """Give a source's chunks, newest first, each read when it is wanted.

        `through`: only that one and those before it.
        """
        while True:
            asked = sa.select(REJECTED).where(REJECTED.c.source_id == source_id)
            if through is not None:
                asked = asked.where(REJECTED.c.number <= through)
            with self._naming_faults(), reading(self._engine) as connection:
                row = connection.execute(asked.order_by(REJECTED.c.number.desc()).limit(1)).first()
            if row is None:
                return
            yield Chunk(*row)
            through = row.number - 1

    def drop(self, source_id: str) -> None:
        """Forget what is kept of a source."""
        with self._naming_faults(), self._engine.begin() as connection:
            connection.execute(sa.delete(REJECTED).where(REJECTED.c.source_id == source_id))

    def close(self) -> None:
        """Release the database."""
        self._engine.dispose()

    @contextmanager
    def _naming_faults(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.OperationalError as error:
            raise Overloaded(
                f"refused records cannot be kept or read ({error.orig}); try again"
            ) from error
        except sa.exc.DatabaseError as error:
            raise Damaged(
                f"{self._engine.url.database}: the database of refused records cannot be read "
                f"({error.orig}); remove it, or restore the data directory from a backup"
            ) from error


def _is_inserted(connection: Connection, chunk: Chunk) -> bool:
    """Whether a chunk's number was free, and the chunk is there now."""
    module = postgresql if connection.dialect.name == "postgresql" else sqlite
    added = module.insert(REJECTED).values(**chunk._asdict()).on_conflict_do_nothing()
    return connection.execute(added.returning(REJECTED.c.number)).first() is not None


def _remove(connection: Connection, source_id: str, number: int) -> None:
    matches = (REJECTED.c.source_id == source_id, REJECTED.c.number == number)
    connection.execute(sa.delete(REJECTED).where(*matches))
