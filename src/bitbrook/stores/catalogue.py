"""The catalogue: who and what exists, in one database with transactions.

Opening brings the tables to this release's form. Rows go in and come out as the structs of
`catalogue_rows`; whoever changes several things does so in one transaction. No other module of
bitbrook knows the catalogue's SQL. Knows nothing of what rows mean.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.engine import Connection, Engine

from bitbrook.errors import Conflict, Damaged, Overloaded
from bitbrook.stores.audit_rows import Condition, audit_row
from bitbrook.stores.catalogue_rows import (
    AuditRow,
    InviteRow,
    PasswordResetRow,
    Row,
    SessionRow,
    SourceTrafficRow,
)
from bitbrook.stores.catalogue_tables import METADATA
from bitbrook.stores.sharing import Changes, SharedLock
from bitbrook.stores.sql import check_database, open_engine, reading, take_turn
from bitbrook.telemetry.acts import current_act

AnyRow = TypeVar("AnyRow", bound=Row)

_NEVER_IN_MEMORY = (AuditRow, InviteRow, PasswordResetRow, SourceTrafficRow)


class Transaction:
    """Reads and changes that happen together or not at all. `equal`: columns and their values."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.changes_memory = False
        """Whether it changes anything that servers keep in memory."""

    def insert(self, *rows: Row) -> None:
        """Add rows.

        Raises:
            Conflict: what identifies one of them is taken.
        """
        for row in rows:
            # Of sessions those that were ended are in memory.
            self.changes_memory |= not isinstance(row, (*_NEVER_IN_MEMORY, SessionRow))
            self._execute(sa.insert(_table(type(row))).values(**_columns(row)))

    def update(self, row: Row) -> bool:
        """Replace the row of the same key; return whether there was one."""
        self.changes_memory |= not isinstance(row, _NEVER_IN_MEMORY)
        columns = _columns(row)
        key = {name: columns.pop(name) for name in row.key}
        changed = sa.update(_table(type(row))).where(*_matches(type(row), key)).values(**columns)
        return bool(self._execute(changed).rowcount)

    def delete(self, row_type: type[Row], **equal: Any) -> int:
        """Remove the rows that match; return how many there were."""
        assert equal, "all rows of a table are never removed"
        self.changes_memory |= not issubclass(row_type, _NEVER_IN_MEMORY)
        found = sa.delete(_table(row_type)).where(*_matches(row_type, equal))
        return int(self._execute(found).rowcount)

    def all(self, row_type: type[AnyRow], **equal: Any) -> list[AnyRow]:
        """Return the rows that match, by key."""
        table = _table(row_type)
        order = [table.c[name] for name in row_type.key]
        found = sa.select(table).where(*_matches(row_type, equal)).order_by(*order)
        return [row_type(**row) for row in self._execute(found).mappings()]

    def find(self, row_type: type[AnyRow], **equal: Any) -> AnyRow | None:
        """Return the one row that matches, or None."""
        rows = self.all(row_type, **equal)
        assert len(rows) <= 1, f"{row_type.__name__} is not unique by {sorted(equal)}"
        return rows[0] if rows else None

    def sessions_ended_since(self, moment_s: float) -> list[SessionRow]:
        """Return the sessions that were ended before their time, at that moment or later."""
        table = _table(SessionRow)
        found = self._execute(sa.select(table).where(table.c.ended_s >= moment_s))
        return [SessionRow(**row) for row in found.mappings()]

    def delete_expired(self, row_type: type[Row], moment_s: float) -> int:
        """Remove the rows that expired before that moment; return how many there were."""
        table = _table(row_type)
        found = sa.delete(table).where(table.c.expires_s < moment_s)
        return int(self._execute(found).rowcount)

    def audit_entries(self, where: Sequence[Condition], limit: int) -> list[AuditRow]:
        """Return the newest entries of the audit log that match."""
        table = _table(AuditRow)
        found = sa.select(table).where(*where).order_by(table.c.id.desc()).limit(limit)
        return [AuditRow(**row) for row in self._execute(found).mappings()]

    def trim_audit(self, where: Sequence[Condition], keep: int) -> int:
        """Remove all but the newest entries that match; return how many went."""
        table = _table(AuditRow)
        newest = sa.select(table.c.id).where(*where).order_by(table.c.id.desc())
        last = self._execute(newest.offset(keep).limit(1)).scalar()
        if last is None:
            return 0
        return int(self._execute(sa.delete(table).where(*where, table.c.id <= last)).rowcount)

    def _execute(self, statement: Any) -> Any:
        return self._connection.execute(statement)


