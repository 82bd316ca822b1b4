"""The outermost layer: every request gets an id, an answer whatever happens, and is counted.

What else is done at the edge, `Edge` does: the note for the audit log, headers of answers.
"""

import asyncio
import logging
from typing import Any, Protocol

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from bitbrook.api.bodies import header
from bitbrook.api.problems import JSON, note_cut, problem_of
from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.errors import Overloaded
from bitbrook.telemetry.acts import Act, acting
from bitbrook.telemetry.metrics import count_request
from bitbrook.telemetry.requests import request_id_from, serving
from bitbrook.telemetry.spans import is_tracing, record_request
from bitbrook.telemetry.steps import Trace, tracing

UNMATCHED = "unmatched"
PIECE_BYTES = 1 << 20
_GIVEN_UP = "the server stops and could not wait for this; a write may or may not have been applied"

_log = structlog.get_logger("bitbrook.api")
_standard_log = logging.getLogger("bitbrook.api")


class AnyEdge(Protocol):
    """What is done at the edge; `bitbrook.api.edge` does it."""

    def begin(self, scope: HTTPScope, request_id: str) -> Act:
        """Return the note of a request that comes in."""

    def end(self, act: Act, status: int) -> None:
        """Hand the note of a request on, whose answer is out."""

    def preflight(self, scope: HTTPScope) -> list[Message] | None:
        """Return the answer to a browser that asks whether a page may call, if it is that."""

    def headers(self, headers: list[tuple[bytes, bytes]], scope: Scope) -> Any:
        """Return what an answer with these headers gets on top."""


class Traced:
    """An application whose answers carry an `X-Request-Id`, also when it fails."""

    def __init__(self, app: ASGIApp, edge: AnyEdge) -> None:
        self._app = app
        self._edge = edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        offered = header(scope, b"x-request-id")
        request_id = request_id_from(None if offered is None else offered.decode("latin-1"))
        state_of(scope)["request_id"] = request_id
        id_header = (b"x-request-id", request_id.encode())
        started_s = SYSTEM_CLOCK.monotonic_s()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message.get("headers", ()))
                message["headers"] = [*headers, id_header, *self._edge.headers(headers, scope)]
            await send(message)

        act = self._edge.begin(scope, request_id)
        with (
            serving(request_id),
            acting(act),
            tracing(SYSTEM_CLOCK.monotonic_s, is_on=is_tracing()) as trace,
        ):
            # The last place that can still answer, so it answers whatever it is.
            try:
                for message in self._edge.preflight(scope) or ():
                    await send_with_id(message)
                if status == 0:
                    await self._app(scope, receive, send_with_id)
            except (Exception, asyncio.CancelledError) as error:
                # Only a server that has drained long enough cancels a request.
                is_given_up = isinstance(error, asyncio.CancelledError)
                if status and not is_given_up:
                    # Too late to be told: the connection is cut, so that nobody takes it for whole.
                    note_cut(error)
                elif status == 0:
                    problem = problem_of(Overloaded(_GIVEN_UP) if is_given_up else error)
                    await respond(
                        send_with_id,
                        problem.body(request_id),
                        status=problem.status,
                        headers=problem.headers,
                    )
            duration_s = SYSTEM_CLOCK.monotonic_s() - started_s
            route = str(state_of(scope).get("route") or scope.get("path_template") or UNMATCHED)
            if _is_debugging():
                _log.debug("answered", method=scope["method"], route=route, status=status)
            count_request(route, status, duration_s)
            if trace is not None and is_tracing():
                _send(trace, scope, route, status, duration_s)
        self._edge.end(act, state_of(scope).get("outcome", status))


def _send(trace: Trace, scope: HTTPScope, route: str, status: int, duration_s: float) -> None:
    parent = header(scope, b"traceparent")
    ended_s = SYSTEM_CLOCK.now_s()
    # The Unix time at which the monotonic clock was at zero.
    zero_s = ended_s - SYSTEM_CLOCK.monotonic_s()
    steps = [
        step._replace(began_s=zero_s + step.began_s, ended_s=zero_s + step.ended_s)
        for step in trace.steps
    ]
    record_request(
        scope["method"],
        route,
        status,
        ended_s=ended_s,
        duration_s=duration_s,
        request_id=state_of(scope)["request_id"],
        parent=None if parent is None else parent.decode("latin-1"),
        steps=steps,
    )


def _is_debugging() -> bool:
    # Asked of the standard logger, because structlog formats a line before it is found too slight.
    return _standard_log.isEnabledFor(logging.DEBUG)


def state_of(scope: Scope) -> dict[str, Any]:
    """Return what is kept along with one request."""
    return scope.setdefault("state", {})


async def respond(
    send: Send,
    body: bytes,
    *,
    status: int = 200,
    content_type: bytes = JSON,
    headers: dict[str, str] | None = None,
) -> None:
    """Send a whole answer; return when its client has taken all but the last piece."""
    sent = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    if headers:
        sent += [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    # The server takes a piece once the client has read those before it.
    for start in range(0, max(len(body), 1), PIECE_BYTES):
        piece = body[start : start + PIECE_BYTES]
        is_last = start + PIECE_BYTES >= len(body)
        await send({"type": "http.response.body", "body": piece, "more_body": not is_last})
