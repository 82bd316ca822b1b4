"""One real server for all tests of the SDK, clients of it, and places to write to."""

from collections.abc import Iterator

import pytest

from api_client import unique_name
from bitbrook.client import Client, Deployment, FieldDefinition, Source, SourceSchema
from server_process import EMAIL, PASSWORD, ServerProcess


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the caller's own server out of the tests."""
    for name in ("URL", "EMAIL", "PASSWORD", "TOKEN", "API_KEY"):
        monkeypatch.delenv(f"BITBROOK_{name}", raising=False)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that everybody shares; what it logs as an error fails the session."""
    data = tmp_path_factory.mktemp("sdk") / "data"
    with ServerProcess(data, "--deployments-max", "1000", "--body-bytes-max", "1000000") as running:
        yield running
        assert running.stop() == 0, running.errors()
        assert "Traceback" not in running.errors(), running.errors()


@pytest.fixture(scope="session")
def client(server: ServerProcess) -> Iterator[Client]:
    """A client that is signed in as the administrator."""
    with Client(server.url, email=EMAIL, password=PASSWORD) as client:
        yield client


@pytest.fixture(scope="session")
def schema() -> SourceSchema:
    """The schema of every test's source."""
    return SourceSchema(
        id_field="id",
        allow_missing_fields=True,
        definition=(
            FieldDefinition("id", "id"),
            FieldDefinition("amount", "decimal", config={"Scale": 2}),
            FieldDefinition("species", "string", config={"Mutex": True}),
            FieldDefinition("tags", "strings"),
            FieldDefinition("n", "int"),
        ),
    )


@pytest.fixture
def deployment(client: Client) -> Deployment:
    """A deployment of the test's own."""
    return client.deployments.create(unique_name("d")).wait_until_running()


@pytest.fixture
def source(client: Client, deployment: Deployment, schema: SourceSchema) -> Source:
    """A source of the test's own, into a table `t` of its deployment."""
    table = deployment.tables.create("t")
    created = client.sources.create(unique_name("s"), deployment, table, schema)
    return created.wait_until_running()


@pytest.fixture(scope="session")
def shared(client: Client) -> Deployment:
    """A deployment that tests ask and do not write to."""
    return client.deployments.create(unique_name("d")).wait_until_running()
