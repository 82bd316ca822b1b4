"""The edge holds: headers against misuse, origins, TLS, and requests that are meant to be misread.

Reads the headers of every kind of answer, sends preflights of listed and other origins, speaks TLS
of several versions to a server with a certificate made here, and writes to the socket what proxies
and servers are known to read differently.
"""

import datetime as dt
import ipaddress
import os
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from server_process import ServerProcess

ALLOWED = "https://app.example.org"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/deployments", 200),
        ("GET", "/v1/nothing", 404),
        ("PUT", "/v1/deployments", 405),
        ("POST", "/v1/sinks/none", 404),
        ("POST", "/sql", 409),
        ("GET", "/healthz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/", 200),
    ],
)
def test_every_answer_carries_the_headers(
    tmp_path: Path, api: httpx.Client, method: str, path: str, status: int
) -> None:
    answer = api.request(method, path)
    assert answer.status_code in {status, 200, 400}, answer.text
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-eval" not in headers["content-security-policy"]
    assert headers.get_list("x-content-type-options") == ["nosniff"]
    assert "strict-transport-security" not in headers
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers
    if path not in {"/"}:
        assert headers["cache-control"] == "no-store"


def test_scripts_of_the_pages_are_named_by_their_policies(api: httpx.Client) -> None:
    for path in ("/docs", "/"):
        policy = api.get(path).headers["content-security-policy"]
        scripts = [part for part in policy.split(";") if "script-src" in part]
        assert all("unsafe-inline" not in part for part in scripts)
        assert "*" not in policy


def test_other_origins_are_not_let_in(api: httpx.Client) -> None:
    headers = {"Origin": ALLOWED, "Access-Control-Request-Method": "POST"}
    for answer in (
        api.options("/v1/deployments", headers=headers),
        api.get("/v1/deployments", headers=headers),
    ):
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_listed_origins_are_let_in(tmp_path: Path) -> None:
    flags = ("--cors-origins", f"{ALLOWED}, http://localhost:3000")
    with (
        ServerProcess(tmp_path / "data", *flags) as server,
        server.client(server.token()) as client,
    ):
        asked = {
            "Origin": ALLOWED,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        for path in ("/v1/deployments", "/v1/sinks/x", "/sql", "/nothing"):
            answer = httpx.options(server.url + path, headers=asked)
            assert answer.status_code == 204
            assert answer.headers["access-control-allow-origin"] == ALLOWED
            assert "authorization" in answer.headers["access-control-allow-headers"]
            assert "access-control-allow-credentials" not in answer.headers
        for path in ("/v1/deployments", "/v1/nothing"):
            answer = client.get(path, headers={"Origin": ALLOWED})
            assert answer.headers["access-control-allow-origin"] == ALLOWED
            assert "x-request-id" in answer.headers["access-control-expose-headers"]
        for origin in (
            "https://app.example.org.evil.net",
            "http://app.example.org",
            "null",
            "https://app.example.org:444",
        ):
            answer = client.get("/v1/deployments", headers={"Origin": origin})
            assert "access-control-allow-origin" not in answer.headers, origin
            assert "origin" in answer.headers["vary"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine that nobody else has signed, and its key."""
    place = tmp_path_factory.mktemp("certificate")
    make_certificate(place / "cert.pem", place / "key.pem", "first")
    return place / "cert.pem", place / "key.pem"


def make_certificate(certificate: Path, key: Path, name: str) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def test_tls(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    flags = ("--tls-cert", str(cert), "--tls-key", str(key))
    with ServerProcess(tmp_path / "data", *flags) as server:
        assert server.url.startswith("https://")
        trusting = ssl.create_default_context(cafile=str(cert))
        answer = httpx.get(f"{server.url}/healthz", verify=trusting)
        assert answer.status_code == 200
        assert "max-age=" in answer.headers["strict-transport-security"]
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/healthz")
        host, port = place_of(server)
        versions = {
            "1.1": (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1),
            "1.2": (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2),
            "1.3": (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3),
        }
        spoken = {name: speaks(host, port, *limits) for name, limits in versions.items()}
        assert spoken == {"1.1": False, "1.2": True, "1.3": True}
        # Plain HTTP to the same port is no request.
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://{host}:{port}/healthz")
        # A renewed certificate is taken over without a stop.
        make_certificate(cert, key, "second")
        server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while "second" not in served_name(host, port):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_certificate_that_cannot_be_used_is_told(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    with pytest.raises(AssertionError, match="tls_cert"):
        ServerProcess(tmp_path / "data", "--tls-cert", str(tmp_path / "none.pem"))


def speaks(host: str, port: int, lowest: ssl.TLSVersion, highest: ssl.TLSVersion) -> bool:
    """Whether a server speaks one of these versions."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options &= ~(ssl.OP_NO_TLSv1_1 | ssl.OP_NO_TLSv1)
    try:
        with_warnings_ignored(context, lowest, highest)
        with (
            socket.create_connection((host, port), timeout=10) as plain,
            context.wrap_socket(plain) as secure,
        ):
            return secure.version() is not None
    except ssl.SSLError:
        return False


def with_warnings_ignored(
    context: ssl.SSLContext, lowest: ssl.TLSVersion, highest: ssl.TLSVersion
) -> None:
    import warnings

    with warnings.catch_warnings():
        # That this version is old is the point.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = lowest
        context.maximum_version = highest


def served_name(host: str, port: int) -> str:
    """The name in the certificate that a server shows."""
    pem = ssl.get_server_certificate((host, port))
    return x509.load_pem_x509_certificate(pem.encode()).subject.rfc4514_string()


def place_of(server: ServerProcess) -> tuple[str, int]:
    parts = urlsplit(server.url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


@pytest.fixture
def wire(server: ServerProcess) -> Iterator[socket.socket]:
    """A connection to write anything to."""
    with socket.create_connection(place_of(server), timeout=20) as connection:
        yield connection


SMUGGLED = b"GET /v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

AMBIGUOUS = {
    "length and chunked": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\n" + SMUGGLED
    ),
    "two lengths": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n" + SMUGGLED
    ),
    "a list of lengths": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 40\r\n\r\n" + SMUGGLED
    ),
    "a signed length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n" + SMUGGLED,
    "a negative length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" + SMUGGLED,
    "a folded header": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n\r\n"
        + SMUGGLED
    ),
    "a chunked that is not": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n" + SMUGGLED
    ),
    "chunked, but not last": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n" + SMUGGLED
    ),
    "a space before the colon": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 0\r\n\r\n" + SMUGGLED
    ),
    "a bare line feed": b"POST / HTTP/1.1\nHost: x\nContent-Length: 0\n\n" + SMUGGLED,
    "a bare carriage return": (
        b"POST / HTTP/1.1\r\nHost: x\rContent-Length: 40\r\n\r\n" + SMUGGLED
    ),
    "a chunk length that is none": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"
        + SMUGGLED
    ),
    "a chunk length beyond all bounds": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n" + SMUGGLED
    ),
    "a null in a header": b"POST / HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n" + SMUGGLED,
}


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_requests_that_can_be_read_in_two_ways_end_the_connection(
    wire: socket.socket, what: str
) -> None:
    wire.sendall(AMBIGUOUS[what])
    answers = read_all(wire)
    # One refusal and an end: the second request was not answered.
    statuses = [line.split()[1] for line in answers.split(b"\r\n") if line.startswith(b"HTTP/1.")]
    assert statuses == [b"400"], (what, answers)
    assert b"smuggled" not in answers


