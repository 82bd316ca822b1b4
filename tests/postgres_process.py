"""A PostgreSQL server of the tests' own, reached through a socket in a temporary directory.

Or, where some are on another machine, at an address.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import pytest
import sqlalchemy as sa

SERVER_USER = "postgres"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0


def find_binary(name: str) -> Path | None:
    """A PostgreSQL binary, on the path or where Debian puts it."""
    found = shutil.which(name)
    if found is not None:
        return Path(found)
    return max(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), default=None)


class PostgresProcess:
    """A running server; a context manager that ends it and removes what it has stored.

    `address`: where it takes connections, and from whom; by default through its socket alone.
    """

    def __init__(self, address: str = "") -> None:
        pytest.importorskip("psycopg", reason="needs the psycopg driver")
        initdb, postgres = find_binary("initdb"), find_binary("postgres")
        if initdb is None or postgres is None:
            pytest.skip("needs PostgreSQL's initdb and postgres")
        self._postgres = postgres
        self._as_user: dict[str, int] = {}
        # The path of a socket must be short, which those of pytest's directories are not.
        self._home = tempfile.TemporaryDirectory(prefix="pg-")
        self.directory = self._home.name
        if os.geteuid() == 0:
            entry = pwd.getpwnam(SERVER_USER)
            self._as_user = {"user": entry.pw_uid, "group": entry.pw_gid}
            os.chown(self.directory, entry.pw_uid, entry.pw_gid)
        data = f"{self.directory}/data"
        base = [str(initdb), "-D", data, "-U", SERVER_USER, "-A", "trust", "--no-sync"]
        subprocess.run(base, check=True, capture_output=True, cwd=self.directory, **self._as_user)
        self._flags = ["-k", self.directory, "-c", f"listen_addresses={address}"]
        place = f"host={self.directory}"
        if address:
            port = free_port(address)
            self._flags += ["-p", str(port)]
            place = f"host={address}&port={port}"
            with Path(data, "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {address}/24 trust\n")
        self.url = f"postgresql+psycopg://{SERVER_USER}@/postgres?{place}"
        self.start()

    def start(self) -> None:
        """Start it, anew or for the first time; return when it takes connections."""
        log = Path(self.directory) / "log"
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [str(self._postgres), "-D", f"{self.directory}/data", *self._flags],
                stderr=errors,
                cwd=self.directory,
                **self._as_user,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while b"ready to accept connections" not in log.read_bytes():
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it, without waiting for those who are connected."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(STOP_TIMEOUT_S)

    def create_database(self) -> str:
        """Return the URL of a new database."""
        name = f"db{os.urandom(4).hex()}"
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return self.url.replace("/postgres?", f"/{name}?")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process.poll() is None:
            # At once: what it has stored is removed with it.
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(STOP_TIMEOUT_S)
        self._home.cleanup()


def free_port(address: str) -> int:
    """A port of an address that nobody has."""
    with socket.socket() as free:
        free.bind((address, 0))
        port: int = free.getsockname()[1]
    return port
