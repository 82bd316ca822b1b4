"""What watches the server: is it alive, does it serve, what has it counted."""

import msgspec
from litestar import Response, get

from bitbrook.api.guard import OPEN
from bitbrook.api.workers import on_thread
from bitbrook.control.service import Service
from bitbrook.telemetry.metrics import render_metrics

TAGS = ["operation"]


class Health(msgspec.Struct):
    """A probe's answer."""

    status: str


@get("/healthz", opt=OPEN, tags=TAGS, sync_to_thread=False)
def healthz() -> Health:
    """Tell that the process is alive."""
    return Health("alive")


@get("/readyz", opt=OPEN, tags=TAGS, sync_to_thread=False)
def readyz(service: Service) -> Response[Health]:
    """Tell whether requests are served: 200 if so, 503 while the server drains."""
    if service.is_ready:
        return Response(Health("ready"))
    return Response(Health("stopping"), status_code=503)


@get("/metrics", opt=OPEN, tags=TAGS)
@on_thread
def metrics() -> Response[bytes]:
    """Show every metric in Prometheus' text format."""
    text, content_type = render_metrics()
    # The framework adds the character set of texts itself.
    return Response(text, media_type=content_type.removesuffix("; charset=utf-8"))


ROUTES = (healthz, readyz, metrics)
