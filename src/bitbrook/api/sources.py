"""Sources over HTTP ("sinks" on the wire). Their records come in through `api.ingest`."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import delete, get, patch, post
from msgspec import UNSET, Meta, UnsetType

from bitbrook.api.paths import AnyRequest, Words, base_url, versioned, words_of
from bitbrook.api.permissions import needs
from bitbrook.api.workers import on_thread
from bitbrook.auth.policy import Caller, Right
from bitbrook.control import sources as control
from bitbrook.control.lifecycle import Status
from bitbrook.control.rates import RateLimits, RateLimitsChange
from bitbrook.control.service import Service
from bitbrook.control.traffic import Minute
from bitbrook.errors import InvalidBody
from bitbrook.sources.schema import SourceSchema
from bitbrook.sources.schema_change import SchemaChange

TAGS = ["sources"]


class SinkDetails(msgspec.Struct, omit_defaults=True):
    """Where records go. `database_id` is the later name of `deployment_id`."""

    table: str
    deployment_id: str | UnsetType = UNSET
    database_id: str | UnsetType = UNSET


class NewSource(msgspec.Struct):
    """A source to create."""

    name: str
    sink_details: SinkDetails
    schema: SourceSchema
    rate_limits: RateLimits | UnsetType = UNSET


class ChangedSource(msgspec.Struct, forbid_unknown_fields=True):
    """What is to change of a source; what is absent stays.

    `schema.definition`: entries to add. `rate_limits`: null is the server's default, 0 no limit.
    """

    schema: SchemaChange | UnsetType = UNSET
    rate_limits: RateLimitsChange | UnsetType = UNSET
    paused: bool | UnsetType = UNSET


class Source(msgspec.Struct, omit_defaults=True):
    """A source. `endpoint`: where its records go. `schema`: as it was given.

    `rate_limits`: those in force, absent if there are none.
    """

    id: str
    name: str
    status: Annotated[
        str, Meta(examples=["CREATING", "RUNNING", "ACTIVE", "PAUSED", "DELETING", "FAILED"])
    ]
    sink_details: SinkDetails
    schema: SourceSchema
    endpoint: str
    created_at: datetime
    created_by: str
    failure_reason: str | UnsetType = UNSET
    rate_limits: RateLimits | UnsetType = UNSET


class SourceList(msgspec.Struct):
    """Every source of the organisation."""

    sinks: list[Source]


class MinuteList(msgspec.Struct):
    """What a source took, minute by minute; minutes without traffic are absent."""

    metrics: list[Minute]


@post(versioned("/sinks"), opt=needs(Right.MANAGE), tags=TAGS)
@on_thread
def create_source(request: AnyRequest, data: NewSource, caller: Caller, service: Service) -> Source:
    """Create a source; the table gains the schema's fields."""
    details = data.sink_details
    deployment_id = details.deployment_id or details.database_id
    if not deployment_id:
        key = f"sink_details.{words_of(request.url.path).deployment_id}"
        raise InvalidBody(f"{key} is missing", field=key)
    created = service.sources.create(
        caller,
        data.name,
        deployment_id,
        details.table,
        data.schema,
        limits=data.rate_limits or None,
    )
    return _shown(created, request, service)


@get(versioned("/sinks"), opt=needs(Right.VIEW), tags=TAGS)
@on_thread
def list_sources(request: AnyRequest, caller: Caller, service: Service) -> SourceList:
    """List the organisation's sources."""
    return SourceList([_shown(each, request, service) for each in service.sources.list(caller)])


@get(versioned("/sinks/{source_id:str}"), opt=needs(Right.VIEW), tags=TAGS)
@on_thread
def get_source(request: AnyRequest, source_id: str, caller: Caller, service: Service) -> Source:
    """Show one source."""
    return _shown(service.sources.get(caller, source_id), request, service)


@patch(versioned("/sinks/{source_id:str}"), opt=needs(Right.MANAGE), tags=TAGS)
@on_thread
def change_source(
    request: AnyRequest, source_id: str, data: ChangedSource, caller: Caller, service: Service
) -> Source:
    """Change a source: add fields to its records, limit its rates, pause or resume it."""
    change = control.SourceChange(
        schema=data.schema or None,
        limits=data.rate_limits or None,
        is_paused=None if data.paused is UNSET else data.paused,
    )
    return _shown(service.sources.change(caller, source_id, change), request, service)


@post(
    versioned("/sinks/{source_id:str}/pause"),
    status_code=200,
    opt=needs(Right.MANAGE),
    tags=TAGS,
)
@on_thread
def pause_source(request: AnyRequest, source_id: str, caller: Caller, service: Service) -> Source:
    """Take no more records until the source is resumed."""
    change = control.SourceChange(is_paused=True)
    return _shown(service.sources.change(caller, source_id, change), request, service)


@post(
    versioned("/sinks/{source_id:str}/resume"),
    status_code=200,
    opt=needs(Right.MANAGE),
    tags=TAGS,
)
@on_thread
def resume_source(request: AnyRequest, source_id: str, caller: Caller, service: Service) -> Source:
    """Take records again."""
    change = control.SourceChange(is_paused=False)
    return _shown(service.sources.change(caller, source_id, change), request, service)


@delete(versioned("/sinks/{source_id:str}"), status_code=202, opt=needs(Right.MANAGE), tags=TAGS)
@on_thread
def delete_source(request: AnyRequest, source_id: str, caller: Caller, service: Service) -> Source:
    """Delete a source; what it stored stays in the table."""
    return _shown(service.sources.delete(caller, source_id), request, service)


@get(versioned("/sinks/{source_id:str}/metrics"), opt=needs(Right.VIEW), tags=TAGS)
@on_thread
def list_minutes(source_id: str, caller: Caller, service: Service) -> MinuteList:
    """Show what the source took, minute by minute."""
    return MinuteList(list(service.sources.metrics(caller, source_id)))


def _shown(source: control.Source, request: AnyRequest, service: Service) -> Source:
    words = words_of(request.url.path)
    details = SinkDetails(source.table)
    setattr(details, words.deployment_id, source.deployment_id)
    is_later = words is Words.LATER
    version = "v2" if is_later else "v1"
    status = source.status.value
    return Source(
        id=source.id,
        name=source.name,
        status="ACTIVE" if is_later and source.status is Status.RUNNING else status,
        sink_details=details,
        schema=source.schema,
        endpoint=f"{base_url(request, service.settings)}/{version}/sinks/{source.id}",
        created_at=source.created_at,
        created_by=source.created_by,
        failure_reason=source.failure_reason or UNSET,
        rate_limits=source.limits if any(msgspec.structs.astuple(source.limits)) else UNSET,
    )


ROUTES = (
    create_source,
    list_sources,
    get_source,
    change_source,
    pause_source,
    resume_source,
    delete_source,
    list_minutes,
)
