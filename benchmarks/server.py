"""A real server process to measure, and the few calls that prepare it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

EMAIL, PASSWORD = "bench@example.org", "a-long-bench-password"
START_TIMEOUT_S = 60
FIELDS: list[dict[str, Any]] = [
    {"name": "id", "path": ["id"], "type": "id"},
    {"name": "species", "path": ["species"], "type": "string", "config": {"Mutex": True}},
    {"name": "country", "path": ["country"], "type": "string", "config": {"Mutex": True}},
    {"name": "age", "path": ["age"], "type": "int"},
    {"name": "amount", "path": ["amount"], "type": "decimal", "config": {"Scale": 2}},
    {"name": "active", "path": ["active"], "type": "bool"},
]


def cpu_s(pid: int) -> float:
    """Return the seconds of CPU that a process has taken so far, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Server:
    """`bitbrook serve` on a free port, with a deployment, a table and a source to push to.

    `flags`: more of the command's. `fields`: the paths of the source, `id` among them.
    """

    def __init__(
        self,
        directory: Path,
        *flags: str,
        shape: str = "8GB",
        fields: list[dict[str, Any]] = FIELDS,
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._directory = directory
        self._flags = flags
        self.restart()
        credentials = {"USERNAME": EMAIL, "PASSWORD": PASSWORD}
        self.token = self.call("POST", "/", credentials)["AuthenticationResult"]["IdToken"]
        created = self.call(
            "POST",
            "/v1/deployments",
            {"name": "bench", "deployment_options": {"shape": shape}},
        )
        self.deployment_id: str = created["id"]
        self._poll(f"/v1/deployments/{self.deployment_id}")
        self.call("POST", f"/v1/tables/{self.deployment_id}", {"name": "events"})
        source = self.call(
            "POST",
            "/v1/sinks",
            {
                "name": "bench",
                "sink_details": {"deployment_id": self.deployment_id, "table": "events"},
                "schema": {"id_field": "id", "definition": fields},
            },
        )
        self.source_id: str = source["id"]
        self._poll(f"/v1/sinks/{self.source_id}")

    def restart(self) -> None:
        """Start a process over the directory, and return when it serves."""
        environment = os.environ | {
            "BITBROOK_ADMIN_EMAIL": EMAIL,
            "BITBROOK_ADMIN_PASSWORD": PASSWORD,
        }
        command = [str(Path(sys.executable).with_name("bitbrook")), "serve"]
        flags = ["--port", str(self.port), "--data", str(self._directory), *self._flags]
        self._process = subprocess.Popen(
            [*command, *flags], env=environment, stdout=subprocess.DEVNULL
        )
        self._wait_until_ready()

    def kill(self) -> None:
        """End the process without warning."""
        self._process.kill()
        self._process.wait(60)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON answer of a request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": self.token} if hasattr(self, "token") else {}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        assert response.status < 300, f"{method} {path}: {response.status} {answer[:300]!r}"
        return json.loads(answer) if answer else None

    def reshape(self, shape: str) -> None:
        """Give the deployment another shape; return when it has it."""
        path = f"/v1/deployments/{self.deployment_id}"
        self.call("PATCH", path, {"deployment_options": {"shape": shape}})
        self._poll(path)

    def empty(self) -> None:
        """Delete the source, the table and the deployment, and with it what runs for it."""
        for path in (
            f"/v1/sinks/{self.source_id}",
            f"/v1/tables/{self.deployment_id}/events",
            f"/v1/deployments/{self.deployment_id}",
        ):
            self.call("DELETE", path)
            try:
                while self.call("GET", path):
                    time.sleep(0.05)
            except AssertionError as error:
                if ": 404 " not in str(error):
                    raise

    def query(self, language: str, statement: str) -> Any:
        """Return the answer of a statement."""
        path = f"/v1/deployments/{self.deployment_id}/query"
        return self.call("POST", path, {"language": language, "statement": statement})

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def read_metrics(self) -> bytes:
        """Return what a scrape gives."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read()
        connection.close()
        return text

    def cpu_s(self) -> float:
        """Return the seconds of CPU that the server has taken so far."""
        return cpu_s(self._process.pid)

    def close(self) -> None:
        """Stop the server in the orderly way."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)

    def _wait_until_ready(self) -> None:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            try:
                self.call("GET", "/readyz")
            except (OSError, AssertionError):
                time.sleep(0.1)
            else:
                return
        raise TimeoutError("the server did not become ready")

    def _poll(self, path: str) -> None:
        while (status := self.call("GET", path)["status"]) not in {"RUNNING", "ACTIVE"}:
            assert status in {"CREATING", "UPDATING"}, f"{path} is {status}"
            time.sleep(0.05)
