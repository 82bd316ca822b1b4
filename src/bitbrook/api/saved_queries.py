"""Saved statements over HTTP: kept by name, for oneself or shared with the organisation."""

import msgspec
from litestar import delete, get, patch, post

from bitbrook.api.paths import versioned
from bitbrook.api.permissions import needs
from bitbrook.api.workers import on_thread
from bitbrook.auth.policy import Caller, Right
from bitbrook.control.saved_queries import SavedLanguage, SavedQuery, SavedQueryChange
from bitbrook.control.service import Service

TAGS = ["queries"]


class NewSavedQuery(msgspec.Struct):
    """A statement to keep. `is_shared`: everybody in the organisation sees it."""

    name: str
    language: SavedLanguage
    statement: str
    deployment_id: str | None = None
    is_shared: bool = False


class SavedQueryList(msgspec.Struct):
    """What the caller keeps, and what others share."""

    saved_queries: list[SavedQuery]


@get(versioned("/saved-queries"), opt=needs(Right.QUERY), tags=TAGS)
@on_thread
def list_saved_queries(caller: Caller, service: Service) -> SavedQueryList:
    """List saved statements: one's own, and those that others share."""
    return SavedQueryList(list(service.saved_queries.list(caller)))


@post(versioned("/saved-queries"), opt=needs(Right.QUERY), tags=TAGS)
@on_thread
def save_query(data: NewSavedQuery, caller: Caller, service: Service) -> SavedQuery:
    """Save a statement under a name."""
    return service.saved_queries.create(
        caller,
        data.name,
        data.language,
        data.statement,
        deployment_id=data.deployment_id,
        is_shared=data.is_shared,
    )


@patch(versioned("/saved-queries/{saved_query_id:str}"), opt=needs(Right.QUERY), tags=TAGS)
@on_thread
def change_saved_query(
    saved_query_id: str, data: SavedQueryChange, caller: Caller, service: Service
) -> SavedQuery:
    """Change a saved statement of one's own."""
    return service.saved_queries.change(caller, saved_query_id, data)


@delete(
    versioned("/saved-queries/{saved_query_id:str}"),
    status_code=204,
    opt=needs(Right.QUERY),
    tags=TAGS,
)
@on_thread
def delete_saved_query(saved_query_id: str, caller: Caller, service: Service) -> None:
    """Delete a saved statement."""
    service.saved_queries.delete(caller, saved_query_id)


ROUTES = (list_saved_queries, save_query, change_saved_query, delete_saved_query)
