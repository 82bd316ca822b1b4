"""A server that speaks S3, in a process of its own, for tests that kill it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import httpx
import pytest

START_TIMEOUT_S = 60.0
BUCKET = "bucket"


class S3Process:
    """A running server with one bucket; a context manager that ends it.

    A killed one is started anew with what it had answered. `environment`: what lets a client of
    object storage find it.
    """

    def __init__(self, directory: Path) -> None:
        pytest.importorskip("moto", reason="needs moto")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "tests",
            "AWS_REGION": "us-east-1",
        }
        self._directory = directory
        self.start()
        assert httpx.put(f"{self.url}/{BUCKET}").status_code == 200

    def start(self) -> None:
        """Start it, anew or for the first time; return when it answers."""
        program = Path(__file__).with_name("s3_server.py")
        remembered = self._directory / "requests"
        with (self._directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(program), str(self.port), str(remembered)],
                env={name: text for name, text in os.environ.items() if "AWS" not in name},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                httpx.get(self.url)
            except httpx.TransportError:
                assert self.process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        """Let it answer nothing until `go_on`."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()
