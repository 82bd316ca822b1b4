"""Live figures: `GET /v1/live`, server-sent events, one a second until the client goes away.

Who calls is asked again at every event, so that a stream ends when its token does; it ends too when
the server begins to stop, which would otherwise wait for it.
"""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import anyio.to_thread
import msgspec
from litestar import get
from litestar.response import Stream

from bitbrook.api.guard import Guard
from bitbrook.api.paths import AnyRequest, versioned
from bitbrook.api.permissions import needs
from bitbrook.auth.policy import Caller, Right
from bitbrook.control.service import Service
from bitbrook.errors import BitbrookError

TAGS = ["live"]

PERIOD_S = 1.0
STOP_CHECKS_A_PERIOD = 5

_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


@get(versioned("/live"), opt=needs(Right.VIEW), tags=TAGS)
async def stream_figures(request: AnyRequest, caller: Caller, service: Service) -> Stream:
    """Stream the figures of deployments and sources as server-sent events, one a second."""
    first = await anyio.to_thread.run_sync(service.live.figures, caller)
    events = _events(request, first, service)
    return Stream(events, media_type="text/event-stream", headers=_HEADERS)


async def _events(request: AnyRequest, first: Any, service: Service) -> AsyncIterator[bytes]:
    guard = Guard(service.identity)
    figures = first
    while True:
        yield b"event: figures\ndata: " + msgspec.json.encode(figures) + b"\n\n"
        for _ in range(STOP_CHECKS_A_PERIOD):
            await anyio.sleep(PERIOD_S / STOP_CHECKS_A_PERIOD)
            if not service.is_ready:
                return
        try:
            caller = guard.caller(request.scope)
            figures = await anyio.to_thread.run_sync(service.live.figures, caller)
        except BitbrookError:
            # Asked again, the client learns from the refusal what this is about.
            return


ROUTES = (stream_figures,)