def test_one_request_after_another_is_fine(wire: socket.socket) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    wire.sendall(request * 2 + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert read_all(wire).count(b"HTTP/1.1 200") == 3


def test_headers_without_end_are_given_up(wire: socket.socket) -> None:
    wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ")
    answer = b""
    sent_bytes = 0
    try:
        while sent_bytes < 4 << 20:
            wire.sendall(b"a" * 16_384)
            sent_bytes += 16_384
    except OSError:
        pass
    answer = read_all(wire)
    assert sent_bytes < 4 << 20
    assert answer == b"" or b"431" in answer.partition(b"\r\n")[0]


def test_many_headers_and_long_lines(server: ServerProcess) -> None:
    for head in (
        b"".join(b"X-%d: %s\r\n" % (n, b"v" * 100) for n in range(5_000)),
        b"Cookie: " + b"c" * 500_000 + b"\r\n",
    ):
        with socket.create_connection(place_of(server), timeout=20) as wire:
            try:
                wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
            except OSError:
                continue
            answer = read_all(wire)
            assert answer == b"" or b" 431 " in answer.partition(b"\r\n")[0], answer[:200]
    assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_what_a_proxy_says_is_not_believed(server: ServerProcess, api: httpx.Client) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    answer = api.get("/v1/deployments/none", headers=forged)
    assert "strict-transport-security" not in answer.headers
    deadline = time.monotonic() + 10
    while True:
        entries = api.get("/v1/audit", params={"resource": "none"}).json()["entries"]
        if entries:
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert {each["address"] for each in entries} == {"127.0.0.1"}


def test_the_data_directory_is_its_owners(server: ServerProcess) -> None:
    assert server.data.stat().st_mode & 0o077 == 0
    assert os.access(server.data / "catalogue.db", os.R_OK)


def read_all(wire: socket.socket) -> bytes:
    """Everything until the server closes; nothing more if it resets."""
    answer = b""
    try:
        while piece := wire.recv(65_536):
            answer += piece
    except ConnectionError:
        pass
    return answer
