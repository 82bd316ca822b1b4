"""`python -m benchmarks.concurrency`: queries a second of 10 and 100 clients while ingest runs.

bitbrook is its own server; DuckDB and chDB stand behind the thinnest one (`thin_server`). All get
the same records through HTTP first, then the same questions with other literals every time (counts,
top rows, point reads) beside a stream of new records.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from benchmarks.clients import (
    BODIES_PER_CLIENT,
    Clients,
    Load,
    Requests,
    ingest_requests,
    query_requests,
)
from benchmarks.records import COUNTRIES, SPECIES
from benchmarks.server import Server

HERE = Path(__file__).parent
SCALE = int(float(os.environ.get("SCALE", "1e6")))
SECONDS = float(os.environ.get("SECONDS", "8"))
SYSTEMS = os.environ.get("SYSTEMS", "bitbrook,duckdb,chdb").split(",")
CLIENTS = (10, 100)
LOADING_RECORDS = 10_000
INGEST_RECORDS = 1_000
INGEST_CLIENT = 1_000


class Target:
    """Where one system takes records and statements, and how it is asked."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.server: Server | None = None
        if name == "bitbrook":
            self.server = Server(directory)
            self.port, self.token = self.server.port, self.server.token
            self.ingest_path = f"/v1/sinks/{self.server.source_id}"
            self.query_path = f"/v1/deployments/{self.server.deployment_id}/query"
            return
        directory.mkdir(parents=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.token, self.ingest_path, self.query_path = "", "/ingest", "/query"
        command = [sys.executable, "-m", "benchmarks.thin_server", name, str(self.port)]
        self._process = subprocess.Popen([*command, str(directory)], cwd=HERE.parent)
        self._wait()

    def load(self) -> None:
        """Send the first SCALE records, one body after the other."""
        for client in range(max(1, SCALE // (LOADING_RECORDS * BODIES_PER_CLIENT))):
            plan = ingest_requests(self.ingest_path, client, LOADING_RECORDS)
            Clients(self.port, self.token, [plan], rounds=BODIES_PER_CLIENT).finish()

    def questions(self, client: int) -> Requests:
        """Return the questions of one client, in its own order."""
        if self.server is not None:
            return query_requests(self.query_path, client, _pql())
        bodies = [text.encode() for text in _sql()]
        return Requests(self.query_path, bodies[client:] + bodies[:client])

    def close(self) -> None:
        """Stop the server."""
        if self.server is not None:
            self.server.close()
            return
        self._process.terminate()
        self._process.wait(60)

    def _wait(self) -> None:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=1).read()
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
            else:
                return
        raise TimeoutError(f"{self.name} did not start")


def main() -> None:
    """Print a line for each system and number of clients."""
    directory = Path(tempfile.mkdtemp(prefix="concurrency-", dir=HERE))
    print(f"{SCALE:,} records; {SECONDS:g} s each, one connection streaming beside\n")
    print("| system | clients | queries/s | p50 ms | p99 ms | records/s beside |")
    print("|---|---:|---:|---:|---:|---:|")
    try:
        for name in SYSTEMS:
            target = Target(name, directory / name)
            try:
                target.load()
                for clients in CLIENTS:
                    print(_line(name, clients, *_measure(target, clients)), flush=True)
            finally:
                target.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _measure(target: Target, clients: int) -> tuple[Load, Load]:
    stream = ingest_requests(target.ingest_path, INGEST_CLIENT, INGEST_RECORDS)
    # Connections share processes: two cores start no hundred of those.
    plans = [target.questions(client) for client in range(clients)]
    writing = Clients(target.port, target.token, [stream], seconds=SECONDS)
    reading = Clients(target.port, target.token, plans, seconds=SECONDS, per_process=25)
    return reading.finish(), writing.finish()


def _line(name: str, clients: int, read: Load, written: Load) -> str:
    return (
        f"| {name} | {clients} | {read.requests_per_s:,.0f} | {read.p50_ms:.2f} "
        f"| {read.p99_ms:.2f} | {written.records_per_s:,.0f} |"
    )


def _pql() -> list[tuple[str, str]]:
    asked = []
    for number, country in enumerate(COUNTRIES[:100]):
        species = SPECIES[number % 3]
        rows = f"Row(country='{country}'), Row(active=true), Row(species='{species}')"
        asked += [
            ("pql", f"[events]Count(Intersect({rows}))"),
            ("pql", f"[events]TopK(country, k=10, filter=Row(species='{species}'))"),
            ("pql", f"[events]Extract(ConstRow(columns=[{number * 97}]), Rows(age), Rows(amount))"),
        ]
    return asked


def _sql() -> list[str]:
    asked = []
    for number, country in enumerate(COUNTRIES[:100]):
        species = SPECIES[number % 3]
        rows = f"country = '{country}' AND active AND species = '{species}'"
        top = "GROUP BY country ORDER BY n DESC LIMIT 10"
        asked += [
            f"SELECT count(*) FROM events WHERE {rows}",
            f"SELECT country, count(*) AS n FROM events WHERE species = '{species}' {top}",
            f"SELECT age, amount FROM events WHERE id = {number * 97}",
        ]
    return asked


if __name__ == "__main__":
    main()
