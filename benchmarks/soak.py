"""`python -m benchmarks.soak`: half an hour of mixed load; what must be flat is, nothing is lost.

Clients stream upserts of a bounded set of records at a steady rate, others ask, a backup is taken
now and then and the metrics are read, while memory, descriptors, threads and the times of answers
are sampled. The first third is warm-up; of the rest the second half is held against the first.
`SECONDS=180` shortens it. Exits with 1 if memory or descriptors grew, answers became slower, or a
record is missing.
"""

import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.server import Server

HERE = Path(__file__).parent
SECONDS = float(os.environ.get("SECONDS", "1800"))
INGEST_CLIENTS = int(os.environ.get("INGEST_CLIENTS", "2"))
QUERY_CLIENTS = int(os.environ.get("QUERY_CLIENTS", "4"))
INGEST_RATE = float(os.environ.get("INGEST_RATE", "5000"))
BATCH = 250
IDS_PER_CLIENT = 200_000
SAMPLES = 60
MEMORY_GROWTH_MAX = 0.10
MEMORY_GROWTH_BYTES_MIN = 32 << 20
DESCRIPTOR_GROWTH_MAX = 5
P99_GROWTH_MAX = 1.5

STATEMENTS = (
    ("pql", "[events]Count(Row(species='virginica'))"),
    ("pql", "[events]Count(Intersect(Row(species='setosa'), Row(active=true)))"),
    ("pql", "[events]TopN(country, n=5)"),
    ("pql", "[events]GroupBy(Rows(species), aggregate=Sum(field=amount))"),
    ("pql", "[events]Sum(Row(active=true), field=age)"),
    ("sql", "SELECT country, COUNT(*) FROM events GROUP BY country ORDER BY 2 DESC LIMIT 3"),
    ("sql", "SELECT AVG(age) FROM events WHERE species = 'versicolor'"),
)


