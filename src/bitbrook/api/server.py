"""The application on a socket: from listening until the last answer is out.

A signal stops it: nothing more is accepted, what is under way is finished within a bound, and the
caller goes on (to close the service) instead of dying of the signal.
"""

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from litestar.types import ASGIApp

from bitbrook.errors import AlreadyRunning

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
    when_ready: Callable[[], None],
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way; a second one hurries."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(drain_timeout_s)),
    )
    _Server(config, when_ready).run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that tells when it listens and survives the signal that stops it."""

    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._when_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {each: signal.signal(each, self.handle_exit) for each in signals}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
