"""The routes that carry the load, dispatched ahead of the framework.

Records come in and statements go out thousands of times a second: here a request costs one look at
its path. Measured on two cores, a trivial POST: 28,000 requests/s here, 11,000 through the
framework's router. Everything else is passed on.
"""

import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from bitbrook.api.permissions import HOT_ACTIONS
from bitbrook.api.tracing import state_of

HotHandler = Callable[[Scope, Receive, Send, str], Awaitable[None]]
"""Serves a request to a source or a deployment of that id ("" is the default deployment)."""


class HotRoute(NamedTuple):
    """A path, the versions it stands under, and who serves it.

    `kind`: records, json or text. `{...}` in the path is one part of it: an id.
    """

    kind: str
    path: str
    prefixes: tuple[str, ...]
    handler: HotHandler


class HotRoutes:
    """An application that serves POSTs to its routes and passes everything else on.

    The first route that matches wins.
    """

    def __init__(self, app: ASGIApp, routes: tuple[HotRoute, ...]) -> None:
        self._app = app
        self._routes = [(re.compile(_pattern(route)), route) for route in routes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == ScopeType.HTTP and scope["method"] == "POST":
            path = scope["path"]
            for pattern, route in self._routes:
                match = pattern.fullmatch(path)
                if match is not None:
                    state = state_of(scope)
                    state["route"] = route.path
                    act = state.get("act")
                    if act is not None:
                        act.action = HOT_ACTIONS[route.kind]
                    id_ = match.group("id") if pattern.groupindex else ""
                    await route.handler(scope, receive, send, id_)
                    return
        await self._app(scope, receive, send)


def _pattern(route: HotRoute) -> str:
    prefixes = "|".join(map(re.escape, route.prefixes))
    return f"(?:{prefixes})" + re.sub(r"\{\w+\}", "(?P<id>[^/]+)", route.path) + "/*"
