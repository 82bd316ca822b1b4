"""Who calls: the one place that reads credentials from a request, and asks for what routes ask."""

from collections.abc import Iterable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.routes import BaseRoute, HTTPRoute
from litestar.types import Scope

from bitbrook.api.bodies import text_header
from bitbrook.api.permissions import permission_of
from bitbrook.api.tracing import state_of
from bitbrook.auth.policy import Caller, Right
from bitbrook.control.identity import Identity
from bitbrook.control.user_rates import UserRates
from bitbrook.errors import BitbrookError, NotAuthenticated
from bitbrook.telemetry.acts import current_act, say_who


class Guard:
    """Turns the credentials of a request into its caller. `rates`: how often callers may call."""

    def __init__(self, identity: Identity, rates: UserRates | None = None) -> None:
        self._identity = identity
        self._rates = rates

    def caller(self, scope: Scope) -> Caller:
        """Return who calls, by `Authorization: [Bearer] <token>` or `X-API-Key: <key>`.

        Raises:
            NotAuthenticated: neither is there, or it is not good (any more).
            QuotaExceeded: they call too often.
        """
        caller = self._caller(scope)
        say_who(caller.organisation_id, caller.user_id, caller.email, api_key_id=caller.api_key_id)
        if self._rates is not None:
            allowance = self._rates.take(caller.user_id)
            if allowance is not None:
                state_of(scope)["allowance"] = allowance
        return caller

    async def admit(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        """Let a request through to its route, with its caller, unless the route is open.

        Raises:
            NotAuthenticated: its credentials are not good.
            NotAllowed: its caller lacks the right that the route asks for.
        """
        act = current_act()
        if act is not None:
            act.action = handler.fn.__name__
        # On the event loop: who calls is in memory, and a signature is checked once a token.
        permission = permission_of(handler.opt)
        if permission != "open":
            caller = self.caller(connection.scope)
            if permission in _RIGHTS:
                caller.require_somewhere(_RIGHTS[permission])
            state_of(connection.scope)["caller"] = caller

    def _caller(self, scope: Scope) -> Caller:
        token = bearer_token(scope)
        if token:
            refusal = state_of(scope).get("refusal")
            if isinstance(refusal, BitbrookError):
                raise refusal
            return self._identity.authenticate(token)
        api_key = text_header(scope, b"x-api-key")
        if api_key:
            return self._identity.authenticate_key(api_key)
        raise NotAuthenticated(
            "no credentials; send Authorization: Bearer <IdToken> or X-API-Key: <key>"
        )


_RIGHTS = {str(right): right for right in Right}
_ASKED_OF_ROUTES = {"OPTIONS"}


def bearer_token(scope: Scope) -> str:
    """Return the token of a request, after `Bearer` or alone; "" without one."""
    authorization = text_header(scope, b"authorization")
    scheme, _, rest = authorization.partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else authorization


def caller_of(scope: Scope) -> Caller:
    """Return whom the guard let through."""
    caller = state_of(scope)["caller"]
    assert isinstance(caller, Caller), "only routes that are not open ask who calls"
    return caller


def check_declared(routes: Iterable[BaseRoute]) -> None:
    """Assert that every route says what it asks for: one that does not is never served."""
    silent = [
        f"{route.path} {handler.fn.__name__}"
        for route in routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if not permission_of(handler.opt) and set(handler.http_methods) != _ASKED_OF_ROUTES
    ]
    assert not silent, f"routes without a permission: {silent}"
