"""A server that speaks PostgreSQL's protocol too, over TLS, and a deployment of pets on it."""

import datetime as dt
import ipaddress
import os
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from api_client import wait_for_status
from server_process import EMAIL, PASSWORD, ServerProcess

DATABASE = "zoo"

PETS = (
    """create table pets (_id id, name string, age int, weight decimal(2), tags stringset,
    owners idset, born timestamp timeunit 'ms', tame bool, spot vector(2)) comment 'all of them'""",
    """insert into pets values
    (1, 'Rex', 3, 30.5, ['a', 'b c'], [7, 8], '2020-02-29T12:30:00.25Z', true, [1, 0.5]),
    (2, 'Mia, "x"', -12, -0.05, null, null, null, false, null),
    (3, null, null, null, ['q"\\'], null, '1999-12-31T23:59:59Z', null, null)""",
    "create view grown as select name, age, weight from pets where age > 2",
    "create table keyed (_id string, n int)",
    "insert into keyed values ('one', 1), ('two', 2)",
)


class Place(NamedTuple):
    """Where the protocol is spoken, and the API of the same server."""

    port: int
    certificate: Path
    api: httpx.Client

    def dsn(self, *, password: str = PASSWORD, **other: str) -> str:
        given = {
            "host": "127.0.0.1", "port": str(self.port), "user": EMAIL, "dbname": DATABASE,
            "password": password, "sslmode": "disable", "connect_timeout": "20", **other,
        }  # fmt: skip
        return " ".join(f"{name}='{value}'" for name, value in given.items())


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("pgwire")
    cert, key = directory / "cert.pem", directory / "key.pem"
    make_certificate(cert, key)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = ("--pg-port", str(port), "--tls-cert", str(cert), "--tls-key", str(key))
    flags += ("--query-timeout-s", "20", "--answer-bytes-max", "4000000")
    with ServerProcess(directory / "data", *flags) as server:
        trusting = ssl.create_default_context(cafile=str(cert))
        with httpx.Client(base_url=server.url, verify=trusting, timeout=60) as api:
            answer = api.post("/", json={"USERNAME": EMAIL, "PASSWORD": PASSWORD})
            api.headers["Authorization"] = answer.json()["AuthenticationResult"]["IdToken"]
            body = {"name": DATABASE, "deployment_options": {"shape": "8GB"}}
            id_ = api.post("/v1/deployments", json=body).json()["id"]
            wait_for_status(api, f"/v1/deployments/{id_}", "RUNNING")
            for statement in PETS:
                answer = api.post(f"/databases/{id_}/sql", content=statement)
                assert "error" not in answer.json(), answer.text
            yield Place(port, cert, api)
        assert server.stop() == 0
        assert "Traceback" not in server.errors(), server.errors()


@pytest.fixture
def psql(place: Place) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run psql with these arguments."""

    def run(*arguments: str, **other: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["psql", "-X", "-A", "-t", place.dsn(**other), *arguments],
            env={**os.environ, "PGCLIENTENCODING": "UTF8"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def make_certificate(certificate: Path, key: Path) -> None:
    """Write a certificate for this machine that nobody else has signed, and its key."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pets")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    secret = serialization.NoEncryption()
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, form, secret))
