"""Clients of the one real server, and places of a test's own on it."""

from collections.abc import Iterator

import httpx
import pytest

from api_client import create_deployment, create_source, create_table
from server_process import ServerProcess


@pytest.fixture(scope="session")
def anonymous(server: ServerProcess) -> Iterator[httpx.Client]:
    """A client without credentials."""
    with server.client() as client:
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
