"""A client that dawdles is answered and let go; one that is merely far away is served.

Trickles headers and bodies byte by byte over real sockets into a server of little patience, says
nothing at all, and sends headers without end.
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from api_client import ask_pql, create_deployment, create_source, create_table
from server_process import ServerProcess

PATIENCE_S = 1.0


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that waits a second."""
    data = tmp_path_factory.mktemp("hasty") / "data"
    with ServerProcess(data, "--request-timeout-s", str(PATIENCE_S)) as running:
        yield running
        assert running.stop() == 0, running.errors()
        assert "Traceback" not in running.errors(), running.errors()


@pytest.fixture
def client(hasty: ServerProcess) -> Iterator[httpx.Client]:
    with hasty.client(hasty.token()) as client:
        yield client


@pytest.fixture
def connection(hasty: ServerProcess) -> Iterator[socket.socket]:
    host, port = hasty.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        yield connection


def trickle(connection: socket.socket, text: bytes, pause_s: float) -> None:
    """Send byte by byte from a thread of its own, until all is sent or nobody listens."""

    def run() -> None:
        with contextlib.suppress(OSError):
            for at in range(len(text)):
                connection.sendall(text[at : at + 1])
                time.sleep(pause_s)

    threading.Thread(target=run, daemon=True).start()


def read_all(connection: socket.socket) -> bytes:
    """Everything until the server closes; it must."""
    with contextlib.suppress(ConnectionResetError):
        return b"".join(iter(lambda: connection.recv(65_536), b""))
    return b"reset"


def head_of(client: httpx.Client, source_id: str, *headers: str) -> bytes:
    lines = [f"POST /v1/sinks/{source_id} HTTP/1.1", "Host: here", *headers]
    lines += [f"Authorization: {client.headers['authorization']}"]
    return "\r\n".join([*lines, "", ""]).encode()


def test_headers_that_trickle(hasty: ServerProcess, connection: socket.socket) -> None:
    trickle(connection, b"GET /healthz HTTP/1.1\r\n" + b"X-Slow: slow\r\n" * 1_000, 0.01)
    answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 408 "), answer
    assert b"headers did not come within 1 s" in answer


def test_second_requests_have_no_more_time(connection: socket.socket) -> None:
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
    assert connection.recv(65_536).startswith(b"HTTP/1.1 ")
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
    answer = read_all(connection)
    assert b"HTTP/1.1 408 " in answer, answer


def test_a_connection_without_a_request_is_closed(connection: socket.socket) -> None:
    assert read_all(connection) == b""


def test_headers_without_end(connection: socket.socket) -> None:
    connection.sendall(b"GET /healthz HTTP/1.1\r\n")
    with contextlib.suppress(OSError):
        for number in range(2_000):
            connection.sendall(b"X-%d: %b\r\n" % (number, b"y" * 100))
    answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 431 ") or answer == b"reset", answer


@pytest.mark.parametrize("framing", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
def test_a_body_that_trickles(
    client: httpx.Client, connection: socket.socket, framing: str
) -> None:
    deployment_id = create_deployment(client)
    table = create_table(client, deployment_id)
    source_id = create_source(client, deployment_id, table)
    connection.sendall(head_of(client, source_id, framing))
    text = b'{"records":[{"value":{"id":1}}' + b" " * 100_000
    if "chunked" in framing:
        text = b"".join(b"1\r\n%c\r\n" % octet for octet in text)
    trickle(connection, text, 0.005)
    answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 408 "), answer
    assert b"connection: close" in answer.lower()
    problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert problem["error"]["code"] == "TooSlow"
    assert "10,000 bytes a second" in problem["message"]
    assert ask_pql(client, deployment_id, f"[{table}]Count(All())") == [0]


def test_a_body_that_stops_is_refused_also_on_other_paths(
    client: httpx.Client, connection: socket.socket
) -> None:
    head = f"POST /v1/deployments HTTP/1.1\r\nAuthorization: {client.headers['authorization']}\r\n"
    connection.sendall(f"{head}Content-Length: 50\r\n\r\n{{".encode())
    assert read_all(connection).startswith(b"HTTP/1.1 408 ")


def test_a_long_body_has_time_for_its_length(
    client: httpx.Client, connection: socket.socket
) -> None:
    """Twice the patience in all, but never silent for long and fast enough."""
    deployment_id = create_deployment(client)
    table = create_table(client, deployment_id)
    source_id = create_source(client, deployment_id, table)
    values = ",".join(f'{{"value":{{"id":{number}}}}}' for number in range(10_000))
    body = f'{{"records":[{values}]}}'.encode()
    headers = (f"Content-Length: {len(body)}", "Connection: close")
    connection.sendall(head_of(client, source_id, *headers))
    step = len(body) // 20
    for at in range(0, len(body), step):
        connection.sendall(body[at : at + step])
        time.sleep(PATIENCE_S / 10)
    assert read_all(connection).startswith(b"HTTP/1.1 200 ")
    assert ask_pql(client, deployment_id, f"[{table}]Count(All())") == [10_000]
