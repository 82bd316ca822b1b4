"""Headers that tell browsers what not to do with an answer.

Every answer says the same unless its route says otherwise: it is what it says it is (nosniff), no
page may frame it, it may load nothing, it names no page that led to it, and it is not to be kept.
Over TLS it adds that only TLS is to be used from now on.
"""

import base64
import hashlib

from litestar.types import Scope

Headers = list[tuple[bytes, bytes]]

POLICY = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HSTS = (b"strict-transport-security", b"max-age=31536000")

_ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", POLICY),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_NO_STORE = (b"cache-control", b"no-store")
_KEPT = (b"cache-control", b"etag")


class SecurityHeaders:
    """What is added to answers. `policies`: by the beginning of paths that need another policy."""

    def __init__(self, policies: dict[str, bytes]) -> None:
        self._policies = policies

    def added_to(self, headers: Headers, scope: Scope, *, is_hot: bool) -> Headers:
        """Return what an answer with these headers lacks.

        `is_hot`: it is an answer of records or statements, which has none of them.
        """
        secure = [HSTS] if scope.get("scheme") == "https" else []
        if is_hot:
            return [*_ALWAYS, _NO_STORE, *secure]
        names = {name.lower() for name, _ in headers}
        added = [header for header in _ALWAYS if header[0] not in names]
        if not names.intersection(_KEPT):
            added.append(_NO_STORE)
        path = scope["path"]
        for beginning, policy in self._policies.items():
            if path.startswith(beginning) and b"content-security-policy" not in names:
                added = [h for h in added if h[0] != b"content-security-policy"]
                added.append((b"content-security-policy", policy))
        return added + secure


def script_source(script: str) -> str:
    """Return how a policy names a script that stands in a page."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
