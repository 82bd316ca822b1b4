"""`python -m benchmarks.thin_server duckdb|chdb PORT DIR`: a peer behind the thinnest HTTP server.

`POST /query` takes SQL as text, `POST /ingest` the bodies that a bitbrook source takes; both answer
JSON, the second once the records are stored. Work runs on as many threads as there are cores.
"""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import uvicorn

COLUMNS = {
    "id": pa.uint64(),
    "species": pa.string(),
    "country": pa.string(),
    "age": pa.int64(),
    "amount": pa.string(),
    "active": pa.bool_(),
}


class _Value(msgspec.Struct):
    id: int
    species: str
    country: str
    age: int
    amount: str
    active: bool


class _Record(msgspec.Struct):
    value: _Value


class _Body(msgspec.Struct):
    records: list[_Record]


_decode = msgspec.json.Decoder(_Body).decode


def records_of(body: bytes) -> pa.Table:
    """Return the records of a streaming body as columns."""
    values = [record.value for record in _decode(body).records]
    return pa.table(
        {
            name: pa.array([getattr(value, name) for value in values], kind)
            for name, kind in COLUMNS.items()
        }
    )


def open_duckdb(directory: Path) -> tuple[Callable[[str], Any], Callable[[bytes], Any]]:
    """Return how DuckDB answers a query and stores a body; a cursor a thread."""
    import duckdb

    connection = duckdb.connect(str(directory / "peer.duckdb"), config={"threads": 2})
    connection.execute(
        "CREATE TABLE events (id UBIGINT PRIMARY KEY, species VARCHAR, country VARCHAR, "
        "age BIGINT, amount DECIMAL(9,2), active BOOLEAN)"
    )
    local = threading.local()

    def cursor() -> Any:
        if not hasattr(local, "cursor"):
            local.cursor = connection.cursor()
        return local.cursor

    def query(statement: str) -> Any:
        return cursor().execute(statement).fetchall()

    writing = threading.Lock()

    def ingest(body: bytes) -> Any:
        batch = records_of(body)
        with writing:
            own = cursor()
            own.register("batch", batch)
            own.execute("INSERT OR REPLACE INTO events BY NAME SELECT * FROM batch")
        return batch.num_rows

    return query, ingest


def open_chdb(directory: Path) -> tuple[Callable[[str], Any], Callable[[bytes], Any]]:
    """Return how chDB answers a query and stores a body; one at a time, as its session demands."""
    from chdb import session

    peer = session.Session(str(directory))
    peer.query("CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic")
    peer.query("USE bench")
    peer.query("SET max_threads = 2")
    peer.query(
        "CREATE TABLE events (id UInt64, species LowCardinality(String), "
        "country LowCardinality(String), age Int64, amount Decimal(9,2), active Bool) "
        "ENGINE = ReplacingMergeTree ORDER BY id"
    )
    one_at_a_time = threading.Lock()

    def query(statement: str) -> Any:
        with one_at_a_time:
            answered = str(peer.query(statement, "JSONCompactEachRow"))
        return [json.loads(line) for line in answered.splitlines()]

    def ingest(body: bytes) -> Any:
        values = [record.value for record in _decode(body).records]
        lines = b"\n".join(msgspec.json.encode(value) for value in values).decode()
        with one_at_a_time:
            peer.query(f"INSERT INTO events FORMAT JSONEachRow {lines}")
        return len(values)

    return query, ingest


def main() -> None:
    """Serve until the process is ended."""
    name, port, directory = sys.argv[1:]
    query, ingest = (open_duckdb if name == "duckdb" else open_chdb)(Path(directory))
    pool = ThreadPoolExecutor(os.cpu_count())

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        loop = asyncio.get_running_loop()
        if scope["path"] == "/ingest":
            answer = await loop.run_in_executor(pool, ingest, body)
        elif scope["path"] == "/query":
            answer = await loop.run_in_executor(pool, query, body.decode())
        else:
            answer = None
        encoded = msgspec.json.encode(answer)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(encoded)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": encoded})

    uvicorn.run(app, port=int(port), log_level="warning", lifespan="off")


if __name__ == "__main__":
    main()
