"""`python -m benchmarks.scale`: partitions in other processes, and what that costs on one machine.

PostgreSQL, one or two Ray nodes and a directory for snapshots; all of it, the clients too, on the
same processors. So it shows overheads and recovery, not what more machines would add.
"""

import os
import platform
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
from tests.postgres_process import PostgresProcess

from benchmarks.clients import Clients, Load, Requests, query_requests
from benchmarks.page import keep
from benchmarks.ray_nodes import RayNodes
from benchmarks.records import COUNTRIES, SPECIES, SPECIES_SHARES, zipf_shares
from benchmarks.scale_report import FannedOut, Latency, Measured, Recovered, Report, markdown
from benchmarks.server import FIELDS, Server
from bitbrook.clock import SYSTEM_CLOCK

SCALE = int(float(os.environ.get("SCALE", "80000")))
SECONDS = float(os.environ.get("SECONDS", "2"))
RECOVERY = [int(each) for each in os.environ.get("RECOVERY", "1000,10000,100000,500000").split(",")]
PARTITIONS = (1, 2, 4, 8)
CONNECTIONS = 4
BODY_RECORDS = 1_000
KILLS = 3
WARM_UP_S = 0.5
SHAPES = {1: "8GB", 2: "64GB", 4: "128GB", 8: "256GB"}
"""The shape that has so many owners of `OWNER_BYTES`."""

OWNER_BYTES = 32 << 30
KEYED_FIELDS = [{**FIELDS[0], "type": "string"}, *FIELDS[1:]]
"""Keys are spread over partitions one by one, where ids would go by the million."""

FLAGS = (
    *("--checkpoint-log-bytes", f"{1 << 40}"),
    *("--checkpoint-age-s", "86400"),
    *("--log-level", "error"),
)
"""What was written stays in the log, so that no checkpoint falls into one measurement alone."""

QUERIES = {
    "count of three conditions": [
        f"[events]Count(Intersect(Row(country='{country}'), Row(active=true), "
        f"Row(species='{species}')))"
        for country in COUNTRIES[:50]
        for species in SPECIES
    ],
    "top ten of 200, filtered": [
        f"[events]TopK(country, k=10, filter=Row(age < {most}))" for most in range(4_000, 4_050)
    ],
    "count and sum by two fields": [
        "[events]GroupBy(Rows(species), Rows(active), filter=Row(age < "
        f"{most}), aggregate=Sum(field=amount))"
        for most in range(4_000, 4_050)
    ],
}
COUNT = next(iter(QUERIES))


