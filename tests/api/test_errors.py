"""Every refusal has one shape, a status that fits, and an id that finds it in the log.

Sends requests that nothing answers, methods that do not fit, bodies that cannot be, and looks for
anything of the server's inside the answers.
"""

import gzip
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from server_process import ServerProcess


def check_problem(answer: httpx.Response, status: int, code: str) -> None:
    """The answer is a refusal of the contract's shape."""
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert {"error", "message", "request_id"} == set(problem)
    assert problem["error"]["code"] == code
    assert problem["message"] == problem["error"]["message"]
    assert set(problem["error"]) <= {"code", "message", "field", "details"}
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/json"
    for leak in ("Traceback", ".py", "site-packages", "SELECT ", "sqlite", "litestar"):
        assert leak not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "NotFound"),
        ("POST", "/v1/nowhere", 404, "NotFound"),
        ("GET", "/v3/deployments", 404, "NotFound"),
        ("GET", "/v1/deployments/none", 404, "NotFound"),
        ("GET", "/v1/sinks/none", 404, "NotFound"),
        ("GET", "/v1/tables/none", 404, "NotFound"),
        ("DELETE", "/v1/sinks/none", 404, "NotFound"),
        ("PUT", "/v1/deployments", 405, "MethodNotAllowed"),
        ("PUT", "/v1/deployments/none", 405, "MethodNotAllowed"),
        ("GET", "/v1/deployments/%00", 404, "NotFound"),
        ("GET", "/v1/deployments/..%2f..%2fetc", 404, "NotFound"),
    ],
)
def test_refusals(api: httpx.Client, method: str, path: str, status: int, code: str) -> None:
    check_problem(api.request(method, path), status, code)


@pytest.mark.parametrize("path", ["/v1/deployments", "/v1/sinks", "/v1/invites", "/v1/api-keys"])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 50_000, b'{"a": ' * 50_000, b"{}"],
    ids=lambda body: repr(body[:8]),
)
def test_unreadable_bodies(api: httpx.Client, path: str, body: bytes) -> None:
    check_problem(api.post(path, content=body), 400, "InvalidBody")


def test_control_bodies_are_bounded_and_may_be_packed(api: httpx.Client) -> None:
    long = b'{"name": "' + b"x" * (3 << 20) + b'"}'
    check_problem(api.post("/v1/deployments", content=long), 413, "LimitExceeded")
    headers = {"Content-Encoding": "gzip"}
    packed = gzip.compress(long)
    check_problem(
        api.post("/v1/deployments", content=packed, headers=headers), 413, "LimitExceeded"
    )
    good = gzip.compress(b'{"name": "UPPER", "deployment_options": {"shape": "8GB"}}')
    check_problem(api.post("/v1/deployments", content=good, headers=headers), 422, "InvalidValue")


def test_request_ids(anonymous: httpx.Client) -> None:
    made = {anonymous.get("/healthz").headers["x-request-id"] for _ in range(10)}
    assert len(made) == 10
    headers = {"X-Request-Id": "from-a-proxy.1"}
    assert anonymous.get("/healthz", headers=headers).headers["x-request-id"] == "from-a-proxy.1"
    for foreign in ("x" * 100, "a b", "<script>"):
        answer = anonymous.get("/healthz", headers={"X-Request-Id": foreign})
        assert answer.headers["x-request-id"] != foreign


def test_clients_that_leave_in_the_middle(server: ServerProcess, api: httpx.Client) -> None:
    address = urlsplit(server.url)
    beginnings = [
        b"POST /v1/deployments HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"POST /v1/sinks/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"POST /sql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsel",
        b"GET /v1/depl",
        b"\x16\x03\x01\x02\x00",
    ]
    for beginning in beginnings:
        with socket.create_connection((address.hostname, address.port)) as client:
            client.sendall(beginning)
    assert api.get("/healthz").status_code == 200
