"""Who calls: the one place that reads credentials from a request."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.types import Scope

from bitbrook.api.bodies import text_header
from bitbrook.api.tracing import state_of
from bitbrook.auth.policy import Caller
from bitbrook.control.identity import Identity
from bitbrook.errors import NotAuthenticated

OPEN = {"is_open": True}
"""Options of a route that answers without credentials."""


class Guard:
    """Turns the credentials of a request into its caller."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def caller(self, scope: Scope) -> Caller:
        """Return who calls, by `Authorization: [Bearer] <token>` or `X-API-Key: <key>`.

        Raises:
            NotAuthenticated: neither is there, or it is not good (any more).
        """
        authorization = text_header(scope, b"authorization")
        if authorization:
            scheme, _, rest = authorization.partition(" ")
            token = rest.strip() if scheme.lower() == "bearer" else authorization
            return self._identity.authenticate(token)
        api_key = text_header(scope, b"x-api-key")
        if api_key:
            return self._identity.authenticate_key(api_key)
        raise NotAuthenticated(
            "no credentials; send Authorization: Bearer <IdToken> or X-API-Key: <key>"
        )

    async def admit(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        """Let a request through to its route, with its caller, unless the route is open."""
        # On the event loop: who calls is in memory, and a signature is checked once a token.
        if not handler.opt.get("is_open"):
            state_of(connection.scope)["caller"] = self.caller(connection.scope)


def caller_of(scope: Scope) -> Caller:
    """Return whom the guard let through."""
    caller = state_of(scope)["caller"]
    assert isinstance(caller, Caller), "only routes that are not open ask who calls"
    return caller
