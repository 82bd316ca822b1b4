"""Pages to browse the API at /docs, and its description at /openapi.json.

The bundled Swagger UI is served from here: nothing is asked of any other host.
"""

from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, Router, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.static_files import create_static_files_router
from swagger_ui_bundle import swagger_ui_path

from bitbrook.api.openapi import describe, operation_id
from bitbrook.api.permissions import OPEN
from bitbrook.api.security_headers import script_source
from bitbrook.api.workers import on_thread

_SCRIPT = """
SwaggerUIBundle({url: "/openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null});
"""

_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>bitbrook API</title>
<link rel="icon" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script>{_SCRIPT}</script>
</body>
</html>
""".encode()

# Swagger UI styles its parts in place and carries its images.
POLICIES = {
    "/docs": (
        f"default-src 'none'; script-src 'self' {script_source(_SCRIPT)}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ).encode()
}
"""What the pages may load, by the beginning of their paths."""


class _Page(OpenAPIRenderPlugin):
    """Swagger UI over /openapi.json."""

    def render(self, *_: object, **__: object) -> bytes:
        return _PAGE


def openapi_config() -> OpenAPIConfig:
    """Return how the framework describes its routes and where the pages are."""
    return OpenAPIConfig(
        title="bitbrook",
        version=version("bitbrook"),
        description="Streaming analytics on a bitmap index: records in over HTTPS, PQL and SQL.",
        operation_id_creator=lambda _handler, method, parts: operation_id(method, parts),
        render_plugins=[_Page(path="/")],
        openapi_router=Router("/docs", route_handlers=[], include_in_schema=False, opt=dict(OPEN)),
    )


@get("/openapi.json", opt=OPEN, include_in_schema=False)
@on_thread
def openapi_json(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Show the API's description."""
    return Response(_description(request.app), media_type="application/json")


@cache
def _description(app: Litestar) -> bytes:
    return msgspec.json.encode(describe(app))


_assets = create_static_files_router(
    path="/docs/assets", directories=[swagger_ui_path], include_in_schema=False, opt=dict(OPEN)
)

ROUTES = (openapi_json, _assets)
