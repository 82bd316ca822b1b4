"""Everything that bitbrook runs on when it has outgrown a machine, in processes of the tests' own.

A PostgreSQL server, two Ray nodes, a directory for snapshots that both see, and any number of
bitbrook servers in front of it.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from api_client import unique_name
from postgres_process import PostgresProcess
from server_process import ServerProcess
from told_process import ToldProcess

OWNER_BYTES = 32 << 30
SHAPE = "64GB"
"""A shape of two owners; 8GB has one."""
LEASE_S = 1.0
METRICS_TOKEN = "a token for metrics"
TIMEOUT_S = 120.0
ENVIRONMENT = {"RAY_usage_stats_enabled": "0", "RAY_worker_register_timeout_seconds": "120"}


class Running(NamedTuple):
    """An owner's process. `node`: the address of the node that it is on."""

    pid: int
    node: str


class Nodes:
    """Two Ray nodes, or the head alone at an address."""

    def __init__(self, log: Path, head: str = "") -> None:
        program = [str(Path(__file__).with_name("nodes_process.py")), *filter(None, [head])]
        self._process = ToldProcess(program, log=log, environment=ENVIRONMENT)
        self.address: str = self._process.begun["address"]

    def kill(self) -> None:
        """End the second node as a power failure would."""
        os.kill(self.raylet(), signal.SIGKILL)

    def raylet(self) -> int:
        """Return the process of the second node."""
        return int(self._process.tell("raylet")["pid"])

    def remove(self) -> None:
        """Take note that the second node has ended."""
        self._process.tell("remove")

    def add(self) -> None:
        """Have a second node again."""
        self._process.tell("add")

    def owners(self) -> dict[str, Running]:
        """Return the owners that run, by name."""
        told = self._process.tell("owners")["owners"]
        return {name: Running(pid, node) for name, (pid, node) in told.items()}

    def addresses(self) -> list[str]:
        """Return the addresses of the nodes that the cluster takes to be alive."""
        addresses: list[str] = self._process.tell("addresses")["addresses"]
        return addresses

    def close(self) -> None:
        """End both nodes."""
        self._process.close()


class Stack:
    """PostgreSQL, Ray, a place for snapshots, and a server; a context manager that ends them."""

    def __init__(self, directory: Path, *, head: str = "", database: str = "") -> None:
        """Start everything. `head`, `database`: the addresses of Ray's and of PostgreSQL."""
        pytest.importorskip("ray", reason="needs Ray")
        self.directory = directory
        self.postgres = PostgresProcess(database)
        self.database = self.postgres.create_database()
        (directory / "storage").mkdir()
        self.nodes = Nodes(directory / "nodes.log", head)
        self._servers = 0
        self.server = self.serve()

    def settings(self) -> dict[str, str]:
        """Return what makes a server one of this stack."""
        return {
            "catalogue": self.database,
            "storage": f"file://{self.directory}/storage",
            "compute": f"ray://{self.nodes.address}",
            "owner_memory_bytes": str(OWNER_BYTES),
            "owner_lease_s": str(LEASE_S),
            "rebalance_after_s": "3",
            "partitions": "4",
            "deployments_max": "100",
            "metrics_token": METRICS_TOKEN,
        }

    def serve(self) -> ServerProcess:
        """Return one server more."""
        self._servers += 1
        flags = [
            text
            for name, value in self.settings().items()
            for text in (f"--{name.replace('_', '-')}", value)
        ]
        return ServerProcess(self.directory / f"data{self._servers}", *flags)

    def metrics(self) -> list[Sample]:
        """Return what the server's metrics are now."""
        with self.server.client() as client:
            answer = client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
        assert answer.status_code == 200, answer.text
        families = text_string_to_metric_families(answer.text)
        return [sample for family in families for sample in family.samples]

    def create_deployment(self) -> str:
        """Return the id of a new deployment of two owners, one on each node."""
        with self.server.client(self.server.token()) as client:
            body = {"name": unique_name("d"), "deployment_options": {"shape": SHAPE}}
            created = client.post("/v1/deployments", json=body).json()
            path = f"/v1/deployments/{created['id']}"
            assert created["status"] == "CREATING", created
            # Two processes start, which takes as long as the machine is busy.
            eventually(lambda: client.get(path).json()["status"] == "RUNNING")
            return str(created["id"])

    def environment(self) -> dict[str, str]:
        """Return the environment of a command that starts a server of this stack."""
        named = {f"BITBROOK_{name.upper()}": value for name, value in self.settings().items()}
        return {**os.environ, **named}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self.server.__exit__()
        finally:
            self.nodes.close()
            self.postgres.__exit__()


def eventually(what: Callable[[], bool], *, timeout_s: float = TIMEOUT_S) -> None:
    """Return once something is so."""
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)
