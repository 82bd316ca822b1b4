"""What the connections of a server share: threads, the service, and who can be cancelled."""

import asyncio
import secrets
import ssl
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.control.service import Service
from bitbrook.errors import BitbrookError
from bitbrook.pgwire.commands import SessionSettings
from bitbrook.pgwire.problems import ProtocolFault
from bitbrook.pgwire.sign_in import SignIn, find_deployment
from bitbrook.pgwire.statements import Place, Statements
from bitbrook.telemetry.acts import Act, acting
from bitbrook.telemetry.requests import request_id_from

T = TypeVar("T")

CONNECTIONS_MAX = 200
THREADS = 8


class Cancellable(Protocol):
    """A connection whose statement can be cancelled."""

    def cancel(self) -> None:
        """Have the statement that runs end."""


class Host:
    """The side of a server that its connections see."""

    def __init__(self, service: Service, tls: ssl.SSLContext | None) -> None:
        self.tls = tls
        self.start_timeout_s = service.settings.request_timeout_s
        self.message_bytes_max = service.settings.body_bytes_max
        self._service = service
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="pg")
        self._connections: dict[int, tuple[int, Cancellable]] = {}
        self._next_key = 1

    def add(self, connection: Cancellable) -> int:
        """Return the number of a connection more, by which it can be cancelled.

        Raises:
            ProtocolFault: there are as many as may be.
        """
        if len(self._connections) >= CONNECTIONS_MAX:
            raise ProtocolFault(f"there are {CONNECTIONS_MAX} connections already", "53300")
        key, self._next_key = self._next_key, self._next_key % 2_000_000_000 + 1
        self._connections[key] = (secrets.randbits(32), connection)
        return key

    def secret_of(self, key: int) -> int:
        """Return what has to be known to cancel a connection's statement."""
        return self._connections[key][0]

    def remove(self, key: int) -> None:
        """Forget a connection."""
        self._connections.pop(key, None)

    def cancel(self, body: bytes) -> None:
        """Cancel the statement of the connection that a request names with its secret."""
        if len(body) != 8:
            return
        key, secret = struct.unpack("!iI", body)
        known, connection = self._connections.get(key, (None, None))
        if connection is not None and known == secret:
            connection.cancel()

    def let_in(
        self, user: str, password: str, database: str, address: str, settings: SessionSettings
    ) -> tuple[SignIn, Statements]:
        """Return who connects, and what they may ask; noted in the audit log.

        Raises:
            NotAuthenticated: the credentials are not good.
            ProtocolFault: there is no such database.
        """
        act = Act(
            request_id_from(None),
            SYSTEM_CLOCK.now_s(),
            "CONNECT",
            f"/{database}"[:500],
            address,
            action="connect_postgres",
        )
        status = 200
        try:
            with acting(act):
                sign_in = SignIn(self._service, user, password)
                row = find_deployment(self._service.registry, sign_in.caller(), database)
        except BitbrookError as error:
            status = error.status
            raise
        finally:
            self._service.audit.finish(act, status)
        place = Place(row.id, row.name, user)
        return sign_in, Statements(self._service, place, settings)

    async def blocking(self, call: Callable[[], T]) -> T:
        """Return what a call gives that runs on one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def close(self) -> None:
        """Cancel what runs, and wait for the threads."""
        for _, connection in list(self._connections.values()):
            connection.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)
