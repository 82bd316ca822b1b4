"""However many callers change things at once, memory and catalogue agree and nothing hangs.

Tried with threads that create, change and delete the same few deployments, tables, fields and
sources at random, then a restart, which must find exactly what was shown before it.
"""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bitbrook.errors import BitbrookError
from bitbrook.schema.field_types import FieldSchema, FieldType

BODY = b'{"records":[{"value":{"id":1,"species":"a","amount":2}}]}'
ALLOWED_ERRORS = {"Conflict", "NotFound", "TableNotFound", "FieldNotFound", "QuotaExceeded"}


def shown(home: Any, caller: Any) -> Any:
    """Everything that the organisation sees, but for numbers that depend on checkpoints."""
    service = home.service
    deployments = service.deployments.list(caller)
    tables = {
        (each.name, table.schema.name): (
            table.schema,
            table.is_keyed,
            table.statistics.record_count,
        )
        for each in deployments
        for table in service.tables.list(caller, each.id)
    }
    return deployments, tables, service.sources.list(caller)


def change_something(home: Any, caller: Any, chance: random.Random) -> None:
    """One random action on one of few names."""
    service = home.service
    name = chance.choice(["one", "two"])
    field = FieldSchema(chance.choice(["a", "b"]), FieldType.BOOL)
    ids = [each.id for each in service.deployments.list(caller)] or ["none"]
    sources = [each.id for each in service.sources.list(caller)] or ["none"]
    deployment_id, source_id = chance.choice(ids), chance.choice(sources)
    schema = home.source_schema()
    building = [
        lambda: service.deployments.create(caller, name, "8GB"),
        lambda: service.tables.create(caller, deployment_id, name),
        lambda: service.sources.create(caller, name, deployment_id, name, schema),
        lambda: service.tables.add_field(caller, deployment_id, name, field),
        lambda: service.sources.begin_ingest(caller, source_id, BODY).durable.result(30),
    ]
    removing = [
        lambda: service.tables.drop_field(caller, deployment_id, name, field.name),
        lambda: service.sources.delete(caller, source_id),
        lambda: service.tables.delete(caller, deployment_id, name),
        lambda: service.deployments.delete(caller, deployment_id),
    ]
    action = chance.choice(building if chance.random() < 0.85 else removing)
    try:
        action()
    except BitbrookError as error:
        if error.code not in ALLOWED_ERRORS:
            raise


@pytest.mark.parametrize("seed", range(3))
def test_many_callers_at_once(home: Any, admin: Any, seed: int) -> None:
    def change_a_lot(number: int) -> None:
        chance = random.Random(seed * 10 + number)
        for _ in range(80):
            change_something(home, admin, chance)

    with ThreadPoolExecutor(4) as threads:
        for changing in [threads.submit(change_a_lot, number) for number in range(4)]:
            changing.result(120)
    home.service.lifecycle.settle()
    before = shown(home, admin)
    assert {each.status for each in before[0]} <= {"RUNNING"}
    home.restart()
    home.service.lifecycle.settle()
    assert shown(home, admin) == before
