"""What every test shares: settings, and one real server for those that speak HTTP."""

from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, settings

from server_process import ServerProcess

# Examples are bounded in number, never in time: test machines are shared and noisy.
settings.register_profile(
    "bitbrook", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("bitbrook")


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
