"""`python -m benchmarks.concurrency`: queries a second of 10 and 100 clients while ingest runs.

bitbrook is its own server; DuckDB and chDB stand behind the thinnest one (`thin_server`). All get
the same records through HTTP first, then the same questions with other literals every time (counts,
top rows, group-bys, point reads) beside a stream of upserts at one rate for all; bitbrook then once
more beside a stream at full speed. Shares of the processor are of one core: the clients take theirs
from the server.
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
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.clients import (
    BODIES_PER_CLIENT,
    Clients,
    Requests,
    ingest_requests,
    query_requests,
)
from benchmarks.page import page
from benchmarks.records import COUNTRIES, SPECIES
from benchmarks.server import Server, cpu_s

HERE = Path(__file__).parent
SCALE = int(float(os.environ.get("SCALE", "1e7")))
SECONDS = float(os.environ.get("SECONDS", "10"))
INGEST_RATE = float(os.environ.get("INGEST_RATE", "10000"))
SYSTEMS = os.environ.get("SYSTEMS", "bitbrook,duckdb,chdb").split(",")
LANGUAGES = {"bitbrook": ("pql", "sql"), "duckdb": ("sql",), "chdb": ("sql",)}
CLIENTS = (10, 100)
CLIENTS_PER_PROCESS = 50
LOADING_RECORDS = 10_000
INGEST_RECORDS = 1_000
INGEST_CONNECTIONS = 4


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
        count = -(-SCALE // LOADING_RECORDS)
        for client in range(-(-count // BODIES_PER_CLIENT)):
            plan = ingest_requests(self.ingest_path, client, LOADING_RECORDS)
            rounds = min(BODIES_PER_CLIENT, count - client * BODIES_PER_CLIENT)
            Clients(self.port, self.token, [plan], rounds=rounds).finish()

    def questions(self, client: int, language: str) -> Requests:
        """Return the questions of one client, in its own order."""
        statements = _pql() if language == "pql" else _sql()
        if self.server is not None:
            ids = [(language, text.replace("WHERE id", "WHERE _id")) for text in statements]
            return query_requests(self.query_path, client, ids)
        order = np.random.default_rng(client).permutation(len(statements))
        return Requests(self.query_path, [statements[i].encode() for i in order])

    def stream(self, records_per_s: float) -> list[Requests]:
        """Return streams of upserts over all records, at a rate (0: at full speed)."""
        per_s = records_per_s / INGEST_CONNECTIONS / INGEST_RECORDS
        step = max(1, SCALE // INGEST_RECORDS // BODIES_PER_CLIENT // INGEST_CONNECTIONS)
        return [
            ingest_requests(self.ingest_path, client * step, INGEST_RECORDS, per_s=per_s)
            for client in range(INGEST_CONNECTIONS)
        ]

    def cpu_s(self) -> float:
        """Return the seconds of processor that the server has taken."""
        return self.server.cpu_s() if self.server is not None else cpu_s(self._process.pid)

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
    """Print a line for each system, language and number of clients."""
    with page("concurrency") as line:
        _run(line)


def _run(line: Callable[[str], None]) -> None:
    directory = Path(tempfile.mkdtemp(prefix="concurrency-", dir=HERE))
    line(f"# Questions beside ingest: {SCALE:,} records\n")
    line(f"{SECONDS:g} s each; upserts beside at {INGEST_RATE:,.0f} records/s.\n")
    line(
        "| system | clients | queries/s | p50 ms | p99 ms | records/s beside | p99 ms of those "
        "| server CPU | clients' CPU |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    try:
        for name in SYSTEMS:
            target = Target(name, directory / name)
            try:
                target.load()
                _measure_all(target, line)
            finally:
                target.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _measure_all(target: Target, line: Callable[[str], None]) -> None:
    for language in LANGUAGES[target.name]:
        for clients in CLIENTS:
            line(_measured(target, language, clients, INGEST_RATE))
    if target.server is not None:
        for clients in CLIENTS:
            line(_measured(target, "pql", clients, 0))


def _measured(target: Target, language: str, clients: int, records_per_s: float) -> str:
    plans = [target.questions(client, language) for client in range(clients)]
    stream = target.stream(records_per_s)
    reading = Clients(
        target.port, target.token, plans, seconds=SECONDS, per_process=CLIENTS_PER_PROCESS
    )
    writing = Clients(
        target.port, target.token, stream, seconds=SECONDS, per_process=INGEST_CONNECTIONS
    )
    before_s = target.cpu_s()
    writing.begin()
    read, written = reading.finish(), writing.finish()
    seconds = max(read.seconds, written.seconds)
    name = f"{target.name}, {language}" + ("" if records_per_s else ", ingest at full speed")
    return (
        f"| {name} | {clients} | {read.requests_per_s:,.0f} | {read.p50_ms:.2f} "
        f"| {read.p99_ms:.2f} | {written.records_per_s:,.0f} | {written.p99_ms:.1f} "
        f"| {(target.cpu_s() - before_s) / seconds:.0%} "
        f"| {(read.cpu_s + written.cpu_s) / seconds:.0%} |"
    )


def _pql() -> list[str]:
    asked = []
    for number, country in enumerate(COUNTRIES[:100]):
        species = SPECIES[number % 3]
        rows = f"Row(country='{country}'), Row(active=true), Row(species='{species}')"
        asked += [
            f"[events]Count(Intersect({rows}))",
            f"[events]TopK(country, k=10, filter=Row(species='{species}'))",
            f"[events]Extract(ConstRow(columns=[{number * 97}]), Rows(age), Rows(amount))",
            f"[events]GroupBy(Rows(species), Rows(active), filter=Row(country='{country}'))",
        ]
    return asked


def _sql() -> list[str]:
    asked = []
    for number, country in enumerate(COUNTRIES[:100]):
        species = SPECIES[number % 3]
        rows = f"country = '{country}' AND active AND species = '{species}'"
        top = "GROUP BY country ORDER BY n DESC LIMIT 10"
        groups = f"WHERE country = '{country}' GROUP BY species, active"
        asked += [
            f"SELECT count(*) FROM events WHERE {rows}",
            f"SELECT country, count(*) AS n FROM events WHERE species = '{species}' {top}",
            f"SELECT age, amount FROM events WHERE id = {number * 97}",
            f"SELECT species, active, count(*) AS n FROM events {groups}",
        ]
    return asked


if __name__ == "__main__":
    main()
