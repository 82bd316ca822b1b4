"""One stack for all tests of this folder, and a client of its server."""

from collections.abc import Iterator

import httpx
import pytest

from scale.stack import Stack


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
    return stack.create_deployment()
