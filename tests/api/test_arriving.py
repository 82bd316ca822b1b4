"""A long body is decoded while it arrives, and counts for nothing before its last byte.

Sends bodies of many megabytes in chunks over raw sockets: at full speed, cut off near the end,
in the last record, not allowed at all; and looks at the process's memory and at what is stored.
"""

import json
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api_client import ask_pql, create_deployment, create_source, create_table
from server_process import ServerProcess

MIB = 1 << 20
RECORDS = 150_000
FLAGS = ("--body-bytes-max", str(64 * MIB), "--deployments-max", "100")


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that takes bodies of 64 MiB."""
    data = tmp_path_factory.mktemp("arriving") / "data"
    with ServerProcess(data, *FLAGS) as running:
        yield running
        assert running.stop() == 0, running.errors()
        assert "Traceback" not in running.errors(), running.errors()


@pytest.fixture
def client(roomy: ServerProcess) -> Iterator[httpx.Client]:
    with roomy.client(roomy.token()) as client:
        yield client


class Place:
    """A table and a source into it."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.deployment_id = create_deployment(client)
        self.table = create_table(client, self.deployment_id)
        self.source_id = create_source(client, self.deployment_id, self.table)

    def count(self) -> int:
        counted: int = ask_pql(self.client, self.deployment_id, f"[{self.table}]Count(All())")[0]
        return counted


@pytest.fixture
def place(client: httpx.Client) -> Place:
    return Place(client)


def record_of(number: int, padding: str = "") -> bytes:
    value = {"id": number, "amount": "1.25", "species": f"s{number % 9}", "other": padding}
    return json.dumps({"value": value}).encode()


def body_of(records: Iterable[bytes]) -> bytes:
    return b'{"records":[' + b",".join(records) + b"]}"


def head_of(place: Place, *headers: str) -> bytes:
    authorization = place.client.headers["authorization"]
    lines = [
        f"POST /v1/sinks/{place.source_id} HTTP/1.1",
        "Host: here",
        f"Authorization: {authorization}",
        "Transfer-Encoding: chunked",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def connect(server: ServerProcess) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def chunked(body: bytes, size: int = 60_000) -> Iterator[bytes]:
    for at in range(0, len(body), size):
        chunk = body[at : at + size]
        yield b"%x\r\n%b\r\n" % (len(chunk), chunk)


def memory_bytes(server: ServerProcess, line: str) -> int:
    for each in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if each.startswith(line):
            return int(each.split()[1]) * 1_024
    raise AssertionError(f"the kernel tells no {line}")


def test_memory_holds_columns_and_never_the_body(
    roomy: ServerProcess, client: httpx.Client, place: Place
) -> None:
    """Of 50 MiB most is ignored, and so takes no place."""
    padding = "x" * 400
    body = body_of(record_of(number, padding) for number in range(120_000))
    assert len(body) > 50 * MIB
    small = body_of(record_of(number, padding) for number in range(10_000))
    client.post(f"/v1/sinks/{place.source_id}", content=iter([small])).raise_for_status()
    before = memory_bytes(roomy, "VmHWM:")
    parts = (body[at : at + 100_000] for at in range(0, len(body), 100_000))
    answer = client.post(f"/v1/sinks/{place.source_id}", content=parts)
    assert answer.status_code == 200, answer.text
    assert answer.json()["success_count"] == 120_000
    assert memory_bytes(roomy, "VmHWM:") - before < len(body)
    assert place.count() == 120_000


def test_records_are_told_in_order_over_all_parts(client: httpx.Client, place: Place) -> None:
    records = [record_of(number) for number in range(RECORDS)]
    bad = [0, 1, 9_999, 77_777, RECORDS - 1]
    for number in bad:
        records[number] = b'{"value":{"id":%d,"amount":"?"}}' % number
    body = body_of(records)
    for content_type, content in (
        ("application/json", body),
        ("application/x-ndjson", b"\n".join(r[len(b'{"value": ') - 1 : -1] for r in records)),
    ):
        answer = client.post(
            f"/v1/sinks/{place.source_id}",
            content=(content[at : at + 65_537] for at in range(0, len(content), 65_537)),
            headers={"Content-Type": content_type},
        )
        assert answer.status_code == 200, answer.text
        outcome = answer.json()
        found = [n for n, each in enumerate(outcome["records"]) if each["status"] == "error"]
        assert found == bad
        assert outcome["success_count"] == RECORDS - len(bad)
    assert place.count() == RECORDS - len(bad)


def test_a_body_that_is_cut_off_applies_nothing(roomy: ServerProcess, place: Place) -> None:
    body = body_of(record_of(number) for number in range(RECORDS))
    with connect(roomy) as connection:
        connection.sendall(head_of(place))
        for chunk in chunked(body[: len(body) - 2]):
            connection.sendall(chunk)
    # The connection is closed without the last chunk; a whole request comes after it.
    with connect(roomy) as connection:
        connection.sendall(head_of(place, "Connection: close"))
        for chunk in chunked(body_of([record_of(RECORDS)])):
            connection.sendall(chunk)
        connection.sendall(b"0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert place.count() == 1


@pytest.mark.parametrize("end", [b"", b"]", b"]}x", b',{"value":', b',{"value":{}}}', b",]}"])
def test_a_body_that_ends_wrongly_applies_nothing(
    client: httpx.Client, place: Place, end: bytes
) -> None:
    body = body_of(record_of(number) for number in range(40_000)).removesuffix(b"]}") + end
    assert len(body) > 2 * MIB
    answer = client.post(f"/v1/sinks/{place.source_id}", content=iter([body]))
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "InvalidBody"
    assert place.count() == 0


def test_who_may_not_send_is_told_before_the_end(roomy: ServerProcess, place: Place) -> None:
    """The refusal is there while most of the body is not."""
    place.client.post(f"/v1/sinks/{place.source_id}/pause").raise_for_status()
    body = body_of(record_of(number) for number in range(40_000))
    with connect(roomy) as connection:
        connection.sendall(head_of(place))
        for chunk in chunked(body[: 3 * MIB // 2]):
            connection.sendall(chunk)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 409 ")


def test_a_repeated_key_applies_nothing(client: httpx.Client, place: Place) -> None:
    body = body_of(record_of(number) for number in range(30_000))

    def send(content: bytes) -> httpx.Response:
        headers = {"Idempotency-Key": "once"}
        path = f"/v1/sinks/{place.source_id}"
        return client.post(path, content=iter([content]), headers=headers)

    first = send(body)
    again = send(body.replace(b'"id": 2', b'"id": 9'))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert place.count() == 30_000


def test_a_body_unfolds_no_further_than_allowed(client: httpx.Client, place: Place) -> None:
    import gzip

    packed = gzip.compress(b'{"records":[' + b'{"value":{"id":1}},' * 4_000_000 + b"]}", 1)
    answer = client.post(
        f"/v1/sinks/{place.source_id}", content=packed, headers={"Content-Encoding": "gzip"}
    )
    assert answer.status_code == 413, answer.text
    assert place.count() == 0


def outcome_of(answer: Any) -> tuple[int, int]:
    return answer.json()["success_count"], answer.json()["error_count"]


def test_a_record_longer_than_any_part(client: httpx.Client, place: Place) -> None:
    records = [record_of(1), record_of(2, "y" * (5 * MIB)), record_of(3)]
    answer = client.post(f"/v1/sinks/{place.source_id}", content=iter([body_of(records)]))
    assert answer.status_code == 200, answer.text
    assert outcome_of(answer) == (3, 0)
    assert place.count() == 3
