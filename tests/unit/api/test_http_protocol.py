"""Whose fault it is that a request could not be read: the answer says so.

A real server on a socket gets a sound request whose body it cannot hold, and one that is unsound.
"""

import asyncio
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from bitbrook.api.http_protocol import BoundedProtocol

SOUND = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 3\r\n\r\nabc"


class OutOfMemory(BoundedProtocol):
    """A protocol that has no room for bodies."""

    def on_body(self, body: bytes) -> None:
        raise MemoryError


async def _app(scope: Any, receive: Any, send: Any) -> None:
    await receive()


async def _answer(protocol: type[BoundedProtocol], request: bytes) -> bytes:
    """Return all that a server answers to these bytes before it closes the connection."""
    config = uvicorn.Config(_app, http=protocol, lifespan="off", log_level="critical")
    config.load()

    def connect() -> BoundedProtocol:
        return protocol(config, ServerState(), {})

    server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    return answer


@pytest.mark.parametrize(
    ("protocol", "request_", "status"),
    [
        (OutOfMemory, SOUND, b"503"),
        (BoundedProtocol, b"POST / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
    ],
    ids=["the server's", "the client's"],
)
def test_whose_fault_it_is(protocol: type[BoundedProtocol], request_: bytes, status: bytes) -> None:
    answer = asyncio.run(_answer(protocol, request_))
    assert answer.startswith(b"HTTP/1.1 " + status), answer
    assert answer.count(b"HTTP/1.1") == 1
    assert b"connection: close" in answer