class Catalogue:
    """The catalogue's database, opened and up to date."""

    def __init__(self, engine: Engine) -> None:
        """Bring the tables to this release's form.

        Raises:
            Damaged: the database is not what was written, or a later release wrote it.
        """
        self._engine = engine
        self._changes: Changes | None = None
        check_database(engine)
        try:
            with self._naming_faults(), engine.begin() as connection:
                migrate(connection)
        except CommandError as error:
            raise Damaged(
                f"{self._place}: the catalogue was written by another release ({error}); "
                "start the release that wrote it, or a later one"
            ) from error

    @classmethod
    def open(cls, url: str) -> Self:
        """Return the catalogue at a database URL; a SQLite file is made if need be.

        Raises:
            Damaged: the database is not what was written, or a later release wrote it.
        """
        engine = open_engine(url)
        try:
            return cls(engine)
        except BaseException:
            engine.dispose()
            raise

    @contextmanager
    def changing(self) -> Iterator[Transaction]:
        """Give a transaction that is durable when the block ends, and undone if it raises.

        The first one of a request takes along what the audit log says of it.

        Raises:
            Conflict: a row's key or name is taken.
            Overloaded: the database cannot be written or reached; nothing was changed.
        """
        act = current_act()
        is_first = act is not None and bool(act.action) and not act.is_kept
        with self._naming_faults(), self._engine.begin() as connection:
            transaction = Transaction(connection)
            yield transaction
            if act is not None and is_first:
                transaction.insert(audit_row(act, "done"))
            if self._changes is not None and transaction.changes_memory:
                self._changes.count(connection)
        if act is not None and is_first:
            act.is_kept = True

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Give a transaction that only reads and waits for nobody.

        Raises:
            Overloaded: the database cannot be reached.
        """
        with self._naming_faults(), reading(self._engine) as connection:
            yield Transaction(connection)

    @property
    def can_be_shared(self) -> bool:
        """Whether several servers may use it at the same time."""
        return self._engine.dialect.name == "postgresql"

    def share(self) -> Changes:
        """Count changes from now on, for other servers that keep the same rows in memory."""
        self._changes = Changes(self._engine)
        return self._changes

    def shared_lock(self, name: str, on_taken: Callable[[], object]) -> SharedLock:
        """Return a lock that one thread of one server has at a time."""
        return SharedLock(self._engine, name, on_taken)

    def close(self) -> None:
        """Release the database."""
        self._engine.dispose()

    @property
    def _place(self) -> str:
        return self._engine.url.render_as_string(hide_password=True)

    @contextmanager
    def _naming_faults(self) -> Iterator[None]:
        # Statements and their values stay out of messages: rows hold secrets.
        try:
            yield
        except sa.exc.IntegrityError as error:
            raise Conflict(
                "it exists already, or what it belongs to is gone; look again"
            ) from error
        except sa.exc.OperationalError as error:
            raise Overloaded(
                f"the catalogue cannot be used ({error.orig}); nothing was changed; try again"
            ) from error
        except sa.exc.DatabaseError as error:
            raise Damaged(
                f"{self._place}: the catalogue cannot be read ({error.orig}); "
                "restore the data directory from a backup"
            ) from error


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring a catalogue's tables to a revision, by default to this release's.

    Of several processes that do so at once, one does and the others find it done.
    """
    take_turn(connection)
    config = Config()
    config.set_main_option("script_location", "bitbrook.stores:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _table(row_type: type[Row]) -> sa.Table:
    return METADATA.tables[row_type.table]


def _columns(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def _matches(row_type: type[Row], equal: dict[str, Any]) -> list[sa.ColumnElement[bool]]:
    table = _table(row_type)
    return [table.c[name] == value for name, value in equal.items()]
