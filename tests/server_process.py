"""A real `bitbrook serve` in a process of its own, for tests that speak HTTP."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

import httpx

EMAIL = "admin@example.org"
PASSWORD = "a password for tests"
START_TIMEOUT_S = 180.0  # kernels that changed are compiled at the first start
STOP_TIMEOUT_S = 60.0


class ServerProcess:
    """A server on a data directory, from its start; also a context manager that stops it.

    `log`: the file that holds its standard error.
    """

    def __init__(
        self,
        data: Path,
        *flags: str,
        log: Path | None = None,
        program: tuple[str, ...] = ("-m", "bitbrook.cli.main"),
    ) -> None:
        self.data = data
        self.log = log or data.with_name(f"{data.name}.log")
        command = [sys.executable, *program, "serve"]
        flags = ("--host", "127.0.0.1", "--port", "0", "--data", str(data), *flags)
        environment = {
            **{name: text for name, text in os.environ.items() if "BITBROOK" not in name},
            "BITBROOK_ADMIN_EMAIL": EMAIL,
            "BITBROOK_ADMIN_PASSWORD": PASSWORD,
        }
        with self.log.open("ab") as errors:
            self.process = subprocess.Popen(
                [*command, *flags],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        killer = threading.Timer(START_TIMEOUT_S, self.process.kill)
        killer.start()
        assert self.process.stdout is not None
        self.greeting = self.process.stdout.readline()
        killer.cancel()
        if not self.greeting:
            self.kill()
            self.process.stdout.close()
            raise AssertionError(f"the server did not start:\n{self.errors()}")
        self.url = self.greeting.split()[2]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process.poll() is None:
            self.stop()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def errors(self) -> str:
        """Return what it wrote to standard error."""
        return self.log.read_text()

    def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def kill(self) -> None:
        """Kill it, as a power failure would."""
        self.process.kill()
        self.process.wait()

    def client(self, token: str | None = None, **options: Any) -> httpx.Client:
        """Return a client of it, with a token or without credentials."""
        headers = {} if token is None else {"Authorization": token}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60.0, **options)

    def token(self, email: str = EMAIL, password: str = PASSWORD) -> str:
        """Return an ID token."""
        with self.client() as client:
            answer = client.post("/", json={"USERNAME": email, "PASSWORD": password})
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["AuthenticationResult"]["IdToken"]
        return token
