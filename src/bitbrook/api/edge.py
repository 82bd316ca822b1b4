"""What happens to every request at the edge: it is noted, and its answer gets headers.

The note (an `Act`) begins before anything else does and is handed to the audit log, and to the
service tables, when the answer is out. The headers are those against misuse by browsers, those that
let listed origins in, and what is left of the caller's rate.
"""

from litestar.types import HTTPScope, Message, Scope

from bitbrook.api.cross_origin import CrossOrigin
from bitbrook.api.rate_headers import UNLIMITED, rate_headers
from bitbrook.api.security_headers import Headers, SecurityHeaders
from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.control.audit import Audit
from bitbrook.control.rates import Allowance
from bitbrook.control.service_tables import ServiceTables
from bitbrook.telemetry.acts import Act

_OF_SOURCES = ("/v1/sinks", "/v2/sinks")


class Edge:
    """The edge of an application."""

    def __init__(
        self,
        audit: Audit,
        service_tables: ServiceTables,
        security: SecurityHeaders,
        origins: CrossOrigin,
    ) -> None:
        self._audit = audit
        self._service_tables = service_tables
        self._security = security
        self._origins = origins

    def begin(self, scope: HTTPScope, request_id: str) -> Act:
        """Return the note of a request that comes in."""
        client = scope.get("client")
        act = Act(
            request_id,
            SYSTEM_CLOCK.now_s(),
            scope["method"],
            scope["path"],
            client[0] if client else "",
        )
        scope["state"]["act"] = act
        return act

    def end(self, act: Act, status: int) -> None:
        """Hand the note of a request on, whose answer is out."""
        self._audit.finish(act, status)
        self._service_tables.add_request(act, status)

    def preflight(self, scope: HTTPScope) -> list[Message] | None:
        """Return the answer to a browser that asks whether a page may call, if it is that."""
        return self._origins.preflight(scope) if self._origins else None

    def headers(self, headers: Headers, scope: Scope) -> Headers:
        """Return what an answer with these headers gets on top."""
        state = scope["state"]
        added = self._security.added_to(headers, scope, is_hot="route" in state)
        if self._origins:
            allowed = self._origins.headers_for(scope)
            names = {name for name, _ in allowed}
            added = [header for header in added if header[0] not in names] + allowed
        allowance = state.get("allowance")
        if not isinstance(allowance, Allowance):
            # Whoever sends records is always told how many more.
            allowance = UNLIMITED if scope["path"].startswith(_OF_SOURCES) else None
        if allowance is not None and not _tells_rate(headers):
            added += [(k.encode(), v.encode()) for k, v in rate_headers(allowance).items()]
        return added


def _tells_rate(headers: Headers) -> bool:
    # A source's own rate is nearer to what its sender asks.
    return any(name == b"ratelimit-limit" for name, _ in headers)
