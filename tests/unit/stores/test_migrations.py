"""The catalogue's migrations do the same to both databases, with rows in the tables and at once.

Every revision is reached step by step on SQLite and on PostgreSQL, an organisation's rows written
at the first one must be there at the last, and what is made must be what the code knows. Then
several processes' worth of catalogues and logs are opened on one empty database at the same moment.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bitbrook.errors import AlreadyRunning, InvalidValue, Overloaded
from bitbrook.stores.catalogue import Catalogue, migrate
from bitbrook.stores.catalogue_dump import dump_catalogue, load_catalogue
from bitbrook.stores.catalogue_rows import OrganisationRow, UserRow
from bitbrook.stores.catalogue_tables import METADATA
from bitbrook.stores.log import Log, LogEntry
from bitbrook.stores.ownership import Ownership
from bitbrook.stores.rejected import RejectedStore
from bitbrook.stores.sharing import Changes
from bitbrook.stores.sql import alone, is_used, open_engine
from postgres_process import PostgresProcess


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/catalogue.db"
    found: str = request.getfixturevalue("database_url")
    return found


def revisions() -> list[str]:
    """Every revision, oldest first."""
    config = Config()
    config.set_main_option("script_location", "bitbrook.stores:migrations")
    known = ScriptDirectory.from_config(config).walk_revisions()
    return [each.revision for each in reversed(list(known))]


def test_every_step_is_taken_with_rows_in_place(url: str) -> None:
    engine = open_engine(url)
    steps = revisions()
    assert steps == sorted(steps)
    assert len(steps) >= 4
    for number, revision in enumerate(steps):
        with engine.begin() as connection:
            migrate(connection, revision)
            if number == 0:
                insert = "INSERT INTO organisation (id, name, created_s) VALUES ('o', 'Ä', 1.25)"
                connection.exec_driver_sql(insert)
                connection.exec_driver_sql(
                    "INSERT INTO member (id, organisation_id, email, role, status, password_hash,"
                    " created_s) VALUES ('u', 'o', 'ada@x', 'admin', 'active', '$', 2)"
                )
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": "catalogue_version"}
        )
        assert compare_metadata(context, METADATA) == []
    engine.dispose()
    catalogue = Catalogue.open(url)
    with catalogue.reading() as rows:
        assert rows.all(OrganisationRow) == [OrganisationRow(id="o", name="Ä", created_s=1.25)]
        assert [row.email for row in rows.all(UserRow)] == ["ada@x"]
    catalogue.close()


def test_a_step_that_fails_leaves_what_was_there(url: str) -> None:
    """A table of the last step's name is in the way: nothing of that step may remain."""
    engine = open_engine(url)
    *_, before, last = revisions()
    with engine.begin() as connection:
        migrate(connection, before)
    tables = set(sa.inspect(engine).get_table_names())
    added = set(METADATA.tables) - tables
    if not added:
        pytest.skip("the last step adds no table")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE {max(added)} (mine INTEGER)")

    def step() -> None:
        with engine.begin() as connection:
            migrate(connection, last)

    with pytest.raises(sa.exc.DatabaseError, match="exists"):
        step()
    assert set(sa.inspect(engine).get_table_names()) == tables | {max(added)}
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE {max(added)}")
    step()
    engine.dispose()


def test_many_may_begin_at_once(database_url: str) -> None:
    """As when the API servers of a deployment start together on an empty database."""

    def begin(number: int) -> None:
        Catalogue.open(database_url).close()
        log = Log(open_engine(database_url))
        log.append([LogEntry(f"p{number}", 1, b"x")])
        log.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(begin, range(8)))
    log = Log(open_engine(database_url))
    assert len(log.extents([f"p{number}" for number in range(8)])) == 8
    log.close()


def test_a_database_is_used_or_moved(database_url: str) -> None:
    catalogue = Catalogue.open(database_url)
    with catalogue.reading():
        pass
    with pytest.raises(AlreadyRunning, match="stop every server"), alone(database_url):
        pass
    assert is_used(database_url)
    catalogue.close()
    assert not is_used(database_url)
    with alone(database_url):
        assert not is_used(database_url)
        with pytest.raises(Overloaded, match="being moved"):
            Catalogue.open(database_url)
        with pytest.raises(AlreadyRunning), alone(database_url):
            pass
    Catalogue.open(database_url).close()


def test_a_server_that_comes_back_is_found_again(tmp_path: Path) -> None:
    with PostgresProcess() as server:
        url = server.create_database()
        log = Log(open_engine(url))
        log.append([LogEntry("p", 1, b"before")])
        server.stop()
        with pytest.raises(Overloaded, match="cannot be read"):
            log.extents(["p"])
        with pytest.raises(Overloaded, match="cannot be reached"), alone(url):
            pass
        server.start()
        log.append([LogEntry("p", 2, b"after")])
        assert [entry.body for entry in log.read("p", after=0)] == [b"before", b"after"]
        log.close()


def test_a_missing_driver_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    for url in ("postgresql://me:hidden@db/x", "postgresql+psycopg://me:hidden@db/x"):
        with pytest.raises(InvalidValue, match=r"pip install 'bitbrook\[postgres\]'") as refusal:
            open_engine(url)
        assert "hidden" not in refusal.value.message


def test_a_dump_holds_the_catalogue_and_nothing_beside_it(url: str, tmp_path: Path) -> None:
    """In one database with all that may lie beside it: log, owners, changes, refused records."""
    Catalogue.open(url).close()
    engine = open_engine(url)
    Log(engine)
    for made in (Ownership, Changes, RejectedStore):
        made(engine)
    there = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    dump = dump_catalogue(url)
    assert set(dump.tables) == set(METADATA.tables)
    assert len(there - set(dump.tables)) > 5
    load_catalogue(dump, f"sqlite:///{tmp_path}/loaded.db")
    assert dump_catalogue(f"sqlite:///{tmp_path}/loaded.db") == dump
