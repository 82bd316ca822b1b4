"""`bitbrook quickstart`: the whole way from a token to an answer, shown step by step.

Starts a real server in a process of its own and speaks to it over HTTP like any client.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import httpx
import typer

from bitbrook.cli.failing import fail
from bitbrook.cli.iris import SCHEMA, iris_records
from bitbrook.cli.steps import Steps
from bitbrook.settings import Settings

TABLE = "iris_table"
SQL = "select * from iris_table limit 10"
PQL = "[iris_table]GroupBy(Rows(species))"
READY_TIMEOUT_S = 180.0
POLL_S = 0.2
POLLS_MAX = 300


def quickstart(
    once: Annotated[
        bool, typer.Option("--once", help="delete everything again and stop at the end")
    ] = False,
    port: Annotated[
        int | None, typer.Option(help="port of the server; by default 8000, or else a free one")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="data directory to keep; by default a temporary one")
    ] = None,
) -> None:
    """Start a server, stream the iris records into it and query them, step by step."""
    signal.signal(signal.SIGTERM, _leave)
    with contextlib.ExitStack() as leaving:
        directory = data or _temporary_directory(leaving)
        email = os.environ.get("BITBROOK_EMAIL") or Settings().admin_email
        password = os.environ.get("BITBROOK_PASSWORD") or secrets.token_urlsafe(12)
        server = leaving.enter_context(
            _server(directory, _port(port), email=email, password=password)
        )
        steps = Steps(leaving.enter_context(httpx.Client(base_url=server.url, timeout=60.0)))
        try:
            made = _create_and_query(steps, email, password)
            if once:
                _delete(steps, made)
        except httpx.HTTPError as error:
            fail(f"the server does not answer: {error}")
        if not once:
            steps.say(f"The server goes on at {server.url} (API: {server.url}/docs); Ctrl-C stops.")
            steps.say(f"Sign in as {email} with password {password}")
            server.wait()
    print("bitbrook has stopped", flush=True)


def _create_and_query(steps: Steps, email: str, password: str) -> dict[str, str]:
    """Return the paths of what was created, in the order in which it must be deleted."""
    steps.begin("Get a token")
    answer = steps.call("POST", "/", {"USERNAME": email, "PASSWORD": password})
    steps.authorize(answer["AuthenticationResult"]["IdToken"])

    steps.begin("Create a deployment, and wait until it runs")
    options = {"name": "quickstart", "deployment_options": {"shape": "8GB"}}
    deployment_id = steps.call("POST", "/v1/deployments", options)["id"]
    deployment = f"/v1/deployments/{deployment_id}"
    _poll(steps, deployment)

    steps.begin("Create a table")
    table = {"name": TABLE, "description": "Fisher's iris flowers"}
    steps.call("POST", f"/v1/tables/{deployment_id}", table)

    steps.begin("Open a streaming source into it, and wait until it runs")
    details = {"deployment_id": deployment_id, "table": TABLE}
    body = {"name": "iris_streaming_source", "sink_details": details, "schema": SCHEMA}
    source = f"/v1/sinks/{steps.call('POST', '/v1/sinks', body)['id']}"
    _poll(steps, source)

    records = iris_records()
    steps.begin(f"Stream {len(records)} records into it")
    outcome = steps.call("POST", source, {"records": records})
    if outcome["success_count"] != len(records):
        fail(f"{outcome['error_count']} of {len(records)} records were refused")

    steps.begin("Ask in SQL")
    statement = {"language": "sql", "statement": SQL}
    steps.call("POST", f"{deployment}/query", statement)

    steps.begin("Ask in PQL")
    statement = {"language": "pql", "statement": PQL}
    steps.call("POST", f"{deployment}/query", statement)
    return {
        "source": source,
        "table": f"/v1/tables/{deployment_id}/{TABLE}",
        "deployment": deployment,
    }


def _delete(steps: Steps, made: dict[str, str]) -> None:
    for kind, path in made.items():
        steps.begin(f"Delete the {kind}, and wait until it is gone")
        steps.call("DELETE", path, expected=(202,))
        for _ in range(POLLS_MAX):
            if steps.peek(path).status_code == 404:
                break
            time.sleep(POLL_S)
        steps.call("GET", path, expected=(404,))


def _poll(steps: Steps, path: str) -> None:
    """Wait until what is at the path is RUNNING, and show it then."""
    for _ in range(POLLS_MAX):
        if steps.peek(path).json().get("status") not in {"CREATING", "UPDATING"}:
            break
        time.sleep(POLL_S)
    shown = steps.call("GET", path)
    if shown["status"] != "RUNNING":
        fail(f"it is {shown['status']}")


class _Server:
    """The server's process, and where it listens."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.url = url
        self._process = process

    def wait(self) -> None:
        """Return when the process ends, or Ctrl-C or SIGTERM asks for an end."""
        with contextlib.suppress(KeyboardInterrupt):
            self._process.wait()


@contextlib.contextmanager
def _server(data: Path, port: int, *, email: str, password: str) -> Iterator[_Server]:
    """Give a server, started on a data directory and stopped at the end."""
    command = [sys.executable, "-m", "bitbrook.cli.main", "serve"]
    flags = ["--host", "127.0.0.1", "--port", str(port), "--data", str(data)]
    environment = os.environ | {
        "BITBROOK_ADMIN_EMAIL": email,
        "BITBROOK_ADMIN_PASSWORD": password,
    }
    print("Starting a server (the first start on a machine compiles for a minute) ...", flush=True)
    process = subprocess.Popen(  # noqa: S603 - our own command
        [*command, *flags], env=environment, stdout=subprocess.PIPE, text=True
    )
    killer = threading.Timer(READY_TIMEOUT_S, process.kill)
    killer.start()
    try:
        assert process.stdout is not None, "it was asked for"
        first = process.stdout.readline()
        killer.cancel()
        if not first:
            raise typer.Exit(process.wait() or 1)
        print(first.strip(), flush=True)
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield _Server(process, first.split()[2])
    finally:
        killer.cancel()
        if process.poll() is None:
            process.terminate()
        process.wait()


def _leave(*_: object) -> None:
    """End as Ctrl-C does, so that the server is stopped on the way out."""
    raise KeyboardInterrupt


def _temporary_directory(leaving: contextlib.ExitStack) -> Path:
    directory = Path(tempfile.mkdtemp(prefix="bitbrook-quickstart-"))
    leaving.callback(shutil.rmtree, directory, ignore_errors=True)
    return directory


def _port(asked: int | None) -> int:
    """Return the port asked for; else the usual one, or 0 (a free one) if that is taken."""
    if asked is not None:
        return asked
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", Settings().port))
        except OSError:
            return 0
    return Settings().port
