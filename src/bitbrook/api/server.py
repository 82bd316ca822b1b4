"""The application on a socket: from listening until the last answer is out.

A signal stops it: nothing more is accepted, what is under way is finished within a bound, and the
caller goes on (to close the service) instead of dying of the signal.
"""

import asyncio
import contextlib
import signal
import socket
import ssl
from collections.abc import Callable, Iterator

import uvicorn
from litestar.types import ASGIApp

from bitbrook.api.http_protocol import bounded_protocol
from bitbrook.api.interpreter import settle, unsettle
from bitbrook.errors import AlreadyRunning, InvalidValue
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

BACKLOG = 2_048
KEEP_ALIVE_S = 75
"""Seconds that an idle connection is kept: longer than clients and proxies keep theirs."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address; nobody is accepted before `serve_until_stopped`.

    Raises:
        AlreadyRunning: another process listens there, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise AlreadyRunning(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another --host or --port"
        ) from None
    return listener


def serve_until_stopped(
    app: ASGIApp,
    listener: socket.socket,
    *,
    drain_timeout_s: float,
    head_timeout_s: float,
    certificate: str | None = None,
    key: str | None = None,
    trusted_proxies: str | None = None,
    when_ready: Callable[[], None],
    when_stopping: Callable[[], None] = lambda: None,
    when_hung_up: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way; a second one hurries.

    With a `certificate` (and its `key`, if that is in a file of its own) TLS is spoken, 1.2 or
    later. SIGHUP reads them again and calls `when_hung_up`. What proxies say of whom they speak for
    is believed of `trusted_proxies` (addresses, parted by commas) alone.

    Raises:
        InvalidValue: they cannot be used.
    """
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=bounded_protocol(head_timeout_s),
        ssl_certfile=certificate,
        ssl_keyfile=key,
        ws="none",
        lifespan="on",
        access_log=False,
        proxy_headers=trusted_proxies is not None,
        forwarded_allow_ips=trusted_proxies,
        log_config=None,
        log_level="warning",
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(drain_timeout_s)),
    )
    try:
        config.load()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidValue(
            f"tls_cert {certificate!r} with tls_key {key!r} cannot be used ({reason}); "
            "give PEM files of a certificate and its key",
            field="tls_cert",
        ) from None
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    _Server(config, when_ready, when_stopping, when_hung_up).run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that tells when it listens and survives the signal that stops it."""

    def __init__(
        self,
        config: uvicorn.Config,
        when_ready: Callable[[], None],
        when_stopping: Callable[[], None],
        when_hung_up: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._when_ready = when_ready
        self._when_stopping = when_stopping
        self._when_hung_up = when_hung_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            settle()
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGHUP, self._hang_up, loop)
            self._when_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._when_stopping()
        await super().shutdown(sockets)
        unsettle()

    def _hang_up(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.config.ssl is not None and self.config.ssl_certfile:
            try:
                self.config.ssl.load_cert_chain(self.config.ssl_certfile, self.config.ssl_keyfile)
            except OSError as error:
                LOGGER.warning("certificate not taken over", reason=error.strerror)
        loop.run_in_executor(None, self._when_hung_up)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {each: signal.signal(each, self.handle_exit) for each in signals}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
