"""One stack for all tests of this folder, and a client of its server."""

from collections.abc import Iterator

import httpx
import pytest

from api_client import unique_name
from scale.stack import SHAPE, Stack, eventually


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """PostgreSQL, two Ray nodes and a server."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    """A client of the server, signed in."""
    with stack.server.client(stack.server.token()) as client:
        yield client


@pytest.fixture(scope="session")
def deployment_id(stack: Stack) -> str:
    """A deployment of two owners, one on each node."""
    with stack.server.client(stack.server.token()) as client:
        body = {"name": unique_name("d"), "deployment_options": {"shape": SHAPE}}
        created = client.post("/v1/deployments", json=body).json()
        path = f"/v1/deployments/{created['id']}"
        assert created["status"] == "CREATING", created
        # Two processes start, which takes as long as the machine is busy.
        eventually(lambda: client.get(path).json()["status"] == "RUNNING")
        return str(created["id"])
