"""Deployments over HTTP (databases, in the words of /v2)."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import delete, get, patch, post
from msgspec import UNSET, Meta, UnsetType

from bitbrook.api.paths import AnyRequest, Words, base_url, versioned, words_of
from bitbrook.api.permissions import SIGNED_IN, needs
from bitbrook.api.workers import on_thread
from bitbrook.auth.policy import Caller, Right
from bitbrook.control import deployments as control
from bitbrook.control.service import Service
from bitbrook.errors import InvalidBody

TAGS = ["deployments"]


class DeploymentOptions(msgspec.Struct):
    """What a deployment runs on. `shape`: a name from the list of shapes."""

    shape: str


class NewDeployment(msgspec.Struct):
    """A deployment to create. `database_options` is the later name of `deployment_options`."""

    name: str
    deployment_options: DeploymentOptions | UnsetType = UNSET
    database_options: DeploymentOptions | UnsetType = UNSET


class DeploymentChange(msgspec.Struct):
    """What is to change of a deployment: its shape."""

    deployment_options: DeploymentOptions | UnsetType = UNSET
    database_options: DeploymentOptions | UnsetType = UNSET


class Deployment(msgspec.Struct, omit_defaults=True):
    """A deployment. `endpoint`: where its statements go."""

    id: str
    name: str
    status: Annotated[str, Meta(examples=["CREATING", "RUNNING", "UPDATING", "DELETING", "FAILED"])]
    created_at: datetime
    created_by: str
    endpoint: str
    deployment_options: DeploymentOptions | UnsetType = UNSET
    database_options: DeploymentOptions | UnsetType = UNSET
    failure_reason: str | UnsetType = UNSET


class DeploymentList(msgspec.Struct, omit_defaults=True):
    """Every deployment of the organisation."""

    deployments: list[Deployment] | UnsetType = UNSET
    databases: list[Deployment] | UnsetType = UNSET


class Shape(msgspec.Struct):
    """A size of deployment. `purpose`: development or production."""

    name: str
    memory_bytes: int
    purpose: str


class ShapeList(msgspec.Struct):
    """Every shape on offer, smallest first."""

    shapes: list[Shape]


@get(versioned("/service-properties/deployment:shapes"), opt=SIGNED_IN, tags=TAGS)
@on_thread
def list_shapes(service: Service) -> ShapeList:
    """List the shapes on offer."""
    shapes = service.deployments.shapes()
    return ShapeList([Shape(each.name, each.memory_bytes, each.purpose) for each in shapes])


@post(versioned("/deployments"), opt=needs(Right.MANAGE), tags=TAGS)
@on_thread
def create_deployment(
    request: AnyRequest, data: NewDeployment, caller: Caller, service: Service
) -> Deployment:
    """Create a deployment; it is RUNNING soon after."""
    options = data.deployment_options or data.database_options
    if not options:
        key = words_of(request.url.path).deployment_options
        raise InvalidBody(
            f'{key} is missing; send {{"name": "...", "{key}": {{"shape": "8GB"}}}}', field=key
        )
    created = service.deployments.create(caller, data.name, options.shape)
    return _shown(created, request, service)


@get(versioned("/deployments"), opt=needs(Right.VIEW), tags=TAGS)
@on_thread
def list_deployments(request: AnyRequest, caller: Caller, service: Service) -> DeploymentList:
    """List the organisation's deployments."""
    shown = [_shown(each, request, service) for each in service.deployments.list(caller)]
    if words_of(request.url.path) is Words.LATER:
        return DeploymentList(databases=shown)
    return DeploymentList(deployments=shown)


@get(versioned("/deployments/{deployment_id:str}"), opt=needs(Right.VIEW), tags=TAGS)
@on_thread
def get_deployment(
    request: AnyRequest, deployment_id: str, caller: Caller, service: Service
) -> Deployment:
    """Show one deployment."""
    return _shown(service.deployments.get(caller, deployment_id), request, service)


@patch(versioned("/deployments/{deployment_id:str}"), opt=needs(Right.MANAGE), tags=TAGS)
@on_thread
def change_deployment(
    request: AnyRequest,
    deployment_id: str,
    data: DeploymentChange,
    caller: Caller,
    service: Service,
) -> Deployment:
    """Change the shape of a deployment; it goes on meanwhile, and is RUNNING in it soon after."""
    options = data.deployment_options or data.database_options
    if not options:
        key = words_of(request.url.path).deployment_options
        raise InvalidBody(f'{key} is missing; send {{"{key}": {{"shape": "64GB"}}}}', field=key)
    changed = service.deployments.change_shape(caller, deployment_id, options.shape)
    return _shown(changed, request, service)


@delete(
    versioned("/deployments/{deployment_id:str}"),
    status_code=202,
    opt=needs(Right.MANAGE),
    tags=TAGS,
)
@on_thread
def delete_deployment(
    request: AnyRequest, deployment_id: str, caller: Caller, service: Service
) -> Deployment:
    """Delete a deployment without tables; soon it is gone."""
    return _shown(service.deployments.delete(caller, deployment_id), request, service)


def _shown(deployment: control.Deployment, request: AnyRequest, service: Service) -> Deployment:
    words = words_of(request.url.path)
    version, name = ("v1", "deployments") if words is Words.EARLIER else ("v2", "databases")
    shown = Deployment(
        id=deployment.id,
        name=deployment.name,
        status=deployment.status.value,
        created_at=deployment.created_at,
        created_by=deployment.created_by,
        endpoint=f"{base_url(request, service.settings)}/{version}/{name}/{deployment.id}/query",
        failure_reason=deployment.failure_reason or UNSET,
    )
    setattr(shown, words.deployment_options, DeploymentOptions(deployment.shape))
    return shown


ROUTES = (
    list_shapes,
    create_deployment,
    list_deployments,
    get_deployment,
    change_deployment,
    delete_deployment,
)
