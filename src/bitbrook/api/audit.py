"""The audit log over HTTP: a page of it, or all of it as NDJSON."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import anyio.to_thread
import msgspec
from litestar import get
from litestar.params import Parameter
from litestar.response import Stream
from msgspec import UNSET, UnsetType

from bitbrook.api.paths import versioned
from bitbrook.api.permissions import needs
from bitbrook.api.workers import on_thread
from bitbrook.auth.policy import Caller, Right
from bitbrook.control.audit import PAGE_ENTRIES_MAX, AuditEntry, AuditFilter
from bitbrook.control.service import Service
from bitbrook.errors import InvalidValue

TAGS = ["audit"]

LIMIT = 100
"""Entries of a page if it is not said how many."""

_LINES = msgspec.json.Encoder()

User = Annotated[str | None, Parameter(description="id or e-mail address")]
Action = Annotated[str | None, Parameter(description="name of a route, like create_table")]
Outcome = Annotated[str | None, Parameter(description="done, refused or failed")]
Resource = Annotated[str | None, Parameter(description="part of a path, like an id")]
Moment = Annotated[str | None, Parameter(description="a time as RFC 3339 has it")]


class AuditPage(msgspec.Struct, omit_defaults=True):
    """Entries, newest first. `next`: give it as `before` for those that follow."""

    entries: list[AuditEntry]
    next: str | UnsetType = UNSET


@get(versioned("/audit"), opt=needs(Right.ADMIN), tags=TAGS)
@on_thread
def list_audit(
    caller: Caller,
    service: Service,
    *,
    user: User = None,
    action: Action = None,
    outcome: Outcome = None,
    resource: Resource = None,
    since: Moment = None,
    until: Moment = None,
    before: str | None = None,
    limit: Annotated[int, Parameter(ge=1, le=PAGE_ENTRIES_MAX)] = LIMIT,
) -> AuditPage:
    """List what was done in the organisation, newest first."""
    wanted = _filter(
        user=user, action=action, outcome=outcome, resource=resource, since=since, until=until
    )
    found = service.audit.entries(caller, wanted, limit=limit, before=before)
    return AuditPage(found, found[-1].id if len(found) == limit else UNSET)


@get(versioned("/audit/export"), opt=needs(Right.ADMIN), tags=TAGS)
async def export_audit(
    caller: Caller,
    service: Service,
    *,
    user: User = None,
    action: Action = None,
    outcome: Outcome = None,
    resource: Resource = None,
    since: Moment = None,
    until: Moment = None,
) -> Stream:
    """Send all of it as NDJSON, newest first, one entry a line."""
    wanted = _filter(
        user=user, action=action, outcome=outcome, resource=resource, since=since, until=until
    )
    pages = service.audit.pages(caller, wanted)
    # The first page before the answer begins: a refusal still has a status of its own.
    first = await anyio.to_thread.run_sync(next, pages)
    return Stream(_lines(first, pages), media_type="application/x-ndjson")


def _lines(first: list[AuditEntry], pages: Iterator[list[AuditEntry]]) -> Iterator[bytes]:
    yield _LINES.encode_lines(first)
    for page in pages:
        yield _LINES.encode_lines(page)


def _filter(
    *,
    user: str | None,
    action: str | None,
    outcome: str | None,
    resource: str | None,
    since: str | None,
    until: str | None,
) -> AuditFilter:
    return AuditFilter(
        user, action, outcome, resource, _moment("since", since), _moment("until", until)
    )


def _moment(name: str, text: str | None) -> datetime | None:
    """Return the moment of a parameter; without an offset it is in UTC."""
    if text is None:
        return None
    try:
        # A plus sign that was not encoded arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        moment.timestamp()
    except (ValueError, OverflowError):
        raise InvalidValue(
            f"{name} {text[:40]!r} is no time; give one like 2026-01-31T12:00:00Z", field=name
        ) from None
    return moment


ROUTES = (list_audit, export_audit)
