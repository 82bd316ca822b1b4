"""`python -m benchmarks.killers`: what used to take such servers down, asked of ours.

Groupings of 20,000, of 250 x 500 over two fields and of SCALE groups, a set field of a million
rows, and record keys by the million with a restart after kill -9. Prints what each took and the
highest resident memory of the server so far; a statement may also be refused, with the figure that
it needs.
"""

import http.client
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.page import page
from benchmarks.server import Server

SCALE = int(float(os.environ.get("SCALE", "4e6")))
KEYS = int(float(os.environ.get("KEYS", "2e7")))
ROWS = 1_000_000
RECORDS_PER_FILE = 1_000_000
HERE = Path(__file__).parent

TABLES = {
    "wide": "_id id, n int min 0 max 1000000000, a string, b string, c string, tags idset",
    "keyed": "_id string, n int min 0 max 1000",
}


QUESTIONS = (
    ("20,000 groups", "sql", "select c, count(*), sum(n) from wide group by c limit 3"),
    ("250 x 500 groups", "sql", "select a, b, count(*), sum(n) from wide group by a, b limit 3"),
    (f"{SCALE:,} groups", "sql", "select n, count(*) from wide group by n limit 3"),
    (f"{SCALE:,} groups", "sql", "select n, a, sum(n) from wide group by n, a limit 3"),
    (f"{SCALE:,} groups, all", "pql", "[wide]GroupBy(Rows(c), Rows(a), Rows(b))"),
    (f"set of {ROWS:,} rows", "pql", "[wide]TopK(tags, k=3)"),
    ("the same, filtered", "pql", "[wide]TopK(tags, k=3, filter=Row(a='a7'))"),
    ("every row of the set", "pql", "[wide]Rows(tags)"),
)
KEY_QUESTION = ("one key", "sql", "select n from keyed where _id = 'user-0000000000000077'")
COUNT_QUESTION = ("count of all keys", "sql", "select count(*) from keyed")


def main() -> None:
    """Load the tables, ask, and print a line for each question."""
    with page("killers") as line:
        _run(line)


def _run(line: Callable[[str], None]) -> None:
    directory = Path(tempfile.mkdtemp(prefix="killers-", dir=HERE))
    os.environ["BITBROOK_BULK_DIRECTORIES"] = str(directory)
    os.environ["BITBROOK_QUERY_TIMEOUT_S"] = "600"
    server = Server(directory / "store")
    try:
        line("# What used to take such servers down\n\n| what | how it went | peak MiB |")
        line("|---|---|---:|")
        line(load(server, directory, "wide", SCALE, wide))
        for question in QUESTIONS:
            line(ask(server, *question))
        line(load(server, directory, "keyed", KEYS, keyed))
        line(ask(server, *KEY_QUESTION))
        line(f"| resident before a kill | {resident(server.pid) / 2**20:,.0f} MiB | |")
        server.kill()
        started_s = time.monotonic()
        server.restart()
        line(f"| restart after kill -9 | {time.monotonic() - started_s:.1f} s | |")
        line(ask(server, *COUNT_QUESTION))
        line(ask(server, *KEY_QUESTION))
        line(f"| resident after it | {resident(server.pid) / 2**20:,.0f} MiB | |")
    finally:
        server.close()
        shutil.rmtree(directory, ignore_errors=True)


def wide(first: int, count: int) -> pa.Table:
    """Return records of which each has a number of its own and two of a million tags."""
    chance = np.random.default_rng(first)
    tags = pa.array(chance.integers(0, ROWS, 2 * count).astype(np.uint64))
    bounds = pa.array(np.arange(0, 2 * count + 1, 2, dtype=np.int32))
    return pa.table(
        {
            "_id": pa.array(np.arange(first, first + count)),
            "n": pa.array((np.arange(first, first + count) * 2_654_435_761) % 1_000_000_007),
            **{
                name: pa.array([f"{name}{i}" for i in chance.integers(0, rows, count).tolist()])
                for name, rows in (("a", 250), ("b", 500), ("c", 20_000))
            },
            "tags": pa.ListArray.from_arrays(bounds, tags),
        }
    )


def keyed(first: int, count: int) -> pa.Table:
    """Return records with string keys of 21 characters."""
    keys = [f"user-{number:016d}" for number in range(first, first + count)]
    return pa.table({"_id": keys, "n": pa.array(np.arange(count) % 1000)})


def load(server: Server, directory: Path, name: str, count: int, make: Any) -> str:
    """Create a table and load its records from files; return a line that says how long it took."""
    server.query("sql", f"create table {name} ({TABLES[name]})")
    columns = [column.split()[0] for column in TABLES[name].split(", ")]
    kinds = {"_id": TABLES[name].split()[1]}
    kinds |= {column.split()[0]: column.split()[1] for column in TABLES[name].split(", ")}
    mapped = ", ".join(f"'{column}' {kinds[column]}" for column in columns)
    started_s = time.monotonic()
    for first in range(0, count, RECORDS_PER_FILE):
        path = directory / "part.parquet"
        size = min(RECORDS_PER_FILE, count - first)
        pq.write_table(make(first, size), path)
        into = f"{name} ({', '.join(columns)})"
        how = f"map ({mapped}) from '{path}' with batchsize 100000 format 'PARQUET' input 'FILE'"
        status, answer = ask_slowly(server, f"bulk insert into {into} {how}")
        assert status == 200, answer[:300]
        assert b"error" not in answer, answer[:300]
    taken_s = time.monotonic() - started_s
    return f"| {name}: {count:,} records loaded | {taken_s:.0f} s | {peak_mib(server):,.0f} |"


def ask(server: Server, title: str, language: str, statement: str) -> str:
    """Ask; return a line that says how it went and the server's highest resident memory so far."""
    started_s = time.monotonic()
    status, answer = ask_slowly(server, statement, language)
    taken_ms = (time.monotonic() - started_s) * 1000
    shown = f"{len(answer):,} bytes" if status == 200 else f"{status}: {answer[:240].decode()}"
    return f"| {title} | {taken_ms:,.0f} ms, {shown} | {peak_mib(server):,.0f} |"


def peak_mib(server: Server) -> float:
    """Return the highest resident memory of a server so far."""
    return resident(server.pid, "VmHWM") / 2**20


def ask_slowly(server: Server, statement: str, language: str = "sql") -> tuple[int, bytes]:
    """Return status and body of a statement that may take minutes."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=900)
    body = json.dumps({"language": language, "statement": statement})
    path = f"/v1/deployments/{server.deployment_id}/query"
    connection.request("POST", path, body, {"Authorization": server.token})
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    return response.status, answer


def resident(pid: int, figure: str = "VmRSS") -> int:
    """Return bytes of memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(figure))


if __name__ == "__main__":
    main()
