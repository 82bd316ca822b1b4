"""Tokens of the identity provider, learnt before a request goes on.

To learn one may take a call of the provider and a change of the catalogue: that is done on a
thread, once a token, so that whoever reads credentials further in finds it in memory. Stands only
where a provider is configured.
"""

import anyio.to_thread
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from bitbrook.api.guard import bearer_token
from bitbrook.api.tracing import state_of
from bitbrook.control.external_bearers import ExternalBearers
from bitbrook.errors import BitbrookError


class LearnTokens:
    """An application that knows the provider's tokens."""

    def __init__(self, app: ASGIApp, bearers: ExternalBearers) -> None:
        self._app = app
        self._bearers = bearers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == ScopeType.HTTP:
            token = bearer_token(scope)
            if token and self._bearers.is_new(token):
                try:
                    await anyio.to_thread.run_sync(self._bearers.learn, token)
                except BitbrookError as refusal:
                    # Told by the route, if it asks who calls.
                    state_of(scope)["refusal"] = refusal
        await self._app(scope, receive, send)
