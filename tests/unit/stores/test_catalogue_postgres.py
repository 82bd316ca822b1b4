"""The catalogue and the log keep their promises on PostgreSQL as they do on SQLite.

Tried with a PostgreSQL server of the test's own, reached through a socket in a temporary directory:
rows of every kind, clashes, migrations, fenced appends, and a whole service stopped and started on
it. Skipped where there is no PostgreSQL or no driver for it.
"""

import threading
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bitbrook.control.service import Service
from bitbrook.control.sharing import Sharing
from bitbrook.errors import Conflict, Fenced
from bitbrook.settings import Settings
from bitbrook.sources.schema import SourceSchema
from bitbrook.stores.catalogue import Catalogue
from bitbrook.stores.catalogue_rows import DeploymentRow, OrganisationRow, UserRow
from bitbrook.stores.catalogue_tables import METADATA
from bitbrook.stores.log import Log, LogEntry
from bitbrook.stores.sql import open_engine


@pytest.fixture
def url(database_url: str) -> str:
    """The URL of an empty database."""
    return database_url


def test_rows_migrations_and_clashes(url: str) -> None:
    organisation = OrganisationRow(id="o1", name="Ä", created_s=1.25)
    user = UserRow(
        id="u1",
        organisation_id="o1",
        email="ada@x",
        role="admin",
        status="left",
        password_hash="$",
        created_s=2.0,
    )
    deployment = DeploymentRow(
        id="d1",
        organisation_id="o1",
        name="one",
        shape="8GB",
        status="RUNNING",
        created_s=1.0,
        created_by="ada@x",
    )
    catalogue = Catalogue.open(url)
    with catalogue.changing() as rows:
        rows.insert(organisation, user, msgspec.structs.replace(user, id="u2", status="active"))
        rows.insert(deployment)
    for clashing in (
        msgspec.structs.replace(user, id="u3", status="active"),
        msgspec.structs.replace(deployment, id="d2"),
        msgspec.structs.replace(deployment, id="d2", name="two", organisation_id="nobody"),
    ):
        with pytest.raises(Conflict), catalogue.changing() as rows:
            rows.insert(clashing)
    catalogue.close()
    catalogue = Catalogue.open(url)
    with catalogue.reading() as rows:
        assert rows.all(OrganisationRow) == [organisation]
        assert rows.find(UserRow, status="left") == user
        assert rows.all(DeploymentRow) == [deployment]
    catalogue.close()
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        options = {"version_table": "catalogue_version"}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_the_log_appends_fences_and_publishes(url: str) -> None:
    log = Log(open_engine(url))
    log.append([LogEntry("p", 1, b"a"), LogEntry("p", 2, b"\0b"), LogEntry("q", 1, b"c")])
    with pytest.raises(Fenced):
        log.append([LogEntry("q", 2, b"x"), LogEntry("p", 2, b"x")])
    assert [tuple(entry) for entry in log.read("p", after=0)] == [("p", 1, b"a"), ("p", 2, b"\0b")]
    assert log.extents(["p", "q", "r"]) == {"p": (1, 2, 3), "q": (1, 1, 1)}
    log.publish("p", b"manifest", through=1)
    log.publish("p", b"manifest 2", through=1)
    assert log.manifests(["p", "q"]) == {"p": b"manifest 2"}
    assert [entry.sequence for entry in log.read("p", after=0)] == [2]
    log.drop(["p"])
    assert log.extents(["p", "q"]) == {"q": (1, 1, 1)}
    log.close()


def test_a_whole_service_stops_and_starts_on_it(url: str, tmp_path: Path) -> None:
    settings = Settings(
        data=tmp_path / "data",
        admin_password="correct horse",
        catalogue=url,
        log=url,
    )
    schema = msgspec.convert(
        {
            "id_field": "id",
            "definition": [{"name": "id", "type": "id"}, {"name": "amount", "type": "int"}],
        },
        SourceSchema,
    )
    with Service.open(settings) as service:
        tokens = service.identity.sign_in("admin@localhost", "correct horse")
        caller = service.identity.authenticate(tokens.id)
        deployment = service.deployments.create(caller, "iris", "8GB")
        service.lifecycle.settle()
        service.tables.create(caller, deployment.id, "things")
        source = service.sources.create(caller, "stream", deployment.id, "things", schema)
        service.lifecycle.settle()
        body = b'{"records":[{"value":{"id":1,"amount":2}},{"value":{"id":2,"amount":2}}]}'
        service.sources.begin_ingest(caller, source.id, body).durable.result(30)
    with Service.open(settings) as service:
        assert service.identity.authenticate(tokens.id) == caller
        [table] = service.tables.list(caller, deployment.id)
        assert table.statistics.record_count == 2
        service.sources.delete(caller, source.id)
        service.tables.delete(caller, deployment.id, "things")
        service.deployments.delete(caller, deployment.id)
        service.lifecycle.settle()
        assert service.deployments.list(caller) == []


def test_whoever_looks_while_another_reads_waits_for_what_it_reads(url: str) -> None:
    catalogue = Catalogue.open(url)
    begun, going_on = threading.Event(), threading.Event()
    read: list[str] = []

    def read_slowly() -> None:
        begun.set()
        assert going_on.wait(30)
        read.append("all")

    sharing = Sharing(catalogue, [read_slowly])
    first = threading.Thread(target=sharing.look)
    first.start()
    assert begun.wait(30)
    second = threading.Thread(target=lambda: (sharing.look(), read.append("seen")))
    second.start()
    second.join(0.2)
    assert second.is_alive()
    going_on.set()
    first.join(30)
    second.join(30)
    # One read was enough for both.
    assert read == ["all", "seen"]
    catalogue.close()
