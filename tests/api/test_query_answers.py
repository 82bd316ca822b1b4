"""Large answers are the same in pieces as whole, keep to the limit, and stop when they are told to.

A hundred and fifty thousand records in every form, sent while they are written and kept until they
are known to fit; answers over the limit; and clients that read a little and leave, or are cut off.
"""

import io
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from api_client import ask_pql, create_deployment, create_source, create_table, stream
from server_process import ServerProcess

RECORDS = 150_000
BATCH = 30_000
BYTES_MAX = 20_000_000
WAIT_S = 60.0
SCHEMA: dict[str, Any] = {
    "id_field": "id",
    "definition": [
        {"name": "id", "path": ["id"], "type": "id"},
        {"name": "n", "path": ["n"], "type": "int"},
        {"name": "s", "path": ["s"], "type": "string", "config": {"Mutex": True}},
    ],
}
TEXTS = [f'text "{number}"' for number in range(50)]

# Of the second it cannot be told beforehand that it stays within the limit.
SELECTS = ("select _id, n from {}", "select _id, n, s from {}")


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with a limit on answers."""
    data = tmp_path_factory.mktemp("answers") / "data"
    with ServerProcess(data, "--answer-bytes-max", str(BYTES_MAX)) as server:
        yield server
        assert server.stop() == 0
        assert "Traceback" not in server.errors(), server.errors()


@pytest.fixture(scope="module")
def reader(limited: ServerProcess) -> Iterator[httpx.Client]:
    """Its administrator."""
    with limited.client(limited.token()) as client:
        yield client


@pytest.fixture(scope="module")
def stocked(reader: httpx.Client) -> tuple[str, str]:
    """A deployment and its table."""
    deployment_id = create_deployment(reader)
    table = create_table(reader, deployment_id)
    source_id = create_source(reader, deployment_id, table, SCHEMA)
    for start in range(0, RECORDS, BATCH):
        values = [
            {"id": n, "n": -n, "s": TEXTS[n % len(TEXTS)]} for n in range(start, start + BATCH)
        ]
        stream(reader, source_id, values)
    return deployment_id, table


def read_json(body: bytes) -> list[dict[str, Any]]:
    answer = json.loads(body)
    assert isinstance(answer["execution-time"], int)
    names = [field["name"] for field in answer["schema"]["fields"]]
    return [dict(zip(names, row, strict=True)) for row in answer["data"]]


READERS: dict[str, Callable[[bytes], list[dict[str, Any]]]] = {
    "application/json": read_json,
    "application/x-ndjson": lambda body: [json.loads(line) for line in body.splitlines()],
    "text/csv": lambda body: csv.read_csv(io.BytesIO(body)).to_pylist(),
    "application/vnd.apache.arrow.stream": lambda body: (
        pa.ipc.open_stream(body).read_all().to_pylist()
    ),
    "application/vnd.apache.parquet": lambda body: parquet.read_table(io.BytesIO(body)).to_pylist(),
}


@pytest.mark.parametrize("select", SELECTS, ids=["sent as written", "kept until it fits"])
@pytest.mark.parametrize("form", READERS)
def test_every_record_arrives(
    reader: httpx.Client, stocked: tuple[str, str], form: str, select: str
) -> None:
    deployment_id, table = stocked
    answer = reader.post(
        f"/v1/deployments/{deployment_id}/query",
        json={"language": "sql", "statement": select.format(table)},
        headers={"Accept": form},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, form)
    expected = [{"_id": n, "n": -n, "s": TEXTS[n % len(TEXTS)]} for n in range(RECORDS)]
    if ", s " not in select:
        expected = [{"_id": each["_id"], "n": each["n"]} for each in expected]
    assert READERS[form](answer.content) == expected
    told = reader.get(f"/v1/deployments/{deployment_id}/queries?limit=1").json()["queries"][0]
    assert told["id"] == answer.headers["x-query-id"]
    assert (told["status"], told["rows_returned"]) == ("SUCCEEDED", RECORDS)
    assert told["answer_bytes"] == len(answer.content)


def test_pql_extracts_every_record(reader: httpx.Client, stocked: tuple[str, str]) -> None:
    deployment_id, table = stocked
    (extract,) = ask_pql(reader, deployment_id, f"[{table}]Extract(All(), Rows(n), Rows(s))")
    assert extract["columns"] == [
        {"column": n, "rows": [-n, TEXTS[n % len(TEXTS)]]} for n in range(RECORDS)
    ]


@pytest.mark.parametrize("form", READERS)
def test_an_answer_over_the_limit_is_refused_whole(
    reader: httpx.Client, stocked: tuple[str, str], form: str
) -> None:
    deployment_id, table = stocked
    # Numbers that no Parquet file packs.
    digits = " || ".join(f"str((_id * {k} + 7) % 1000003)" for k in range(999_331, 999_366))
    statement = f"select _id, {digits} as digits from {table}"
    answer = reader.post(
        f"/v1/deployments/{deployment_id}/query",
        json={"language": "sql", "statement": statement},
        headers={"Accept": form},
    )
    assert answer.status_code == 400, answer.text[:1000]
    told = answer.json()["error"]
    assert "more than the 20,000,000 bytes" in told
    assert "LIMIT" in told
    assert "answer_bytes_max" in told


class Slow:
    """A client that has sent a statement and reads little of its answer."""

    def __init__(self, server: ServerProcess, token: str, path: str, statement: str) -> None:
        body = json.dumps({"language": "sql", "statement": statement})
        address = urlsplit(server.url)
        self.connection = socket.socket()
        # Small buffers, so that the server cannot send all of it into the air.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self.connection.settimeout(WAIT_S)
        self.connection.connect((address.hostname, address.port))
        self.connection.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
            "Accept: application/vnd.apache.arrow.stream\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        self.begun = self.connection.recv(2_000)

    def rest(self) -> bytes:
        """What comes until the server closes the connection."""
        pieces = []
        while piece := self.connection.recv(65_536):
            pieces.append(piece)
        return b"".join(pieces)


@pytest.fixture
def slow(limited: ServerProcess, reader: httpx.Client, stocked: tuple[str, str]) -> Iterator[Slow]:
    """Such a client, of an answer that is sent as it is written."""
    path = f"/v1/deployments/{stocked[0]}/query"
    # Fifteen megabytes, which is more than sockets hold.
    statement = (
        "select a._id, b._id, a.n, b.n, a.s, b.s, a.s as s1, b.s as s2, a.s as s3 "
        f"from {stocked[1]} a, {stocked[1]} b where a._id = b._id"
    )
    client = Slow(limited, reader.headers["Authorization"], path, statement)
    yield client
    client.connection.close()


def wait_for_end(reader: httpx.Client, deployment_id: str) -> dict[str, Any]:
    """The last statement, once nothing runs."""
    deadline = time.monotonic() + WAIT_S
    while reader.get("/v1/queries").json()["queries"]:
        assert time.monotonic() < deadline, "the statement goes on"
        time.sleep(0.02)
    path = f"/v1/deployments/{deployment_id}/queries?limit=1"
    told: dict[str, Any] = reader.get(path).json()["queries"][0]
    return told


def test_a_client_that_leaves_in_the_middle(
    reader: httpx.Client, stocked: tuple[str, str], slow: Slow
) -> None:
    assert slow.begun.startswith(b"HTTP/1.1 200")
    assert b"transfer-encoding: chunked" in slow.begun
    (shown,) = reader.get("/v1/queries").json()["queries"]
    assert f"x-query-id: {shown['id']}".encode() in slow.begun
    slow.connection.close()
    told = wait_for_end(reader, stocked[0])
    assert (told["id"], told["status"]) == (shown["id"], "CANCELLED")
    assert told["answer_bytes"] < 12_000_000


def test_an_answer_that_is_cut_off(
    reader: httpx.Client, stocked: tuple[str, str], slow: Slow
) -> None:
    (shown,) = reader.get("/v1/queries").json()["queries"]
    assert reader.delete(f"/v1/queries/{shown['id']}").status_code == 202
    # The chunk that says that an answer is whole must not come.
    assert not slow.rest().endswith(b"\r\n0\r\n\r\n")
    told = wait_for_end(reader, stocked[0])
    assert (told["id"], told["status"]) == (shown["id"], "CANCELLED")
