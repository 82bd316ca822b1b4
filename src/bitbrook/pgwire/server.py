"""The listener of the protocol: an event loop of its own, on a thread beside the HTTP server's."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from bitbrook.control.service import Service
from bitbrook.errors import AlreadyRunning, InvalidValue
from bitbrook.pgwire.connection import Connection
from bitbrook.pgwire.host import CONNECTIONS_MAX, Host
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

STOP_TIMEOUT_S = 10.0
WAITING_MAX = 2 * CONNECTIONS_MAX
"""Connections that are served, those included that nobody has signed in on yet."""


@contextmanager
def postgres_server(service: Service) -> Iterator[Callable[[], None]]:
    """Speak the protocol on the settings' `pg_port` meanwhile; nothing if that is 0.

    Gives what takes over a certificate that was renewed.

    Raises:
        AlreadyRunning: another process listens there.
        InvalidValue: the certificate cannot be used.
    """
    if not service.settings.pg_port:
        yield lambda: None
        return
    tls = _tls_of(service)

    def take_over_certificate() -> None:
        if tls is not None and service.settings.tls_cert is not None:
            try:
                tls.load_cert_chain(service.settings.tls_cert, service.settings.tls_key)
            except OSError as error:
                LOGGER.warning("certificate not taken over", reason=error.strerror)

    host = Host(service, tls)
    server = _Server(host, service.settings.host, service.settings.pg_port)
    server.start()
    try:
        yield take_over_certificate
    finally:
        server.stop()
        host.close()


class _Server:
    """An event loop on a thread that serves connections."""

    def __init__(self, host: Host, address: str, port: int) -> None:
        self._host = host
        self._address = address
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="postgres", daemon=True)
        self._is_listening = threading.Event()
        self._failure: OSError | None = None
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Listen; return once it does."""
        self._thread.start()
        self._is_listening.wait()
        if self._failure is not None:
            self._thread.join()
            raise AlreadyRunning(
                f"cannot listen on {self._address}:{self._port} ({self._failure.strerror}); "
                "choose another --pg-port"
            )

    def stop(self) -> None:
        """End every connection and the loop."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._is_listening.set()
            self._loop.close()

    async def _serve(self) -> None:
        try:
            server = await asyncio.start_server(self._accept, self._address, self._port)
        except OSError as error:
            self._failure = error
            return
        self._is_listening.set()
        await self._stopping.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection is served by a task"
        if len(self._tasks) >= WAITING_MAX:
            # So many that have not said who they are would hold the others up.
            writer.close()
            return
        self._tasks.add(task)
        try:
            await Connection(self._host, reader, writer).serve()
        except asyncio.CancelledError:
            # The server stops; there is nobody left to tell.
            pass
        except Exception:
            LOGGER.exception("connection failed")
        finally:
            self._tasks.discard(task)
            with suppress(ConnectionError, ssl.SSLError):
                writer.close()


def _tls_of(service: Service) -> ssl.SSLContext | None:
    settings = service.settings
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidValue(f"tls_cert cannot be used ({reason})", field="tls_cert") from None
    return context
