"""One server for all pages: the one that the pages tell a reader to start."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.docs.pages import EMAIL, FLAGS, PASSWORD

from server_process import ServerProcess


@pytest.fixture(scope="session")
def pg_port() -> int:
    """A port that is free, for PostgreSQL's protocol."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def docs_server(tmp_path_factory: pytest.TempPathFactory, pg_port: int) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("docs") / "bitbrook-data"
    others = ("--deployments-max", "100", "--pg-port", str(pg_port))
    with ServerProcess(data, *FLAGS, *others) as running:
        yield running
        assert running.stop() == 0, running.errors()
        assert "Traceback" not in running.errors(), running.errors()


@pytest.fixture(scope="session")
def said(docs_server: ServerProcess) -> list[str]:
    """What the server printed when it had started, without its address."""
    assert docs_server.process.stdout is not None
    lines = [docs_server.greeting, docs_server.process.stdout.readline()]
    return [line.strip() for line in lines]


@pytest.fixture
def docs_api(docs_server: ServerProcess) -> Iterator[httpx.Client]:
    """A client that is signed in as the reader is."""
    with docs_server.client(docs_server.token(EMAIL, PASSWORD)) as client:
        yield client


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where a page's shell is."""
    place = tmp_path / "shell"
    place.mkdir()
    return place
