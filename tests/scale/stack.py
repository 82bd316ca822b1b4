"""Everything that bitbrook runs on when it has outgrown a machine, in processes of the tests' own.

A PostgreSQL server, two Ray nodes, a directory for snapshots that both see, and any number of
bitbrook servers in front of it.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest

from postgres_process import PostgresProcess
from server_process import ServerProcess

OWNER_BYTES = 32 << 30
SHAPE = "64GB"
"""A shape of two owners; 8GB has one."""
LEASE_S = 1.0
TIMEOUT_S = 120.0
ENVIRONMENT = {"RAY_usage_stats_enabled": "0", "RAY_worker_register_timeout_seconds": "120"}


class Running(NamedTuple):
    """An owner's process. `node`: the address of the node that it is on."""

    pid: int
    node: str


class Nodes:
    """Two Ray nodes."""

    def __init__(self, log: Path) -> None:
        program = Path(__file__).with_name("nodes_process.py")
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, str(program)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **ENVIRONMENT},
            )
        self.address: str = self._told()["address"]

    def kill(self) -> None:
        """End the second node as a power failure would."""
        os.kill(self.raylet(), signal.SIGKILL)

    def raylet(self) -> int:
        """Return the process of the second node."""
        return int(self._tell("raylet")["pid"])

    def remove(self) -> None:
        """Take note that the second node has ended."""
        self._tell("remove")

    def add(self) -> None:
        """Have a second node again."""
        self._tell("add")

    def owners(self) -> dict[str, Running]:
        """Return the owners that run, by name."""
        told = self._tell("owners")["owners"]
        return {name: Running(pid, node) for name, (pid, node) in told.items()}

    def close(self) -> None:
        """End both nodes."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(TIMEOUT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _tell(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self._told()

    def _told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nodes ended"
        told: dict[str, Any] = json.loads(line)
        return told


class Stack:
    """PostgreSQL, Ray, a place for snapshots, and a server; a context manager that ends them."""

    def __init__(self, directory: Path) -> None:
        pytest.importorskip("ray", reason="needs Ray")
        self.directory = directory
        self.postgres = PostgresProcess()
        self.database = self.postgres.create_database()
        (directory / "storage").mkdir()
        self.nodes = Nodes(directory / "nodes.log")
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
            "partitions": "4",
            "deployments_max": "100",
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
