"""Pages of other origins: shut out unless their origin is listed (CORS).

Credentials are headers here and never cookies, so a page that is let in gets no more than what its
user hands it. Preflights are answered here and reach no route.
"""

import re

from litestar.types import HTTPScope, Message, Scope

from bitbrook.errors import InvalidValue

MAX_AGE_S = 600

_ORIGIN = re.compile(r"https?://[^/?#\s,]+", re.ASCII)
_METHODS = b"GET, POST, PUT, PATCH, DELETE"
_REQUEST_HEADERS = (
    b"authorization, x-api-key, content-type, accept, idempotency-key, x-request-id, "
    b"content-encoding, x-min-seq"
)
_ANSWER_HEADERS = (
    b"x-request-id, x-query-id, x-min-seq, retry-after, ratelimit-limit, ratelimit-remaining, "
    b"ratelimit-reset"
)


class CrossOrigin:
    """The origins whose pages may call; `*` is not one."""

    def __init__(self, listed: list[str]) -> None:
        """Take the list.

        Raises:
            InvalidValue: one is no origin.
        """
        for origin in listed:
            if not _ORIGIN.fullmatch(origin):
                raise InvalidValue(
                    f"cors_origins {origin[:100]!r} is no origin; give ones like "
                    "https://example.org",
                    field="cors_origins",
                )
        self._allowed = frozenset(origin.lower().encode("latin-1", "replace") for origin in listed)

    def __bool__(self) -> bool:
        return bool(self._allowed)

    def preflight(self, scope: HTTPScope) -> list[Message] | None:
        """Return the answer to a browser that asks whether it may call, None if it is no such.

        It lacks what `headers_for` adds to every answer.
        """
        if scope["method"] != "OPTIONS":
            return None
        headers = dict(scope["headers"])
        if b"access-control-request-method" not in headers:
            return None
        allowed = [(b"content-length", b"0")]
        if self._is_listed(headers.get(b"origin", b"")):
            allowed += [
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", _REQUEST_HEADERS),
                (b"access-control-max-age", b"%d" % MAX_AGE_S),
            ]
        return [
            {"type": "http.response.start", "status": 204, "headers": allowed},
            {"type": "http.response.body", "body": b"", "more_body": False},
        ]

    def headers_for(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """Return what lets the page that calls read the answer; nothing for others."""
        origin = next((value for name, value in scope["headers"] if name == b"origin"), b"")
        if not self._is_listed(origin):
            return [(b"vary", b"origin")]
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _ANSWER_HEADERS),
            (b"cross-origin-resource-policy", b"cross-origin"),
            (b"vary", b"origin"),
        ]

    def _is_listed(self, origin: bytes) -> bool:
        return origin.lower() in self._allowed
