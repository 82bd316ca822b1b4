"""Another organisation's things do not exist: every action on their ids finds nothing.

Tried with each action there is, by the administrator of another organisation, on a deployment with
a table and a source, and on ids that nobody has; the answers must be the same.
"""

from collections.abc import Callable
from typing import Any

import pytest

from bitbrook.errors import NotFound
from bitbrook.schema.field_types import FieldSchema, FieldType
from bitbrook.sources.schema import SourceSchema

FIELD = FieldSchema("more", FieldType.BOOL)

ACTIONS: dict[str, Callable[[Any, Any, str, str], Any]] = {
    "deployments.get": lambda s, c, d, _: s.deployments.get(c, d),
    "deployments.delete": lambda s, c, d, _: s.deployments.delete(c, d),
    "tables.create": lambda s, c, d, _: s.tables.create(c, d, "more"),
    "tables.list": lambda s, c, d, _: s.tables.list(c, d),
    "tables.get": lambda s, c, d, _: s.tables.get(c, d, "things"),
    "tables.add_field": lambda s, c, d, _: s.tables.add_field(c, d, "things", FIELD),
    "tables.drop_field": lambda s, c, d, _: s.tables.drop_field(c, d, "things", "amount"),
    "tables.delete": lambda s, c, d, _: s.tables.delete(c, d, "things"),
    "sources.create": lambda s, c, d, _: s.sources.create(c, "x", d, "things", SourceSchema()),
    "sources.get": lambda s, c, _, i: s.sources.get(c, i),
    "sources.delete": lambda s, c, _, i: s.sources.delete(c, i),
    "sources.errors": lambda s, c, _, i: s.sources.errors(c, i),
    "sources.metrics": lambda s, c, _, i: s.sources.metrics(c, i),
    "sources.begin_ingest": lambda s, c, _, i: s.sources.begin_ingest(c, i, b'{"records":[]}'),
    "queries.database": lambda s, c, d, _: s.queries.database(c, d),
}


def test_every_action_finds_nothing(home: Any, admin: Any) -> None:
    source = home.source(admin)
    eve = home.foreigner()
    for name, action in ACTIONS.items():
        messages = []
        for deployment_id, source_id in ((source.deployment_id, source.id), ("none", "nothing")):
            with pytest.raises(NotFound) as refusal:
                action(home.service, eve, deployment_id, source_id)
            told = refusal.value.message
            messages.append(told.replace(deployment_id, "?").replace(source_id, "?"))
        assert messages[0] == messages[1], name


def test_lists_are_empty(home: Any, admin: Any) -> None:
    home.source(admin)
    eve = home.foreigner()
    assert home.service.deployments.list(eve) == []
    assert home.service.sources.list(eve) == []
    assert home.service.users.list(eve)[0].email == "eve@example.net"
    assert len(home.service.users.list(eve)) == 1


def test_names_do_not_clash_across_organisations(home: Any, admin: Any) -> None:
    home.source(admin)
    eve = home.foreigner()
    source = home.source(eve)
    home.restart()
    assert [each.id for each in home.service.sources.list(eve)] == [source.id]
