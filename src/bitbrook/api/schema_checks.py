"""What is wrong with a source's schema, before anything is created: `POST /v1/schema-checks`."""

import msgspec
from litestar import post
from msgspec import UNSET, UnsetType

from bitbrook.api.field_options import FieldOptions, show_field
from bitbrook.api.paths import versioned
from bitbrook.api.permissions import needs
from bitbrook.api.workers import on_thread
from bitbrook.auth.policy import Caller, Right
from bitbrook.control.service import Service
from bitbrook.errors import Conflict, InvalidBody, InvalidSchema
from bitbrook.sources.schema import SourceSchema

TAGS = ["sources"]


class SchemaToCheck(msgspec.Struct):
    """A schema, and the table it is for; without one, a new table.

    `database_id`: the later name of `deployment_id`.
    """

    schema: SourceSchema
    table: str | UnsetType = UNSET
    deployment_id: str | UnsetType = UNSET
    database_id: str | UnsetType = UNSET


class TableField(msgspec.Struct):
    """A field that the table has once a source of the schema feeds it."""

    name: str
    type: str
    options: FieldOptions


class SchemaCheck(msgspec.Struct, omit_defaults=True):
    """Every fault of a schema; without any, what the table becomes.

    `keys`: whether its records have string ids.
    """

    faults: list[str]
    fields: list[TableField] = []
    keys: bool | UnsetType = UNSET


@post(versioned("/schema-checks"), status_code=200, opt=needs(Right.VIEW), tags=TAGS)
@on_thread
def check_schema(data: SchemaToCheck, caller: Caller, service: Service) -> SchemaCheck:
    """Tell every fault of a source's schema, or what its table becomes; nothing is created."""
    deployment_id = data.deployment_id or data.database_id
    if not deployment_id:
        raise InvalidBody("deployment_id is missing", field="deployment_id")
    try:
        table = service.sources.check(caller, data.schema, deployment_id, data.table or None)
    except (InvalidSchema, Conflict) as refusal:
        return SchemaCheck(refusal.details or [refusal.message])
    fields = [TableField(each.name, each.type.value, show_field(each)) for each in table.fields]
    return SchemaCheck([], fields, table.is_keyed)


ROUTES = (check_schema,)
