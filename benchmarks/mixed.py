"""`python -m benchmarks.mixed`: queries while ingest runs at full speed, p50 and p99 of both.

Closed loops: of eight clients each waits for seven others' answers as well as for its own.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.clients import Clients, ingest_requests, query_requests
from benchmarks.page import page
from benchmarks.records import COUNTRIES, SPECIES
from benchmarks.server import Server

HERE = Path(__file__).parent
SECONDS = float(os.environ.get("SECONDS", "20"))
INGEST_CLIENTS = int(os.environ.get("INGEST_CLIENTS", "4"))
QUERY_CLIENTS = [int(each) for each in os.environ.get("QUERY_CLIENTS", "1,2,4,8").split(",")]


def main() -> None:
    """Print what clients of both kinds achieved, for each number of those that ask."""
    with page("mixed") as line:
        _run(line)


def _run(line: Callable[[str], None]) -> None:
    directory = Path(tempfile.mkdtemp(prefix="mixed-", dir=HERE))
    server = Server(directory / "store")
    try:
        line("# Counts of three rows beside ingest at full speed\n")
        line(f"{INGEST_CLIENTS} connections send bodies of 1,000 records; {SECONDS:g} s each.\n")
        line(
            "| clients that ask | queries/s | p50 ms | p99 ms | records/s beside "
            "| p50 ms of those | p99 ms | server CPU | clients' CPU |"
        )
        line("|---:|" + "---:|" * 8)
        for clients in QUERY_CLIENTS:
            line(_measured(server, clients))
    finally:
        server.close()
        shutil.rmtree(directory, ignore_errors=True)


def _measured(server: Server, query_clients: int) -> str:
    ingest_path = f"/v1/sinks/{server.source_id}"
    query_path = f"/v1/deployments/{server.deployment_id}/query"
    statements = [
        ("pql", f"[events]Count(Intersect({', '.join(rows)}))")
        for country in COUNTRIES[:50]
        for species in SPECIES
        for rows in [_rows(country, species)]
    ]
    ingest = [ingest_requests(ingest_path, client, 1_000) for client in range(INGEST_CLIENTS)]
    queries = [query_requests(query_path, client, statements) for client in range(query_clients)]
    writing, reading = (
        Clients(server.port, server.token, plans, seconds=SECONDS, per_process=len(plans))
        for plans in (ingest, queries)
    )
    before_s = server.cpu_s()
    writing.begin()
    reading.begin()
    written, read = writing.finish(), reading.finish()
    server_s, clients_s = server.cpu_s() - before_s, written.cpu_s + read.cpu_s
    return (
        f"| {query_clients} | {read.requests_per_s:,.0f} | {read.p50_ms:.2f} | {read.p99_ms:.2f} "
        f"| {written.records_per_s:,.0f} | {written.p50_ms:.2f} | {written.p99_ms:.2f} "
        f"| {server_s / SECONDS:.0%} | {clients_s / SECONDS:.0%} |"
    )


def _rows(country: str, species: str) -> tuple[str, ...]:
    return f"Row(country='{country}')", "Row(active=true)", f"Row(species='{species}')"


if __name__ == "__main__":
    main()
