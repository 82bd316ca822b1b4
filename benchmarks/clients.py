"""Client processes that keep a server busy: requests made beforehand, connections kept alive."""

import json
import multiprocessing
import resource
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Event

import msgspec
import numpy as np

from benchmarks.connections import Connection, Plan, send_all
from benchmarks.records import COUNTRIES, SPECIES, zipf_shares

BODIES_PER_CLIENT = 40


class Load(msgspec.Struct, frozen=True):
    """What clients of one kind achieved. Latencies are of whole requests, in milliseconds.

    `cpu_s`: what the clients themselves took.
    """

    requests_per_s: float
    records_per_s: float
    megabytes_per_s: float
    p50_ms: float
    p99_ms: float
    requests: int
    seconds: float
    cpu_s: float


class Requests(msgspec.Struct, frozen=True):
    """The requests of one client: to `path`, the bodies in turn; each has so many records.

    `per_s`: how many a second at most, 0 for as many as are answered.
    """

    path: str
    bodies: list[bytes]
    records: int = 0
    per_s: float = 0.0

    def plan(self, port: int, token: str) -> Plan:
        """Return the requests as whole bytes."""
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        )
        whole = [b"%b%d\r\n\r\n%b" % (head.encode(), len(body), body) for body in self.bodies]
        return Plan(whole, 1 / self.per_s if self.per_s else 0.0)


def ingest_requests(path: str, client: int, records: int, *, per_s: float = 0.0) -> Requests:
    """Return bodies of `records` new records each, sent at a rate if one is given."""
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
    return Requests(path, bodies, records, per_s)


def query_requests(path: str, client: int, statements: list[tuple[str, str]]) -> Requests:
    """Return queries, as (language, statement), in an order of the client's own."""
    order = np.random.default_rng(client).permutation(len(statements))
    bodies = [
        json.dumps({"language": statements[i][0], "statement": statements[i][1]}).encode()
        for i in order
    ]
    return Requests(path, bodies)


class _Found(msgspec.Struct):
    """What the connections of one process found."""

    latencies_s: "np.ndarray[tuple[int], np.dtype[np.float64]]"
    requests: list[int]
    size_bytes: int
    seconds: float
    cpu_s: float


class Clients:
    """Connections that send their requests over and over until the time, or the rounds, are up.

    `per_process` of them share a process. They are connected once made and send from `begin` on.
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
        # Forked, the requests need not be sent there and nothing is imported once more.
        context = multiprocessing.get_context("fork")
        self._seconds = seconds
        self._plans = plans
        self._may_begin = context.Event()
        self._pipes: list[Pipe] = []
        self._processes = []
        for first in range(0, len(plans), per_process):
            here, there = context.Pipe()
            share = [plan.plan(port, token) for plan in plans[first : first + per_process]]
            process = context.Process(
                target=_send, args=(port, share, (seconds, rounds), self._may_begin, there)
            )
            process.start()
            self._pipes.append(here)
            self._processes.append(process)
        for pipe in self._pipes:
            pipe.recv()

    def begin(self) -> None:
        """Let all connections send."""
        self._may_begin.set()

    def finish(self) -> Load:
        """Let all send, wait for the end, and return what they achieved together."""
        self.begin()
        found: list[_Found] = []
        for pipe in self._pipes:
            if not pipe.poll(self._seconds + 240):
                raise TimeoutError("clients did not come to an end")
            found.append(pipe.recv())
        for process in self._processes:
            process.join()
        latencies_s = np.sort(np.concatenate([each.latencies_s for each in found]))
        sent = [count for each in found for count in each.requests]
        records = sum(plan.records * count for plan, count in zip(self._plans, sent, strict=True))
        seconds = max(each.seconds for each in found)
        return Load(
            requests_per_s=len(latencies_s) / seconds,
            records_per_s=records / seconds,
            megabytes_per_s=sum(each.size_bytes for each in found) / seconds / 1e6,
            p50_ms=float(np.quantile(latencies_s, 0.5)) * 1000,
            p99_ms=float(np.quantile(latencies_s, 0.99)) * 1000,
            requests=len(latencies_s),
            seconds=seconds,
            cpu_s=sum(each.cpu_s for each in found),
        )


def _send(
    port: int,
    plans: list[Plan],
    until: tuple[float, int | None],
    may_begin: Event,
    pipe: Pipe,
) -> None:
    connections = [Connection(port, plan) for plan in plans]
    pipe.send(None)
    may_begin.wait()
    cpu_s = _cpu_s()
    seconds, rounds = until
    taken_s = send_all(connections, seconds=seconds, rounds=rounds)
    sizes = [_sent_bytes(each) for each in connections]
    latencies_s = np.array([s for each in connections for s in each.latencies_s])
    counts = [len(each.latencies_s) for each in connections]
    pipe.send(_Found(latencies_s, counts, sum(sizes), taken_s, _cpu_s() - cpu_s))


def _sent_bytes(connection: Connection) -> int:
    """Return the bytes of a connection's requests; their heads are a few hundred bytes each."""
    requests = connection.plan.requests
    turns, rest = divmod(len(connection.latencies_s), len(requests))
    return turns * sum(map(len, requests)) + sum(map(len, requests[:rest]))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
