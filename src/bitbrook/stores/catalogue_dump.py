"""The whole catalogue as rows: out of one database and into another, whichever kinds they are.

A dump carries the revision that its tables had, and is loaded into tables of that revision before
these are brought to this release's form; so a later release loads it, and an earlier one refuses.
Knows nothing of what the rows mean.
"""

from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic.util import CommandError

from bitbrook.errors import Conflict, Damaged
from bitbrook.stores.catalogue import migrate
from bitbrook.stores.log import LOG
from bitbrook.stores.log_image import database_fault, naming_faults
from bitbrook.stores.ownership_tables import OWNER
from bitbrook.stores.rejected import REJECTED
from bitbrook.stores.sharing import CHANGE
from bitbrook.stores.sql import open_engine, open_reader, reading

VERSION_TABLE = "catalogue_version"
"""As the migrations' environment names it."""

# The log may lie in the same database, and what belongs to it.
_NOT_OURS = {
    VERSION_TABLE,
    *LOG.metadata.tables,
    *OWNER.metadata.tables,
    *REJECTED.metadata.tables,
    *CHANGE.metadata.tables,
}


class TableDump(msgspec.Struct, frozen=True, array_like=True):
    """One table: its columns, and its rows in their order."""

    columns: list[str]
    rows: list[list[Any]]

    def dicts(self) -> list[dict[str, Any]]:
        """Return the rows, each by column."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class CatalogueDump(msgspec.Struct, frozen=True):
    """Every table of a catalogue by name, those that others refer to first."""

    revision: str
    tables: dict[str, TableDump]

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return a table's rows, each by column; none if there is no such table."""
        dump = self.tables.get(table)
        return [] if dump is None else dump.dicts()


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(CatalogueDump)


def encode_dump(dump: CatalogueDump) -> bytes:
    """Return a dump as bytes."""
    return _ENCODER.encode(dump)


def decode_dump(encoded: bytes) -> CatalogueDump:
    """Return the dump that `encode_dump` wrote."""
    return _DECODER.decode(encoded)


def dump_catalogue(url: str) -> CatalogueDump:
    """Return the catalogue at a database URL as it is now, beside whoever writes to it.

    Raises:
        Damaged: there is none, or it cannot be read.
        Overloaded: the database cannot be reached.
    """
    engine = open_reader(url)
    try:
        with naming_faults(url), reading(engine) as connection:
            fault = database_fault(connection)
            if fault is not None:
                raise Damaged(
                    f"{engine.url.database}: the catalogue is not what was written ({fault}); "
                    "restore the data directory from a backup"
                )
            metadata = sa.MetaData()
            metadata.reflect(connection)
            version = metadata.tables.get(VERSION_TABLE)
            if version is None:
                raise Damaged(
                    f"{engine.url.render_as_string(hide_password=True)}: this is no catalogue of "
                    "bitbrook; name the data directory"
                )
            revision = connection.execute(sa.select(version)).scalar_one()
            tables = {}
            for table in metadata.sorted_tables:
                if table.name not in _NOT_OURS:
                    rows = connection.execute(sa.select(table).order_by(*table.primary_key))
                    tables[str(table.name)] = TableDump(
                        [str(column.name) for column in table.columns], [list(row) for row in rows]
                    )
            return CatalogueDump(revision, tables)
    finally:
        engine.dispose()


def has_catalogue(url: str) -> bool:
    """Return whether there is a catalogue at a database URL, of whatever release.

    Raises:
        Overloaded: the database cannot be reached.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        return False
    engine = open_reader(url)
    try:
        with naming_faults(url), reading(engine) as connection:
            return VERSION_TABLE in sa.inspect(connection).get_table_names()
    finally:
        engine.dispose()


def load_catalogue(dump: CatalogueDump, url: str, *, is_alone: bool = False) -> None:
    """Make a catalogue of a dump at a database URL where there is none.

    `is_alone`: within `stores.sql.alone`.

    Raises:
        Conflict: there is one.
        Damaged: a later release wrote the dump.
    """
    engine = open_engine(url, is_alone=is_alone)
    try:
        with engine.begin() as connection:
            if VERSION_TABLE in sa.inspect(connection).get_table_names():
                place = engine.url.render_as_string(hide_password=True)
                raise Conflict(f"{place}: there is a catalogue already; name an empty database")
            try:
                migrate(connection, dump.revision)
            except CommandError as error:
                raise Damaged(
                    f"the backup's catalogue has revision {dump.revision}, which this release does "
                    "not know; restore it with the release that wrote it, or a later one"
                ) from error
            metadata = sa.MetaData()
            metadata.reflect(connection)
            for name, table in dump.tables.items():
                if table.rows:
                    connection.execute(sa.insert(metadata.tables[name]), table.dicts())
            migrate(connection, "head")
    finally:
        engine.dispose()