class Stack:
    """PostgreSQL and Ray, and servers over a database of their own each."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._servers = 0
        self._postgres = PostgresProcess()
        self.nodes: RayNodes | None = None

    @contextmanager
    def server(self, *, partitions: int | None = None, owners: int = 1) -> Iterator[Server]:
        """A server that stores in PostgreSQL; with `partitions`, they are in owners on Ray nodes.

        What was stored is deleted at the end, so that no owner of it runs beside the next.
        """
        self._servers += 1
        home = self._directory / f"{self._servers}"
        (home / "storage").mkdir(parents=True)
        flags = ["--catalogue", self._postgres.create_database()]
        flags += ["--storage", f"file://{home}/storage", *FLAGS]
        if partitions is not None:
            assert self.nodes is not None
            flags += ["--compute", self.nodes.address, "--partitions", f"{partitions}"]
            flags += ["--owner-memory-bytes", f"{OWNER_BYTES}"]
        server = Server(home / "data", *flags, shape=SHAPES[owners], fields=KEYED_FIELDS)
        try:
            yield server
            server.empty()
        finally:
            server.close()

    def close(self) -> None:
        """End everything."""
        if self.nodes is not None:
            self.nodes.close()
        self._postgres.__exit__()


def main() -> None:
    """Measure, print the tables, and write them to `results`."""
    directory = Path(tempfile.mkdtemp(prefix="scale-"))
    stack = Stack(directory)
    try:
        report = run(stack, directory)
    finally:
        stack.close()
        shutil.rmtree(directory, ignore_errors=True)
    tables = markdown(report)
    print(tables)
    keep("scale", report, tables)


def run(stack: Stack, directory: Path) -> Report:
    """Measure one set-up after another."""
    bodies = make_bodies(SCALE)
    server = Server(directory / "embedded", *FLAGS, fields=KEYED_FIELDS)
    try:
        measured = [measure(server, "one process, SQLite", bodies)]
    finally:
        server.close()
    with stack.server() as server:
        measured.append(measure(server, "one process, PostgreSQL", bodies))
    stack.nodes = RayNodes(directory / "nodes.log")
    for node_count in (1, 2):
        if node_count == 2:
            stack.nodes.add()
        for partitions in PARTITIONS:
            name = f"{partitions} on {node_count} node{'s' if node_count > 1 else ''}"
            with stack.server(partitions=partitions, owners=node_count) as server:
                measured.append(measure(server, name, bodies))
    fanned_out = measure_fan_out(stack, bodies)
    recovered = [measure_recovery(stack, stack.nodes, records) for records in RECOVERY]
    return Report(
        taken_on=f"{SYSTEM_CLOCK.now():%Y-%m-%d}",
        machine=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        scale=SCALE,
        measured=measured,
        fanned_out=fanned_out,
        recovered=recovered,
    )


def measure(server: Server, name: str, bodies: list[bytes]) -> Measured:
    """Stream the records into a set-up and ask it."""
    load = ingest(server, bodies)
    found = server.query("pql", "[events]Count(All())")["results"][0]
    assert found == len(bodies) * BODY_RECORDS, f"{name}: {found} records are there"
    queries = {title: ask(server, statements) for title, statements in QUERIES.items()}
    print(f"{name}: {load.records_per_s:,.0f} records/s, {queries}", flush=True)
    return Measured(name, load.records_per_s, Latency(load.p50_ms, load.p99_ms), queries)


def measure_fan_out(stack: Stack, bodies: list[bytes]) -> list[FannedOut]:
    """Ask the same count of the same partitions, at more and more owners."""
    found = []
    assert stack.nodes is not None
    with stack.server(partitions=max(PARTITIONS)) as server:
        ingest(server, bodies)
        for owners, shape in SHAPES.items():
            moved_s = 0.0
            if owners > 1:
                started_s = time.monotonic()
                server.reshape(shape)
                moved_s = time.monotonic() - started_s
                while len(stack.nodes.owners(server.deployment_id)) != owners:
                    time.sleep(0.1)
            found.append(FannedOut(owners, ask(server, QUERIES[COUNT]), moved_s))
            print(f"fan-out: {found[-1]}", flush=True)
    return found


def measure_recovery(stack: Stack, nodes: RayNodes, records: int) -> Recovered:
    """Kill the owner of a table that was never checkpointed, and wait for its next answer."""
    with stack.server(partitions=max(PARTITIONS)) as server:
        ingest(server, make_bodies(records))
        expected = server.query("pql", "[events]Count(All())")["results"][0]
        seconds = []
        for _ in range(KILLS):
            [pid] = nodes.owners(server.deployment_id).values()
            os.kill(pid, signal.SIGKILL)
            seconds.append(_seconds_until_answer(server, expected))
    print(f"recovery: {records:,} records, {seconds}", flush=True)
    return Recovered(expected, sorted(seconds))


def ingest(server: Server, bodies: list[bytes]) -> Load:
    """Send each body once, over several connections."""
    path = f"/v1/sinks/{server.source_id}"
    shares = [bodies[first::CONNECTIONS] for first in range(min(CONNECTIONS, len(bodies)))]
    rounds = len(shares[0])
    assert {len(share) for share in shares} == {rounds}, "each connection sends as many"
    plans = [Requests(path, share, BODY_RECORDS) for share in shares]
    return Clients(
        server.port, server.token, plans, rounds=rounds, per_process=CONNECTIONS
    ).finish()


def ask(server: Server, statements: list[str]) -> Latency:
    """Ask these statements over one connection, one after another."""
    path = f"/v1/deployments/{server.deployment_id}/query"
    plan = query_requests(path, 0, [("pql", each) for each in statements])
    Clients(server.port, server.token, [plan], seconds=WARM_UP_S).finish()
    load = Clients(server.port, server.token, [plan], seconds=SECONDS).finish()
    return Latency(load.p50_ms, load.p99_ms)


def make_bodies(records: int) -> list[bytes]:
    """Return bodies of new records with string keys, as many for each connection."""
    most = CONNECTIONS * BODY_RECORDS
    wanted = BODY_RECORDS if records <= BODY_RECORDS else -(-records // most) * most
    random = np.random.default_rng(wanted)
    species = random.choice(SPECIES, wanted, p=SPECIES_SHARES).tolist()
    countries = random.choice(COUNTRIES, wanted, p=zipf_shares(len(COUNTRIES))).tolist()
    ages = random.integers(0, 10_000, wanted).tolist()
    amounts = (random.integers(0, 1_000_000, wanted) / 100).tolist()
    active = (random.random(wanted) < 0.5).tolist()
    values = [
        {
            "id": f"order-{number:012d}",
            "species": species[number],
            "country": countries[number],
            "age": ages[number],
            "amount": f"{amounts[number]:.2f}",
            "active": active[number],
        }
        for number in range(wanted)
    ]
    return [
        msgspec.json.encode(
            {"records": [{"value": value} for value in values[first : first + BODY_RECORDS]]}
        )
        for first in range(0, wanted, BODY_RECORDS)
    ]


def _seconds_until_answer(server: Server, expected: int) -> float:
    started_s = time.monotonic()
    while True:
        try:
            found = server.query("pql", "[events]Count(All())")["results"][0]
        except AssertionError as error:
            # Answered 503: its partitions are not to be had yet.
            if ": 503 " not in str(error):
                raise
            time.sleep(0.02)
        else:
            assert found == expected, f"{found} of {expected} records came back"
            return time.monotonic() - started_s


if __name__ == "__main__":
    main()
