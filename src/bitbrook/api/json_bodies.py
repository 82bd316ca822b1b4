"""What makes a body JSON whatever its Content-Type says, for every route but the hot ones.

Clients of the original send none, a wrong one, or one that no parser takes. The body is read here,
within its bound, and handed on with a Content-Type that the framework understands.
"""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from bitbrook.api.bodies import CONTROL_BODY_BYTES_MAX, BodyMemory, text_header
from bitbrook.api.workers import Workers
from bitbrook.sources.compression import decompress

_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_REPLACED = frozenset({b"content-type", b"content-length", b"content-encoding"})


class JsonBodies:
    """An application that sees only whole, plain JSON bodies."""

    def __init__(self, app: ASGIApp, memory: BodyMemory, workers: Workers) -> None:
        self._app = app
        self._memory = memory
        self._workers = workers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP or scope["method"] not in _METHODS:
            await self._app(scope, receive, send)
            return
        with self._memory.holding() as held:
            body = await held.read(scope, receive, bytes_max=CONTROL_BODY_BYTES_MAX)
            encoding = text_header(scope, b"content-encoding")
            if encoding:
                body = await self._workers.run(decompress, body, encoding, CONTROL_BODY_BYTES_MAX)
            kept = [item for item in scope["headers"] if item[0] not in _REPLACED]
            scope["headers"] = [
                *kept,
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
            ]
            await self._app(scope, _replaying(body, receive), send)


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body once and then whatever comes after it."""
    is_given = False

    async def replay() -> object:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay  # type: ignore[return-value]
