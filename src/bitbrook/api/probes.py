"""What watches the server: is it alive, does it serve, what has it counted."""

import secrets
from typing import Annotated

import msgspec
from litestar import Response, get
from litestar.params import Parameter

from bitbrook.api.permissions import OPEN
from bitbrook.api.workers import on_thread
from bitbrook.control.service import Service
from bitbrook.errors import NotAuthenticated
from bitbrook.telemetry.metrics import render_metrics
from bitbrook.telemetry.watched import render_named

TAGS = ["operation"]

Authorization = Annotated[
    str | None, Parameter(header="Authorization", description="Bearer <metrics_token>")
]


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
def metrics(service: Service, authorization: Authorization = None) -> Response[bytes]:
    """Show every metric in Prometheus' text format.

    If the server has a `metrics_token`, it must be given, and the metrics of deployments, tables
    and sources are among those shown; without one they are nobody's to see.
    """
    token = service.settings.metrics_token
    text, content_type = render_metrics()
    if token is not None:
        if not secrets.compare_digest((authorization or "").encode(), f"Bearer {token}".encode()):
            raise NotAuthenticated("give the server's metrics_token as a bearer token")
        text += render_named()
    # The framework adds the character set of texts itself.
    return Response(text, media_type=content_type.removesuffix("; charset=utf-8"))


ROUTES = (healthz, readyz, metrics)
