"""One real server for all tests of the HTTP API, and clients of it."""

from collections.abc import Iterator

import httpx
import pytest

from api_client import create_deployment, create_source, create_table
from server_process import ServerProcess


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that everybody shares; what it logs as an error fails the session."""
    data = tmp_path_factory.mktemp("server") / "data"
    with ServerProcess(data, "--deployments-max", "1000", "--body-bytes-max", "1000000") as running:
        yield running
        assert running.stop() == 0, running.errors()
        assert "Traceback" not in running.errors(), running.errors()


@pytest.fixture(scope="session")
def anonymous(server: ServerProcess) -> Iterator[httpx.Client]:
    """A client without credentials."""
    with server.client() as client:
        yield client


@pytest.fixture(scope="session")
def api(server: ServerProcess) -> Iterator[httpx.Client]:
    """A client that is signed in as the administrator."""
    with server.client(server.token()) as client:
        yield client


@pytest.fixture
def deployment_id(api: httpx.Client) -> str:
    """A deployment of the test's own."""
    return create_deployment(api)


@pytest.fixture
def table(api: httpx.Client, deployment_id: str) -> str:
    """A table of the test's own."""
    return create_table(api, deployment_id)


@pytest.fixture
def source_id(api: httpx.Client, deployment_id: str, table: str) -> str:
    """A source of the test's own, into its table."""
    return create_source(api, deployment_id, table)
