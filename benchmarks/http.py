"""`python -m benchmarks.http`: streaming over HTTP, every answer durable, by size of the bodies."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.clients import Clients, Load, ingest_requests
from benchmarks.page import page
from benchmarks.server import Server

HERE = Path(__file__).parent
SECONDS = float(os.environ.get("SECONDS", "8"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "4"))
BODY_RECORDS = (1, 150, 1_000, 10_000)


def main() -> None:
    """Print a line for each size of body."""
    with page("http") as line:
        _run(line)


def _run(line: Callable[[str], None]) -> None:
    directory = Path(tempfile.mkdtemp(prefix="http-", dir=HERE))
    server = Server(directory / "store")
    try:
        line(f"# Streaming over HTTP\n\n{CONNECTIONS} connections, {SECONDS:g} s each\n")
        line("| records a body | records/s | MB/s | requests/s | p50 ms | p99 ms |")
        line("|---:|---:|---:|---:|---:|---:|")
        for records in BODY_RECORDS:
            line(_line(records, _measure(server, records)))
    finally:
        server.close()
        shutil.rmtree(directory, ignore_errors=True)


def _measure(server: Server, records: int) -> Load:
    path = f"/v1/sinks/{server.source_id}"
    plans = [ingest_requests(path, client, records) for client in range(CONNECTIONS)]
    clients = Clients(server.port, server.token, plans, seconds=SECONDS, per_process=CONNECTIONS)
    return clients.finish()


def _line(records: int, load: Load) -> str:
    return (
        f"| {records:,} | {load.records_per_s:,.0f} | {load.megabytes_per_s:.1f} "
        f"| {load.requests_per_s:,.0f} | {load.p50_ms:.2f} | {load.p99_ms:.2f} |"
    )


if __name__ == "__main__":
    main()
