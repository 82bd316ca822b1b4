"""Client processes that keep a server busy: bodies made beforehand, connections kept alive."""

import http.client
import json
import multiprocessing
import statistics
import threading
import time
from multiprocessing.queues import Queue
from typing import Any, NamedTuple

import msgspec
import numpy as np

from benchmarks.records import COUNTRIES, SPECIES, zipf_shares

BODIES_PER_CLIENT = 40


class Load(msgspec.Struct, frozen=True):
    """What clients of one kind achieved. Latencies are of whole requests, in milliseconds."""

    requests_per_s: float
    records_per_s: float
    megabytes_per_s: float
    p50_ms: float
    p99_ms: float


class Requests(msgspec.Struct, frozen=True):
    """The requests of one client: to `path`, the bodies in turn; each has so many records."""

    path: str
    bodies: list[bytes]
    records: int = 0


def ingest_requests(path: str, client: int, records: int) -> Requests:
    """Return bodies of `records` new records each."""
    random = np.random.default_rng([client, records])
    bodies = []
    for number in range(BODIES_PER_CLIENT):
        first = (client * BODIES_PER_CLIENT + number) * records
        species = random.choice(len(SPECIES), records)
        countries = random.choice(len(COUNTRIES), records, p=zipf_shares(len(COUNTRIES)))
        ages = random.integers(0, 10_000, records)
        cents = random.integers(0, 1_000_000, records)
        values = [
            {
                "id": first + i,
                "species": SPECIES[species[i]],
                "country": COUNTRIES[countries[i]],
                "age": int(ages[i]),
                "amount": f"{cents[i] / 100:.2f}",
                "active": bool(ages[i] % 2),
            }
            for i in range(records)
        ]
        bodies.append(json.dumps({"records": [{"value": value} for value in values]}).encode())
    return Requests(path, bodies, records)


def query_requests(path: str, client: int, statements: list[tuple[str, str]]) -> Requests:
    """Return queries, as (language, statement), in an order of the client's own."""
    order = np.random.default_rng(client).permutation(len(statements))
    bodies = [
        json.dumps({"language": statements[i][0], "statement": statements[i][1]}).encode()
        for i in order
    ]
    return Requests(path, bodies)


class Until(NamedTuple):
    """When a connection ends: after so many seconds, or requests."""

    seconds: float
    rounds: int | None


class Clients:
    """Connections that send their requests over and over until the time, or the rounds, are up.

    `per_process` of them share a process, each on a thread of its own.
    """

    def __init__(
        self,
        port: int,
        token: str,
        plans: list[Requests],
        *,
        seconds: float = 600,
        rounds: int | None = None,
        per_process: int = 1,
    ) -> None:
        self._seconds = seconds
        self._count = len(plans)
        until = Until(seconds, rounds)
        context = multiprocessing.get_context("spawn")
        self._found: Queue[Any] = context.Queue()
        self._processes = [
            context.Process(
                target=_send_all,
                args=(port, token, plans[first : first + per_process], until, self._found),
            )
            for first in range(0, len(plans), per_process)
        ]
        for process in self._processes:
            process.start()

    def finish(self) -> Load:
        """Wait for the end; return what all connections achieved together."""
        found = [self._found.get(timeout=self._seconds + 120) for _ in range(self._count)]
        for process in self._processes:
            process.join()
        latencies_s = np.sort(np.concatenate([each[0] for each in found]))
        size_bytes = sum(each[1] for each in found)
        records = sum(each[2] for each in found)
        # Clients start one after another: each one's rate is over its own time.
        seconds = statistics.mean(each[3] for each in found)
        return Load(
            requests_per_s=len(latencies_s) / seconds,
            records_per_s=records / seconds,
            megabytes_per_s=size_bytes / seconds / 1e6,
            p50_ms=float(np.quantile(latencies_s, 0.5)) * 1000,
            p99_ms=float(np.quantile(latencies_s, 0.99)) * 1000,
        )


def _send_all(
    port: int,
    token: str,
    plans: list[Requests],
    until: Until,
    found: "Queue[Any]",
) -> None:
    threads = [
        threading.Thread(target=_send, args=(port, token, plan, until, found)) for plan in plans
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _send(
    port: int,
    token: str,
    plan: Requests,
    until: Until,
    found: "Queue[Any]",
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Authorization": token, "Content-Type": "application/json"}
    latencies_s: list[float] = []
    size_bytes = 0
    started_s = time.monotonic()
    while time.monotonic() - started_s < until.seconds and len(latencies_s) != until.rounds:
        body = plan.bodies[len(latencies_s) % len(plan.bodies)]
        sent_s = time.perf_counter()
        connection.request("POST", plan.path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        latencies_s.append(time.perf_counter() - sent_s)
        assert response.status == 200, answer[:300]
        size_bytes += len(body)
    records = plan.records * len(latencies_s)
    found.put((np.array(latencies_s), size_bytes, records, time.monotonic() - started_s))
