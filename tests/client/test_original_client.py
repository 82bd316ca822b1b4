"""FeatureBase's own Python client runs its statements on this server, unchanged.

Only host, port and key are given to it. With a key it insists on https, so the server speaks TLS
with a certificate of the test's own; the paths are the client's: with a database and without.
"""

import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import featurebase
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from api_client import create_deployment
from server_process import ServerProcess


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that vouches for itself, and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = directory / "certificate.pem", directory / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


class Secure:
    """A server that speaks TLS, one deployment of it and a key."""

    def __init__(self, server: ServerProcess, certificate: Path) -> None:
        self.server = server
        self.certificate = certificate
        self.hostport = server.url.removeprefix("https://")
        with server.client(verify=ssl.create_default_context(cafile=certificate)) as client:
            body = {"USERNAME": "admin@example.org", "PASSWORD": "a password for tests"}
            tokens = client.post("/", json=body).json()["AuthenticationResult"]
            client.headers["Authorization"] = tokens["IdToken"]
            self.deployment_id = create_deployment(client)
            made = client.post(
                "/v1/api-keys", json={"name": "original", "scopes": ["query", "ingest", "admin"]}
            )
            assert made.status_code == 201, made.text
            self.key = made.json()["key"]

    def client(self, *, database: bool = True) -> "featurebase.client":
        """The client, as its readme makes one."""
        return featurebase.client(
            hostport=self.hostport,
            database=self.deployment_id if database else None,
            apikey=self.key,
            cafile=str(self.certificate),
        )


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    directory = tmp_path_factory.mktemp("tls")
    certificate, key = make_certificate(directory)
    flags = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with ServerProcess(directory / "data", *flags) as running:
        assert running.url.startswith("https://")
        yield Secure(running, certificate)
        assert running.stop() == 0, running.errors()
        assert "Traceback" not in running.errors(), running.errors()


def test_statements(secure: Secure) -> None:
    client = secure.client()
    for statement in ("drop table if exists demo", "create table demo (_id id, i1 int, s1 string)"):
        result = client.query(statement)
        assert result.sql == statement
    inserted = client.query("insert into demo (_id, i1, s1) values (1, 10, 'a'), (2, -20, 'b')")
    assert inserted.execution_time >= 0
    selected = client.query("select _id, i1, s1 from demo order by _id")
    assert selected.data == [[1, 10, "a"], [2, -20, "b"]]
    assert [(each["name"], each["type"]) for each in selected.schema["fields"]] == [
        ("_id", "id"),
        ("i1", "int"),
        ("s1", "string"),
    ]
    assert selected.warnings is None
    assert isinstance(selected.execution_time, int)
    client.query("drop table demo")


def test_batches(secure: Secure) -> None:
    client = secure.client()
    client.querybatch(["drop table if exists batch", "create table batch (_id id, n int)"])
    inserts = [f"insert into batch values ({number}, {number * 2})" for number in range(40)]
    assert len(client.querybatch(inserts, asynchronous=True)) == 40
    counts = client.querybatch(
        ["select count(*) from batch", "select sum(n) from batch"], asynchronous=False
    )
    assert [each.data for each in counts] == [[[40]], [[sum(range(0, 80, 2))]]]
    client.query("drop table batch")


def test_failures_are_raised(secure: Secure) -> None:
    client = secure.client()
    with pytest.raises(RuntimeError, match="'nothing' not found"):
        client.query("select * from nothing")
    with pytest.raises(ExceptionGroup) as group:
        client.querybatch(["select 1", "selec 2", "select * from nothing"], asynchronous=True)
    assert [type(each) for each in group.value.exceptions] == [RuntimeError, RuntimeError]


def test_without_a_database(secure: Secure) -> None:
    """`/sql` means the one deployment that there is."""
    assert secure.client(database=False).query("select 1").data == [[1]]


def test_a_wrong_key(secure: Secure) -> None:
    client = featurebase.client(
        hostport=secure.hostport,
        database=secure.deployment_id,
        apikey="wrong",
        cafile=str(secure.certificate),
    )
    with pytest.raises(OSError, match="401"):
        client.query("select 1")


def test_a_certificate_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    missing = tmp_path / "none.pem"
    with pytest.raises(AssertionError, match=r"tls_cert .*none\.pem.* cannot be used"):
        ServerProcess(tmp_path / "data", "--tls-cert", str(missing))


def test_plain_http_is_not_answered(secure: Secure) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://{secure.hostport}/readyz", timeout=30)
