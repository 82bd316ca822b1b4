"""Endpoints over HTTP: published, versioned, tagged and deleted. They are called by another module.

The address of an endpoint is the endpoint itself: what it is made of stands under `definition`.
"""

from typing import Annotated

import msgspec
from litestar import delete, get, patch, post
from msgspec import Meta

from bitbrook.api.paths import versioned
from bitbrook.api.permissions import needs
from bitbrook.api.workers import on_thread
from bitbrook.auth.policy import Caller, Right
from bitbrook.control.endpoint_entries import Endpoint, EndpointChange, PerSecond, Publication
from bitbrook.control.endpoint_parameters import EndpointParameter
from bitbrook.control.saved_queries import SavedLanguage, SavedQuery
from bitbrook.control.service import Service
from bitbrook.errors import InvalidBody, NotFound

TAGS = ["endpoints"]


class NewVersion(msgspec.Struct):
    """A version to publish: a statement, or the id of a saved query that has it.

    `tag`: a word that is to mean it from now on, such as `live`.
    """

    statement: str | None = None
    language: SavedLanguage = SavedLanguage.SQL
    saved_query_id: str | None = None
    parameters: list[EndpointParameter] = []
    tag: str | None = None


class NewEndpoint(NewVersion, kw_only=True):
    """An endpoint to publish, with its first version.

    `requests_per_s`: how often one caller may call it; 0 is no limit, by default the server's.
    """

    name: Annotated[str, Meta(examples=["sales_by_region"])]
    deployment_id: str | None = None
    description: str = ""
    requests_per_s: PerSecond | None = None


class TaggedVersion(msgspec.Struct):
    """The version that a tag is to mean."""

    version: int


class EndpointList(msgspec.Struct):
    """The endpoints that the caller may see, by name."""

    endpoints: list[Endpoint]


@get(versioned("/endpoints"), opt=needs(Right.VIEW), tags=TAGS)
@on_thread
def list_endpoints(caller: Caller, service: Service) -> EndpointList:
    """List endpoints, each with its versions and tags."""
    return EndpointList(list(service.endpoints.list(caller)))


@post(versioned("/endpoints"), opt=needs(Right.MANAGE), tags=TAGS)
@on_thread
def publish_endpoint(data: NewEndpoint, caller: Caller, service: Service) -> Endpoint:
    """Publish a statement as an endpoint."""
    saved = _saved_query(data, caller, service)
    deployment_id = data.deployment_id or (saved.deployment_id if saved else None)
    if not deployment_id:
        raise InvalidBody("deployment_id is missing", field="deployment_id")
    return service.endpoints.publish(
        caller,
        data.name,
        deployment_id,
        _publication(data, saved),
        description=data.description,
        requests_per_s=data.requests_per_s,
    )


@get(versioned("/endpoints/{endpoint_name:str}/definition"), opt=needs(Right.VIEW), tags=TAGS)
@on_thread
def get_endpoint(endpoint_name: str, caller: Caller, service: Service) -> Endpoint:
    """Show what an endpoint is made of: its statement, versions, tags and parameters."""
    return service.endpoints.get(caller, endpoint_name)


@post(versioned("/endpoints/{endpoint_name:str}/versions"), opt=needs(Right.MANAGE), tags=TAGS)
@on_thread
def publish_version(
    endpoint_name: str, data: NewVersion, caller: Caller, service: Service
) -> Endpoint:
    """Publish another version of an endpoint."""
    saved = _saved_query(data, caller, service)
    return service.endpoints.add_version(caller, endpoint_name, _publication(data, saved))


@patch(versioned("/endpoints/{endpoint_name:str}"), opt=needs(Right.MANAGE), tags=TAGS)
@on_thread
def change_endpoint(
    endpoint_name: str, data: EndpointChange, caller: Caller, service: Service
) -> Endpoint:
    """Change an endpoint's description or rate."""
    return service.endpoints.change(caller, endpoint_name, data)


@delete(
    versioned("/endpoints/{endpoint_name:str}"),
    status_code=204,
    opt=needs(Right.MANAGE),
    tags=TAGS,
)
@on_thread
def delete_endpoint(endpoint_name: str, caller: Caller, service: Service) -> None:
    """Delete an endpoint with all its versions."""
    service.endpoints.delete(caller, endpoint_name)


@post(
    versioned("/endpoints/{endpoint_name:str}/tags/{tag:str}"),
    status_code=200,
    opt=needs(Right.MANAGE),
    tags=TAGS,
)
@on_thread
def tag_version(
    endpoint_name: str, tag: str, data: TaggedVersion, caller: Caller, service: Service
) -> Endpoint:
    """Have a tag mean a version from now on."""
    return service.endpoints.tag(caller, endpoint_name, tag, data.version)


@delete(
    versioned("/endpoints/{endpoint_name:str}/tags/{tag:str}"),
    status_code=200,
    opt=needs(Right.MANAGE),
    tags=TAGS,
)
@on_thread
def untag_version(endpoint_name: str, tag: str, caller: Caller, service: Service) -> Endpoint:
    """Have a tag mean nothing any more."""
    return service.endpoints.untag(caller, endpoint_name, tag)


def _saved_query(data: NewVersion, caller: Caller, service: Service) -> SavedQuery | None:
    """Return the saved query that a version is made from, None if it brings its own statement."""
    if data.saved_query_id is None:
        return None
    for saved in service.saved_queries.list(caller):
        if saved.id == data.saved_query_id:
            return saved
    raise NotFound(f"there is no saved query {data.saved_query_id[:100]!r}")


def _publication(data: NewVersion, saved: SavedQuery | None) -> Publication:
    if (saved is None) == (data.statement is None):
        message = "give a statement or a saved_query_id, one of the two"
        raise InvalidBody(message, field="statement")
    if saved is not None:
        return Publication(saved.language, saved.statement, data.parameters, data.tag)
    assert data.statement is not None, "one of the two is there"
    return Publication(data.language, data.statement, data.parameters, data.tag)


ROUTES = (
    list_endpoints,
    publish_endpoint,
    get_endpoint,
    publish_version,
    change_endpoint,
    delete_endpoint,
    tag_version,
    untag_version,
)
