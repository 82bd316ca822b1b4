"""Statements over HTTP as things of their own: which run, which ran, and an end to one."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from litestar import delete, get
from litestar.params import Parameter
from msgspec import UNSET, Meta, UnsetType

from bitbrook.api.paths import AnyRequest, versioned, words_of
from bitbrook.api.permissions import needs
from bitbrook.api.workers import on_thread
from bitbrook.auth.policy import Caller, Right
from bitbrook.control.service import Service
from bitbrook.control.statements import HISTORY_MAX
from bitbrook.query.database import StatementEntry

TAGS = ["queries"]

LIMIT = 100
"""Statements that a history shows if it is not said how many."""


class Query(msgspec.Struct, omit_defaults=True):
    """A statement that runs or has run. `id` is what X-Query-Id says and KILL QUERY takes.

    `request_id`: the X-Request-Id of the request it came with. `records_selected`: the most
    records that one question to the bitmaps counted or read. `rows_returned`: of SQL.
    """

    id: str
    language: Annotated[str, Meta(examples=["pql", "sql"])]
    statement: str
    user: str
    started_at: datetime
    duration_us: int
    status: Annotated[
        str, Meta(examples=["RUNNING", "SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT"])
    ]
    records_selected: int
    answer_bytes: int
    deployment_id: str | UnsetType = UNSET
    database_id: str | UnsetType = UNSET
    request_id: str | UnsetType = UNSET
    rows_returned: int | UnsetType = UNSET
    error: str | UnsetType = UNSET


class QueryList(msgspec.Struct):
    """Statements."""

    queries: list[Query]


@get(versioned("/queries"), opt=needs(Right.QUERY), tags=TAGS)
@on_thread
def list_queries(request: AnyRequest, caller: Caller, service: Service) -> QueryList:
    """List the statements that run, oldest first: the caller's own, an administrator's all."""
    running = service.queries.statements.running(caller)
    return QueryList([_shown(entry, request) for entry in running])


@delete(versioned("/queries/{query_id:str}"), status_code=202, opt=needs(Right.QUERY), tags=TAGS)
@on_thread
def cancel_query(request: AnyRequest, query_id: str, caller: Caller, service: Service) -> Query:
    """Cancel a statement; it ends within moments and is answered 499."""
    return _shown(service.queries.statements.cancel(caller, query_id), request)


@get(versioned("/deployments/{deployment_id:str}/queries"), opt=needs(Right.QUERY), tags=TAGS)
@on_thread
def list_past_queries(
    request: AnyRequest,
    deployment_id: str,
    caller: Caller,
    service: Service,
    limit: Annotated[int, Parameter(ge=1, le=HISTORY_MAX)] = LIMIT,
) -> QueryList:
    """List a deployment's last statements, newest first, those that run included."""
    entries = service.queries.past(caller, deployment_id, limit)
    return QueryList([_shown(entry, request) for entry in entries])


def _shown(entry: StatementEntry, request: AnyRequest) -> Query:
    shown = Query(
        id=entry.id,
        language=entry.language,
        statement=entry.text,
        user=entry.user,
        started_at=datetime.fromtimestamp(entry.started_s, UTC),
        duration_us=entry.duration_us,
        status=entry.status.value,
        records_selected=entry.records_selected,
        answer_bytes=entry.answer_bytes,
        request_id=entry.request_id or UNSET,
        rows_returned=UNSET if entry.rows_returned is None else entry.rows_returned,
        error=entry.error or UNSET,
    )
    setattr(shown, words_of(request.url.path).deployment_id, entry.deployment_id)
    return shown


ROUTES = (list_queries, cancel_query, list_past_queries)
