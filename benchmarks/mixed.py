"""`python -m benchmarks.mixed`: queries while ingest runs at full speed, p50 and p99 of both."""

import os
import shutil
import tempfile
from pathlib import Path

from benchmarks.clients import Clients, ingest_requests, query_requests
from benchmarks.records import COUNTRIES, SPECIES
from benchmarks.server import Server

HERE = Path(__file__).parent
SECONDS = float(os.environ.get("SECONDS", "60"))
INGEST_CLIENTS = int(os.environ.get("INGEST_CLIENTS", "4"))
QUERY_CLIENTS = int(os.environ.get("QUERY_CLIENTS", "8"))


def main() -> None:
    """Run both kinds of clients side by side and print what each achieved."""
    directory = Path(tempfile.mkdtemp(prefix="mixed-", dir=HERE))
    server = Server(directory / "store")
    try:
        ingest_path = f"/v1/sinks/{server.source_id}"
        query_path = f"/v1/deployments/{server.deployment_id}/query"
        statements = [
            ("pql", f"[events]Count(Intersect({', '.join(rows)}))")
            for country in COUNTRIES[:50]
            for species in SPECIES
            for rows in [_rows(country, species)]
        ]
        ingest = [ingest_requests(ingest_path, client, 1_000) for client in range(INGEST_CLIENTS)]
        queries = [
            query_requests(query_path, client, statements) for client in range(QUERY_CLIENTS)
        ]
        writing = Clients(
            server.port, server.token, ingest, seconds=SECONDS, per_process=INGEST_CLIENTS
        )
        reading = Clients(
            server.port, server.token, queries, seconds=SECONDS, per_process=QUERY_CLIENTS
        )
        before_s = server.cpu_s()
        writing.begin()
        reading.begin()
        print("| clients | requests/s | records/s | p50 ms | p99 ms |")
        print("|---|---:|---:|---:|---:|")
        used_s = 0.0
        for name, clients in (("ingest", writing), ("queries", reading)):
            load = clients.finish()
            used_s += load.cpu_s
            print(
                f"| {name} | {load.requests_per_s:,.0f} | {load.records_per_s:,.0f} "
                f"| {load.p50_ms:.2f} | {load.p99_ms:.2f} |"
            )
        server_s = server.cpu_s() - before_s
        print(f"\nof one core: the server {server_s / SECONDS:.0%}, clients {used_s / SECONDS:.0%}")
    finally:
        server.close()
        shutil.rmtree(directory, ignore_errors=True)


def _rows(country: str, species: str) -> tuple[str, ...]:
    return f"Row(country='{country}')", "Row(active=true)", f"Row(species='{species}')"


if __name__ == "__main__":
    main()
