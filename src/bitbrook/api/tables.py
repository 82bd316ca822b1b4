"""Tables and their fields over HTTP."""

from datetime import datetime

import msgspec
from litestar import delete, get, post
from msgspec import UNSET, UnsetType

from bitbrook.api.field_options import FieldOptions, read_field, show_field
from bitbrook.api.paths import versioned
from bitbrook.api.permissions import needs
from bitbrook.api.workers import on_thread
from bitbrook.auth.policy import Caller, Right
from bitbrook.control import tables as control
from bitbrook.control.service import Service

TAGS = ["tables"]


class TableOptions(msgspec.Struct, omit_defaults=True):
    """Options of a table. `keys`: whether records have string ids; absent until that is fixed."""

    keys: bool | UnsetType | None = UNSET


class NewTable(msgspec.Struct):
    """A table to create."""

    name: str
    description: str | None = None
    options: TableOptions | None = None


class NewField(msgspec.Struct):
    """A field to add."""

    options: FieldOptions = msgspec.field(default_factory=FieldOptions)


class Field(msgspec.Struct):
    """A field of a table. `rows`: how many different rows it has met (of a number field 0)."""

    name: str
    type: str
    options: FieldOptions
    rows: int
    size_bytes: int


class Table(msgspec.Struct):
    """A table. `size_bytes`: in memory; `stored_bytes`: of its snapshots."""

    id: str
    name: str
    description: str
    status: str
    options: TableOptions
    fields: list[Field]
    record_count: int
    size_bytes: int
    stored_bytes: int
    created_at: datetime


class TableList(msgspec.Struct):
    """Every table of a deployment."""

    tables: list[Table]


@post(versioned("/tables/{deployment_id:str}"), opt=needs(Right.MANAGE), tags=TAGS)
@on_thread
def create_table(deployment_id: str, data: NewTable, caller: Caller, service: Service) -> Table:
    """Create a table."""
    keys = data.options.keys if data.options else None
    created = service.tables.create(
        caller,
        deployment_id,
        data.name,
        data.description or "",
        is_keyed=None if keys is UNSET else keys,
    )
    return _shown(created)


@get(versioned("/tables/{deployment_id:str}"), opt=needs(Right.VIEW), tags=TAGS)
@on_thread
def list_tables(deployment_id: str, caller: Caller, service: Service) -> TableList:
    """List a deployment's tables."""
    return TableList([_shown(each) for each in service.tables.list(caller, deployment_id)])


@get(versioned("/tables/{deployment_id:str}/{table:str}"), opt=needs(Right.VIEW), tags=TAGS)
@on_thread
def get_table(deployment_id: str, table: str, caller: Caller, service: Service) -> Table:
    """Show one table with its fields."""
    return _shown(service.tables.get(caller, deployment_id, table))


@delete(
    versioned("/tables/{deployment_id:str}/{table:str}"),
    status_code=202,
    opt=needs(Right.MANAGE),
    tags=TAGS,
)
@on_thread
def delete_table(deployment_id: str, table: str, caller: Caller, service: Service) -> Table:
    """Delete a table that no source feeds; soon it is gone."""
    return _shown(service.tables.delete(caller, deployment_id, table))


_FIELD_PATHS = versioned("/tables/{deployment_id:str}/{table:str}/fields/{field:str}")


@post(_FIELD_PATHS, opt=needs(Right.MANAGE), tags=TAGS)
@on_thread
def add_field(
    deployment_id: str, table: str, field: str, *, data: NewField, caller: Caller, service: Service
) -> Table:
    """Add a field, empty in every record."""
    added = read_field(field, data.options)
    return _shown(service.tables.add_field(caller, deployment_id, table, added))


@delete(_FIELD_PATHS, status_code=202, opt=needs(Right.MANAGE), tags=TAGS)
@on_thread
def drop_field(
    deployment_id: str, table: str, field: str, caller: Caller, service: Service
) -> Table:
    """Drop a field and what it held."""
    return _shown(service.tables.drop_field(caller, deployment_id, table, field))


def _shown(table: control.Table) -> Table:
    statistics = {field.name: field for field in table.statistics.fields}
    return Table(
        id=table.schema.id,
        name=table.schema.name,
        description=table.schema.description,
        status=table.status.value,
        options=TableOptions() if table.is_keyed is None else TableOptions(table.is_keyed),
        fields=[
            Field(
                name=field.name,
                type=field.type.value,
                options=show_field(field),
                rows=statistics[field.name].rows if field.name in statistics else 0,
                size_bytes=statistics[field.name].memory_bytes if field.name in statistics else 0,
            )
            for field in table.schema.fields
        ],
        record_count=table.statistics.record_count,
        size_bytes=table.statistics.memory_bytes,
        stored_bytes=table.statistics.stored_bytes,
        created_at=table.created_at,
    )


ROUTES = (create_table, list_tables, get_table, delete_table, add_field, drop_field)
