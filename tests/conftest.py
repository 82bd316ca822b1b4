"""What every test shares: settings, and one real server for those that speak HTTP."""

import signal
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, settings

from postgres_process import PostgresProcess
from s3_process import S3Process
from server_process import ServerProcess

# Examples are bounded in number, never in time: test machines are shared and noisy.
settings.register_profile(
    "bitbrook", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("bitbrook")

# What a shell starts in the background ignores interrupts, and so would all that is started here.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that everybody shares; what it logs as an error fails the session."""
    data = tmp_path_factory.mktemp("server") / "data"
    with ServerProcess(data, "--deployments-max", "1000", "--body-bytes-max", "1000000") as running:
        yield running
        assert running.stop() == 0, running.errors()
        assert "leaked" not in running.errors()
        assert "Traceback" not in running.errors(), running.errors()


@pytest.fixture(scope="session")
def api(server: ServerProcess) -> Iterator[httpx.Client]:
    """A client that is signed in as the administrator."""
    with server.client(server.token()) as client:
        yield client


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresProcess]:
    """A PostgreSQL server that everybody shares."""
    with PostgresProcess() as running:
        yield running


@pytest.fixture
def database_url(postgres: PostgresProcess) -> str:
    """The URL of an empty database in it."""
    return postgres.create_database()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Process]:
    """A server of object storage that everybody shares, and this process's way to it."""
    with S3Process(tmp_path_factory.mktemp("s3")) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        yield running