class Load:
    """Clients of one server, until told to stop. `times`: of answers, each with when it came."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.stopping = threading.Event()
        self.times: dict[str, list[tuple[float, float]]] = {"ingest": [], "query": []}
        self.failures: list[str] = []
        self.written: list[set[int]] = [set() for _ in range(INGEST_CLIENTS)]
        self.threads = [
            *(threading.Thread(target=self._ingest, args=(i,)) for i in range(INGEST_CLIENTS)),
            *(threading.Thread(target=self._ask, args=(i,)) for i in range(QUERY_CLIENTS)),
        ]

    def _ingest(self, client: int) -> None:
        chance = random.Random(client)
        connection = self._connection()
        period_s = BATCH * INGEST_CLIENTS / INGEST_RATE
        due_s = time.monotonic()
        while not self.stopping.is_set():
            first = client * IDS_PER_CLIENT
            ids = [first + chance.randrange(IDS_PER_CLIENT) for _ in range(BATCH)]
            records = [{"value": _record(i, chance)} for i in ids]
            path = f"/v1/sinks/{self.server.source_id}"
            answer = self._timed("ingest", connection, path, {"records": records})
            if answer is not None:
                if answer["success_count"] != BATCH:
                    self.failures.append(str(answer)[:300])
                self.written[client].update(ids)
            due_s += period_s
            self.stopping.wait(max(0.0, due_s - time.monotonic()))

    def _ask(self, client: int) -> None:
        chance = random.Random(1_000 + client)
        connection = self._connection()
        path = f"/v1/deployments/{self.server.deployment_id}/query"
        while not self.stopping.is_set():
            language, statement = chance.choice(STATEMENTS)
            body = {"language": language, "statement": statement}
            self._timed("query", connection, path, body)
            self.stopping.wait(0.05)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)

    def _timed(
        self, kind: str, connection: http.client.HTTPConnection, path: str, body: Any
    ) -> Any:
        encoded = json.dumps(body)
        started_s = time.monotonic()
        connection.request("POST", path, encoded, {"Authorization": self.server.token})
        response = connection.getresponse()
        content = response.read()
        now_s = time.monotonic()
        if response.status != 200:
            self.failures.append(f"{response.status} {content[:300]!r}")
            return None
        self.times[kind].append((now_s, now_s - started_s))
        return json.loads(content)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="soak-", dir=HERE) as place:
        directory = Path(place)
        server = Server(directory / "store")
        try:
            result = run(server, directory)
        finally:
            server.close()
    path = HERE / "results" / f"{datetime.now(UTC):%Y-%m-%d}-soak.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({name: each for name, each in result.items() if name != "samples"}, indent=1))
    sys.exit(1 if result["faults"] else 0)


def run(server: Server, directory: Path) -> dict[str, Any]:
    """Load the server for the time, and tell what became of it."""
    load = Load(server)
    samples: list[dict[str, float]] = []
    started_s = time.monotonic()
    for thread in load.threads:
        thread.start()
    try:
        for number in range(1, SAMPLES + 1):
            time.sleep(max(0.0, started_s + number * SECONDS / SAMPLES - time.monotonic()))
            samples.append(_sample(server.pid, started_s))
            server.read_metrics()
            if number % (SAMPLES // 6) == 0:
                _back_up(directory)
    finally:
        load.stopping.set()
        for thread in load.threads:
            thread.join()
    found = server.query("pql", "[events]Count(All())")["results"][0]
    written = sum(len(each) for each in load.written)
    return _judged(samples, load, started_s, found=found, written=written)


def _judged(
    samples: list[dict[str, float]], load: Load, started_s: float, *, found: int, written: int
) -> dict[str, Any]:
    """Hold the last third against the middle one."""
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]
    faults = list(load.failures[:5])
    if found != written:
        faults.append(f"{written} records were acknowledged and {found} are there")
    memory = [statistics.median(each["resident_bytes"] for each in part) for part in (middle, last)]
    grown = memory[1] - memory[0]
    if grown > max(MEMORY_GROWTH_MAX * memory[0], MEMORY_GROWTH_BYTES_MIN):
        faults.append(f"memory grew from {memory[0]:,.0f} to {memory[1]:,.0f} bytes")
    descriptors = [max(each["descriptors"] for each in part) for part in (middle, last)]
    if descriptors[1] - descriptors[0] > DESCRIPTOR_GROWTH_MAX:
        faults.append(f"descriptors grew from {descriptors[0]} to {descriptors[1]}")
    latencies = {}
    for kind, times in load.times.items():
        parts = [
            [took for at, took in times if low <= (at - started_s) / SECONDS * 3 < high]
            for low, high in ((1, 2), (2, 4))
        ]
        p99s = [statistics.quantiles(part, n=100)[98] for part in parts]
        latencies[kind] = {
            "answers": len(times),
            "p50_ms": round(1_000 * statistics.median([took for _, took in times]), 2),
            "p99_ms_middle": round(1_000 * p99s[0], 2),
            "p99_ms_last": round(1_000 * p99s[1], 2),
        }
        if p99s[1] > P99_GROWTH_MAX * p99s[0]:
            faults.append(f"p99 of {kind} grew from {p99s[0]:.4f} to {p99s[1]:.4f} s")
    return {
        "seconds": SECONDS,
        "faults": faults,
        "records": found,
        "memory_bytes": {"middle": memory[0], "last": memory[1]},
        "descriptors": {"middle": descriptors[0], "last": descriptors[1]},
        "latencies": latencies,
        "samples": samples,
    }


def _record(record_id: int, chance: random.Random) -> dict[str, Any]:
    return {
        "id": record_id,
        "species": chance.choice(("setosa", "versicolor", "virginica")),
        "country": f"country {chance.randrange(200)}",
        "age": chance.randrange(100),
        "amount": f"{chance.randrange(100_000) / 100:.2f}",
        "active": chance.random() < 0.5,
    }


def _sample(pid: int, started_s: float) -> dict[str, float]:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    facts = dict(line.split(":", 1) for line in status if ":" in line)
    # Without pages of files, which the kernel may drop: of blocks that were only read.
    resident_kib = int(facts["RssAnon"].split()[0])
    return {
        "at_s": round(time.monotonic() - started_s, 1),
        "resident_bytes": resident_kib * 1024,
        "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "threads": int(facts["Threads"]),
    }


def _back_up(directory: Path) -> None:
    command = [Path(sys.executable).with_name("bitbrook"), "backup"]
    repository = str(directory / "backups")
    data = str(directory / "store")
    subprocess.run(
        [*command, "create", repository, "--data", data], check=True, stdout=subprocess.DEVNULL
    )
    subprocess.run(
        [*command, "prune", repository, "--keep", "2"], check=True, stdout=subprocess.DEVNULL
    )


if __name__ == "__main__":
    main()
