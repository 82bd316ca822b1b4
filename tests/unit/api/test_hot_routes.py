"""Hot routes take the POSTs that are theirs and pass everything else on.

Tries paths that are nearly a route, other methods, other kinds of connection and trailing slashes.
"""

import asyncio
from typing import Any

import pytest

from bitbrook.api.hot_routes import HotRoute, HotRoutes

PASSED_ON = ("framework", "")


def dispatch(method: str, path: str, kind: str = "http") -> tuple[str, str]:
    """Who serves a request, with which id."""
    served: list[tuple[str, str]] = []

    def handler(name: str) -> Any:
        async def serve(_scope: Any, _receive: Any, _send: Any, id_: str) -> None:
            served.append((name, id_))

        return serve

    async def framework(_scope: Any, _receive: Any, _send: Any) -> None:
        served.append(PASSED_ON)

    async def unused(*_: Any) -> Any:
        raise AssertionError("nothing is received or sent")

    routes = (
        HotRoute("records", "/sinks/{source_id}", ("/v1", "/v2"), handler("records")),
        HotRoute("json", "/{deployment_id}/query", ("/v1", "/v2"), handler("json")),
        HotRoute("text", "/sql", ("", "/v1"), handler("text")),
    )
    scope: Any = {"type": kind, "method": method, "path": path}
    asyncio.run(HotRoutes(framework, routes)(scope, unused, unused))  # type: ignore[arg-type]
    return served[0]


@pytest.mark.parametrize(
    ("method", "path", "served"),
    [
        ("POST", "/v1/sinks/abc", ("records", "abc")),
        ("POST", "/v2/sinks/abc/", ("records", "abc")),
        ("POST", "/v1/sinks/query", ("records", "query")),
        ("POST", "/v1/abc/query", ("json", "abc")),
        ("POST", "/sql", ("text", "")),
        ("POST", "/v1/sql//", ("text", "")),
        ("GET", "/v1/sinks/abc", PASSED_ON),
        ("DELETE", "/v1/sinks/abc", PASSED_ON),
        ("POST", "/v1/sinks", PASSED_ON),
        ("POST", "/v1/sinks/", PASSED_ON),
        ("POST", "/v3/sinks/abc", PASSED_ON),
        ("POST", "/v1/sinks/abc/errors", PASSED_ON),
        ("POST", "/x/v1/sinks/abc", PASSED_ON),
        ("POST", "/v2/sql", PASSED_ON),
    ],
)
def test_dispatch(method: str, path: str, served: tuple[str, str]) -> None:
    assert dispatch(method, path) == served


def test_other_connections_are_passed_on() -> None:
    assert dispatch("POST", "/sql", kind="lifespan") == PASSED_ON
