"""What a request of records may ask for beside them, in its query string and headers.

Whoever asks for nothing is served as the original serves, and pays one look at an empty text.
"""

from typing import NamedTuple
from urllib.parse import parse_qs

from litestar.types import Scope

from bitbrook.api.bodies import text_header
from bitbrook.control.live_source import Terms
from bitbrook.errors import InvalidValue

PARTIAL, REJECT = "partial", "reject"
FSYNC, GROUP = "fsync", "group"

GIVEN_DURABILITY = FSYNC
"""What every answer waits for: a sync of the disk, which requests of one moment share. `group`,
which asks for no more than a share in one, is given the same."""

_LINES = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
)
_CHOICES = {"on_error": (PARTIAL, REJECT), "durability": (GROUP, FSYNC)}


class Switches(NamedTuple):
    """What was asked for. `on_error`: whether one record at fault keeps all out."""

    on_error: str
    terms: Terms

    def echo(self, token: str) -> bytes:
        """Return what the answer says of it, as members behind others; `token` of the write."""
        said = f',"on_error":"{self.on_error}","durability":"{GIVEN_DURABILITY}"'
        if token:
            said += f',"min_seq":"{token}"'
        return said.encode()


def switches_of(scope: Scope) -> Switches:
    """Return what a request asks for.

    Raises:
        InvalidValue: a switch cannot be set so.
    """
    media_type = text_header(scope, b"content-type").partition(";")[0].strip().lower()
    on_error = PARTIAL
    query: bytes = scope.get("query_string", b"")
    if query:
        asked = parse_qs(query.decode("latin-1"), keep_blank_values=True)
        for name, choices in _CHOICES.items():
            for value in asked.get(name, ()):
                if value not in choices:
                    raise InvalidValue(
                        f"{name} {value[:40]!r} is unknown; give {' or '.join(choices)}",
                        field=name,
                    )
        on_error = asked.get("on_error", [PARTIAL])[-1]
    terms = Terms(
        is_lines=media_type in _LINES,
        idempotency_key=text_header(scope, b"idempotency-key") or None,
        is_whole=on_error == REJECT,
    )
    return Switches(on_error, terms)
