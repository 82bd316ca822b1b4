"""The whole application, in layers from the outermost to the routes.

- `Traced`: request id, the answer of last resort, metrics, the audit log, headers for browsers
- `LearnTokens`: tokens of an identity provider, where one is configured
- `HotRoutes`: records and statements, dispatched by one look at the path
- `JsonBodies`: bodies bounded, decompressed, JSON whatever their type says
- Litestar: everything else: routing, the guard, decoding, the OpenAPI description
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ASGIApp, ControllerRouterHandler

from bitbrook.api import (
    audit,
    deployments,
    docs,
    endpoint_calls,
    endpoints,
    exports,
    languages,
    live,
    people,
    probes,
    quarantine,
    queries,
    saved_queries,
    schema_checks,
    single_sign_on,
    sources,
    tables,
    tokens,
    webhooks,
)
from bitbrook.api.bodies import BodyMemory
from bitbrook.api.cross_origin import CrossOrigin
from bitbrook.api.edge import Edge
from bitbrook.api.external_tokens import LearnTokens
from bitbrook.api.figures import watch_application
from bitbrook.api.guard import Guard, caller_of, check_declared
from bitbrook.api.hot_routes import HotRoute, HotRoutes
from bitbrook.api.ingest import IngestRoute
from bitbrook.api.json_bodies import JsonBodies
from bitbrook.api.problems import problem_of
from bitbrook.api.query import QueryRoutes
from bitbrook.api.security_headers import SecurityHeaders
from bitbrook.api.tracing import Traced, state_of
from bitbrook.api.uploads import Uploads
from bitbrook.api.webhooks import WebhookRoute
from bitbrook.api.workers import Workers
from bitbrook.auth.oidc_tokens import listed
from bitbrook.auth.policy import Caller
from bitbrook.control.service import Service

BODIES_BYTES_MAX = 256 << 20
"""Bytes of request bodies held at one moment, over all requests."""

CONTROL_THREADS = 8
"""Threads for everything but records and statements; a sign-in takes 64 MiB on one of them."""

_CORES = os.cpu_count() or 1
INGEST_THREADS = max(2, _CORES)
QUERY_THREADS = max(4, 2 * _CORES)
WAITING_MAX = 1_000
"""Requests of records, and statements, that may wait for a thread; more are answered 503."""

_VERSIONS = ("/v1", "/v2")
_ANY_VERSION = ("", *_VERSIONS)


def build_app(service: Service, pages: Sequence[ControllerRouterHandler] = ()) -> ASGIApp:
    """Return the application over an open service; `pages` are served along with the API.

    The application does not close the service.
    """
    settings = service.settings
    guard = Guard(service.identity, service.user_rates)
    memory = BodyMemory(BODIES_BYTES_MAX, service.settings.request_timeout_s)
    ingest = Workers("ingest", threads=INGEST_THREADS, waiting_max=WAITING_MAX)
    statements = Workers("query", threads=QUERY_THREADS, waiting_max=WAITING_MAX)
    hot = _hot_routes(service, guard, ingest, statements, memory)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = CONTROL_THREADS
        watch = watch_application(memory, {"ingest": ingest, "query": statements})
        try:
            yield
        finally:
            watch.close()
            ingest.close()
            statements.close()

    framework = Litestar(
        route_handlers=[*_all_routes(), *pages],
        guards=[guard.admit],
        dependencies={
            "service": Provide(lambda: service, sync_to_thread=False),
            "caller": Provide(_provide_caller),
        },
        exception_handlers={Exception: _answer_error},
        lifespan=[lifespan],
        openapi_config=docs.openapi_config(),
        request_max_body_size=None,
        logging_config=None,
        state=State({"hot_routes": hot, "statement_workers": statements}),
    )
    check_declared(framework.routes)
    app: ASGIApp = HotRoutes(JsonBodies(framework, memory, ingest), hot)
    if service.identity.bearers is not None:
        app = LearnTokens(app, service.identity.bearers)
    origins = CrossOrigin(listed(settings.cors_origins))
    return Traced(app, _edge(service, origins))


def _edge(service: Service, origins: CrossOrigin) -> Edge:
    headers = SecurityHeaders(docs.POLICIES)
    return Edge(service.audit, service.service_tables, headers, origins)


def _all_routes() -> list[ControllerRouterHandler]:
    modules = (
        tokens,
        deployments,
        tables,
        exports,
        queries,
        sources,
        quarantine,
        webhooks,
        saved_queries,
        endpoints,
        endpoint_calls,
        schema_checks,
        live,
        languages,
        people,
        single_sign_on,
        audit,
        probes,
        docs,
    )
    return [route for module in modules for route in module.ROUTES]


def _hot_routes(
    service: Service, guard: Guard, ingest: Workers, statements: Workers, memory: BodyMemory
) -> tuple[HotRoute, ...]:
    bytes_max = service.settings.body_bytes_max
    records = IngestRoute(service.sources, guard, ingest, memory, body_bytes_max=bytes_max)
    webhook = WebhookRoute(service.sources.webhooks, ingest, memory, body_bytes_max=bytes_max)
    uploads = Uploads(
        service.settings.data,
        bytes_max=service.settings.upload_bytes_max,
        statement_bytes_max=bytes_max,
    )
    query = QueryRoutes(
        service.queries,
        service.fences,
        guard,
        statements,
        memory,
        uploads=uploads,
        body_bytes_max=bytes_max,
    )
    return (
        HotRoute("records", "/sinks/{source_id}", _VERSIONS, records),
        HotRoute("webhook", "/sinks/{source_id}/webhook", _VERSIONS, webhook),
        HotRoute("json", "/deployments/{deployment_id}/query", _VERSIONS, query.json_body),
        HotRoute("json", "/databases/{database_id}/query", _VERSIONS, query.json_body),
        HotRoute("json", "/{deployment_id}/query", _VERSIONS, query.json_body),
        HotRoute("text", "/databases/{database_id}/query/sql", _ANY_VERSION, query.text_body),
        HotRoute("text", "/databases/{database_id}/sql", _ANY_VERSION, query.text_body),
        HotRoute("text", "/sql", _ANY_VERSION, query.text_body),
    )


async def _provide_caller(request: Request[Any, Any, State]) -> Caller:
    return caller_of(request.scope)


def _answer_error(request: Request[Any, Any, State], error: Exception) -> Response[bytes]:
    problem = problem_of(error)
    return Response(
        problem.body(state_of(request.scope).get("request_id", "")),
        status_code=problem.status,
        headers=problem.headers,
        media_type="application/json",
    )
